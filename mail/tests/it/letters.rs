//! Every mail as text and as HTML, and what hostile names can do to it.

use shopease_mail::Texts;
use shopease_shop::domain::{
    EmailAddress, FulfillmentState, MailKind, Order, OrderState, PageKind, PaymentState, Refund, RefundId,
    RefundSource, RefundState, TaxLine,
};
use shopease_shop::ports::{HeaderText, Mail, Mailbox, OutboxMessage};
use shopease_shop::services::{Brand, LowStock, Notice};
use shopease_shop::testing::{FixedClock, fixtures};

/// Text that a mail must show and not interpret.
const HOSTILE: &str = "Eve\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>";

pub fn brand() -> Brand {
    Brand {
        name: "Kitchen & Co".to_owned(),
        contact_email: Some("help@kitchen.example".parse().expect("an address")),
        phone: Some("+44 20 7946 0000".to_owned()),
        postal_address: Some("Kitchen & Co Ltd\n1 High Street\nLondon".to_owned()),
        public_url: "https://kitchen.example".to_owned(),
    }
}

pub fn mailbox(name: &str, email: &str) -> Mailbox {
    Mailbox { name: HeaderText::new(name), email: email.parse().expect("an address") }
}

pub fn order() -> Order {
    let mut order = fixtures::order(&fixtures::visitor("ada"), "first", &[("KETTLE", 1), ("CUP", 4)]);
    "key".clone_into(&mut order.access_key);
    "0GXB7-65C6F".clone_into(&mut order.order_number);
    "Copper kettle".clone_into(&mut order.lines[0].line.title);
    "1.5 l / Matte".clone_into(&mut order.lines[0].line.variant_title);
    order.tax_lines = vec![TaxLine { title: "VAT".to_owned(), rate_ppm: 190_000, amount: fixtures::eur(798) }];
    (order.state, order.payment.state) = (OrderState::Paid, PaymentState::Captured);
    order
}

/// A mail to the shopper.
pub fn mail(kind: MailKind, order: Order) -> Mail {
    let event = fixtures::message(&order, "order.paid", FixedClock::START);
    let agreed = match kind {
        MailKind::OrderConfirmation => vec![
            (PageKind::Terms, "## 1. Scope\n\nThese terms apply to **all** orders.".to_owned()),
            (PageKind::Returns, "Write to <help@kitchen.example>.\n\n<script>alert(1)</script>".to_owned()),
        ],
        _ => Vec::new(),
    };
    write(&Notice::Order { kind, agreed, order: Box::new(order.into()) }, None, &event)
}

fn write(notice: &Notice, operator: Option<&str>, event: &shopease_shop::ports::OutboxMessage) -> Mail {
    let (brand, sender) = (brand(), mailbox("Kitchen & Co", "orders@kitchen.example"));
    let operator = operator.map(|operator| operator.parse().expect("an address"));
    let texts = Texts { brand: &brand, sender: &sender };
    texts.about(notice, operator.as_ref(), event).expect("a mail")
}

fn refunded(minor: i64) -> Order {
    let mut order = order();
    order.payment.state = PaymentState::PartiallyRefunded;
    order.payment.refunds.push(Refund {
        id: RefundId::derive("refund"),
        amount: fixtures::eur(minor),
        state: RefundState::Succeeded,
        source: RefundSource::Shop,
        failure_code: None,
        requested_at: FixedClock::START,
    });
    order
}

fn check(name: &str, mail: &Mail) {
    let headers = format!(
        "From: {} <{}>\nTo: {} <{}>\nSubject: {}\nMessage-ID: {}@",
        mail.from.name, mail.from.email, mail.to.name, mail.to.email, mail.subject, mail.id
    );
    insta::assert_snapshot!(format!("{name}.txt"), format!("{headers}\n\n{}", mail.text));
    insta::assert_snapshot!(format!("{name}.html"), mail.html);
}

#[test]
fn every_mail_to_a_shopper() {
    check("order_confirmation", &mail(MailKind::OrderConfirmation, order()));
    let mut net = order();
    net.prices_include_tax = false;
    net.shipping_address.line2 = Some("Apartment 4".to_owned());
    net.shipping_address.region = Some("CA".to_owned());
    net.shipping_address.country = "US".parse().expect("a country");
    check("order_confirmation_net", &mail(MailKind::OrderConfirmation, net));
    let mut declined = order();
    (declined.state, declined.payment.state) = (OrderState::Cancelled, PaymentState::Declined);
    check("payment_failed", &mail(MailKind::PaymentFailed, declined));
    let mut voided = order();
    (voided.state, voided.payment.state) = (OrderState::Cancelled, PaymentState::Voided);
    check("order_canceled", &mail(MailKind::OrderCanceled, voided));
    let mut shipped = order();
    shipped.fulfillment = FulfillmentState::Fulfilled;
    check("order_shipped", &mail(MailKind::OrderShipped, shipped));
    let event = fixtures::message(&order(), "order.awaiting_transfer", FixedClock::START);
    let mut unpaid = order();
    (unpaid.state, unpaid.payment.state) = (OrderState::Pending, PaymentState::Pending);
    let (account, until) = ("IBAN DE02 1203 0000 0000 2020 51\nKitchen & Co".to_owned(), FixedClock::START);
    let transfer = Notice::Transfer { account, until, order: Box::new(unpaid.into()) };
    check("order_received", &write(&transfer, None, &event));
    let mut digital = order();
    "none".clone_into(&mut digital.shipping.id);
    digital.shipping.price = fixtures::eur(0);
    digital.total = digital.subtotal;
    check("order_confirmation_digital", &mail(MailKind::OrderConfirmation, digital.clone()));
    check("order_provided", &mail(MailKind::OrderShipped, digital));
    check("order_link", &mail(MailKind::OrderLink, order()));
    check("order_refunded", &mail(MailKind::OrderRefunded, refunded(500)));
    let mut whole = refunded(order().total.amount_minor);
    whole.state = OrderState::Cancelled;
    check("order_canceled_and_refunded", &mail(MailKind::OrderRefunded, whole));
}

#[test]
fn every_mail_to_the_operator() {
    let event = fixtures::message(&order(), "order.paid", FixedClock::START);
    let operator = Some("owner@kitchen.example");
    let new = Notice::Order { kind: MailKind::NewOrder, agreed: Vec::new(), order: Box::new(order().into()) };
    check("new_order", &write(&new, operator, &event));
    let low = LowStock {
        sku: fixtures::sku("KETTLE"),
        title: Some("Copper kettle, 1.5 l".to_owned()),
        product_handle: Some("copper-kettle-ö".to_owned()),
        available: 2,
    };
    check("low_stock", &write(&Notice::LowStock(low), operator, &event));
}

#[test]
fn every_mail_about_an_account() {
    let (name, token) = ("Ada Lovelace".to_owned(), "abc".to_owned());
    let email: EmailAddress = "ada@lovelace.example".parse().expect("an address");
    let reset = Notice::PasswordReset { name: name.clone(), email: email.clone(), token: token.clone() };
    let event = fixtures::message(&order(), OutboxMessage::PASSWORD_RESET, FixedClock::START);
    check("password_reset", &write(&reset, None, &event));
    let event = fixtures::message(&order(), OutboxMessage::EMAIL_CONFIRMATION, FixedClock::START);
    let confirmation = Notice::EmailConfirmation { name: name.clone(), email: email.clone(), token };
    check("address_verification", &write(&confirmation, None, &event));
    check("account_exists", &write(&Notice::AccountExists { name, email: email.clone() }, None, &event));
    check("email_changed", &write(&Notice::EmailChanged { email: email.clone() }, None, &event));
    check("password_changed", &write(&Notice::PasswordChanged { email }, None, &event));
}

#[test]
fn names_and_titles_are_shown_and_not_interpreted() {
    let mut order = order();
    order.shipping_address.name = HOSTILE.to_owned();
    order.shipping_address.line2 = Some(HOSTILE.to_owned());
    order.lines[0].line.title = HOSTILE.to_owned();
    order.lines[1].line.variant_title = HOSTILE.to_owned();
    order.shipping.title = HOSTILE.to_owned();
    for kind in [MailKind::OrderConfirmation, MailKind::OrderShipped] {
        let mail = mail(kind, order.clone());
        assert_eq!(mail.to.name.as_str(), "Eve Bcc: eve@example.com <script>alert(1)</script>");
        assert!(!mail.text.lines().any(|line| line.starts_with("Bcc")), "{}", mail.text);
        assert!(!mail.html.contains("<script"), "{}", mail.html);
    }
    let event = fixtures::message(&order, "stock.low", FixedClock::START);
    let title = Some(HOSTILE.to_owned());
    let low = LowStock { sku: fixtures::sku("A"), title, product_handle: None, available: 1 };
    let mail = write(&Notice::LowStock(low), None, &event);
    assert!(!mail.subject.as_str().contains(['\r', '\n']), "{}", mail.subject);
    assert!(!mail.html.contains("<script") && !mail.text.lines().any(|line| line.starts_with("Bcc")));
}
