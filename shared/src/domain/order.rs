//! Orders: a copy of what was agreed, and three separate states: the order's, the payment's, the parcel's.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    Address, CartOwner, CustomerId, EmailAddress, LineItemId, Money, OrderId, PaymentId, QuoteLine, Reservation,
    ShippingOffer, TaxLine,
};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Placed, stock reserved, not paid yet.
    Pending,
    /// Paid; the reserved stock is sold.
    Paid,
    /// Called off; the reserved stock is available again.
    Cancelled,
}

/// Where the payment of an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Nothing is known to have happened at the provider.
    Pending,
    /// The provider did not answer clearly: money may have moved. Stock stays reserved.
    Unknown,
    /// The provider holds the money for us.
    Authorized,
    /// The money is ours.
    Captured,
    /// The provider refused.
    Declined,
}

/// Where the parcel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FulfillmentState {
    /// Nothing sent yet.
    Unfulfilled,
    /// Sent.
    Fulfilled,
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Identity.
    pub id: PaymentId,
    /// Which provider, for example `fake`.
    pub provider: String,
    /// The provider's token of the card; never a card number.
    pub method: String,
    /// Counts up when a new intent is made after the old one is known to be void.
    pub attempt: u32,
    /// Where it stands.
    pub state: PaymentState,
    /// The provider's own id of the payment intent, once it has answered.
    pub intent_id: Option<String>,
    /// Why the provider refused, for example `insufficient_funds`.
    pub decline_code: Option<String>,
}

/// One article of an order, as it was when ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Identity.
    pub id: LineItemId,
    /// What was agreed.
    #[serde(flatten)]
    pub line: QuoteLine,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Identity.
    pub id: OrderId,
    /// The number people read to each other: ten characters without `I`, `L`, `O`, `U`.
    pub order_number: String,
    /// 256 random bits as base64url: who knows it may see the order without signing in.
    pub access_key: String,
    /// Who placed it.
    pub owner: CartOwner,
    /// The account it was placed with, if any.
    pub customer_id: Option<CustomerId>,
    /// Where news of the order go.
    pub email: EmailAddress,
    /// Where the parcel goes.
    pub shipping_address: Address,
    /// The articles.
    pub lines: Vec<OrderLine>,
    /// Sum of the lines.
    pub subtotal: Money,
    /// How it is delivered, and for how much.
    pub shipping: ShippingOffer,
    /// Taxes.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the taxes.
    pub tax_total: Money,
    /// Whether the prices contain them.
    pub prices_include_tax: bool,
    /// What is to pay.
    pub total: Money,
    /// Tracked stock it holds (pending) or has taken (paid), by rising SKU, no SKU twice.
    pub reservations: Vec<Reservation>,
    /// Where it stands.
    pub state: OrderState,
    /// Its payment.
    pub payment: Payment,
    /// Its parcel.
    pub fulfillment: FulfillmentState,
    /// Rises by one with every write; starts at 1.
    pub version: u64,
    /// When it was placed, to the millisecond.
    #[serde(with = "time::serde::rfc3339")]
    pub placed_at: OffsetDateTime,
}

impl Order {
    /// Where it stands in lists of orders, newest first: bytewise ascending, unique.
    pub fn position(&self) -> String {
        const LATEST_MS: i128 = 999_999_999_999_999;
        let placed_ms = self.placed_at.unix_timestamp_nanos() / 1_000_000;
        format!("{:015}#{}", (LATEST_MS - placed_ms).clamp(0, LATEST_MS), self.id)
    }

    /// What lists show of it.
    pub fn summary(&self) -> OrderSummary {
        OrderSummary {
            id: self.id.clone(),
            order_number: self.order_number.clone(),
            email: self.email.clone(),
            total: self.total,
            units: self.lines.iter().map(|line| line.line.quantity.get()).sum(),
            state: self.state,
            payment_state: self.payment.state,
            fulfillment: self.fulfillment,
            placed_at: self.placed_at,
        }
    }
}

/// An order as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderSummary {
    /// Identity.
    pub id: OrderId,
    /// Number for people.
    pub order_number: String,
    /// Who ordered.
    pub email: EmailAddress,
    /// What it cost.
    pub total: Money,
    /// Units over all lines.
    pub units: u32,
    /// Where the order stands.
    pub state: OrderState,
    /// Where the payment stands.
    pub payment_state: PaymentState,
    /// Where the parcel stands.
    pub fulfillment: FulfillmentState,
    /// When it was placed.
    #[serde(with = "time::serde::rfc3339")]
    pub placed_at: OffsetDateTime,
}
