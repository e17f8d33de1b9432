//! The state machine of an order: the next call to the payment provider, and how each fact or event changes order, payment,
//! fulfillment and stock. Pure: callers write a step on condition of the order's version; whoever loses the race reloads the order
//! and tries again.

use time::{Duration, OffsetDateTime};

use super::{
    Field, FulfillmentEvent, Order, OrderEvent, OrderState, PaymentFact, PaymentKind, PaymentState, Refund, RuleError,
    Tracking, ValueRule,
};

/// How long the worker leaves a payment to the request that is processing it: longer than a key's lease and a request's deadline.
const IN_PROGRESS: Duration = Duration::seconds(60);
/// First pause of the worker after a check without a final result; doubles with each check.
const FIRST_PAUSE: Duration = Duration::seconds(5);
/// Longest pause between two checks.
const LONGEST_PAUSE: Duration = Duration::minutes(5);

/// Pause between two checks of an order that waits for a bank transfer, which only ends when an operator records it or the hold ends.
const TRANSFER_PAUSE: Duration = Duration::hours(1);

/// Effect of a step on the stock of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StockEffect {
    /// No change.
    Keep,
    /// Reserved units become sold.
    Commit,
    /// Reserved units become available.
    Release,
    /// Sold units become available again.
    Restock,
}

/// A step of an order, to be written on condition that the stored version is `order.version - 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStep {
    /// The order after the step.
    pub order: Order,
    /// Effect on its reservations.
    pub stock: StockEffect,
    /// Topics of the events to publish.
    pub topics: Vec<&'static str>,
}

/// The next call to the payment provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentCall {
    /// Create the intent.
    Create,
    /// Confirm the intent at the bank.
    Confirm {
        /// The intent.
        intent_id: String,
    },
    /// Retrieve the status of the intent.
    Retrieve {
        /// The intent.
        intent_id: String,
    },
    /// Capture the authorized amount.
    Capture {
        /// The intent.
        intent_id: String,
    },
    /// Cancel the intent.
    Cancel {
        /// The intent.
        intent_id: String,
    },
    /// Refund, unless the provider reports that the refund was already made.
    Refund {
        /// The intent.
        intent_id: String,
        /// The refund.
        refund: Refund,
    },
    /// Retrieve refunds and disputes of a captured payment, including those made at the provider or the bank.
    Reconcile {
        /// The intent.
        intent_id: String,
    },
    /// No call: this fact is known without the provider.
    NoCall(PaymentFact),
    /// No call: an operator transfers this refund.
    TransferRefund(Refund),
    /// No call: the shopper must confirm the payment on the bank's page.
    AwaitShopper {
        /// The intent.
        intent_id: String,
    },
    /// No call: nothing is open.
    Done,
}

impl Order {
    /// Returns the next call to the payment provider.
    pub fn next_payment_call(&self) -> PaymentCall {
        let payment = &self.payment;
        let Some(intent_id) = payment.intent_id.clone() else {
            let transfer = payment.kind() == PaymentKind::BankTransfer;
            return match payment.state {
                state if state.is_settled() => match payment.open_refund() {
                    Some(refund) if transfer => PaymentCall::TransferRefund(refund.clone()),
                    _ => PaymentCall::Done,
                },
                // An intent without a stored ID was never confirmed, so no money has moved.
                _ if payment.canceling => PaymentCall::NoCall(self.cancellation_fact()),
                _ if self.total.amount_minor == 0 => PaymentCall::NoCall(PaymentFact::Captured),
                _ if transfer => PaymentCall::Done,
                _ => PaymentCall::Create,
            };
        };
        match payment.state {
            state if state.is_settled() => match payment.open_refund() {
                Some(refund) => PaymentCall::Refund { intent_id, refund: refund.clone() },
                None => PaymentCall::Done,
            },
            _ if payment.canceling => PaymentCall::Cancel { intent_id },
            PaymentState::Pending => PaymentCall::Confirm { intent_id },
            PaymentState::RequiresAction => PaymentCall::AwaitShopper { intent_id },
            PaymentState::Authorized => PaymentCall::Capture { intent_id },
            _ => PaymentCall::Retrieve { intent_id },
        }
    }

    /// The fact that follows from a canceled intent: declined if the payment was declined, otherwise voided.
    pub fn cancellation_fact(&self) -> PaymentFact {
        if self.payment.decline_code.is_some() { PaymentFact::Declined } else { PaymentFact::Voided }
    }

    /// Applies a fact about the payment; `None` if it changes nothing.
    pub fn apply(&self, fact: PaymentFact, now: OffsetDateTime) -> Option<OrderStep> {
        let state = self.payment.state.after(fact)?;
        let mut step = self.step();
        step.order.payment.state = state;
        if state != PaymentState::RequiresAction {
            step.order.payment.action_url = None;
        }
        match state {
            PaymentState::Captured if self.state == OrderState::Pending => {
                step.order.payment.canceling = false;
                step.order.payment.decline_code = None;
                step.apply_event(OrderEvent::PaymentCaptured, StockEffect::Commit, "order.paid");
            }
            PaymentState::Declined | PaymentState::Voided => {
                step.order.payment.canceling = false;
                step.apply_event(OrderEvent::Cancelled, StockEffect::Release, "order.cancelled");
            }
            // An unknown state is checked again. A check that returns to the previous state counts, too: otherwise a call that
            // always fails would be repeated with the first pause forever.
            PaymentState::Unknown => {}
            _ if self.payment.state == PaymentState::Unknown => {
                step.order.payment.checks = self.payment.checks.saturating_add(1);
            }
            _ => step.order.payment.checks = 0,
        }
        step.order.due_at = step.order.next_check(now);
        Some(step)
    }

    /// Applies that the shopper must confirm the payment on this page of the bank.
    pub fn require_action(&self, url: String, now: OffsetDateTime) -> Option<OrderStep> {
        let mut step = self.apply(PaymentFact::ActionRequired, now)?;
        step.order.payment.action_url = Some(url);
        Some(step)
    }

    /// Records the provider's ID of the intent. Written before the intent is confirmed, so that its outcome can always be retrieved.
    pub fn record_intent(&self, intent_id: String, now: OffsetDateTime) -> OrderStep {
        let mut step = self.step();
        step.order.payment.intent_id = Some(intent_id);
        step.order.payment.state = self.payment.state.after(PaymentFact::Unconfirmed).unwrap_or(self.payment.state);
        step.order.due_at = step.order.next_check(now);
        step
    }

    /// Records that the transfer of an order has arrived on the merchant's bank account.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] if the order is not waiting for a transfer.
    pub fn record_transfer(&self, now: OffsetDateTime) -> Result<OrderStep, RuleError> {
        let waits = self.payment.kind() == PaymentKind::BankTransfer && !self.payment.canceling;
        let step = if waits { self.apply(PaymentFact::Captured, now) } else { None };
        step.ok_or_else(|| RuleError::invalid(Field::Order, ValueRule::AwaitsTransfer))
    }

    /// Starts canceling the payment, because it was declined with a code or is no longer wanted. From then on, the only next call is
    /// to cancel the intent. `None` if the payment is settled or already being canceled.
    pub fn cancel(&self, decline_code: Option<String>, now: OffsetDateTime) -> Option<OrderStep> {
        if self.payment.state.is_settled() || self.payment.canceling {
            return None;
        }
        let mut step = self.step();
        step.order.payment.canceling = true;
        step.order.payment.decline_code = decline_code;
        step.order.due_at = step.order.next_check(now);
        Some(step)
    }

    /// Schedules the next check after a check of the worker without a final result, with growing pauses.
    pub fn postpone(&self, now: OffsetDateTime) -> OrderStep {
        let mut step = self.step();
        step.order.payment.checks = self.payment.checks.saturating_add(1);
        step.order.due_at = Some(now + self.pause());
        step
    }

    /// Records that the order was shipped, or returned with its units, or how its shipment is tracked.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] when the order is not paid, its fulfillment state does not allow the event, or a return has tracking.
    pub fn record_fulfillment(
        &self,
        event: FulfillmentEvent,
        tracking: Option<Tracking>,
    ) -> Result<OrderStep, RuleError> {
        let invalid = |rule| RuleError::invalid(Field::Fulfillment, rule);
        if self.state != OrderState::Paid {
            return Err(invalid(ValueRule::Paid));
        }
        let mut step = self.step();
        step.order.fulfillment = self.fulfillment.after(event).ok_or_else(|| invalid(ValueRule::FulfillmentStep))?;
        match event {
            FulfillmentEvent::Shipped => {
                step.order.tracking = tracking;
                step.topics.push("order.fulfilled");
            }
            FulfillmentEvent::TrackingChanged => {
                step.order.tracking = tracking;
                step.topics.push("order.tracking_changed");
            }
            FulfillmentEvent::Returned => {
                if tracking.is_some() {
                    return Err(RuleError::invalid(Field::Tracking, ValueRule::Shipment));
                }
                step.stock = StockEffect::Restock;
                step.topics.push("order.returned");
            }
        }
        Ok(step)
    }

    /// When the worker first checks a new order, if the request that placed it has not finished it.
    pub fn first_check(placed_at: OffsetDateTime) -> OffsetDateTime {
        placed_at + IN_PROGRESS
    }

    pub(super) fn next_check(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self.payment.state {
            state if state.is_settled() => self.payment.open_refund().map(|_| now + IN_PROGRESS),
            PaymentState::Unknown => Some(now + self.pause()),
            _ => Some(now + IN_PROGRESS),
        }
    }

    /// Pause of the worker until the next check of a payment without news.
    fn pause(&self) -> Duration {
        if self.payment.kind() == PaymentKind::BankTransfer {
            return TRANSFER_PAUSE;
        }
        (FIRST_PAUSE * 2_i32.pow(self.payment.checks.min(16))).min(LONGEST_PAUSE)
    }

    pub(super) fn step(&self) -> OrderStep {
        let mut order = self.clone();
        order.version += 1;
        OrderStep { order, stock: StockEffect::Keep, topics: Vec::new() }
    }
}

impl OrderStep {
    /// Applies an event to the order, if its state allows it.
    pub(super) fn apply_event(&mut self, event: OrderEvent, stock: StockEffect, topic: &'static str) {
        if let Some(state) = self.order.state.after(event) {
            self.order.state = state;
            self.stock = stock;
            self.topics.push(topic);
        }
    }
}

#[cfg(feature = "testing")]
#[cfg(test)]
mod tests;
