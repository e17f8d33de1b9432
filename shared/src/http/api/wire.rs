//! Shared parts of the API types. Each API type belongs to the wire format and is converted from a value of the shop (by the
//! server) and back (by the typed client).
//!
//! Wire types only grow. A field added by a later release has a serde default, so that both releases can read each other; unknown
//! fields are ignored. Values of the shop that are a single text or number on the wire (IDs, SKUs, money) are used directly.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;
use utoipa::ToSchema;

use super::text;

/// A response type and its counterpart in the shop.
pub trait Out: Sized {
    /// The shop's type.
    type Value;

    /// Converts a value of the shop into its wire form.
    fn of(value: Self::Value) -> Self;

    /// Converts the wire form into a value of the shop.
    fn value(self) -> Self::Value;
}

impl<T: Out> Out for Vec<T> {
    type Value = Vec<T::Value>;

    fn of(values: Self::Value) -> Self {
        values.into_iter().map(T::of).collect()
    }

    fn value(self) -> Self::Value {
        self.into_iter().map(T::value).collect()
    }
}

impl<T: Out> Out for Option<T> {
    type Value = Option<T::Value>;

    fn of(value: Self::Value) -> Self {
        value.map(T::of)
    }

    fn value(self) -> Self::Value {
        self.map(T::value)
    }
}

/// Types that are the same on the wire and in the shop.
macro_rules! same_on_the_wire {
    ($($type:ty),* $(,)?) => {
        $(impl Out for $type {
            type Value = Self;

            fn of(value: Self) -> Self {
                value
            }

            fn value(self) -> Self {
                self
            }
        })*
    };
}

same_on_the_wire!(
    String,
    bool,
    u16,
    u32,
    u64,
    time::OffsetDateTime,
    domain::AddressId,
    domain::CartId,
    domain::Color,
    domain::CountryCode,
    domain::Currency,
    domain::CustomerId,
    domain::EmailAddress,
    domain::Handle,
    domain::LineItemId,
    domain::Money,
    domain::OrderId,
    domain::ProductId,
    domain::Quantity,
    domain::RefundId,
    domain::SessionId,
    domain::Sku,
    domain::TimeZone,
    domain::VariantId,
);

/// A wire struct with the same fields as a struct of the shop, each in its wire form.
macro_rules! mirror {
    ($wire:ident of $value:ty { $($field:ident),* $(,)? }) => {
        impl $crate::http::api::wire::Out for $wire {
            type Value = $value;

            fn of(value: Self::Value) -> Self {
                Self { $($field: $crate::http::api::wire::Out::of(value.$field)),* }
            }

            fn value(self) -> Self::Value {
                type Value = $value;
                Value { $($field: $crate::http::api::wire::Out::value(self.$field)),* }
            }
        }
    };
}
pub(super) use mirror;

/// An enum of states with the same variants as an enum of the shop.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident of $value:ty { $($(#[$variant_doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant),*
        }

        impl $crate::http::api::wire::Out for $name {
            type Value = $value;

            fn of(value: Self::Value) -> Self {
                type Value = $value;
                match value {
                    $(Value::$variant => Self::$variant),*
                }
            }

            fn value(self) -> Self::Value {
                type Value = $value;
                match self {
                    $(Self::$variant => Value::$variant),*
                }
            }
        }
    };
}

pub(super) use states;

states! {
    /// State of an order.
    OrderState of domain::OrderState {
        /// Placed; stock is reserved until the payment is settled.
        Pending,
        /// Paid.
        Paid,
        /// Canceled; the reserved stock is available again.
        Cancelled,
    }
}

states! {
    /// State of a payment.
    PaymentState of domain::PaymentState {
        /// Not yet confirmed.
        Pending,
        /// The shopper must confirm the payment at the bank.
        RequiresAction,
        /// The result is unknown: the payment provider did not respond, or not clearly.
        Unknown,
        /// Authorized, not yet captured.
        Authorized,
        /// Captured.
        Captured,
        /// Partially refunded.
        PartiallyRefunded,
        /// Fully refunded.
        Refunded,
        /// The card was declined.
        Declined,
        /// Voided before capture; nothing was charged.
        Voided,
    }
}

states! {
    /// How an order is paid.
    PaymentKind of domain::PaymentKind {
        /// With a card or another method that was entered at checkout.
        Card,
        /// On the payment provider's page.
        HostedPage,
        /// By a transfer to the merchant's bank account.
        BankTransfer,
    }
}

states! {
    /// State of an order's fulfillment.
    FulfillmentState of domain::FulfillmentState {
        /// Not shipped.
        Unfulfilled,
        /// Shipped.
        Fulfilled,
        /// Returned to the shop.
        Returned,
    }
}

states! {
    /// A mail of the shop.
    MailKind of domain::MailKind {
        /// To the owner of an account: somebody has entered its address for another account.
        AccountExists,
        /// To the owner of a new email address.
        AddressVerification,
        /// To the former email address of an account.
        EmailChanged,
        /// To the operator: few units are left.
        LowStock,
        /// To the operator: an order was paid.
        NewOrder,
        /// An unpaid order was canceled.
        OrderCanceled,
        /// An order was paid.
        OrderConfirmation,
        /// Somebody wants a link to an order.
        OrderLink,
        /// An order waits for a bank transfer.
        OrderReceived,
        /// An order was refunded, in full or in part.
        OrderRefunded,
        /// An order was shipped.
        OrderShipped,
        /// The password of an account was changed.
        PasswordChanged,
        /// Somebody wants to reset the password of an account.
        PasswordReset,
        /// A payment was declined.
        PaymentFailed,
    }
}

states! {
    /// State of a refund.
    RefundState of domain::RefundState {
        /// Not yet confirmed by the provider.
        Requested,
        /// Refunded.
        Succeeded,
        /// Rejected by the provider: no money moved.
        Refused,
        /// Returned by the bank: the amount can be refunded again.
        Failed,
    }
}

states! {
    /// Who issued a refund.
    RefundSource of domain::RefundSource {
        /// An operator of the shop.
        Shop,
        /// Issued at the payment provider, for example in its dashboard.
        Provider,
    }
}

states! {
    /// State of a dispute.
    DisputeState of domain::DisputeState {
        /// The bank inquires; it has not taken the money.
        Inquiry,
        /// Open; the bank withholds the money until the dispute is decided.
        Open,
        /// Decided for the shop or withdrawn.
        Won,
        /// Decided for the cardholder; the money is lost.
        Lost,
    }
}

states! {
    /// Role of an account.
    Role of domain::Role {
        /// May shop.
        Customer,
        /// May also manage orders and stock.
        Operator,
    }
}

/// An amount of money.
#[derive(ToSchema)]
#[schema(as = Money, example = json!({"amount_minor": 8900, "currency": "EUR"}))]
pub struct MoneySchema {
    /// Amount in the currency's minor unit, for example cents.
    pub amount_minor: i64,
    /// Currency.
    pub currency: text::Currency,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "url": "/assets/demo/copper-stovetop-kettle.svg", "alt": "Copper kettle with a wooden handle"
}))]
pub struct Image {
    /// URL.
    pub url: String,
    /// Alternative text; empty for a decorative image.
    pub alt: String,
}
mirror!(Image of domain::Image { url, alt });

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"handle": "coffee-tea", "title": "Coffee & Tea"}))]
pub struct Category {
    /// Handle, the name in URLs.
    #[schema(value_type = text::Handle)]
    pub handle: domain::Handle,
    /// Title.
    pub title: String,
}
mirror!(Category of domain::Category { handle, title });
