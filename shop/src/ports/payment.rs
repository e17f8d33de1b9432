//! The payment provider: card payments as intents, authorized first and captured later.
//!
//! The shop calls it outside of store transactions, with idempotency keys that are derived from the order alone
//! (`<order>:<attempt>:<step>`), so that any process can repeat any step after a crash.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::domain::{ChargeLimits, Currency, EmailAddress, Money, OrderId, RefundId, ReportedRefund, Reversals};

/// Header with the signature of a webhook, unless the provider has its own header.
pub const SIGNATURE_HEADER: &str = "shopease-signature";

/// Creates a payment intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateIntent {
    /// The provider's idempotency key.
    pub key: String,
    /// The order; included in every event of the intent.
    pub order_id: OrderId,
    /// Amount to charge.
    pub amount: Money,
    /// The token of a payment option, or of a card entered into one.
    pub method: String,
    /// The shopper's address, for a payment page that asks for one.
    pub email: EmailAddress,
    /// URL to which the provider's payment page sends the shopper.
    pub return_url: String,
}

/// Confirms an intent: requests authorization from the card's bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmIntent {
    /// The provider's idempotency key.
    pub key: String,
    /// The provider's ID of the intent.
    pub intent_id: String,
    /// The token that the intent was created with.
    pub method: String,
    /// URL to which the bank's page (3-D Secure) sends the shopper.
    pub return_url: String,
}

/// Refunds a captured payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundIntent {
    /// The provider's idempotency key.
    pub key: String,
    /// The provider's ID of the intent.
    pub intent_id: String,
    /// Amount to refund.
    pub amount: Money,
    /// The order. The provider stores it and the refund ID with the refund, so that the shop can find the refund even if the response
    /// was lost and the key has expired.
    pub order_id: OrderId,
    /// The shop's ID of the refund.
    pub refund_id: RefundId,
}

/// Status of an intent at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentStatus {
    /// Created, not confirmed.
    RequiresConfirmation,
    /// The shopper must confirm the payment at the bank, or pay on the provider's page.
    RequiresAction {
        /// URL of that page.
        url: String,
    },
    /// The bank has not responded yet.
    Processing,
    /// Authorized, not captured.
    Authorized,
    /// Captured.
    Captured,
    /// The bank declined. The intent could still be confirmed with another card, so it must be canceled before the stock is released.
    Declined {
        /// Stable code, for example `insufficient_funds`.
        code: String,
    },
    /// Canceled; no money is held.
    Cancelled,
}

/// A payment at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentIntent {
    /// The provider's ID. It changes once if the intent was a payment page: after the payment it is the payment's.
    pub id: String,
    /// Status.
    pub status: IntentStatus,
    /// Requested amount.
    pub amount: Money,
    /// Refunded amount.
    pub refunded: Money,
    /// Whether it was ever disputed.
    pub disputed: bool,
    /// The order, if the intent was created by a shop.
    pub order_id: Option<OrderId>,
}

/// Error of a call to the payment provider.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// No clear response (timeout, 5xx, key still in use): the call may have succeeded.
    #[error("no clear response of the payment provider: {0}")]
    Unknown(String),
    /// The provider rejected the request, and nothing happened: for example a wrong card token, or an intent in another state.
    #[error("the payment provider rejected the request: {code}")]
    Refused {
        /// Stable code.
        code: String,
    },
    /// The intent does not exist at the provider.
    #[error("the intent does not exist at the payment provider")]
    NotFound,
}

/// A webhook event. It only triggers retrieving the intent, because events can be late, duplicate and out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEvent {
    /// The provider's ID of the event.
    pub id: String,
    /// The intent to retrieve.
    pub intent_id: String,
    /// The order; `None` if only the intent contains it.
    pub order_id: Option<OrderId>,
}

/// Why a webhook was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The signature is missing, malformed or invalid.
    #[error("the signature is invalid")]
    Forged,
    /// The signature is valid, but its timestamp is outside the tolerance: it may be a replay.
    #[error("the timestamp of the signature is outside the tolerance")]
    Stale,
    /// Signed by the provider, but the event cannot be parsed.
    #[error("the event cannot be parsed: {0}")]
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

/// A way to pay that the checkout offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentOption {
    /// A test card. No money is moved.
    TestCard {
        /// The token to order with.
        token: String,
        /// Its label.
        title: String,
    },
    /// The provider's payment page, which opens after the order is placed.
    HostedPage {
        /// The token to order with.
        token: String,
    },
    /// Fields of the provider on the checkout page. Its script turns what the shopper enters into a token to order with.
    Elements {
        /// URL of the script, which defines `Stripe(publishable_key)`. `None` for the shop's own script of test payments.
        script_url: Option<String>,
        /// The key for the script.
        publishable_key: String,
        /// The total in the script's units.
        amount: i64,
    },
    /// A transfer to the merchant's bank account, made by the shopper after the order is placed.
    BankTransfer {
        /// The token to order with.
        token: String,
        /// The account.
        account: String,
        /// How many days an order waits for the transfer; absent in answers of releases that did not state it.
        hold_days: Option<u32>,
    },
}

/// A payment provider. Calls with a key are idempotent: repeating a call with the same key returns the first result.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Stable name, stored with every payment.
    fn name(&self) -> &'static str;

    /// The ways to pay a total, the preferred one first.
    fn options(&self, total: Money) -> Vec<PaymentOption>;

    /// Returns whether `method` can be a token of this provider.
    fn accepts(&self, method: &str) -> bool;

    /// The limits of charges in a currency.
    fn charge_limits(&self, currency: Currency) -> ChargeLimits;

    /// Creates an intent without confirming it. Capture is manual.
    ///
    /// # Errors
    /// [`PaymentError`].
    async fn create_intent(&self, request: &CreateIntent) -> Result<PaymentIntent, PaymentError>;

    /// Requests authorization from the card's bank. A declined card is a status, not an error.
    ///
    /// # Errors
    /// [`PaymentError`].
    async fn confirm(&self, request: &ConfirmIntent) -> Result<PaymentIntent, PaymentError>;

    /// Retrieves the current intent.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Unknown`] when the provider did not respond.
    async fn find_intent(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError>;

    /// Captures the authorized amount.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Refused`] when nothing is authorized.
    async fn capture(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError>;

    /// Cancels an intent that is not captured.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Refused`] when it is captured.
    async fn cancel(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError>;

    /// Refunds a captured payment.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Refused`] when the amount exceeds the remaining amount.
    async fn refund(&self, request: &RefundIntent) -> Result<ReportedRefund, PaymentError>;

    /// Retrieves all refunds and disputes of an intent from any source. A refund by [`PaymentProvider::refund`] is included
    /// immediately.
    ///
    /// # Errors
    /// [`PaymentError`]; [`PaymentError::Unknown`] when the provider did not respond.
    async fn find_reversals(&self, intent_id: &str) -> Result<Reversals, PaymentError>;

    /// Verifies a webhook's signature over its raw body and parses it. `None` for an event that the shop does not need.
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
