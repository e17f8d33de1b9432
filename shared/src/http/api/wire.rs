//! What the types of the API share: each is the wire's own, and is made from a value of the shop and back. The first
//! direction is the server's, the second the typed client's.
//!
//! Wire types only grow. A field that a later release adds has a serde default, so that both releases read each other; unknown
//! fields are ignored. Values of the shop that are one text or number on the wire (ids, SKUs, money) stand in them as they are.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;
use utoipa::ToSchema;

/// A type of an answer, and what it is in the shop.
pub trait Out: Sized {
    /// The value of the shop.
    type Value;

    /// The wire form of a value.
    fn of(value: Self::Value) -> Self;

    /// The value of a wire form.
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

/// Values that are on the wire what they are in the shop.
macro_rules! as_it_is {
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

as_it_is!(
    String,
    bool,
    u16,
    u32,
    u64,
    time::OffsetDateTime,
    domain::CartId,
    domain::CountryCode,
    domain::CustomerId,
    domain::EmailAddress,
    domain::Handle,
    domain::LineItemId,
    domain::Money,
    domain::OrderId,
    domain::ProductId,
    domain::Quantity,
    domain::RefundId,
    domain::Sku,
    domain::VariantId,
);

/// A struct of the wire whose fields are those of a struct of the shop, each in its own wire form.
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

/// States of the shop by their names on the wire.
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
        /// Placed; its stock is reserved until the payment is settled.
        Pending,
        /// Paid.
        Paid,
        /// Cancelled; its stock is free.
        Cancelled,
    }
}

states! {
    /// State of a payment.
    PaymentState of domain::PaymentState {
        /// Not yet confirmed.
        Pending,
        /// The bank needs the shopper's confirmation.
        RequiresAction,
        /// The provider gave no clear answer.
        Unknown,
        /// The money is held.
        Authorized,
        /// The money is collected.
        Captured,
        /// A part of it is refunded.
        PartiallyRefunded,
        /// All of it is refunded.
        Refunded,
        /// The card was declined.
        Declined,
        /// Given up; nothing was collected.
        Voided,
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
    /// State of a refund.
    RefundState of domain::RefundState {
        /// Not yet confirmed by the provider.
        Requested,
        /// Done.
        Succeeded,
        /// Refused by the provider: no money moved.
        Refused,
        /// Returned by the bank: it can be refunded again.
        Failed,
    }
}

states! {
    /// Who made a refund.
    RefundSource of domain::RefundSource {
        /// An operator of the shop.
        Shop,
        /// Somebody at the payment provider, for example in its dashboard.
        Provider,
    }
}

states! {
    /// State of a dispute.
    DisputeState of domain::DisputeState {
        /// The bank asks, and has taken no money yet.
        Inquiry,
        /// The bank has taken the money until it is decided.
        Open,
        /// Closed without a loss.
        Won,
        /// Decided for the cardholder: the money is gone.
        Lost,
    }
}

states! {
    /// What an account may do.
    Role of domain::Role {
        /// Shop.
        Customer,
        /// Run the shop.
        Operator,
    }
}

/// An amount of money.
#[derive(ToSchema)]
#[schema(as = Money)]
pub struct MoneySchema {
    /// In the currency's smallest unit, for example cents.
    pub amount_minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR", min_length = 3, max_length = 3)]
    pub currency: String,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    /// Its address.
    pub url: String,
    /// What it shows; empty when it only decorates.
    pub alt: String,
}
mirror!(Image of domain::Image { url, alt });

/// A department of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Category {
    /// Name in URLs.
    #[schema(value_type = String, example = "kitchen")]
    pub handle: domain::Handle,
    /// Name for people.
    pub title: String,
}
mirror!(Category of domain::Category { handle, title });
