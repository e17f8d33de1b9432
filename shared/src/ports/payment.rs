//! The payment provider.

use async_trait::async_trait;

use crate::domain::{Money, OrderId};

/// What the provider shall collect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateIntent {
    /// The provider's idempotency key: order, attempt and step.
    pub key: String,
    /// For which order.
    pub order_id: OrderId,
    /// How much.
    pub amount: Money,
    /// The provider's token of the card.
    pub method: String,
}

/// Where an intent stands at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentStatus {
    /// Made, not confirmed.
    RequiresConfirmation,
    /// The money is held.
    Authorized,
    /// The money is collected.
    Captured,
    /// Refused.
    Declined {
        /// Stable code, for example `insufficient_funds`.
        code: String,
    },
    /// Called off; nothing is held.
    Cancelled,
}

/// A payment at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentIntent {
    /// The provider's id.
    pub id: String,
    /// Where it stands.
    pub status: IntentStatus,
}

/// A call that gave no intent.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// No clear answer (time-out, 5xx): it may have happened.
    #[error("the payment provider gave no clear answer: {0}")]
    Unknown(String),
    /// The provider did not accept the request; it did not happen.
    #[error("the payment provider refused the request: {0}")]
    Refused(String),
}

/// Collects money. Every call is idempotent in its key: repeating it gives the first answer.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Stable name, kept with every payment.
    fn name(&self) -> &'static str;

    /// Whether `method` can be a token of this provider.
    fn accepts(&self, method: &str) -> bool;

    /// Makes an intent without collecting (capture is manual).
    ///
    /// # Errors
    /// [`PaymentError`].
    async fn create_intent(&self, request: &CreateIntent) -> Result<PaymentIntent, PaymentError>;

    /// Asks the card's bank to hold the money.
    ///
    /// # Errors
    /// [`PaymentError`].
    async fn confirm(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError>;

    /// Collects the money that is held.
    ///
    /// # Errors
    /// [`PaymentError`].
    async fn capture(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError>;

    /// Gives up an intent that is not captured.
    ///
    /// # Errors
    /// [`PaymentError`].
    async fn cancel(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError>;
}
