//! What mails are about: which event leads to which mail, and the current data of its order or stock. The crate `mail` writes the
//! texts.

use time::OffsetDateTime;

use super::password_reset::VALID_FOR;
use super::{LocalShop, OrderView};
use crate::ShopResult;
use crate::domain::{
    EmailAddress, MailKind, Order, OrderState, PageKind, PaymentKind, PaymentState, Sku, UndeliveredMail, Variant,
};
use crate::ports::{OutboxMessage, ReturnedMail};

/// The shop, as mails present it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// Name of the shop.
    pub name: String,
    /// Where shoppers reach it; the sender's address if absent.
    pub contact_email: Option<EmailAddress>,
    /// Telephone number of the merchant.
    pub phone: Option<String>,
    /// Postal address of the merchant, several lines.
    pub postal_address: Option<String>,
    /// Public URL, without a trailing slash.
    pub public_url: String,
}

/// What a mail is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A link that resets a password.
    PasswordReset {
        /// Name of the customer.
        name: String,
        /// Address of the account.
        email: EmailAddress,
        /// Token of the link.
        token: String,
    },
    /// A link that confirms an email address.
    EmailConfirmation {
        /// Name of the customer.
        name: String,
        /// The address.
        email: EmailAddress,
        /// Token of the link.
        token: String,
    },
    /// Somebody has entered the email address of an account for another account.
    AccountExists {
        /// Name of the account's owner.
        name: String,
        /// The address.
        email: EmailAddress,
    },
    /// An account has another email address.
    EmailChanged {
        /// The former address.
        email: EmailAddress,
    },
    /// The password of an account was changed.
    PasswordChanged {
        /// Address of the account at that time.
        email: EmailAddress,
    },
    /// A mail about an order.
    Order {
        /// The mail.
        kind: MailKind,
        /// The pages that the shopper agreed to, for the mail that confirms the order: title and text in Markdown.
        agreed: Vec<(PageKind, String)>,
        /// The order as it is now.
        order: Box<OrderView>,
    },
    /// An order waits for a bank transfer.
    Transfer {
        /// The account, as the merchant has written it.
        account: String,
        /// Until when its stock is held.
        until: OffsetDateTime,
        /// The order as it is now.
        order: Box<OrderView>,
    },
    /// A variant has few units left.
    LowStock(LowStock),
}

/// A variant that has few units left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowStock {
    /// The variant.
    pub sku: Sku,
    /// Product and variant, if the product still exists.
    pub title: Option<String>,
    /// Handle of the product, if it still exists.
    pub product_handle: Option<String>,
    /// Units that are available now.
    pub available: u32,
}

/// Topic of an order that is placed and waits for a bank transfer.
pub(super) const AWAITING_TRANSFER: &str = "order.awaiting_transfer";

/// Whether an event may lead to a mail to the shopper.
pub fn concerns_shopper(topic: &str) -> bool {
    OutboxMessage::is_personal(topic)
        || matches!(
            topic,
            AWAITING_TRANSFER
                | "order.paid"
                | "order.cancelled"
                | "order.refunded"
                | "order.fulfilled"
                | "order.tracking_changed"
        )
}

/// Whether an event leads to a mail to the operator.
pub fn concerns_operator(topic: &str) -> bool {
    matches!(topic, AWAITING_TRANSFER | "order.paid" | "stock.low")
}

impl LocalShop {
    /// The shop, as mails present it.
    ///
    /// # Errors
    /// [`crate::ShopError::Unavailable`] when the settings cannot be read.
    pub async fn brand(&self) -> ShopResult<Brand> {
        let settings = &self.settings().await?.settings;
        Ok(Brand {
            name: settings.shop.name.clone(),
            contact_email: settings.contact.email.clone(),
            phone: settings.contact.phone.clone(),
            postal_address: settings.contact.postal_address.clone(),
            public_url: self.config.public_url.clone(),
        })
    }

    /// What to write to the shopper about an event; `None` if there is nothing to write.
    ///
    /// # Errors
    /// [`crate::ShopError::Unavailable`] when the store cannot be read.
    pub async fn notice_to_shopper(&self, event: &OutboxMessage) -> ShopResult<Option<Notice>> {
        if matches!(&*event.topic, OutboxMessage::PASSWORD_RESET | OutboxMessage::ORDER_LINK)
            && self.clock.now() - event.occurred_at > VALID_FOR
        {
            // Nobody expects the answer any more.
            return Ok(None);
        }
        match event.topic.as_str() {
            OutboxMessage::PASSWORD_RESET => return self.password_reset(event).await,
            OutboxMessage::EMAIL_CONFIRMATION => {
                let Ok(id) = event.subject.parse() else { return Ok(None) };
                return self.email_confirmation(&id).await;
            }
            OutboxMessage::EMAIL_CHANGED => {
                return Ok(event.subject.parse().ok().map(|email| Notice::EmailChanged { email }));
            }
            OutboxMessage::PASSWORD_CHANGED => {
                return Ok(event.subject.parse().ok().map(|email| Notice::PasswordChanged { email }));
            }
            _ => {}
        }
        let order = self.order_of_event(event).await?.filter(|order| !order.email.is_erased());
        // Only who reads the mails of the order's own address gets the link.
        let order = order.filter(|order| event.requested_link().is_none_or(|(_, typed)| typed == order.email));
        let Some(order) = order else { return Ok(None) };
        let kind = match event.topic.as_str() {
            AWAITING_TRANSFER => return Ok(self.transfer(order)),
            "order.paid" => MailKind::OrderConfirmation,
            "order.refunded" => MailKind::OrderRefunded,
            "order.fulfilled" => MailKind::OrderShipped,
            "order.tracking_changed" if order.tracking.is_some() => MailKind::OrderShipped,
            OutboxMessage::ORDER_LINK => MailKind::OrderLink,
            "order.cancelled" => match order.payment.state {
                PaymentState::Declined => MailKind::PaymentFailed,
                // The mail about the last refund says that the order was canceled.
                PaymentState::Refunded => return Ok(None),
                _ => MailKind::OrderCanceled,
            },
            _ => return Ok(None),
        };
        let agreed = match kind {
            MailKind::OrderConfirmation => self.agreed_pages(&order).await?,
            _ => Vec::new(),
        };
        Ok(Some(Notice::Order { kind, agreed, order: Box::new(order.into()) }))
    }

    /// Writes to the owner of an email address about a change of the account, if the shop sends mail. An address that waits for its
    /// confirmation may be somebody else's, so it gets none.
    pub(super) async fn notify(&self, topic: &str, email: Option<&EmailAddress>) -> ShopResult<()> {
        match email.filter(|_| self.config.sends_mail) {
            Some(email) => self.publish(topic, email.as_str()).await,
            None => Ok(()),
        }
    }

    fn transfer(&self, order: Order) -> Option<Notice> {
        let transfer = self.config.bank_transfer.as_ref()?;
        let waits = order.payment.kind() == PaymentKind::BankTransfer && order.state == OrderState::Pending;
        let until = order.placed_at + self.hold_of(&order);
        waits.then(|| Notice::Transfer { account: transfer.account.clone(), until, order: Box::new(order.into()) })
    }

    async fn password_reset(&self, event: &OutboxMessage) -> ShopResult<Option<Notice>> {
        let Ok(email) = event.subject.parse() else { return Ok(None) };
        let made = self.new_reset_token(&email).await?;
        Ok(made.map(|(customer, token)| Notice::PasswordReset { name: customer.name, email, token }))
    }

    /// What to write to the operator about an event; `None` if there is nothing to write.
    ///
    /// # Errors
    /// [`crate::ShopError::Unavailable`] when the store cannot be read.
    pub async fn notice_to_operator(&self, event: &OutboxMessage) -> ShopResult<Option<Notice>> {
        if event.topic == "stock.low" {
            return Ok(Some(Notice::LowStock(self.low_stock(&event.subject).await?)));
        }
        let order = self.order_of_event(event).await?;
        // An order that is paid later is news when it is placed. The operator records its payment.
        let is_new =
            |order: &Order| (order.payment.kind() == PaymentKind::BankTransfer) == (event.topic == AWAITING_TRANSFER);
        Ok(order.filter(is_new).map(|order| Notice::Order {
            kind: MailKind::NewOrder,
            agreed: Vec::new(),
            order: Box::new(order.into()),
        }))
    }

    /// Records on its order that a mail was refused or returned, for the operator. Returns the order; `None` if the mail is not about
    /// one, or about one that no longer exists.
    ///
    /// # Errors
    /// [`crate::ShopError::Unavailable`] when the store cannot be read or written.
    pub async fn record_undelivered_mail(&self, mail: &ReturnedMail) -> ShopResult<Option<Order>> {
        let Some(id) = &mail.id.order else { return Ok(None) };
        let Some(order) = self.store.find_order(id).await? else { return Ok(None) };
        let undelivered = UndeliveredMail {
            kind: mail.id.kind,
            address: order.email.clone(),
            code: mail.code.chars().take(UndeliveredMail::MAX_CODE_CHARS).collect(),
            refused_at: mail.at,
        };
        let step = |order: &Order| Ok(order.record_undelivered_mail(&undelivered));
        self.step_until_written(order, step).await.map(Some)
    }

    /// The shop's time.
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    async fn order_of_event(&self, event: &OutboxMessage) -> ShopResult<Option<Order>> {
        let id = event.requested_link().map(|(id, _)| id).or_else(|| event.subject.parse().ok());
        let Some(id) = id else { return Ok(None) };
        Ok(self.store.find_order(&id).await?)
    }

    /// The terms of the sale and the instructions on withdrawal, in the version that the shopper accepted.
    async fn agreed_pages(&self, order: &Order) -> ShopResult<Vec<(PageKind, String)>> {
        let settings = match order.terms_version {
            Some(version) => self.settings_of_version(version).await?.settings,
            None => self.settings().await?.settings.clone(),
        };
        let pages = [PageKind::Terms, PageKind::Returns];
        Ok(pages.into_iter().map(|kind| (kind, settings.pages.get(kind).text.clone())).collect())
    }

    async fn low_stock(&self, subject: &str) -> ShopResult<LowStock> {
        let sku: Sku = subject.parse()?;
        let product = self.store.find_products_by_sku(std::slice::from_ref(&sku)).await?.pop();
        let title = product.as_ref().map(|product| {
            let variant = product.variant(&sku).map(Variant::title).filter(|title| !title.is_empty());
            variant.map_or_else(|| product.title.clone(), |variant| format!("{}, {variant}", product.title))
        });
        let available = self.current_level(&sku).await?.available;
        Ok(LowStock { sku, title, product_handle: product.map(|product| product.handle.to_string()), available })
    }
}
