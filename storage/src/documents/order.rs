//! An order with its payment, and its summary for lists.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;
use time::OffsetDateTime;

use super::values::{Address, Image, Money, each};
use super::{Stored, Version, names};

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "names of stored fields never change")]
pub(crate) struct Order {
    v: Version<1>,
    id: domain::OrderId,
    order_number: String,
    access_key: String,
    owner: String,
    /// Absent if it is the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    placed_by: Option<String>,
    customer_id: Option<domain::CustomerId>,
    email: domain::EmailAddress,
    shipping_address: Address,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    billing_address: Option<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vat_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery_note: Option<String>,
    lines: Vec<OrderLine>,
    subtotal: Money,
    shipping: Shipping,
    tax_lines: Vec<TaxLine>,
    tax_total: Money,
    prices_include_tax: bool,
    total: Money,
    reservations: Vec<Reservation>,
    /// Absent for orders from before terms were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terms_version: Option<u64>,
    client_key: String,
    #[serde(with = "time::serde::rfc3339::option")]
    due_at: Option<OffsetDateTime>,
    #[serde(with = "names::OrderState")]
    state: domain::OrderState,
    payment: Payment,
    #[serde(with = "names::FulfillmentState")]
    fulfillment: domain::FulfillmentState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracking: Option<Tracking>,
    #[serde(default)]
    undelivered_mails: Vec<UndeliveredMail>,
    version: u64,
    #[serde(with = "time::serde::rfc3339")]
    placed_at: OffsetDateTime,
}

#[derive(Serialize, Deserialize)]
struct Tracking {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carrier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct UndeliveredMail {
    #[serde(with = "names::MailKind")]
    kind: domain::MailKind,
    address: domain::EmailAddress,
    code: String,
    #[serde(with = "time::serde::rfc3339")]
    refused_at: OffsetDateTime,
}

#[derive(Serialize, Deserialize)]
struct OrderLine {
    id: domain::LineItemId,
    sku: domain::Sku,
    product_handle: domain::Handle,
    title: String,
    variant_title: String,
    image: Option<Image>,
    quantity: domain::Quantity,
    unit_price: Money,
    line_total: Money,
}

#[derive(Serialize, Deserialize)]
struct Shipping {
    id: String,
    title: String,
    delivery_estimate: String,
    price: Money,
}

#[derive(Serialize, Deserialize)]
struct TaxLine {
    title: String,
    rate_ppm: u32,
    amount: Money,
}

#[derive(Serialize, Deserialize)]
struct Reservation {
    sku: domain::Sku,
    quantity: domain::Quantity,
}

#[derive(Serialize, Deserialize)]
struct Payment {
    id: domain::PaymentId,
    provider: String,
    method: String,
    attempt: u32,
    #[serde(with = "names::PaymentState")]
    state: domain::PaymentState,
    intent_id: Option<String>,
    decline_code: Option<String>,
    action_url: Option<String>,
    canceling: bool,
    looks: u32,
    refunds: Vec<Refund>,
    #[serde(default)]
    disputes: Vec<Dispute>,
}

#[derive(Serialize, Deserialize)]
struct Refund {
    id: domain::RefundId,
    amount: Money,
    #[serde(with = "names::RefundState")]
    state: domain::RefundState,
    #[serde(default, with = "names::RefundSource")]
    source: domain::RefundSource,
    #[serde(default)]
    failure_code: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    requested_at: OffsetDateTime,
}

#[derive(Serialize, Deserialize)]
struct Dispute {
    id: String,
    amount: Money,
    #[serde(with = "names::DisputeState")]
    state: domain::DisputeState,
    reason: String,
    #[serde(with = "time::serde::rfc3339")]
    opened_at: OffsetDateTime,
}

impl Stored for domain::Order {
    const KIND: &'static str = "order";
    type Document = Order;
}

impl From<&domain::Order> for Order {
    fn from(order: &domain::Order) -> Self {
        Self {
            v: Version,
            id: order.id.clone(),
            order_number: order.order_number.clone(),
            access_key: order.access_key.clone(),
            owner: order.owner.key().to_owned(),
            placed_by: (order.placed_by != order.owner).then(|| order.placed_by.key().to_owned()),
            customer_id: order.customer_id.clone(),
            email: order.email.clone(),
            shipping_address: Address::from(&order.shipping_address),
            billing_address: order.billing_address.as_ref().map(Address::from),
            vat_number: order.vat_number.clone(),
            phone: order.phone.clone(),
            delivery_note: order.delivery_note.clone(),
            lines: each(&order.lines),
            subtotal: order.subtotal.into(),
            shipping: Shipping::from(&order.shipping),
            tax_lines: each(&order.tax_lines),
            tax_total: order.tax_total.into(),
            prices_include_tax: order.prices_include_tax,
            total: order.total.into(),
            reservations: each(&order.reservations),
            terms_version: order.terms_version,
            client_key: order.client_key.clone(),
            due_at: order.due_at,
            state: order.state,
            payment: Payment::from(&order.payment),
            fulfillment: order.fulfillment,
            tracking: order.tracking.as_ref().map(Tracking::from),
            undelivered_mails: each(&order.undelivered_mails),
            version: order.version,
            placed_at: order.placed_at,
        }
    }
}

impl From<Order> for domain::Order {
    fn from(order: Order) -> Self {
        Self {
            id: order.id,
            order_number: order.order_number,
            access_key: order.access_key,
            placed_by: domain::CartOwner::from_key(order.placed_by.unwrap_or_else(|| order.owner.clone())),
            owner: domain::CartOwner::from_key(order.owner),
            customer_id: order.customer_id,
            email: order.email,
            shipping_address: order.shipping_address.into(),
            billing_address: order.billing_address.map(Into::into),
            vat_number: order.vat_number,
            phone: order.phone,
            delivery_note: order.delivery_note,
            lines: each(order.lines),
            subtotal: order.subtotal.into(),
            shipping: order.shipping.into(),
            tax_lines: each(order.tax_lines),
            tax_total: order.tax_total.into(),
            prices_include_tax: order.prices_include_tax,
            total: order.total.into(),
            reservations: each(order.reservations),
            terms_version: order.terms_version,
            client_key: order.client_key,
            due_at: order.due_at,
            state: order.state,
            payment: order.payment.into(),
            fulfillment: order.fulfillment,
            tracking: order.tracking.map(Into::into),
            undelivered_mails: each(order.undelivered_mails),
            version: order.version,
            placed_at: order.placed_at,
        }
    }
}

impl From<&domain::Tracking> for Tracking {
    fn from(domain::Tracking { carrier, number, url }: &domain::Tracking) -> Self {
        Self { carrier: carrier.clone(), number: number.clone(), url: url.clone() }
    }
}

impl From<Tracking> for domain::Tracking {
    fn from(Tracking { carrier, number, url }: Tracking) -> Self {
        Self { carrier, number, url }
    }
}

impl From<&domain::UndeliveredMail> for UndeliveredMail {
    fn from(mail: &domain::UndeliveredMail) -> Self {
        Self { kind: mail.kind, address: mail.address.clone(), code: mail.code.clone(), refused_at: mail.refused_at }
    }
}

impl From<UndeliveredMail> for domain::UndeliveredMail {
    fn from(mail: UndeliveredMail) -> Self {
        Self { kind: mail.kind, address: mail.address, code: mail.code, refused_at: mail.refused_at }
    }
}

impl From<&domain::OrderLine> for OrderLine {
    fn from(domain::OrderLine { id, line }: &domain::OrderLine) -> Self {
        Self {
            id: id.clone(),
            sku: line.sku.clone(),
            product_handle: line.product_handle.clone(),
            title: line.title.clone(),
            variant_title: line.variant_title.clone(),
            image: line.image.as_ref().map(Image::from),
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            line_total: line.line_total.into(),
        }
    }
}

impl From<OrderLine> for domain::OrderLine {
    fn from(line: OrderLine) -> Self {
        let agreed = domain::QuoteLine {
            sku: line.sku,
            product_handle: line.product_handle,
            title: line.title,
            variant_title: line.variant_title,
            image: line.image.map(Into::into),
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            line_total: line.line_total.into(),
        };
        Self { id: line.id, line: agreed }
    }
}

impl From<&domain::ShippingOffer> for Shipping {
    fn from(shipping: &domain::ShippingOffer) -> Self {
        Self {
            id: shipping.id.clone(),
            title: shipping.title.clone(),
            delivery_estimate: shipping.delivery_estimate.clone(),
            price: shipping.price.into(),
        }
    }
}

impl From<Shipping> for domain::ShippingOffer {
    fn from(shipping: Shipping) -> Self {
        Self {
            id: shipping.id,
            title: shipping.title,
            delivery_estimate: shipping.delivery_estimate,
            price: shipping.price.into(),
        }
    }
}

impl From<&domain::TaxLine> for TaxLine {
    fn from(line: &domain::TaxLine) -> Self {
        Self { title: line.title.clone(), rate_ppm: line.rate_ppm, amount: line.amount.into() }
    }
}

impl From<TaxLine> for domain::TaxLine {
    fn from(line: TaxLine) -> Self {
        Self { title: line.title, rate_ppm: line.rate_ppm, amount: line.amount.into() }
    }
}

impl From<&domain::Reservation> for Reservation {
    fn from(reservation: &domain::Reservation) -> Self {
        Self { sku: reservation.sku.clone(), quantity: reservation.quantity }
    }
}

impl From<Reservation> for domain::Reservation {
    fn from(reservation: Reservation) -> Self {
        Self { sku: reservation.sku, quantity: reservation.quantity }
    }
}

impl From<&domain::Payment> for Payment {
    fn from(payment: &domain::Payment) -> Self {
        Self {
            id: payment.id.clone(),
            provider: payment.provider.clone(),
            method: payment.method.clone(),
            attempt: payment.attempt,
            state: payment.state,
            intent_id: payment.intent_id.clone(),
            decline_code: payment.decline_code.clone(),
            action_url: payment.action_url.clone(),
            canceling: payment.canceling,
            looks: payment.checks,
            refunds: each(&payment.refunds),
            disputes: each(&payment.disputes),
        }
    }
}

impl From<Payment> for domain::Payment {
    fn from(payment: Payment) -> Self {
        Self {
            id: payment.id,
            provider: payment.provider,
            method: payment.method,
            attempt: payment.attempt,
            state: payment.state,
            intent_id: payment.intent_id,
            decline_code: payment.decline_code,
            action_url: payment.action_url,
            canceling: payment.canceling,
            checks: payment.looks,
            refunds: each(payment.refunds),
            disputes: each(payment.disputes),
        }
    }
}

impl From<&domain::Refund> for Refund {
    fn from(refund: &domain::Refund) -> Self {
        Self {
            id: refund.id.clone(),
            amount: refund.amount.into(),
            state: refund.state,
            source: refund.source,
            failure_code: refund.failure_code.clone(),
            requested_at: refund.requested_at,
        }
    }
}

impl From<Refund> for domain::Refund {
    fn from(refund: Refund) -> Self {
        Self {
            id: refund.id,
            amount: refund.amount.into(),
            state: refund.state,
            source: refund.source,
            failure_code: refund.failure_code,
            requested_at: refund.requested_at,
        }
    }
}

impl From<&domain::Dispute> for Dispute {
    fn from(dispute: &domain::Dispute) -> Self {
        Self {
            id: dispute.id.clone(),
            amount: dispute.amount.into(),
            state: dispute.state,
            reason: dispute.reason.clone(),
            opened_at: dispute.opened_at,
        }
    }
}

impl From<Dispute> for domain::Dispute {
    fn from(dispute: Dispute) -> Self {
        Self {
            id: dispute.id,
            amount: dispute.amount.into(),
            state: dispute.state,
            reason: dispute.reason,
            opened_at: dispute.opened_at,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct OrderSummary {
    v: Version<1>,
    id: domain::OrderId,
    order_number: String,
    email: domain::EmailAddress,
    total: Money,
    units: u32,
    #[serde(with = "names::OrderState")]
    state: domain::OrderState,
    #[serde(with = "names::PaymentState")]
    payment_state: domain::PaymentState,
    #[serde(with = "names::FulfillmentState")]
    fulfillment: domain::FulfillmentState,
    #[serde(default)]
    dispute: Option<SummaryDispute>,
    #[serde(with = "time::serde::rfc3339")]
    placed_at: OffsetDateTime,
}

/// An optional state.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct SummaryDispute(#[serde(with = "names::DisputeState")] domain::DisputeState);

impl Stored for domain::OrderSummary {
    const KIND: &'static str = "order summary";
    type Document = OrderSummary;
}

impl From<&domain::OrderSummary> for OrderSummary {
    fn from(summary: &domain::OrderSummary) -> Self {
        Self {
            v: Version,
            id: summary.id.clone(),
            order_number: summary.order_number.clone(),
            email: summary.email.clone(),
            total: summary.total.into(),
            units: summary.units,
            state: summary.state,
            payment_state: summary.payment_state,
            fulfillment: summary.fulfillment,
            dispute: summary.dispute.map(SummaryDispute),
            placed_at: summary.placed_at,
        }
    }
}

impl From<OrderSummary> for domain::OrderSummary {
    fn from(summary: OrderSummary) -> Self {
        Self {
            id: summary.id,
            order_number: summary.order_number,
            email: summary.email,
            total: summary.total.into(),
            units: summary.units,
            state: summary.state,
            payment_state: summary.payment_state,
            fulfillment: summary.fulfillment,
            dispute: summary.dispute.map(|SummaryDispute(state)| state),
            placed_at: summary.placed_at,
        }
    }
}
