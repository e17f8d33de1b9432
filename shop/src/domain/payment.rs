//! The payment of an order: the known state of the intent at the provider, and its transitions.

use super::{Dispute, PaymentId, Refund, RefundState};

/// Token of the payment provider's own page, where the shopper pays after placing the order.
pub const HOSTED_PAGE: &str = "hosted_page";

/// Token, and name of the provider, of a transfer to the merchant's bank account.
pub const BANK_TRANSFER: &str = "bank_transfer";

/// State of an order's payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentState {
    /// Not confirmed at the bank yet.
    Pending,
    /// The shopper must confirm the payment at the bank (3-D Secure).
    RequiresAction,
    /// The provider did not respond clearly: money may have moved. Stock stays reserved.
    Unknown,
    /// Authorized, not captured.
    Authorized,
    /// Captured.
    Captured,
    /// Partially refunded.
    PartiallyRefunded,
    /// Fully refunded.
    Refunded,
    /// Declined; no money is held.
    Declined,
    /// Canceled before capture; no money is held.
    Voided,
}

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentKind {
    /// With a card or another method that was entered at checkout.
    Card,
    /// On the payment provider's page.
    HostedPage,
    /// By a transfer to the merchant's bank account. No provider is involved: an operator records the payment and transfers refunds.
    BankTransfer,
}

/// A fact about a payment, from any source: the checkout, the shopper's return, a webhook, the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentFact {
    /// The provider did not respond clearly.
    NoAnswer,
    /// The intent exists but is not confirmed.
    Unconfirmed,
    /// The shopper must confirm the payment at the bank.
    ActionRequired,
    /// The money is authorized.
    Authorized,
    /// The money is captured.
    Captured,
    /// Finally declined: the intent is canceled or was never created.
    Declined,
    /// Finally canceled.
    Voided,
    /// A refund succeeded, and a part of the payment remains.
    RefundedInPart,
    /// A refund succeeded, and nothing remains.
    RefundedInFull,
    /// The bank returned every refund: nothing is refunded.
    RefundsReturned,
}

impl PaymentState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::RequiresAction,
        Self::Unknown,
        Self::Authorized,
        Self::Captured,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::Declined,
        Self::Voided,
    ];

    /// The state after a fact; `None` if the fact is not new or comes too late.
    pub fn after(self, fact: PaymentFact) -> Option<Self> {
        use PaymentFact as Fact;
        match (self, fact) {
            (Self::Pending | Self::RequiresAction | Self::Authorized, Fact::NoAnswer) => Some(Self::Unknown),
            (Self::Unknown, Fact::Unconfirmed) => Some(Self::Pending),
            (Self::Pending | Self::Unknown, Fact::ActionRequired) => Some(Self::RequiresAction),
            (Self::Pending | Self::RequiresAction | Self::Unknown, Fact::Authorized) => Some(Self::Authorized),
            (Self::Pending | Self::RequiresAction | Self::Unknown | Self::Authorized, Fact::Captured) => {
                Some(Self::Captured)
            }
            (Self::Pending | Self::RequiresAction | Self::Unknown | Self::Authorized, Fact::Declined) => {
                Some(Self::Declined)
            }
            (Self::Pending | Self::RequiresAction | Self::Unknown | Self::Authorized, Fact::Voided) => {
                Some(Self::Voided)
            }
            (Self::Captured | Self::PartiallyRefunded | Self::Refunded, Fact::RefundedInPart) => {
                Some(Self::PartiallyRefunded)
            }
            (Self::Captured | Self::PartiallyRefunded, Fact::RefundedInFull) => Some(Self::Refunded),
            (Self::PartiallyRefunded | Self::Refunded, Fact::RefundsReturned) => Some(Self::Captured),
            _ => None,
        }
    }

    /// Returns whether the payment has a final result: captured or not.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Pending | Self::RequiresAction | Self::Unknown | Self::Authorized => false,
            Self::Captured | Self::PartiallyRefunded | Self::Refunded | Self::Declined | Self::Voided => true,
        }
    }

    /// Returns whether money was captured, regardless of later refunds.
    pub fn is_collected(self) -> bool {
        matches!(self, Self::Captured | Self::PartiallyRefunded | Self::Refunded)
    }
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Payment ID.
    pub id: PaymentId,
    /// Name of the provider, for example `fake`.
    pub provider: String,
    /// The provider's token of the card, or [`HOSTED_PAGE`] or [`BANK_TRANSFER`]; never a card number.
    pub method: String,
    /// Incremented when a new intent is created after the old one is known to be void.
    pub attempt: u32,
    /// State of the payment.
    pub state: PaymentState,
    /// The provider's ID of the intent, once known.
    pub intent_id: Option<String>,
    /// The provider's code if the payment was declined, for example `insufficient_funds`.
    pub decline_code: Option<String>,
    /// URL of the bank's page while the shopper must confirm the payment.
    pub action_url: Option<String>,
    /// Whether the payment is being canceled (declined, expired or canceled by an operator). The provider must cancel the intent
    /// before the stock is released.
    pub canceling: bool,
    /// Checks without a final result since the payment last advanced. The pauses between checks grow with it.
    pub checks: u32,
    /// Refunds issued by the shop or at the provider, oldest first.
    pub refunds: Vec<Refund>,
    /// Disputes, oldest first.
    pub disputes: Vec<Dispute>,
}

impl Payment {
    /// A new payment by `method`, not yet known to the provider.
    pub fn new(id: PaymentId, provider: &str, method: String) -> Self {
        Self {
            id,
            provider: provider.to_owned(),
            method,
            attempt: 1,
            state: PaymentState::Pending,
            intent_id: None,
            decline_code: None,
            action_url: None,
            canceling: false,
            checks: 0,
            refunds: Vec::new(),
            disputes: Vec::new(),
        }
    }

    /// How it is paid.
    pub fn kind(&self) -> PaymentKind {
        match self.method.as_str() {
            BANK_TRANSFER => PaymentKind::BankTransfer,
            HOSTED_PAGE => PaymentKind::HostedPage,
            _ => PaymentKind::Card,
        }
    }

    /// The refund in progress, if any. There is at most one at a time.
    pub fn open_refund(&self) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.state == RefundState::Requested)
    }

    /// Minor units that are refunded or requested to be.
    pub(super) fn committed_refunds_minor(&self) -> i64 {
        let counted = self.refunds.iter().filter(|refund| refund.state.is_committed());
        counted.map(|refund| refund.amount.amount_minor).fold(0, i64::saturating_add)
    }

    /// Minor units that are refunded.
    pub fn refunded_minor(&self) -> i64 {
        let done = self.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
        done.map(|refund| refund.amount.amount_minor).fold(0, i64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::PaymentFact as Fact;
    use super::PaymentState as State;

    const FACTS: [Fact; 10] = [
        Fact::NoAnswer,
        Fact::Unconfirmed,
        Fact::ActionRequired,
        Fact::Authorized,
        Fact::Captured,
        Fact::Declined,
        Fact::Voided,
        Fact::RefundedInPart,
        Fact::RefundedInFull,
        Fact::RefundsReturned,
    ];

    /// One row per state, one column per fact in the order of [`FACTS`]; `-` means no change.
    const TABLE: [(State, &str); 9] = [
        (State::Pending, "unknown - action authorized captured declined voided - - -"),
        (State::RequiresAction, "unknown - - authorized captured declined voided - - -"),
        (State::Unknown, "- pending action authorized captured declined voided - - -"),
        (State::Authorized, "unknown - - - captured declined voided - - -"),
        (State::Captured, "- - - - - - - part refunded -"),
        (State::PartiallyRefunded, "- - - - - - - part refunded captured"),
        (State::Refunded, "- - - - - - - part - captured"),
        (State::Declined, "- - - - - - - - - -"),
        (State::Voided, "- - - - - - - - - -"),
    ];

    fn named(name: &str) -> Option<State> {
        Some(match name {
            "pending" => State::Pending,
            "action" => State::RequiresAction,
            "unknown" => State::Unknown,
            "authorized" => State::Authorized,
            "captured" => State::Captured,
            "part" => State::PartiallyRefunded,
            "refunded" => State::Refunded,
            "declined" => State::Declined,
            "voided" => State::Voided,
            "-" => return None,
            other => panic!("no state {other}"),
        })
    }

    #[test]
    fn the_table_covers_every_fact_in_every_state() {
        for (state, row) in TABLE {
            let expected: Vec<_> = row.split(' ').map(named).collect();
            assert_eq!(expected.len(), FACTS.len(), "{state:?}");
            for (fact, expected) in FACTS.into_iter().zip(expected) {
                assert_eq!(state.after(fact), expected, "{state:?} and {fact:?}");
            }
        }
        assert_eq!(TABLE.map(|(state, _)| state), State::ALL);
    }

    #[test]
    fn a_settled_payment_stays_settled() {
        for state in State::ALL.into_iter().filter(|state| state.is_settled()) {
            for next in FACTS.into_iter().filter_map(|fact| state.after(fact)) {
                assert!(next.is_settled(), "{state:?} became {next:?}");
            }
        }
    }
}
