//! The ledger's data: intents, entries, events.

use serde::{Deserialize, Serialize};
use shopease_shop::domain::{Dispute, Money, OrderId, RefundId, ReportedRefund, ReportedRefundState, Reversals};
use shopease_shop::ports::{IntentStatus, PaymentIntent};
use time::OffsetDateTime;

use super::command::{DisputeStatus, Operation};

/// Status of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Created, not yet confirmed.
    RequiresConfirmation,
    /// The bank waits for the shopper.
    RequiresAction,
    /// The amount is authorized.
    Authorized {
        /// When the authorization expires.
        #[serde(with = "time::serde::rfc3339")]
        expires_at: OffsetDateTime,
    },
    /// The bank declined.
    Declined {
        /// Stable code.
        decline_code: String,
    },
    /// The amount is captured.
    Captured,
    /// Canceled.
    Cancelled {
        /// The reason.
        reason: CancelReason,
    },
}

/// Why an intent was canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// By request.
    Requested,
    /// The authorization expired.
    AuthorizationExpired,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// `pi_fake_` and a ULID.
    pub id: String,
    /// The order.
    pub order_id: OrderId,
    /// The requested amount.
    pub amount: Money,
    /// The refunded amount.
    pub refunded: Money,
    /// The refunds, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<LedgerRefund>,
    /// The cardholder's dispute, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<LedgerDispute>,
    /// Token of the test card.
    pub method: String,
    /// URL to which the bank's page redirects the browser; set when the intent is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// Current status.
    #[serde(flatten)]
    pub status: Status,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRefund {
    /// Unique in the ledger.
    pub id: String,
    /// The shop's refund ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    /// The amount.
    pub amount: Money,
    /// The code with which the bank returned it, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// A dispute about the full amount of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerDispute {
    /// Current status.
    pub state: DisputeStatus,
    /// When it was opened.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl LedgerRefund {
    fn to_port(&self) -> ReportedRefund {
        let failed = |code: &String| ReportedRefundState::Failed { code: code.clone() };
        ReportedRefund {
            provider_id: self.id.clone(),
            refund_id: self.refund_id.clone(),
            amount: self.amount,
            state: self.failure.as_ref().map_or(ReportedRefundState::Succeeded, failed),
            created_at: self.at,
        }
    }
}

impl Intent {
    /// The intent in the port's terms; `page_base_url` is the base URL of the bank's pages.
    pub(super) fn to_port(&self, page_base_url: Option<&str>) -> PaymentIntent {
        let status = match &self.status {
            Status::RequiresConfirmation => IntentStatus::RequiresConfirmation,
            Status::RequiresAction => {
                IntentStatus::RequiresAction { url: bank_page(page_base_url.unwrap_or_default(), &self.id) }
            }
            Status::Authorized { .. } => IntentStatus::Authorized,
            Status::Declined { decline_code } => IntentStatus::Declined { code: decline_code.clone() },
            Status::Captured => IntentStatus::Captured,
            Status::Cancelled { .. } => IntentStatus::Cancelled,
        };
        PaymentIntent {
            id: self.id.clone(),
            status,
            amount: self.amount,
            refunded: self.refunded,
            disputed: self.dispute.is_some(),
            order_id: Some(self.order_id.clone()),
        }
    }

    /// Its refunds and dispute in the port's terms.
    pub(super) fn reversals(&self) -> Reversals {
        let dispute = self.dispute.as_ref().map(|dispute| Dispute {
            id: format!("dp_{}", self.id),
            amount: self.amount,
            state: dispute.state.to_port(),
            reason: "fraudulent".to_owned(),
            opened_at: dispute.at,
        });
        Reversals {
            refunds: self.refunds.iter().map(LedgerRefund::to_port).collect(),
            disputes: dispute.into_iter().collect(),
        }
    }

    /// The shop's refund with this ID in the port's terms.
    pub(super) fn refund_of(&self, refund_id: &RefundId) -> Option<ReportedRefund> {
        let found = self.refunds.iter().find(|refund| refund.refund_id.as_ref() == Some(refund_id));
        found.map(LedgerRefund::to_port)
    }
}

/// URL of the bank's page for an intent.
pub(super) fn bank_page(base_url: &str, intent_id: &str) -> String {
    format!("{}/authenticate/{intent_id}", base_url.trim_end_matches('/'))
}

/// How an entry affects the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The amount is authorized.
    Authorize,
    /// The authorized amount is captured.
    Capture,
    /// The authorization is released.
    Void,
    /// The captured amount is refunded.
    Refund,
    /// A refund was returned to the shop.
    RefundFailure,
}

/// A line of the ledger; lines are never changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The intent.
    pub intent_id: String,
    /// The order.
    pub order_id: OrderId,
    /// What happened.
    pub kind: EntryKind,
    /// The amount, always positive.
    pub amount: Money,
    /// The time.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Total captured and refunded for an intent: the sums of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// The intent.
    pub intent_id: String,
    /// The order.
    pub order_id: OrderId,
    /// Sum of the captures.
    pub captured: Money,
    /// Sum of the refunds.
    pub refunded: Money,
    /// Number of captures; more than one is a defect.
    pub captures: u32,
}

/// Type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventType {
    /// The bank requires the shopper's confirmation.
    #[serde(rename = "payment_intent.requires_action")]
    RequiresAction,
    /// The amount was authorized.
    #[serde(rename = "payment_intent.authorized")]
    Authorized,
    /// The bank declined.
    #[serde(rename = "payment_intent.declined")]
    Declined,
    /// The amount was captured.
    #[serde(rename = "payment_intent.captured")]
    Captured,
    /// The intent was canceled.
    #[serde(rename = "payment_intent.cancelled")]
    Cancelled,
    /// An amount was refunded.
    #[serde(rename = "payment_intent.refunded")]
    Refunded,
    /// The bank returned a refund.
    #[serde(rename = "payment_intent.refund_failed")]
    RefundFailed,
    /// The cardholder disputed the payment, or the dispute was decided.
    #[serde(rename = "payment_intent.disputed")]
    Disputed,
}

impl EventType {
    /// The request that causes the event, for faults that are limited to one kind.
    pub(super) fn operation(self) -> Operation {
        match self {
            Self::RequiresAction | Self::Authorized | Self::Declined => Operation::Confirm,
            Self::Captured => Operation::Capture,
            Self::Cancelled => Operation::Cancel,
            Self::Refunded | Self::RefundFailed | Self::Disputed => Operation::Refund,
        }
    }
}

/// The body of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `evt_fake_` and a ULID.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The time, in seconds since 1970.
    pub created: i64,
    /// The intent.
    pub data: EventData,
}

/// The intent of an [`Event`], as it was at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventData {
    /// The intent's ID.
    pub intent_id: String,
    /// The order.
    pub order_id: OrderId,
    /// The requested amount.
    pub amount: Money,
    /// The refunded amount.
    pub refunded: Money,
}
