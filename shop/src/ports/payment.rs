//! The payment provider: card payments as intents, authorized first and captured later.
//!
//! The shop calls it outside every store transaction, with keys it can make again from the order alone
//! (`<order>:<attempt>:<step>`), so that any process may repeat any step after any crash.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::domain::{ChargeLimits, Currency, Money, OrderId, RefundId, ReportedRefund, Reversals};

/// Where a webhook carries its signature, unless the provider has a field of its own.
pub const SIGNATURE_HEADER: &str = "shopease-signature";

/// What the provider shall collect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateIntent {
    /// The provider's idempotency key.
    pub key: String,
    /// For which order; comes back with every event of the intent.
    pub order_id: OrderId,
    /// How much.
    pub amount: Money,
    /// The provider's token of the card.
    pub method: String,
}

/// Asks the card's bank for the money of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmIntent {
    /// The provider's idempotency key.
    pub key: String,
    /// The provider's id of the intent.
    pub intent_id: String,
    /// Where the shopper's browser goes after the bank's own page (3-D Secure).
    pub return_url: String,
}

/// Gives collected money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundIntent {
    /// The provider's idempotency key.
    pub key: String,
    /// The provider's id of the intent.
    pub intent_id: String,
    /// How much of what is not yet given back.
    pub amount: Money,
    /// For which order, and which refund of it: the provider keeps both with the refund, so that the shop finds it again
    /// although its answer was lost and its key is forgotten.
    pub order_id: OrderId,
    /// The shop's id of the refund.
    pub refund_id: RefundId,
}

/// Where an intent stands at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentStatus {
    /// Made, not confirmed: nothing is asked of the bank.
    RequiresConfirmation,
    /// The bank wants to ask the shopper.
    RequiresAction {
        /// The bank's page.
        url: String,
    },
    /// The bank has not answered yet.
    Processing,
    /// The money is held.
    Authorized,
    /// The money is collected.
    Captured,
    /// The bank refused. The intent could still be confirmed with another card: cancel it before giving up on it.
    Declined {
        /// Stable code, for example `insufficient_funds`.
        code: String,
    },
    /// Called off for good; nothing is held.
    Cancelled,
}

/// A payment at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentIntent {
    /// The provider's id.
    pub id: String,
    /// Where it stands.
    pub status: IntentStatus,
    /// What was asked for.
    pub amount: Money,
    /// What was given back of it.
    pub refunded: Money,
    /// Whether the cardholder has ever disputed it.
    pub disputed: bool,
    /// The order it was made for, if it was made by a shop.
    pub order_id: Option<OrderId>,
}

/// A call that gave no intent.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// No clear answer (time-out, 5xx, key still in use): it may have happened.
    #[error("the payment provider gave no clear answer: {0}")]
    Unknown(String),
    /// The provider refused the request, and it did not happen: a wrong card token, an intent in another state.
    #[error("the payment provider refused the request: {code}")]
    Refused {
        /// Stable code.
        code: String,
    },
    /// The provider knows no such intent.
    #[error("the payment provider knows no such intent")]
    NotFound,
}

/// What a webhook told: a hint to look at the intent, nothing more, since events come late, twice and in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEvent {
    /// The provider's id of the event.
    pub id: String,
    /// Which intent to look at.
    pub intent_id: String,
    /// The order it was made for; `None` when the event does not carry it, and the intent does.
    pub order_id: Option<OrderId>,
}

/// Why a webhook was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The signature is missing, cannot be read or is not the provider's.
    #[error("the signature is not valid")]
    Forged,
    /// The signature is right, and older (or newer) than the tolerance: someone may be replaying it.
    #[error("the signature is too old")]
    Stale,
    /// Signed by the provider, but not an event that can be read.
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
}

impl WebhookError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Forged => "forged",
            Self::Stale => "stale",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// Collects money. Every call with a key is idempotent in it: repeating it gives the first answer.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Stable name, kept with every payment.
    fn name(&self) -> &'static str;

    /// Whether `method` can be a token of this provider.
    fn accepts(&self, method: &str) -> bool;

    /// Which totals of a currency can be charged.
    fn charge_limits(&self, currency: Currency) -> ChargeLimits;

    /// Makes an intent without asking the bank. Capture is manual.
    ///
    /// # Errors
    /// [`PaymentError`].
    async fn create_intent(&self, request: &CreateIntent) -> Result<PaymentIntent, PaymentError>;

    /// Asks the card's bank to hold the money. A declined card is an answer, not an error.
    ///
    /// # Errors
    /// [`PaymentError`].
    async fn confirm(&self, request: &ConfirmIntent) -> Result<PaymentIntent, PaymentError>;

    /// The intent as it is now.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Unknown`] when the provider did not answer.
    async fn find_intent(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError>;

    /// Collects the money that is held.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Refused`] when nothing is held (any more).
    async fn capture(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError>;

    /// Gives up an intent that is not captured.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Refused`] when it is captured.
    async fn cancel(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError>;

    /// Gives back money that was collected.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Refused`] when it is more than what is left.
    async fn refund(&self, request: &RefundIntent) -> Result<ReportedRefund, PaymentError>;

    /// All refunds and disputes of an intent as they are now, whoever made them: a refund that [`PaymentProvider::refund`]
    /// has made is among them at once.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Unknown`] when the provider did not answer.
    async fn find_reversals(&self, intent_id: &str) -> Result<Reversals, PaymentError>;

    /// Checks a webhook's signature over its raw body, then reads it. `None`: an event the shop has no use for.
    ///
    /// # Errors
    /// [`WebhookError`].
    fn read_webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
        now: OffsetDateTime,
    ) -> Result<Option<PaymentEvent>, WebhookError>;
}
