//! What the ledger keeps: intents, entries, events.

use serde::{Deserialize, Serialize};
use shopease_shop::domain::{Dispute, Money, OrderId, RefundId, ReportedRefund, ReportedRefundState, Reversals};
use shopease_shop::ports::{IntentStatus, PaymentIntent};
use time::OffsetDateTime;

use super::command::{DisputeStatus, Operation};

/// Where an intent stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Made, nothing asked of the bank.
    RequiresConfirmation,
    /// The bank waits for the shopper.
    RequiresAction,
    /// The money is held.
    Authorized {
        /// Until when.
        #[serde(with = "time::serde::rfc3339")]
        expires_at: OffsetDateTime,
    },
    /// The bank refused.
    Declined {
        /// Stable code.
        decline_code: String,
    },
    /// The money is collected.
    Captured,
    /// Called off.
    Cancelled {
        /// Why.
        reason: CancelReason,
    },
}

/// Why an intent was called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Someone asked for it.
    Requested,
    /// The money was held for too long.
    AuthorizationExpired,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// `pi_fake_` and a ULID.
    pub id: String,
    /// For which order.
    pub order_id: OrderId,
    /// What was asked for.
    pub amount: Money,
    /// What was given back of it.
    pub refunded: Money,
    /// How it was given back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<LedgerRefund>,
    /// The cardholder's dispute, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<LedgerDispute>,
    /// Token of the test card.
    pub method: String,
    /// Where the bank's page sends the browser, once it has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// Where it stands.
    #[serde(flatten)]
    pub status: Status,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRefund {
    /// Unique in the ledger.
    pub id: String,
    /// The shop's refund that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    /// How much.
    pub amount: Money,
    /// Why the bank returned it, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// A dispute about all of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerDispute {
    /// Where it stands.
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
    /// The intent as the port tells it; `page_base_url` is where the bank's pages are.
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

    /// What goes back of it, as the port tells it.
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

    /// The shop's refund with an id, as the port tells it.
    pub(super) fn refund_of(&self, refund_id: &RefundId) -> Option<ReportedRefund> {
        let found = self.refunds.iter().find(|refund| refund.refund_id.as_ref() == Some(refund_id));
        found.map(LedgerRefund::to_port)
    }
}

/// The address of the bank's page for an intent.
pub(super) fn bank_page(base_url: &str, intent_id: &str) -> String {
    format!("{}/authenticate/{intent_id}", base_url.trim_end_matches('/'))
}

/// What moved money, or held it, or let it go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Money is held.
    Authorize,
    /// Held money is collected.
    Capture,
    /// Held money is let go.
    Void,
    /// Collected money is given back.
    Refund,
    /// Money that was given back is the shop's again.
    RefundFailure,
}

/// A line of the ledger; none is ever changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of which intent.
    pub intent_id: String,
    /// For which order.
    pub order_id: OrderId,
    /// What happened.
    pub kind: EntryKind,
    /// With how much, always positive.
    pub amount: Money,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// What was collected for an intent in all: the sums of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// Of which intent.
    pub intent_id: String,
    /// For which order.
    pub order_id: OrderId,
    /// Sum of the captures.
    pub captured: Money,
    /// Sum of the refunds.
    pub refunded: Money,
    /// How many captures: more than one is a defect.
    pub captures: u32,
}

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventType {
    /// The bank wants to ask the shopper.
    #[serde(rename = "payment_intent.requires_action")]
    RequiresAction,
    /// The money is held.
    #[serde(rename = "payment_intent.authorized")]
    Authorized,
    /// The bank refused.
    #[serde(rename = "payment_intent.declined")]
    Declined,
    /// The money is collected.
    #[serde(rename = "payment_intent.captured")]
    Captured,
    /// The intent is called off.
    #[serde(rename = "payment_intent.cancelled")]
    Cancelled,
    /// Money was given back.
    #[serde(rename = "payment_intent.refunded")]
    Refunded,
    /// The bank returned a refund.
    #[serde(rename = "payment_intent.refund_failed")]
    RefundFailed,
    /// The cardholder disputes the payment, or that was decided.
    #[serde(rename = "payment_intent.disputed")]
    Disputed,
}

impl EventType {
    /// The request that causes it, for faults that are limited to one.
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
    /// When, in seconds since 1970.
    pub created: i64,
    /// To which intent.
    pub data: EventData,
}

/// The intent of an [`Event`], as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventData {
    /// Which intent.
    pub intent_id: String,
    /// For which order.
    pub order_id: OrderId,
    /// What was asked for.
    pub amount: Money,
    /// What was given back of it.
    pub refunded: Money,
}
