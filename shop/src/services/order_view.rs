//! An order as its buyer and the operators see it.

use time::OffsetDateTime;

use crate::domain::{
    Address, Dispute, EmailAddress, FulfillmentState, Money, Order, OrderId, OrderState, PaymentState, QuoteLine,
    Refund, RefundState, ShippingOffer, TaxLine,
};

/// An order as its buyer and the operator see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Identity.
    pub id: OrderId,
    /// Number for people.
    pub order_number: String,
    /// Opens the order without signing in, as `?key=`.
    pub access_key: String,
    /// Where news of the order go.
    pub email: EmailAddress,
    /// The shipping address.
    pub shipping_address: Address,
    /// What was ordered, at the prices of then.
    pub lines: Vec<QuoteLine>,
    /// Sum of the lines.
    pub subtotal: Money,
    /// How it is delivered.
    pub shipping: ShippingOffer,
    /// Taxes.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the taxes.
    pub tax_total: Money,
    /// Whether the prices contain them.
    pub prices_include_tax: bool,
    /// What it cost.
    pub total: Money,
    /// Where the order stands.
    pub state: OrderState,
    /// Where the payment stands.
    pub payment_state: PaymentState,
    /// Why the payment was refused.
    pub decline_code: Option<String>,
    /// The bank's page, while it wants to ask the shopper (`payment_state` is `requires_action`).
    pub payment_action_url: Option<String>,
    /// What was or is to be given back.
    pub refunds: Vec<Refund>,
    /// What can still be given back.
    pub refundable: Money,
    /// What cardholders disputed at their banks.
    pub disputes: Vec<Dispute>,
    /// How far its fulfillment is.
    pub fulfillment: FulfillmentState,
    /// When it was placed.
    pub placed_at: OffsetDateTime,
}

impl OrderView {
    /// Minor units that the provider has given back.
    pub fn refunded_minor(&self) -> i64 {
        let done = self.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
        done.map(|refund| refund.amount.amount_minor).fold(0, i64::saturating_add)
    }
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        Self {
            refundable: order.refundable(),
            payment_action_url: order.payment.action_url,
            refunds: order.payment.refunds,
            disputes: order.payment.disputes,
            id: order.id,
            order_number: order.order_number,
            access_key: order.access_key,
            email: order.email,
            shipping_address: order.shipping_address,
            lines: order.lines.into_iter().map(|line| line.line).collect(),
            subtotal: order.subtotal,
            shipping: order.shipping,
            tax_lines: order.tax_lines,
            tax_total: order.tax_total,
            prices_include_tax: order.prices_include_tax,
            total: order.total,
            state: order.state,
            payment_state: order.payment.state,
            decline_code: order.payment.decline_code,
            fulfillment: order.fulfillment,
            placed_at: order.placed_at,
        }
    }
}
