//! An order, as shoppers and operators see it.

use time::OffsetDateTime;

use crate::domain::{
    Address, Dispute, EmailAddress, FulfillmentState, Money, Order, OrderId, OrderState, PaymentKind, PaymentState,
    QuoteLine, Refund, RefundState, ShippingOffer, TaxLine, Tracking, UndeliveredMail,
};

/// An order, as shoppers and operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Order ID.
    pub id: OrderId,
    /// Order number for people.
    pub order_number: String,
    /// Access key: `?key=` gives access to the order without signing in.
    pub access_key: String,
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
    /// Line items at the prices when the order was placed.
    pub lines: Vec<QuoteLine>,
    /// Sum of the lines.
    pub subtotal: Money,
    /// Shipping method.
    pub shipping: ShippingOffer,
    /// Taxes.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the taxes.
    pub tax_total: Money,
    /// Whether the prices include tax.
    pub prices_include_tax: bool,
    /// Total.
    pub total: Money,
    /// State of the order.
    pub state: OrderState,
    /// How it is paid.
    pub payment_kind: PaymentKind,
    /// State of the payment.
    pub payment_state: PaymentState,
    /// The payment provider's code if the card was declined.
    pub decline_code: Option<String>,
    /// URL of the page of the bank or provider while the shopper must confirm the payment there (`payment_state` is `requires_action`).
    pub payment_action_url: Option<String>,
    /// Refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Refundable amount.
    pub refundable: Money,
    /// Disputes, oldest first.
    pub disputes: Vec<Dispute>,
    /// State of the fulfillment.
    pub fulfillment: FulfillmentState,
    /// How its shipment is tracked, if known.
    pub tracking: Option<Tracking>,
    /// Mails about it that were refused, oldest first.
    pub undelivered_mails: Vec<UndeliveredMail>,
    /// Version of the settings whose terms the shopper accepted.
    pub terms_version: Option<u64>,
    /// When it was placed.
    pub placed_at: OffsetDateTime,
}

impl OrderView {
    /// Minor units that are refunded.
    pub fn refunded_minor(&self) -> i64 {
        let done = self.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
        done.map(|refund| refund.amount.amount_minor).fold(0, i64::saturating_add)
    }
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        Self {
            refundable: order.refundable(),
            payment_kind: order.payment.kind(),
            payment_action_url: order.payment.action_url,
            refunds: order.payment.refunds,
            disputes: order.payment.disputes,
            id: order.id,
            order_number: order.order_number,
            access_key: order.access_key,
            email: order.email,
            shipping_address: order.shipping_address,
            billing_address: order.billing_address,
            vat_number: order.vat_number,
            phone: order.phone,
            delivery_note: order.delivery_note,
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
            tracking: order.tracking,
            undelivered_mails: order.undelivered_mails,
            terms_version: order.terms_version,
            placed_at: order.placed_at,
        }
    }
}
