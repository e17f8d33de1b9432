//! Orders, as shoppers and operators see them.

use serde::{Deserialize, Serialize};
use shopease_shop::{domain, services};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::endpoint::Answer;
use super::parts::Named;
use super::quote::{QuoteLine, ShippingOffer, TaxLine};
use super::wire::{
    DisputeState, FulfillmentState, MailKind, MoneySchema, OrderState, Out, PaymentKind, PaymentState, RefundSource,
    RefundState, mirror,
};
use super::{page_answer, text};

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Ada Lovelace", "line1": "Gartenweg 3", "city": "Berlin", "postal_code": "10115", "country": "DE"
}))]
pub struct Address {
    /// Name of the recipient.
    #[schema(value_type = text::Line)]
    pub name: String,
    /// Company of the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::OptionalLine>)]
    pub company: Option<String>,
    /// Street and number.
    #[schema(value_type = text::Line)]
    pub line1: String,
    /// Apartment or floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::OptionalLine>)]
    pub line2: Option<String>,
    /// City.
    #[schema(value_type = text::Line)]
    pub city: String,
    /// State or province, by code or English name; stored as the code if there is one. Required where taxes depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::OptionalLine>)]
    pub region: Option<String>,
    /// Postal code; may be empty in countries where some addresses have none.
    #[serde(default)]
    #[schema(required = true, value_type = text::OptionalLine)]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2 code of a country. Shipping addresses are in a country that the shop sells to.
    #[schema(value_type = text::Country)]
    pub country: domain::CountryCode,
}
mirror!(Address of domain::Address { name, company, line1, line2, city, region, postal_code, country });

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    /// Refund ID.
    #[schema(value_type = text::RefundId)]
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

/// How a shopper follows a shipment at its carrier. Every part is optional; empty parts are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "carrier": "DHL", "number": "00340434161094021501", "url": "https://carrier.example/track?id=00340434161094021501"
}))]
pub struct Tracking {
    /// Name of the carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::CarrierText>)]
    pub carrier: Option<String>,
    /// The carrier's number of the shipment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::CarrierText>)]
    pub number: Option<String>,
    /// `https` URL of the carrier's page about the shipment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::HttpsAddress>)]
    pub url: Option<String>,
}
mirror!(Tracking of domain::Tracking { carrier, number, url });

/// A mail about an order that the recipient's server refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UndeliveredMail {
    /// The mail.
    pub kind: MailKind,
    /// Its recipient.
    #[schema(value_type = String, format = Email)]
    pub address: domain::EmailAddress,
    /// The server's reply code, for example `550`.
    pub code: String,
    /// When it was refused.
    #[serde(with = "time::serde::rfc3339")]
    pub refused_at: OffsetDateTime,
}
mirror!(UndeliveredMail of domain::UndeliveredMail { kind, address, code, refused_at });

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Order ID.
    #[schema(value_type = text::OrderId)]
    pub id: domain::OrderId,
    /// Order number for people.
    #[schema(value_type = text::OrderNumber)]
    pub order_number: String,
    /// Access key: `?key=` gives access to the order without signing in.
    #[schema(example = "01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    pub access_key: String,
    /// Contact address for the order.
    #[schema(value_type = text::Email)]
    pub email: domain::EmailAddress,
    /// Shipping address.
    pub shipping_address: Address,
    /// Billing address, if it is not the shipping address. Any country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_address: Option<Address>,
    /// VAT number of the buyer. Whether it exists is not checked, and it does not change the taxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::VatNumber>)]
    pub vat_number: Option<String>,
    /// Phone number for the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::PhoneNumber>)]
    pub phone: Option<String>,
    /// Note for the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::Note>)]
    pub delivery_note: Option<String>,
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
    /// How it is paid.
    #[serde(default = "paid_by_card")]
    pub payment_kind: PaymentKind,
    /// State of the payment.
    pub payment_state: PaymentState,
    /// The payment provider's code if the card was declined.
    #[schema(example = json!(null))]
    pub decline_code: Option<String>,
    /// URL of the page of the bank or payment provider while the shopper must confirm the payment there (`payment_state` is
    /// `requires_action`).
    #[schema(example = json!(null))]
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
    /// How the shipment is tracked, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// Mails about the order that the recipient's server refused, oldest first.
    #[serde(default)]
    pub undelivered_mails: Vec<UndeliveredMail>,
    /// When it was placed.
    #[serde(with = "time::serde::rfc3339")]
    pub placed_at: OffsetDateTime,
    /// Version of the settings whose terms the shopper accepted: `/api/v1/pages/terms?version=...`.
    #[serde(default)]
    pub terms_version: Option<u64>,
}

/// Releases without the field knew nothing else.
fn paid_by_card() -> PaymentKind {
    PaymentKind::Card
}

mirror!(Order of services::OrderView {
    id, order_number, access_key, email, shipping_address, billing_address, vat_number, phone, delivery_note, lines, subtotal, shipping, tax_lines, tax_total,
    prices_include_tax, total, state, payment_kind, payment_state, decline_code, payment_action_url, refunds, refundable, disputes,
    fulfillment, tracking, undelivered_mails, terms_version, placed_at,
});

/// An order in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderSummary {
    /// Order ID.
    #[schema(value_type = text::OrderId)]
    pub id: domain::OrderId,
    /// Order number for people.
    #[schema(value_type = text::OrderNumber)]
    pub order_number: String,
    /// Contact address for the order.
    #[schema(value_type = text::Email)]
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
