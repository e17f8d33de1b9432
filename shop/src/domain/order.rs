//! Orders: a copy of what was agreed, and three separate states: the order's, the payment's, fulfillment.

use time::OffsetDateTime;

use super::{
    Address, CartOwner, CustomerId, DisputeState, EmailAddress, LineItemId, Money, OrderId, Payment, PaymentState,
    QuoteLine, Reservation, ShippingOffer, TaxLine,
};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// Placed, stock reserved, not paid yet.
    Pending,
    /// Paid; the reserved stock is sold.
    Paid,
    /// Called off; its stock is available again, and what was paid is given back.
    Cancelled,
}

/// What happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderEvent {
    /// Its money is collected.
    PaymentCaptured,
    /// It will not be delivered: not paid, or given back before it was sent.
    CalledOff,
}

impl OrderState {
    /// The state after an event; `None` when the event changes nothing.
    pub fn after(self, event: OrderEvent) -> Option<Self> {
        match (self, event) {
            (Self::Pending, OrderEvent::PaymentCaptured) => Some(Self::Paid),
            (Self::Pending | Self::Paid, OrderEvent::CalledOff) => Some(Self::Cancelled),
            (Self::Paid | Self::Cancelled, OrderEvent::PaymentCaptured) | (Self::Cancelled, OrderEvent::CalledOff) => {
                None
            }
        }
    }
}

/// How far its fulfillment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FulfillmentState {
    /// Not shipped yet.
    Unfulfilled,
    /// Shipped.
    Fulfilled,
    /// Shipped and returned.
    Returned,
}

/// What happens to a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FulfillmentEvent {
    /// It was handed to the carrier.
    Shipped,
    /// It came back to the shop.
    Returned,
}

impl FulfillmentState {
    /// The state after an event; `None` when the event is not possible.
    pub fn after(self, event: FulfillmentEvent) -> Option<Self> {
        match (self, event) {
            (Self::Unfulfilled, FulfillmentEvent::Shipped) => Some(Self::Fulfilled),
            (Self::Fulfilled, FulfillmentEvent::Returned) => Some(Self::Returned),
            (Self::Unfulfilled | Self::Returned, FulfillmentEvent::Returned)
            | (Self::Fulfilled | Self::Returned, FulfillmentEvent::Shipped) => None,
        }
    }
}

/// One variant of an order, as it was when ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Identity.
    pub id: LineItemId,
    /// What was agreed.
    pub line: QuoteLine,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Identity.
    pub id: OrderId,
    /// The number people read to each other: ten characters without `I`, `L`, `O`, `U`.
    pub order_number: String,
    /// 256 random bits as base64url: who knows it may see the order without signing in.
    pub access_key: String,
    /// Whose it is.
    pub owner: CartOwner,
    /// Who placed it, under a key of theirs: the owner, until the order is taken into an account.
    pub placed_by: CartOwner,
    /// The account it was placed with, if any.
    pub customer_id: Option<CustomerId>,
    /// Where news of the order go.
    pub email: EmailAddress,
    /// The shipping address.
    pub shipping_address: Address,
    /// The variants.
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
    /// The client's idempotency key it was placed with: its last answer is kept under it.
    pub client_key: String,
    /// When the worker shall look at it next; `None` when nothing is open.
    pub due_at: Option<OffsetDateTime>,
    /// Where it stands.
    pub state: OrderState,
    /// Its payment.
    pub payment: Payment,
    /// Its fulfillment.
    pub fulfillment: FulfillmentState,
    /// Rises by one with every write; starts at 1.
    pub version: u64,
    /// When it was placed, to the millisecond.
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
            dispute: self.payment.disputes.iter().map(|dispute| dispute.state).max(),
            placed_at: self.placed_at,
        }
    }
}

/// An order as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// How far its fulfillment is.
    pub fulfillment: FulfillmentState,
    /// The most urgent of its disputes.
    pub dispute: Option<DisputeState>,
    /// When it was placed.
    pub placed_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_in_every_state_of_an_order_does_what_the_table_says() {
        use OrderEvent::{CalledOff, PaymentCaptured};
        use OrderState::{Cancelled, Paid, Pending};
        for (state, captured, called_off) in
            [(Pending, Some(Paid), Some(Cancelled)), (Paid, None, Some(Cancelled)), (Cancelled, None, None)]
        {
            assert_eq!([state.after(PaymentCaptured), state.after(CalledOff)], [captured, called_off], "{state:?}");
        }
    }

    #[test]
    fn every_event_in_every_state_of_a_shipment_does_what_the_table_says() {
        use FulfillmentState::{Fulfilled, Returned, Unfulfilled};
        for (state, shipped, returned) in
            [(Unfulfilled, Some(Fulfilled), None), (Fulfilled, None, Some(Returned)), (Returned, None, None)]
        {
            let after = [FulfillmentEvent::Shipped, FulfillmentEvent::Returned].map(|event| state.after(event));
            assert_eq!(after, [shipped, returned], "{state:?}");
        }
    }
}
