//! The payment of an order: what is known of the intent at the provider, and what that allows next.

use super::{Dispute, PaymentId, Refund, RefundState};

/// Where the payment of an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentState {
    /// The bank was not asked yet.
    Pending,
    /// The bank wants to ask the shopper (3-D Secure).
    RequiresAction,
    /// The provider did not answer clearly: money may have moved. Stock stays reserved.
    Unknown,
    /// The provider holds the money for us.
    Authorized,
    /// The money is ours.
    Captured,
    /// Some of it was given back.
    PartiallyRefunded,
    /// All of it was given back.
    Refunded,
    /// The provider refused; nothing is held.
    Declined,
    /// Called off before capture; nothing is held.
    Voided,
}

/// What is learned about a payment, from whomever: the checkout, the shopper's return, a webhook, the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentFact {
    /// The provider gave no clear answer.
    NoAnswer,
    /// The intent is there and the bank was not asked.
    Unconfirmed,
    /// The bank wants to ask the shopper.
    ActionRequired,
    /// The money is held.
    Authorized,
    /// The money is collected.
    Captured,
    /// Refused for good: the intent is gone or was never made.
    Declined,
    /// Called off for good.
    Voided,
    /// A refund went through, and something is left.
    RefundedInPart,
    /// A refund went through, and nothing is left.
    RefundedInFull,
    /// The bank returned every refund: nothing is given back.
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

    /// The state after a fact; `None` when the fact tells nothing new or comes too late.
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

    /// Whether it is decided if the shop gets the money.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Pending | Self::RequiresAction | Self::Unknown | Self::Authorized => false,
            Self::Captured | Self::PartiallyRefunded | Self::Refunded | Self::Declined | Self::Voided => true,
        }
    }

    /// Whether money was collected, whatever was given back since.
    pub fn is_collected(self) -> bool {
        matches!(self, Self::Captured | Self::PartiallyRefunded | Self::Refunded)
    }
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Identity.
    pub id: PaymentId,
    /// Which provider, for example `fake`.
    pub provider: String,
    /// The provider's token of the card; never a card number.
    pub method: String,
    /// Counts up when a new intent is made after the old one is known to be void.
    pub attempt: u32,
    /// Where it stands.
    pub state: PaymentState,
    /// The provider's own id of the payment intent, once it has answered.
    pub intent_id: Option<String>,
    /// Why the provider refused, for example `insufficient_funds`.
    pub decline_code: Option<String>,
    /// The bank's page, while it wants to ask the shopper.
    pub action_url: Option<String>,
    /// Nobody wants the payment any more (declined, expired, called off): what is left is to have the provider cancel
    /// the intent. Only then the stock is free.
    pub calling_off: bool,
    /// How often it was looked at without an end since it last came further; the pauses between looks grow with it.
    pub looks: u32,
    /// What was or is to be given back, oldest first: by the shop, or at the provider.
    pub refunds: Vec<Refund>,
    /// What cardholders disputed at their banks, oldest first.
    pub disputes: Vec<Dispute>,
}

impl Payment {
    /// A payment by `method` that the provider has not heard of yet.
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
            calling_off: false,
            looks: 0,
            refunds: Vec::new(),
            disputes: Vec::new(),
        }
    }

    /// The refund that waits for the provider, if any: one at a time.
    pub fn open_refund(&self) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.state == RefundState::Requested)
    }

    /// Minor units that are given back or asked to be.
    pub(super) fn committed_refunds_minor(&self) -> i64 {
        let counted = self.refunds.iter().filter(|refund| refund.state.is_committed());
        counted.map(|refund| refund.amount.amount_minor).fold(0, i64::saturating_add)
    }

    /// Minor units that the provider has given back.
    pub fn refunded_minor(&self) -> i64 {
        let done = self.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
        done.map(|refund| refund.amount.amount_minor).fold(0, i64::saturating_add)
    }

    /// Minor units that the bank has taken back in disputes.
    pub fn disputed_minor(&self) -> i64 {
        let taken = self.disputes.iter().filter(|dispute| dispute.state.withholds());
        taken.map(|dispute| dispute.amount.amount_minor).fold(0, i64::saturating_add)
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

    /// One row a state, one column a fact, in the order of [`FACTS`]; `-` changes nothing.
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
    fn every_fact_in_every_state_does_what_the_table_says() {
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
    fn a_settled_payment_is_never_unsettled_again() {
        for state in State::ALL.into_iter().filter(|state| state.is_settled()) {
            for next in FACTS.into_iter().filter_map(|fact| state.after(fact)) {
                assert!(next.is_settled(), "{state:?} became {next:?}");
            }
        }
    }
}
