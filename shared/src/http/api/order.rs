//! Orders, as shoppers and operators see them.

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
    /// Name of the recipient.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Street and number.
    #[schema(min_length = 1, max_length = 120)]
    pub line1: String,
    /// Apartment, floor or company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    pub line2: Option<String>,
    /// City.
    #[schema(min_length = 1, max_length = 120)]
    pub city: String,
    /// State or province, by code or English name; stored as the code if there is one. Required where taxes depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    pub region: Option<String>,
    /// Postal code; may be empty in countries where some addresses have none.
    #[serde(default)]
    #[schema(required = true, max_length = 120)]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2 code of a country that the shop sells to.
    #[schema(value_type = String, example = "DE", min_length = 2, max_length = 2)]
    pub country: domain::CountryCode,
}
mirror!(Address of domain::Address { name, line1, line2, city, region, postal_code, country });

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    /// Refund ID.
    #[schema(value_type = String)]
    pub id: domain::RefundId,
    /// Refunded amount.
    #[schema(value_type = MoneySchema)]
    pub amount: domain::Money,
    /// State of the refund.
    pub state: RefundState,
    /// Who issued the refund.
    #[serde(default = "default_source")]
    pub source: RefundSource,
    /// The payment provider's code if the refund was rejected or returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_code: Option<String>,
    /// When it was requested, or issued at the payment provider.
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: OffsetDateTime,
}
mirror!(Refund of domain::Refund { id, amount, state, source, failure_code, requested_at });

const fn default_source() -> RefundSource {
    RefundSource::Shop
}

/// A payment that the cardholder disputes at the bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dispute {
    /// The payment provider's ID.
    pub id: String,
    /// Disputed amount.
    #[schema(value_type = MoneySchema)]
    pub amount: domain::Money,
    /// State of the dispute.
    pub state: DisputeState,
    /// The payment provider's reason code, for example `fraudulent`.
    pub reason: String,
    /// When it was opened.
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
}
mirror!(Dispute of domain::Dispute { id, amount, state, reason, opened_at });

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Order ID.
    #[schema(value_type = String)]
    pub id: domain::OrderId,
    /// Order number for people.
    pub order_number: String,
    /// Access key: `?key=` gives access to the order without signing in.
    pub access_key: String,
    /// Contact address for the order.
    #[schema(value_type = String, format = Email)]
    pub email: domain::EmailAddress,
    /// Shipping address.
    pub shipping_address: Address,
    /// Line items at the prices when the order was placed.
    pub lines: Vec<QuoteLine>,
    /// Sum of the lines.
    #[schema(value_type = MoneySchema)]
    pub subtotal: domain::Money,
    /// Shipping method.
    pub shipping: ShippingOffer,
    /// Taxes.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the taxes.
    #[schema(value_type = MoneySchema)]
    pub tax_total: domain::Money,
    /// Whether the prices include tax.
    pub prices_include_tax: bool,
    /// Total.
    #[schema(value_type = MoneySchema)]
    pub total: domain::Money,
    /// State of the order.
    pub state: OrderState,
    /// State of the payment.
    pub payment_state: PaymentState,
    /// The payment provider's code if the card was declined.
    pub decline_code: Option<String>,
    /// URL of the bank's page while the shopper must confirm the payment (`payment_state` is `requires_action`).
    pub payment_action_url: Option<String>,
    /// Refunds issued by the shop or at the payment provider, oldest first.
    pub refunds: Vec<Refund>,
    /// Amount that can still be refunded.
    #[schema(value_type = MoneySchema)]
    pub refundable: domain::Money,
    /// Disputes of the payment, oldest first.
    #[serde(default)]
    pub disputes: Vec<Dispute>,
    /// State of the fulfillment.
    pub fulfillment: FulfillmentState,
    /// When it was placed.
    #[serde(with = "time::serde::rfc3339")]
    pub placed_at: OffsetDateTime,
    /// Version of the settings whose terms the shopper accepted: `/api/v1/pages/terms?version=...`.
    #[serde(default)]
    pub terms_version: Option<u64>,
}
mirror!(Order of services::OrderView {
    id, order_number, access_key, email, shipping_address, lines, subtotal, shipping, tax_lines, tax_total,
    prices_include_tax, total, state, payment_state, decline_code, payment_action_url, refunds, refundable, disputes,
    fulfillment, placed_at, terms_version,
});

/// An order in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderSummary {
    /// Order ID.
    #[schema(value_type = String)]
    pub id: domain::OrderId,
    /// Order number for people.
    pub order_number: String,
    /// Contact address for the order.
    #[schema(value_type = String, format = Email)]
    pub email: domain::EmailAddress,
    /// Total.
    #[schema(value_type = MoneySchema)]
    pub total: domain::Money,
    /// Total units of all lines.
    pub units: u32,
    /// State of the order.
    pub state: OrderState,
    /// State of the payment.
    pub payment_state: PaymentState,
    /// State of the fulfillment.
    pub fulfillment: FulfillmentState,
    /// State of the most urgent dispute.
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
