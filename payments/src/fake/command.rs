//! What the ledger can be asked to do, and how it refuses.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shopease_shop::domain::{DisputeState, Money, OrderId, RefundId, hex};

/// A request to the ledger. Together with its key it is done at most once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Command {
    /// Makes an intent.
    Create {
        /// For which order.
        order_id: OrderId,
        /// How much.
        amount: Money,
        /// Token of a test card.
        method: String,
    },
    /// Asks the card's bank to hold the money.
    Confirm {
        /// Of which intent.
        intent_id: String,
        /// Where the bank's page sends the browser.
        return_url: String,
    },
    /// Collects the money that is held.
    Capture {
        /// Of which intent.
        intent_id: String,
    },
    /// Gives an intent up.
    Cancel {
        /// Which intent.
        intent_id: String,
    },
    /// Gives collected money back.
    Refund {
        /// Of which intent.
        intent_id: String,
        /// How much.
        amount: Money,
        /// The shop's refund that it is for; none for one that somebody makes here, as in a provider's dashboard.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refund_id: Option<RefundId>,
    },
    /// The bank returns a refund.
    FailRefund {
        /// Of which intent.
        intent_id: String,
        /// Which refund, by the ledger's own id.
        refund: String,
    },
    /// The cardholder disputes the payment at the bank, or the bank decides that.
    Dispute {
        /// Of which intent.
        intent_id: String,
        /// Where the dispute stands from now on.
        state: DisputeStatus,
    },
    /// The shopper's answer on the bank's page.
    Authenticate {
        /// Which intent.
        intent_id: String,
        /// Whether the shopper approved.
        approved: bool,
    },
}

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// The bank asks, and has taken no money.
    Inquiry,
    /// The bank has taken the money until it is decided.
    Open,
    /// Decided for the shop.
    Won,
    /// Decided for the cardholder.
    Lost,
}

impl DisputeStatus {
    /// As the port names it.
    pub(super) fn to_port(self) -> DisputeState {
        match self {
            Self::Inquiry => DisputeState::Inquiry,
            Self::Open => DisputeState::Open,
            Self::Won => DisputeState::Won,
            Self::Lost => DisputeState::Lost,
        }
    }
}

/// The kind of a request, for faults that are limited to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// [`Command::Create`].
    Create,
    /// [`Command::Confirm`].
    Confirm,
    /// Reading an intent.
    Retrieve,
    /// [`Command::Capture`].
    Capture,
    /// [`Command::Cancel`].
    Cancel,
    /// [`Command::Refund`].
    Refund,
    /// [`Command::Authenticate`].
    Authenticate,
}

impl Command {
    /// Its kind.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Create { .. } => Operation::Create,
            Self::Confirm { .. } => Operation::Confirm,
            Self::Capture { .. } => Operation::Capture,
            Self::Cancel { .. } => Operation::Cancel,
            Self::Refund { .. } | Self::FailRefund { .. } | Self::Dispute { .. } => Operation::Refund,
            Self::Authenticate { .. } => Operation::Authenticate,
        }
    }

    /// The intent it is about; `None` when it makes one.
    pub(super) fn intent_id(&self) -> Option<&str> {
        match self {
            Self::Create { .. } => None,
            Self::Confirm { intent_id, .. }
            | Self::Capture { intent_id }
            | Self::Cancel { intent_id }
            | Self::Refund { intent_id, .. }
            | Self::FailRefund { intent_id, .. }
            | Self::Dispute { intent_id, .. }
            | Self::Authenticate { intent_id, .. } => Some(intent_id),
        }
    }

    /// SHA-256 of the whole request: two requests under one key are the same when this is.
    pub(super) fn fingerprint(&self) -> String {
        // Serialising this enum cannot fail: no maps, no custom serialisers that refuse.
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex(&Sha256::digest(text))
    }
}

/// Why the ledger gave no intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum LedgerError {
    /// It did not happen.
    #[error("refused: {code}")]
    Refused {
        /// Stable code.
        code: String,
    },
    /// No such intent.
    #[error("no such intent")]
    NotFound,
    /// The first request with this key is still running.
    #[error("a request with this key is running")]
    KeyInUse,
    /// The journal cannot be written, so nothing can be promised.
    #[error("the journal cannot be written")]
    Unavailable,
}

impl LedgerError {
    pub(super) fn refused(code: &str) -> Self {
        Self::Refused { code: code.to_owned() }
    }
}

/// The intent is in a state that does not allow the request.
pub(super) const UNEXPECTED_STATE: &str = "payment_intent_unexpected_state";
/// The money was held for too long.
pub(super) const AUTHORIZATION_EXPIRED: &str = "authorization_expired";
/// The key was used for another request.
pub(super) const KEY_REUSED: &str = "idempotency_key_reused";
/// The token is no test card's, or the card's bank has no page here.
pub(super) const UNKNOWN_CARD: &str = "unknown_card";
