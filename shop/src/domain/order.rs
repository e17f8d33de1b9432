//! Orders: a copy of what was agreed, and three separate states: order, payment and fulfillment.

use time::OffsetDateTime;

use super::{
    Address, CartOwner, CustomerId, DisputeState, EmailAddress, LineItemId, Money, OrderId, Payment, PaymentState,
    QuoteLine, Reservation, ShippingOffer, TaxLine, Tracking, UndeliveredMail,
};

/// State of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// Placed, stock reserved, not paid yet.
    Pending,
    /// Paid; the reserved stock is sold.
    Paid,
    /// Canceled; its stock is available again, and the payment is refunded.
    Cancelled,
}

/// An event that changes the state of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderEvent {
    /// The payment was captured.
    PaymentCaptured,
    /// The order was canceled: not paid, or refunded before shipping.
    Cancelled,
}

impl OrderState {
    /// The state after an event; `None` when the event changes nothing.
    pub fn after(self, event: OrderEvent) -> Option<Self> {
        match (self, event) {
            (Self::Pending, OrderEvent::PaymentCaptured) => Some(Self::Paid),
            (Self::Pending | Self::Paid, OrderEvent::Cancelled) => Some(Self::Cancelled),
            (Self::Paid | Self::Cancelled, OrderEvent::PaymentCaptured) | (Self::Cancelled, OrderEvent::Cancelled) => {
                None
            }
        }
    }
}

/// State of an order's fulfillment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FulfillmentState {
    /// Not shipped yet.
    Unfulfilled,
    /// Shipped.
    Fulfilled,
    /// Shipped and returned.
    Returned,
}

/// A fulfillment event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FulfillmentEvent {
    /// The shipment was handed to the carrier.
    Shipped,
    /// The tracking of the shipment was added, corrected or removed.
    TrackingChanged,
    /// The shipment was returned to the shop.
    Returned,
}

impl FulfillmentState {
    /// The state after an event; `None` when the event is not possible.
    pub fn after(self, event: FulfillmentEvent) -> Option<Self> {
        match (self, event) {
            (Self::Unfulfilled, FulfillmentEvent::Shipped) | (Self::Fulfilled, FulfillmentEvent::TrackingChanged) => {
                Some(Self::Fulfilled)
            }
            (Self::Fulfilled, FulfillmentEvent::Returned) => Some(Self::Returned),
            (Self::Unfulfilled | Self::Returned, FulfillmentEvent::TrackingChanged | FulfillmentEvent::Returned)
            | (Self::Fulfilled | Self::Returned, FulfillmentEvent::Shipped) => None,
        }
    }
}

/// A line item of an order, as it was when ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Line item ID.
    pub id: LineItemId,
    /// Variant, quantity and price.
    pub line: QuoteLine,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Order ID.
    pub id: OrderId,
    /// Order number for people: ten characters without `I`, `L`, `O`, `U`.
    pub order_number: String,
    /// 256 random bits as base64url. Gives access to the order without signing in.
    pub access_key: String,
    /// Owner of the order.
    pub owner: CartOwner,
    /// Who placed it. The idempotency key belongs to them. Differs from the owner after the order has moved to an account.
    pub placed_by: CartOwner,
    /// The account it was placed with, if any.
    pub customer_id: Option<CustomerId>,
    /// Contact address.
    pub email: EmailAddress,
    /// The shipping address.
    pub shipping_address: Address,
    /// Billing address, if it is not the shipping address.
    pub billing_address: Option<Address>,
    /// VAT number of the buyer.
    pub vat_number: Option<String>,
    /// Phone number for the delivery.
    pub phone: Option<String>,
    /// Note for the delivery, with line breaks as `\n`.
    pub delivery_note: Option<String>,
    /// Line items.
    pub lines: Vec<OrderLine>,
    /// Sum of the lines.
    pub subtotal: Money,
    /// Shipping method and price.
    pub shipping: ShippingOffer,
    /// Taxes.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the taxes.
    pub tax_total: Money,
    /// Whether the prices include tax.
    pub prices_include_tax: bool,
    /// Total to pay.
    pub total: Money,
    /// Tracked stock that is reserved (pending) or sold (paid), sorted by SKU, no SKU twice.
    pub reservations: Vec<Reservation>,
    /// Version of the settings whose terms the shopper accepted; `None` for orders from before terms were kept.
    pub terms_version: Option<u64>,
    /// The client's idempotency key for placing it. The final outcome is stored under this key.
    pub client_key: String,
    /// When the worker checks it next; `None` if nothing is open.
    pub due_at: Option<OffsetDateTime>,
    /// State of the order.
    pub state: OrderState,
    /// Payment.
    pub payment: Payment,
    /// State of the fulfillment.
    pub fulfillment: FulfillmentState,
    /// How its shipment is tracked, if known.
    pub tracking: Option<Tracking>,
    /// Mails about it that were refused, oldest first.
    pub undelivered_mails: Vec<UndeliveredMail>,
    /// Incremented by every write; starts at 1.
    pub version: u64,
    /// When it was placed, with millisecond precision.
    pub placed_at: OffsetDateTime,
}

impl Order {
    /// Position in listings, newest first: bytewise ascending, unique.
    pub fn position(&self) -> String {
        const LATEST_MS: i128 = 999_999_999_999_999;
        let placed_ms = self.placed_at.unix_timestamp_nanos() / 1_000_000;
        format!("{:015}#{}", (LATEST_MS - placed_ms).clamp(0, LATEST_MS), self.id)
    }

    /// The summary for listings.
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
            dispute: self.payment.disputes.iter().map(|dispute| dispute.state).max(),
            placed_at: self.placed_at,
        }
    }
}

/// An order in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSummary {
    /// Order ID.
    pub id: OrderId,
    /// Order number for people.
    pub order_number: String,
    /// Contact address.
    pub email: EmailAddress,
    /// Total.
    pub total: Money,
    /// Total units of all lines.
    pub units: u32,
    /// State of the order.
    pub state: OrderState,
    /// State of the payment.
    pub payment_state: PaymentState,
    /// State of the fulfillment.
    pub fulfillment: FulfillmentState,
    /// State of the most urgent dispute.
    pub dispute: Option<DisputeState>,
    /// When it was placed.
    pub placed_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_covers_every_event_in_every_state_of_an_order() {
        use OrderState::{Cancelled, Paid, Pending};
        for (state, captured, cancelled) in
            [(Pending, Some(Paid), Some(Cancelled)), (Paid, None, Some(Cancelled)), (Cancelled, None, None)]
        {
            let events = [OrderEvent::PaymentCaptured, OrderEvent::Cancelled];
            assert_eq!(events.map(|event| state.after(event)), [captured, cancelled], "{state:?}");
        }
    }

    #[test]
    fn the_table_covers_every_event_in_every_state_of_a_fulfillment() {
        use FulfillmentState::{Fulfilled, Returned, Unfulfilled};
        for (state, shipped, tracked, returned) in [
            (Unfulfilled, Some(Fulfilled), None, None),
            (Fulfilled, None, Some(Fulfilled), Some(Returned)),
            (Returned, None, None, None),
        ] {
            let events = [FulfillmentEvent::Shipped, FulfillmentEvent::TrackingChanged, FulfillmentEvent::Returned];
            assert_eq!(events.map(|event| state.after(event)), [shipped, tracked, returned], "{state:?}");
        }
    }
}
