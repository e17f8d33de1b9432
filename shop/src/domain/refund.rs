//! Money that goes back: refunds, by the shop or at the payment provider, and disputes, by which a cardholder's bank takes
//! it. What the provider reports is authoritative.

use time::OffsetDateTime;

use super::{Money, OrderId, RefundId};

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// Requested, and kept before the provider is called: it will be done, whatever process dies.
    Requested,
    /// The provider has given the money back.
    Succeeded,
    /// The provider refused the request: no money moved.
    Refused,
    /// The bank returned the money: the shop has it again, and it can be refunded again.
    Failed,
}

impl RefundState {
    /// Whether its money is given back, or on its way.
    pub fn is_committed(self) -> bool {
        matches!(self, Self::Requested | Self::Succeeded)
    }
}

/// Who made a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RefundSource {
    /// An operator of the shop.
    #[default]
    Shop,
    /// Somebody at the payment provider, for example in its dashboard.
    Provider,
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Identity; part of the provider's idempotency key. The provider keeps it with a refund that the shop made.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: RefundState,
    /// Who made it.
    pub source: RefundSource,
    /// The provider's code of why it was refused or returned, for example `expired_or_canceled_card`.
    pub failure_code: Option<String>,
    /// When it was requested, or made at the provider.
    pub requested_at: OffsetDateTime,
}

/// Where a refund stands at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedRefundState {
    /// On its way.
    Pending,
    /// Given back.
    Succeeded,
    /// Not given back, or returned by the bank.
    Failed {
        /// The provider's code of why.
        code: String,
    },
}

/// A refund as the provider reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedRefund {
    /// The provider's own id.
    pub provider_id: String,
    /// The shop's refund that it was made for; `None` for one that was made at the provider.
    pub refund_id: Option<RefundId>,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: ReportedRefundState,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl ReportedRefund {
    /// The id under which an order keeps it.
    pub fn id_in(&self, order_id: &OrderId) -> RefundId {
        let made_there = || RefundId::derive(&format!("{order_id}/provider/{}", self.provider_id));
        self.refund_id.clone().unwrap_or_else(made_there)
    }
}

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DisputeState {
    /// Closed without a loss: decided for the shop, or withdrawn.
    Won,
    /// Decided for the cardholder: the money is gone.
    Lost,
    /// The bank asks, and has taken no money yet.
    Inquiry,
    /// The bank has taken the money until it is decided.
    Open,
}

impl DisputeState {
    /// Whether the bank has the money.
    pub fn withholds(self) -> bool {
        match self {
            Self::Open | Self::Lost => true,
            Self::Won | Self::Inquiry => false,
        }
    }

    /// Whether it is still to be decided.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Inquiry)
    }
}

/// A payment that the cardholder disputes at the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The provider's id.
    pub id: String,
    /// How much of the payment.
    pub amount: Money,
    /// Where it stands.
    pub state: DisputeState,
    /// The provider's code of why, for example `fraudulent`.
    pub reason: String,
    /// When it was opened.
    pub opened_at: OffsetDateTime,
}

/// Everything that the provider reports as returned, or demanded back, of a payment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reversals {
    /// Refunds, whoever made them, oldest first.
    pub refunds: Vec<ReportedRefund>,
    /// Disputes, oldest first.
    pub disputes: Vec<Dispute>,
}
