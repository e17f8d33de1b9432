//! What each mail says, in English.

use askama::{Error, Result};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use shopease_shop::domain::{EmailAddress, MailId, MailKind, Money, OrderState, PageKind};
use shopease_shop::ports::{HeaderText, Mail, Mailbox, OutboxMessage};
use shopease_shop::services::{Brand, LowStock, Notice, OrderView};
use shopease_shop::text::money;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::letter::Letter;

/// Writes mails in the name of a shop.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// The shop.
    pub brand: &'a Brand,
    /// The sender.
    pub sender: &'a Mailbox,
}

/// A mail before it is laid out.
struct Draft<'a> {
    kind: MailKind,
    to: Mailbox,
    subject: String,
    letter: Letter<'a>,
}

impl Texts<'_> {
    /// A mail about an event: to the operator at an address, or else to the shopper.
    ///
    /// # Errors
    /// If a template cannot be rendered.
    pub fn about(self, notice: &Notice, operator: Option<&EmailAddress>, event: &OutboxMessage) -> Result<Mail> {
        let at = minute(event.occurred_at)?;
        let draft = match (notice, operator) {
            (Notice::Order { order, .. }, Some(operator)) => self.new_order(order, operator),
            (Notice::Order { kind, agreed, order }, None) => self.to_shopper(*kind, agreed, order),
            (Notice::Transfer { account, until, order }, _) => self.transfer(account, &day(*until)?, order),
            (Notice::PasswordReset { name, email, token }, _) => self.password_reset(name, email, token),
            (Notice::EmailConfirmation { name, email, token }, _) => self.address_verification(name, email, token),
            (Notice::AccountExists { name, email }, _) => self.account_exists(name, email),
            (Notice::EmailChanged { email }, _) => self.email_changed(email, &at),
            (Notice::PasswordChanged { email }, _) => self.password_changed(email, &at),
            (Notice::LowStock(stock), operator) => self.low_stock(stock, operator.unwrap_or(&self.sender.email)),
        };
        let order = match (notice, operator) {
            (Notice::Order { order, .. } | Notice::Transfer { order, .. }, None) => Some(order.id.clone()),
            _ => None,
        };
        let id = MailId { event: event.id.clone(), kind: draft.kind, order };
        self.mail(draft, id, event.occurred_at)
    }

    fn password_reset(self, name: &str, email: &EmailAddress, token: &str) -> Draft<'static> {
        let shop = &self.brand.name;
        let link = format!("{}/password/reset?token={token}", self.brand.public_url);
        let letter = Letter {
            heading: "Reset your password".to_owned(),
            paragraphs: vec![
                format!(
                    "Somebody has requested to reset the password of your account at {shop}. If it was you, choose a new password within one hour. The link works once, and all devices are then signed out."
                ),
                "If it was not you, ignore this message. Your password is unchanged.".to_owned(),
            ],
            action: Some(("Choose a new password", link)),
            ..Letter::default()
        };
        let to = Mailbox { name: HeaderText::new(name), email: email.clone() };
        Draft { kind: MailKind::PasswordReset, to, subject: format!("Reset your password at {shop}"), letter }
    }

    fn address_verification(self, name: &str, email: &EmailAddress, token: &str) -> Draft<'static> {
        let shop = &self.brand.name;
        let link = format!("{}/email/confirm?token={token}", self.brand.public_url);
        let letter = Letter {
            heading: "Confirm your email address".to_owned(),
            paragraphs: vec![
                format!(
                    "This address was entered for an account at {shop}. If it was you, confirm it within 24 hours, with the password of the account."
                ),
                "If it was not you, ignore this message. Nobody can use your address for an account without this link."
                    .to_owned(),
            ],
            action: Some(("Confirm this address", link)),
            ..Letter::default()
        };
        let to = Mailbox { name: HeaderText::new(name), email: email.clone() };
        Draft {
            kind: MailKind::AddressVerification,
            to,
            subject: format!("Confirm your email address at {shop}"),
            letter,
        }
    }

    fn account_exists(self, name: &str, email: &EmailAddress) -> Draft<'static> {
        let shop = &self.brand.name;
        let link = format!("{}/login", self.brand.public_url);
        let letter = Letter {
            heading: "You already have an account".to_owned(),
            paragraphs: vec![
                format!(
                    "Somebody has entered your email address for another account at {shop}. If it was you, sign in to the account that you have. If you forgot your password, you can reset it there."
                ),
                "If it was not you, ignore this message. Nobody learned that you have an account, and it is unchanged."
                    .to_owned(),
            ],
            action: Some(("Sign in", link)),
            ..Letter::default()
        };
        let to = Mailbox { name: HeaderText::new(name), email: email.clone() };
        Draft { kind: MailKind::AccountExists, to, subject: format!("You already have an account at {shop}"), letter }
    }

    fn email_changed(self, email: &EmailAddress, at: &str) -> Draft<'static> {
        let (shop, contact) = (&self.brand.name, self.contact());
        let letter = Letter {
            heading: "Your email address was changed".to_owned(),
            paragraphs: vec![
                format!(
                    "On {at}, the email address of your account at {shop} was changed. Sign in with the new address. We no longer send mails about the account to this one."
                ),
                format!(
                    "If you did not change it, write to {contact} as soon as possible: somebody else has access to your account."
                ),
            ],
            ..Letter::default()
        };
        let subject = format!("Your email address at {shop} was changed");
        Draft { kind: MailKind::EmailChanged, to: unnamed(email), subject, letter }
    }

    fn password_changed(self, email: &EmailAddress, at: &str) -> Draft<'static> {
        let (shop, contact) = (&self.brand.name, self.contact());
        let letter = Letter {
            heading: "Your password was changed".to_owned(),
            paragraphs: vec![
                format!(
                    "The password of your account at {shop} was changed on {at}. All devices that used the old password are signed out."
                ),
                format!(
                    "If you did not change it, reset the password now, which signs out whoever has changed it, and write to {contact}."
                ),
            ],
            action: Some(("Reset the password", format!("{}/password/forgot", self.brand.public_url))),
            ..Letter::default()
        };
        let subject = format!("Your password at {shop} was changed");
        Draft { kind: MailKind::PasswordChanged, to: unnamed(email), subject, letter }
    }

    fn mail(self, draft: Draft<'_>, id: MailId, date: OffsetDateTime) -> Result<Mail> {
        let Draft { to, subject, letter, .. } = draft;
        let contact = self.brand.contact_email.as_ref();
        let (text, html) = letter.render(self.brand, self.contact())?;
        Ok(Mail {
            id,
            from: self.sender.clone(),
            reply_to: contact
                .filter(|contact| **contact != self.sender.email)
                .map(|email| Mailbox { name: HeaderText::new(&self.brand.name), email: email.clone() }),
            to,
            subject: HeaderText::new(&subject),
            date,
            text,
            html,
        })
    }

    /// The address for questions.
    fn contact(&self) -> &str {
        self.brand.contact_email.as_ref().unwrap_or(&self.sender.email).as_str()
    }

    fn to_shopper<'a>(self, kind: MailKind, agreed: &'a [(PageKind, String)], order: &'a OrderView) -> Draft<'a> {
        let (number, name) = (&order.order_number, &self.brand.name);
        let refunded = money(Money::new(order.refunded_minor(), order.total.currency));
        let total = money(order.total);
        let is_canceled = order.state == OrderState::Cancelled;
        let (subject, heading, paragraphs) = match kind {
            MailKind::PaymentFailed => (
                format!("Payment failed for order {number} at {name}"),
                "Your payment failed",
                vec![
                    format!("Your payment of {total} was declined. You were not charged, and order {number} was canceled. The items are in your cart again."),
                    "If you have already paid another way, ignore this message: you have received a confirmation of that order.".to_owned(),
                ],
            ),
            MailKind::OrderCanceled => (
                format!("Order {number} at {name} was canceled"),
                "Your order was canceled",
                vec![if order.payment_state.is_collected() {
                    format!("Order {number} was canceled. There is nothing left to refund.")
                } else {
                    format!("Order {number} was canceled before it was paid. You were not charged.")
                }],
            ),
            MailKind::OrderShipped if !order.shipping.ships() => (
                format!("Order {number} from {name} is complete"),
                "Your order is complete",
                vec!["We have provided everything that you ordered. Nothing is shipped.".to_owned()],
            ),
            MailKind::OrderShipped => (
                format!("Order {number} from {name} is on its way"),
                "Your order is on its way",
                vec![format!("We have handed your order to the carrier. Delivery takes {} ({}).", order.shipping.delivery_estimate, order.shipping.title)],
            ),
            MailKind::OrderLink => (
                format!("Link to your order {number} at {name}"),
                "Your order",
                vec![
                    format!("Somebody has requested a link to order {number}, with your email address. If it was you, the link opens the order."),
                    "If it was not you, ignore this message. Only you have received the link.".to_owned(),
                ],
            ),
            MailKind::OrderRefunded if is_canceled => (
                format!("Order {number} at {name} was canceled and refunded"),
                "Your order was canceled and refunded",
                vec![format!("We have refunded {refunded} of {total} with the payment method that you used. Your bank may need a few days to show it.")],
            ),
            MailKind::OrderRefunded => (
                format!("Refund for order {number} at {name}"),
                "Your refund",
                vec![format!("We have refunded {refunded} of {total} in total, with the payment method that you used. Your bank may need a few days to show it.")],
            ),
            _ => (
                format!("Your order {number} at {name}"),
                "Thank you for your order",
                vec![
                    format!("We have received your payment of {total}. Your order is confirmed."),
                    "Keep this message: it contains what you ordered, the terms of the sale, and how to withdraw from it.".to_owned(),
                ],
            ),
        };
        let letter = Letter {
            heading: heading.to_owned(),
            paragraphs,
            action: Some(("View your order", self.order_link(order))),
            order: Some(order),
            sections: agreed,
        };
        Draft { kind, to: buyer(order), subject, letter }
    }

    fn transfer<'a>(self, account: &str, until: &str, order: &'a OrderView) -> Draft<'a> {
        let (number, total, shop) = (&order.order_number, money(order.total), &self.brand.name);
        let verb = if order.shipping.ships() { "ship" } else { "provide" };
        let letter = Letter {
            heading: "We have received your order".to_owned(),
            paragraphs: vec![
                format!(
                    "Transfer {total} by {until}. Until then, your items are reserved for you. We {verb} them when the transfer has arrived."
                ),
                format!("Account: {}", account.lines().collect::<Vec<_>>().join(", ")),
                format!("Reference: {number}"),
            ],
            action: Some(("View your order", self.order_link(order))),
            order: Some(order),
            sections: &[],
        };
        Draft {
            kind: MailKind::OrderReceived,
            to: buyer(order),
            subject: format!("Your order {number} at {shop}: please transfer {total}"),
            letter,
        }
    }

    fn order_link(self, order: &OrderView) -> String {
        format!("{}/orders/{}?key={}", self.brand.public_url, order.id, order.access_key)
    }

    fn new_order<'a>(self, order: &'a OrderView, operator: &EmailAddress) -> Draft<'a> {
        let (number, total) = (&order.order_number, money(order.total));
        let letter = Letter {
            heading: format!("New order {number}"),
            paragraphs: vec![match order.state {
                OrderState::Pending if order.shipping.ships() => {
                    format!("{} will transfer {total}. Ship when it has arrived.", order.email)
                }
                OrderState::Pending => {
                    format!("{} will transfer {total}. Provide the order when the transfer has arrived.", order.email)
                }
                _ => format!("{} has paid {total}.", order.email),
            }],
            action: Some(("Open the order", format!("{}/admin/orders/{}", self.brand.public_url, order.id))),
            order: Some(order),
            ..Letter::default()
        };
        let subject = format!("New order {number}: {total}");
        Draft { kind: MailKind::NewOrder, to: self.operator(operator), subject, letter }
    }

    fn low_stock<'a>(self, stock: &LowStock, operator: &EmailAddress) -> Draft<'a> {
        let title = HeaderText::new(stock.title.as_deref().unwrap_or(stock.sku.as_str()));
        let link = stock.product_handle.as_ref().map(|handle| {
            let handle = utf8_percent_encode(handle, NON_ALPHANUMERIC);
            ("Open the stock", format!("{}/admin/stock/{handle}", self.brand.public_url))
        });
        let letter = Letter {
            heading: "Low stock".to_owned(),
            paragraphs: vec![format!("{} units of {title} (SKU {}) are available.", stock.available, stock.sku)],
            action: link,
            ..Letter::default()
        };
        let subject = format!("Low stock: {title}, {} left", stock.available);
        Draft { kind: MailKind::LowStock, to: self.operator(operator), subject, letter }
    }

    fn operator(self, address: &EmailAddress) -> Mailbox {
        Mailbox { name: HeaderText::new(&self.brand.name), email: address.clone() }
    }
}

fn buyer(order: &OrderView) -> Mailbox {
    Mailbox { name: HeaderText::new(&order.shipping_address.name), email: order.email.clone() }
}

/// A recipient without a name: the account may be another's by now.
fn unnamed(email: &EmailAddress) -> Mailbox {
    Mailbox { name: HeaderText::new(""), email: email.clone() }
}

/// `15 January 2026 at 12:00 UTC`.
fn minute(at: OffsetDateTime) -> Result<String> {
    let format = format_description!("[day padding:none] [month repr:long] [year] at [hour]:[minute] UTC");
    at.to_offset(UtcOffset::UTC).format(format).map_err(Error::custom)
}

/// `15 January 2026`.
pub(crate) fn day(at: OffsetDateTime) -> Result<String> {
    let format = format_description!("[day padding:none] [month repr:long] [year]");
    at.to_offset(UtcOffset::UTC).format(format).map_err(Error::custom)
}
