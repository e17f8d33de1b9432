//! The outbox: messages written together with the changes that they announce, the backlogs of its consumers, and the lease of the
//! worker that delivers them.

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};

use super::{Consumer, StoreError};
use crate::domain::{EmailAddress, OrderId, OutboxMessageId};

/// A message that is delivered at least once to every consumer, written together with the change it announces. It is kept for some
/// time after delivery, for the auditor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Message ID; sorts by time of writing.
    pub id: OutboxMessageId,
    /// What happened, for example `order.placed`.
    pub topic: String,
    /// Subject: an order ID, a SKU for `stock.low`, a customer ID for [`OutboxMessage::EMAIL_CONFIRMATION`], an order ID and an email
    /// address for [`OutboxMessage::ORDER_LINK`], or an email address for the other topics of accounts.
    pub subject: String,
    /// When it happened.
    pub occurred_at: OffsetDateTime,
}

impl OutboxMessage {
    /// Somebody has requested to reset the password of the account with an email address, which may not exist.
    pub const PASSWORD_RESET: &str = "account.password_reset_requested";

    /// An account wants an email address, which a mailed link confirms.
    pub const EMAIL_CONFIRMATION: &str = "account.email_confirmation_requested";

    /// An account has another email address. The subject is the former one.
    pub const EMAIL_CHANGED: &str = "account.email_changed";

    /// The password of an account was changed. The subject is its email address at that time.
    pub const PASSWORD_CHANGED: &str = "account.password_changed";

    /// Somebody has requested a link to an order with an email address. Neither may exist.
    pub const ORDER_LINK: &str = "order.link_requested";

    /// The subject of an [`OutboxMessage::ORDER_LINK`].
    pub fn order_link(order: &OrderId, email: &EmailAddress) -> String {
        format!("{order} {email}")
    }

    /// The order and the email address of an [`OutboxMessage::ORDER_LINK`].
    pub fn requested_link(&self) -> Option<(OrderId, EmailAddress)> {
        let (order, email) = self.subject.split_once(' ')?;
        Some((order.parse().ok()?, email.parse().ok()?))
    }

    /// Whether messages with a topic are personal data, and only for mails to the person.
    pub fn is_personal(topic: &str) -> bool {
        let personal = [
            Self::PASSWORD_RESET,
            Self::EMAIL_CONFIRMATION,
            Self::EMAIL_CHANGED,
            Self::PASSWORD_CHANGED,
            Self::ORDER_LINK,
        ];
        personal.contains(&topic)
    }

    /// How long a message is kept after it left the outbox, for the auditor. Older orders have no messages.
    pub const KEPT: Duration = Duration::days(7);
}

/// A message that leaves the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatched {
    /// The message.
    pub message: OutboxMessage,
    /// Consumers that have not accepted it: it is added to their backlogs.
    pub backlogs: Vec<Consumer>,
}

/// The outbox, the backlogs of its consumers, and the lease of the worker that delivers them.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Adds a message that announces no other change. A message that is already in the outbox stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn insert_outbox_message(&self, message: &OutboxMessage) -> Result<(), StoreError>;

    /// Removes a message from everywhere: the outbox, the backlogs, and those that are kept for the auditor. A message that does not
    /// exist is ignored.
    ///
    /// # Errors
    /// [`StoreError`]; the message may then be in some of these places.
    async fn remove_outbox_message(&self, id: &OutboxMessageId) -> Result<(), StoreError>;

    /// The messages in the outbox, oldest first, at most 100.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_outbox(&self) -> Result<Vec<OutboxMessage>, StoreError>;

    /// Removes messages from the outbox and adds each to the backlogs of the consumers that have not accepted it, all or nothing for
    /// each message. Messages that have already left the outbox are ignored, and are added to no backlog.
    ///
    /// # Errors
    /// [`StoreError`]; some messages may then still be in the outbox.
    async fn dispatch(&self, messages: &[Dispatched], now: OffsetDateTime) -> Result<(), StoreError>;

    /// The messages in the backlog of a consumer, oldest first, at most 100. With `after`, only those behind that message, whether or
    /// not it is still in the backlog.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_backlog(
        &self,
        consumer: Consumer,
        after: Option<&OutboxMessageId>,
    ) -> Result<Vec<OutboxMessage>, StoreError>;

    /// Removes messages from the backlog of a consumer that has accepted them. Messages that are not in it are ignored.
    ///
    /// # Errors
    /// [`StoreError`]; some messages may then still be in the backlog.
    async fn remove_from_backlog(&self, consumer: Consumer, ids: &[OutboxMessageId]) -> Result<(), StoreError>;

    /// Takes the lease of the outbox until `until`, if it is free, expired at `now`, or already held by `holder`. Returns whether
    /// `holder` has it now. Of any number of concurrent callers, at most one gets it.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may then be held.
    async fn take_outbox_lease(
        &self,
        holder: &str,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Extends the lease. Returns whether it was extended: not if another holder has taken it since. A lease that has expired may be
    /// extended or lost.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn renew_outbox_lease(&self, holder: &str, until: OffsetDateTime) -> Result<bool, StoreError>;

    /// Releases the lease, unless another holder has taken it since.
    ///
    /// # Errors
    /// [`StoreError`]; the lease then expires.
    async fn release_outbox_lease(&self, holder: &str) -> Result<(), StoreError>;
}
