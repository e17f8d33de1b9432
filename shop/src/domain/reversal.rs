//! Books reversals of a payment: refunds issued by the shop or at the provider, refunds that the bank returned, and disputes. Refunds
//! of shop and provider are matched by the shop's refund ID, never by amount.

use time::OffsetDateTime;

use super::{
    Dispute, DisputeState, Field, FulfillmentState, Money, Order, OrderEvent, OrderState, OrderStep, PaymentFact,
    PaymentKind, Refund, RefundId, RefundSource, RefundState, ReportedRefund, ReportedRefundState, Reversals,
    RuleError, StockEffect, ValueRule,
};

/// Most events of refunds and disputes in one step. A step that also returns 50 line items to stock stays below the 100 actions of a
/// DynamoDB transaction.
const MAX_EVENTS: usize = 40;

impl Order {
    /// Requests a refund. If an order is refunded in full before shipping, its units return to stock once the provider has confirmed
    /// the refund.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] when the payment was not captured, another refund is in progress, the bank withholds the remaining
    /// amount in a dispute, the currency differs, or the amount exceeds the refundable amount.
    pub fn request_refund(&self, id: RefundId, amount: Money, now: OffsetDateTime) -> Result<OrderStep, RuleError> {
        let invalid = |rule| Err(RuleError::invalid(Field::Amount, rule));
        // An order without a total has no payment.
        let is_paid = self.payment.intent_id.is_some() || self.payment.kind() == PaymentKind::BankTransfer;
        if !self.payment.state.is_collected() || !is_paid {
            return invalid(ValueRule::Captured);
        }
        if self.payment.open_refund().is_some() {
            return invalid(ValueRule::NoOpenRefund);
        }
        if self.refundable().amount_minor == 0 && self.disputed_minor() > 0 {
            return invalid(ValueRule::NotDisputed);
        }
        if amount.currency != self.total.currency {
            return invalid(ValueRule::SameCurrency { currency: self.total.currency });
        }
        if amount.amount_minor <= 0 {
            return invalid(ValueRule::Positive);
        }
        if amount.amount_minor > self.refundable().amount_minor {
            return invalid(ValueRule::Refundable { amount: self.refundable() });
        }
        let mut step = self.step();
        let (state, source) = (RefundState::Requested, RefundSource::Shop);
        step.order.payment.refunds.push(Refund { id, amount, state, source, failure_code: None, requested_at: now });
        step.order.due_at = step.order.next_check(now);
        Ok(step)
    }

    /// The refundable amount: the captured amount, less refunds made or in progress, less money withheld in disputes.
    pub fn refundable(&self) -> Money {
        let paid_minor = if self.payment.state.is_collected() { self.total.amount_minor } else { 0 };
        let gone_minor = self.payment.committed_refunds_minor().saturating_add(self.disputed_minor());
        Money { amount_minor: paid_minor.saturating_sub(gone_minor).max(0), currency: self.total.currency }
    }

    /// Cancels an order that is paid, not shipped, and of which no money is left: its total is zero, or the bank has returned it to the
    /// cardholder in a dispute. `None` otherwise.
    pub fn cancel_without_refund(&self) -> Option<OrderStep> {
        if self.state != OrderState::Paid || self.payment.open_refund().is_some() || !self.is_returned_in_full() {
            return None;
        }
        let mut step = self.step();
        step.cancel_unshipped();
        (step.order.state == OrderState::Cancelled).then_some(step)
    }

    /// Minor units that the bank withholds or has returned to the cardholder because of disputes.
    fn disputed_minor(&self) -> i64 {
        self.disputed_in(DisputeState::withholds)
    }

    /// Whether refunds and lost disputes have returned the whole total.
    fn is_returned_in_full(&self) -> bool {
        let lost_minor = self.disputed_in(|state| state == DisputeState::Lost);
        self.payment.refunded_minor().saturating_add(lost_minor) >= self.total.amount_minor
    }

    /// Minor units of disputes in these states. One in another currency may concern the whole total.
    fn disputed_in(&self, is_counted: impl Fn(DisputeState) -> bool) -> i64 {
        let disputes = self.payment.disputes.iter().filter(|dispute| is_counted(dispute.state));
        let amounts = disputes.map(|dispute| {
            let is_comparable = dispute.amount.currency == self.total.currency;
            if is_comparable { dispute.amount.amount_minor } else { self.total.amount_minor }
        });
        amounts.fold(0, i64::saturating_add)
    }

    /// Books the provider's report. `None` if it contains nothing new. Of a long report, only the first part is booked: see
    /// [`OrderStep::is_partial`].
    pub fn book(&self, reported: &Reversals, now: OffsetDateTime) -> Option<OrderStep> {
        if !self.payment.state.is_collected() {
            return None;
        }
        let mut step = self.step();
        for refund in reported.refunds.iter().filter(|refund| refund.amount.currency == self.total.currency) {
            if !step.is_partial() {
                step.book_refund(refund);
            }
        }
        for dispute in &reported.disputes {
            if !step.is_partial() {
                step.book_dispute(dispute);
            }
        }
        step.finish(self, now)
    }

    /// Marks a refund as refused, because the provider rejected it and does not report it, and books the rest of the report.
    pub fn refuse_refund(
        &self,
        id: &RefundId,
        code: String,
        reported: &Reversals,
        now: OffsetDateTime,
    ) -> Option<OrderStep> {
        let mut refused = self.clone();
        let refund = refused.payment.refunds.iter_mut().find(|refund| refund.id == *id)?;
        if refund.state == RefundState::Requested {
            (refund.state, refund.failure_code) = (RefundState::Refused, Some(code));
        }
        match refused.book(reported, now) {
            Some(booked) => Some(booked),
            None => OrderStep { order: Self { version: self.version + 1, ..refused }, ..self.step() }.finish(self, now),
        }
    }

    /// Describes the differences between the order and the provider's report. A requested refund is not a difference, because it may
    /// be completed at any moment.
    pub fn reversal_differences(&self, reported: &Reversals) -> Vec<String> {
        let mut differences = Vec::new();
        for there in &reported.refunds {
            let id = there.id_in(&self.id);
            let here = self.payment.refunds.iter().find(|refund| refund.id == id);
            differences.extend(refund_difference(here, there));
        }
        let reported_ids: Vec<_> = reported.refunds.iter().map(|refund| refund.id_in(&self.id)).collect();
        let done = self.payment.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
        for refund in done.filter(|refund| !reported_ids.contains(&refund.id)) {
            differences.push(format!("refund {} of {} is unknown to the provider", refund.id, refund.amount));
        }
        for there in reported.disputes.iter().filter(|dispute| !self.payment.disputes.contains(dispute)) {
            let (id, amount, state) = (&there.id, there.amount, there.state);
            differences
                .push(format!("dispute {id} of {amount}, {state:?} at the provider, is not booked in this state"));
        }
        differences
    }
}

fn refund_difference(here: Option<&Refund>, there: &ReportedRefund) -> Option<String> {
    let (id, state) = (&there.provider_id, &there.state);
    let Some(here) = here else {
        return Some(format!("refund {id} of {}, {state:?} at the provider, is not in the order", there.amount));
    };
    if here.amount != there.amount {
        return Some(format!("refund {id} is {} in the order, {} at the provider", here.amount, there.amount));
    }
    let same = match here.state {
        RefundState::Requested => true,
        RefundState::Succeeded => !matches!(state, ReportedRefundState::Failed { .. }),
        RefundState::Refused | RefundState::Failed => matches!(state, ReportedRefundState::Failed { .. }),
    };
    (!same)
        .then(|| format!("refund {id} of {} is {:?} in the order, {state:?} at the provider", here.amount, here.state))
}

impl OrderStep {
    /// Whether the provider's report may contain more than this step books.
    pub fn is_partial(&self) -> bool {
        self.topics.len() >= MAX_EVENTS
    }

    fn book_refund(&mut self, reported: &ReportedRefund) {
        let id = reported.id_in(&self.order.id);
        let refunds = &mut self.order.payment.refunds;
        let index = refunds.iter().position(|refund| refund.id == id).unwrap_or_else(|| {
            let source = if reported.refund_id.is_some() { RefundSource::Shop } else { RefundSource::Provider };
            refunds.push(Refund {
                id,
                amount: reported.amount,
                state: RefundState::Requested,
                source,
                failure_code: None,
                requested_at: reported.created_at,
            });
            refunds.len() - 1
        });
        let Some(refund) = refunds.get_mut(index) else { return };
        refund.amount = reported.amount;
        let (state, code) = match &reported.state {
            // Still in progress at the bank: the state does not change.
            ReportedRefundState::Pending => return,
            ReportedRefundState::Succeeded => (RefundState::Succeeded, None),
            ReportedRefundState::Failed { code } => (RefundState::Failed, Some(code.clone())),
        };
        // A request that the provider rejected immediately may leave a failed refund behind: it stays refused.
        if refund.state == state || (refund.state, state) == (RefundState::Refused, RefundState::Failed) {
            return;
        }
        (refund.state, refund.failure_code) = (state, code);
        self.topics.push(if state == RefundState::Succeeded { "order.refunded" } else { "order.refund_failed" });
    }

    fn book_dispute(&mut self, reported: &Dispute) {
        let disputes = &mut self.order.payment.disputes;
        let known = disputes.iter_mut().find(|dispute| dispute.id == reported.id);
        let before = known.as_ref().map(|dispute| dispute.state);
        match known {
            Some(dispute) => dispute.clone_from(reported),
            None => disputes.push(reported.clone()),
        }
        if before == Some(reported.state) {
            return;
        }
        self.topics.push(match reported.state {
            DisputeState::Inquiry | DisputeState::Open => "order.disputed",
            DisputeState::Won => "order.dispute_won",
            DisputeState::Lost => "order.dispute_lost",
        });
    }

    fn cancel_unshipped(&mut self) {
        if self.order.fulfillment == FulfillmentState::Unfulfilled {
            self.apply_event(OrderEvent::Cancelled, StockEffect::Restock, "order.cancelled");
        }
    }

    /// Updates payment, order and stock; `None` if nothing is new.
    fn finish(mut self, before: &Order, now: OffsetDateTime) -> Option<Self> {
        let payment = &mut self.order.payment;
        if (&payment.refunds, &payment.disputes) == (&before.payment.refunds, &before.payment.disputes) {
            return None;
        }
        let refunded_minor = payment.refunded_minor();
        let fact = match refunded_minor {
            0 => PaymentFact::RefundsReturned,
            _ if refunded_minor >= self.order.total.amount_minor => PaymentFact::RefundedInFull,
            _ => PaymentFact::RefundedInPart,
        };
        payment.state = payment.state.after(fact).unwrap_or(payment.state);
        payment.checks = 0;
        self.order.due_at = self.order.next_check(now);
        // Not because of a dispute alone: the merchant decides whether to ship nevertheless.
        if refunded_minor > before.payment.refunded_minor() && self.order.is_returned_in_full() {
            self.cancel_unshipped();
        }
        Some(self)
    }
}
