//! Orders, as their buyers and the operators see them.

use serde::{Deserialize, Serialize};
use shopease_shop::{domain, services};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::endpoint::Answer;
use super::page_answer;
use super::parts::Named;
use super::quote::{QuoteLine, ShippingOffer, TaxLine};
use super::wire::{
    DisputeState, FulfillmentState, MoneySchema, OrderState, Out, PaymentState, RefundSource, RefundState, mirror,
};

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Address {
    /// Who receives it.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Street and number.
    #[schema(min_length = 1, max_length = 120)]
    pub line1: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    pub line2: Option<String>,
    /// City.
    #[schema(min_length = 1, max_length = 120)]
    pub city: String,
    /// State or province, by code or English name; the code is kept where there is one. Required where taxes depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    pub region: Option<String>,
    /// Postal code; may be empty in countries where not every address has one.
    #[serde(default)]
    #[schema(required = true, max_length = 120)]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, of a country that exists and that the shop sells to.
    #[schema(value_type = String, example = "DE", min_length = 2, max_length = 2)]
    pub country: domain::CountryCode,
}
mirror!(Address of domain::Address { name, line1, line2, city, region, postal_code, country });

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    /// Identity.
    #[schema(value_type = String)]
    pub id: domain::RefundId,
    /// How much.
    #[schema(value_type = MoneySchema)]
    pub amount: domain::Money,
    /// Its state.
    pub state: RefundState,
    /// Who made it.
    #[serde(default = "by_the_shop")]
    pub source: RefundSource,
    /// The provider's code of why it was refused or returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_code: Option<String>,
    /// When it was requested, or made at the provider.
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: OffsetDateTime,
}
mirror!(Refund of domain::Refund { id, amount, state, source, failure_code, requested_at });

const fn by_the_shop() -> RefundSource {
    RefundSource::Shop
}

/// A payment that the cardholder disputes at the bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dispute {
    /// The payment provider's id.
    pub id: String,
    /// How much of the payment.
    #[schema(value_type = MoneySchema)]
    pub amount: domain::Money,
    /// Its state.
    pub state: DisputeState,
    /// The provider's code of why, for example `fraudulent`.
    pub reason: String,
    /// When it was opened.
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
}
mirror!(Dispute of domain::Dispute { id, amount, state, reason, opened_at });

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Identity.
    #[schema(value_type = String)]
    pub id: domain::OrderId,
    /// Number for people.
    pub order_number: String,
    /// Opens the order without signing in, as `?key=`.
    pub access_key: String,
    /// Where messages about the order go.
    #[schema(value_type = String, format = Email)]
    pub email: domain::EmailAddress,
    /// Where it is shipped.
    pub shipping_address: Address,
    /// What was ordered, at the prices of then.
    pub lines: Vec<QuoteLine>,
    /// Sum of the lines.
    #[schema(value_type = MoneySchema)]
    pub subtotal: domain::Money,
    /// How it is delivered.
    pub shipping: ShippingOffer,
    /// Taxes.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the taxes.
    #[schema(value_type = MoneySchema)]
    pub tax_total: domain::Money,
    /// Whether the prices contain them.
    pub prices_include_tax: bool,
    /// What it cost.
    #[schema(value_type = MoneySchema)]
    pub total: domain::Money,
    /// State of the order.
    pub state: OrderState,
    /// State of its payment.
    pub payment_state: PaymentState,
    /// Why the card was declined.
    pub decline_code: Option<String>,
    /// The bank's page, while it needs the shopper's confirmation (`payment_state` is `requires_action`).
    pub payment_action_url: Option<String>,
    /// Refunds by the shop or at the payment provider, oldest first.
    pub refunds: Vec<Refund>,
    /// What can still be refunded.
    #[schema(value_type = MoneySchema)]
    pub refundable: domain::Money,
    /// Disputes of the payment, oldest first.
    #[serde(default)]
    pub disputes: Vec<Dispute>,
    /// State of its fulfillment.
    pub fulfillment: FulfillmentState,
    /// When it was placed.
    #[serde(with = "time::serde::rfc3339")]
    pub placed_at: OffsetDateTime,
}
mirror!(Order of services::OrderView {
    id, order_number, access_key, email, shipping_address, lines, subtotal, shipping, tax_lines, tax_total,
    prices_include_tax, total, state, payment_state, decline_code, payment_action_url, refunds, refundable, disputes,
    fulfillment, placed_at,
});

/// An order in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderSummary {
    /// Identity.
    #[schema(value_type = String)]
    pub id: domain::OrderId,
    /// Number for people.
    pub order_number: String,
    /// Who ordered.
    #[schema(value_type = String, format = Email)]
    pub email: domain::EmailAddress,
    /// What it cost.
    #[schema(value_type = MoneySchema)]
    pub total: domain::Money,
    /// Units over all lines.
    pub units: u32,
    /// State of the order.
    pub state: OrderState,
    /// State of its payment.
    pub payment_state: PaymentState,
    /// State of its fulfillment.
    pub fulfillment: FulfillmentState,
    /// State of the most urgent of its disputes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<DisputeState>,
    /// When it was placed.
    #[serde(with = "time::serde::rfc3339")]
    pub placed_at: OffsetDateTime,
}
mirror!(OrderSummary of domain::OrderSummary {
    id, order_number, email, total, units, state, payment_state, fulfillment, dispute, placed_at,
});

page_answer! {
    /// A page of orders.
    OrderPage of OrderSummary
}
