//! Commands of the ledger, and its errors.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shopease_shop::domain::{DisputeState, Money, OrderId, RefundId, hex};

/// A request to the ledger. It is executed at most once under its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Command {
    /// Creates an intent.
    Create {
        /// The order.
        order_id: OrderId,
        /// The amount.
        amount: Money,
        /// Token of a test card, or of the payment page.
        method: String,
    },
    /// Requests an authorization from the card's bank.
    Confirm {
        /// The intent.
        intent_id: String,
        /// URL to which the bank's page redirects the browser.
        return_url: String,
    },
    /// Captures the authorized amount.
    Capture {
        /// The intent.
        intent_id: String,
    },
    /// Cancels an intent.
    Cancel {
        /// The intent.
        intent_id: String,
    },
    /// Refunds a captured amount.
    Refund {
        /// The intent.
        intent_id: String,
        /// The amount.
        amount: Money,
        /// The shop's refund ID; `None` for a refund made here, as in a provider's dashboard.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund_id: Option<RefundId>,
    },
    /// The bank returns a refund.
    FailRefund {
        /// The intent.
        intent_id: String,
        /// The refund, by the ledger's own ID.
        refund: String,
    },
    /// The cardholder disputes the payment at the bank, or the bank decides the dispute.
    Dispute {
        /// The intent.
        intent_id: String,
        /// The new status of the dispute.
        state: DisputeStatus,
    },
    /// The shopper's decision on the bank's page.
    Authenticate {
        /// The intent.
        intent_id: String,
        /// Whether the shopper approved.
        approved: bool,
    },
    /// The shopper pays on the payment page.
    Pay {
        /// The intent.
        intent_id: String,
        /// Token of a test card.
        card: String,
    },
}

/// Status of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// The bank inquires, and has not withdrawn the amount.
    Inquiry,
    /// The bank has withdrawn the amount until it decides.
    Open,
    /// Decided in favor of the shop.
    Won,
    /// Decided in favor of the cardholder.
    Lost,
}

impl DisputeStatus {
    /// The status in the port's terms.
    pub(super) fn to_port(self) -> DisputeState {
        match self {
            Self::Inquiry => DisputeState::Inquiry,
            Self::Open => DisputeState::Open,
            Self::Won => DisputeState::Won,
            Self::Lost => DisputeState::Lost,
        }
    }
}

/// The kind of a request, for faults that are limited to one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// [`Command::Create`].
    Create,
    /// [`Command::Confirm`].
    Confirm,
    /// Retrieving an intent.
    Retrieve,
    /// [`Command::Capture`].
    Capture,
    /// [`Command::Cancel`].
    Cancel,
    /// [`Command::Refund`].
    Refund,
    /// [`Command::Authenticate`] and [`Command::Pay`].
    Authenticate,
}

impl Command {
    /// The kind of the request.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Create { .. } => Operation::Create,
            Self::Confirm { .. } => Operation::Confirm,
            Self::Capture { .. } => Operation::Capture,
            Self::Cancel { .. } => Operation::Cancel,
            Self::Refund { .. } | Self::FailRefund { .. } | Self::Dispute { .. } => Operation::Refund,
            Self::Authenticate { .. } | Self::Pay { .. } => Operation::Authenticate,
        }
    }

    /// The intent that the request concerns; `None` if it creates one.
    pub(super) fn intent_id(&self) -> Option<&str> {
        match self {
            Self::Create { .. } => None,
            Self::Confirm { intent_id, .. }
            | Self::Capture { intent_id }
            | Self::Cancel { intent_id }
            | Self::Refund { intent_id, .. }
            | Self::FailRefund { intent_id, .. }
            | Self::Dispute { intent_id, .. }
            | Self::Authenticate { intent_id, .. }
            | Self::Pay { intent_id, .. } => Some(intent_id),
        }
    }

    /// SHA-256 of the whole request; used to compare two requests with the same key.
    pub(super) fn fingerprint(&self) -> String {
        // Serializing this enum cannot fail: it has no maps and no custom serializers.
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex(&Sha256::digest(text))
    }
}

/// Why the ledger returned no intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum LedgerError {
    /// The request was rejected and not executed.
    #[error("rejected: {code}")]
    Refused {
        /// Stable code.
        code: String,
    },
    /// The intent does not exist.
    #[error("the intent does not exist")]
    NotFound,
    /// The first request with this key is still running.
    #[error("a request with this key is still running")]
    KeyInUse,
    /// The journal cannot be written, so no result would be durable.
    #[error("the journal cannot be written")]
    Unavailable,
}

impl LedgerError {
    pub(super) fn rejected(code: &str) -> Self {
        Self::Refused { code: code.to_owned() }
    }
}

/// The intent is in a state that does not allow the request.
pub(super) const UNEXPECTED_STATE: &str = "payment_intent_unexpected_state";
/// The authorization has expired.
pub(super) const AUTHORIZATION_EXPIRED: &str = "authorization_expired";
/// The key was used for another request.
pub(super) const KEY_REUSED: &str = "idempotency_key_reused";
/// The token is not a test card's, or its card needs a bank page, which does not exist here.
pub(super) const UNKNOWN_CARD: &str = "unknown_card";
