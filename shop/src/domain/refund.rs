//! Refunds, issued by the shop or at the payment provider, and disputes, in which a cardholder's bank reverses the payment. The
//! provider's report is authoritative.

use time::OffsetDateTime;

use super::{Money, OrderId, RefundId};

/// State of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// Requested. Stored before the provider is called, so that it is completed even if the process dies.
    Requested,
    /// The provider has refunded the money.
    Succeeded,
    /// The provider rejected the refund: no money moved.
    Refused,
    /// The bank returned the money to the shop. It can be refunded again.
    Failed,
}

impl RefundState {
    /// Returns whether the money is refunded or will be.
    pub fn is_committed(self) -> bool {
        matches!(self, Self::Requested | Self::Succeeded)
    }
}

/// Who issued a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RefundSource {
    /// An operator of the shop.
    #[default]
    Shop,
    /// Issued at the payment provider, for example in its dashboard.
    Provider,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Refund ID; part of the provider's idempotency key. The provider stores it with refunds issued by the shop.
    pub id: RefundId,
    /// Amount.
    pub amount: Money,
    /// State of the refund.
    pub state: RefundState,
    /// Who issued it.
    pub source: RefundSource,
    /// The provider's code if it was rejected or returned, for example `expired_or_canceled_card`.
    pub failure_code: Option<String>,
    /// When it was requested, or issued at the provider.
    pub requested_at: OffsetDateTime,
}

/// State of a refund at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedRefundState {
    /// In progress.
    Pending,
    /// Refunded.
    Succeeded,
    /// Failed, or returned by the bank.
    Failed {
        /// The provider's code.
        code: String,
    },
}

/// A refund as the provider reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedRefund {
    /// The provider's ID.
    pub provider_id: String,
    /// The shop's refund ID; `None` for a refund issued at the provider.
    pub refund_id: Option<RefundId>,
    /// Amount.
    pub amount: Money,
    /// State at the provider.
    pub state: ReportedRefundState,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

impl ReportedRefund {
    /// The ID of this refund in the order.
    pub fn id_in(&self, order_id: &OrderId) -> RefundId {
        let derived = || RefundId::derive(&format!("{order_id}/provider/{}", self.provider_id));
        self.refund_id.clone().unwrap_or_else(derived)
    }
}

/// State of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DisputeState {
    /// Decided for the shop, or withdrawn.
    Won,
    /// Decided for the cardholder; the money is lost.
    Lost,
    /// The bank inquires; it has not taken the money.
    Inquiry,
    /// Open; the bank withholds the money until the dispute is decided.
    Open,
}

impl DisputeState {
    /// Returns whether the bank has the money.
    pub fn withholds(self) -> bool {
        match self {
            Self::Open | Self::Lost => true,
            Self::Won | Self::Inquiry => false,
        }
    }

    /// Returns whether it is undecided.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Inquiry)
    }
}

/// A payment that the cardholder disputes at the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The provider's ID.
    pub id: String,
    /// Disputed amount.
    pub amount: Money,
    /// State of the dispute.
    pub state: DisputeState,
    /// The provider's reason code, for example `fraudulent`.
    pub reason: String,
    /// When it was opened.
    pub opened_at: OffsetDateTime,
}

impl Dispute {
    /// Returns whether the bank withholds money until one of these disputes is decided. Until then, the order cannot be canceled.
    pub fn withhold_undecided(disputes: &[Self]) -> bool {
        disputes.iter().any(|dispute| dispute.state == DisputeState::Open)
    }
}

/// All refunds and disputes of a payment, as reported by the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reversals {
    /// Refunds from any source, oldest first.
    pub refunds: Vec<ReportedRefund>,
    /// Disputes, oldest first.
    pub disputes: Vec<Dispute>,
}
