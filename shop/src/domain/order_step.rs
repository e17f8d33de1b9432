//! The one place that says how an order goes on: what to ask the payment provider next, and what order, payment, fulfillment
//! and stock become with each thing that is learned. Pure: callers write the step under the order's version, and who
//! comes second reloads and asks again.

use time::{Duration, OffsetDateTime};

use super::{
    Field, FulfillmentEvent, Order, OrderEvent, OrderState, PaymentFact, PaymentState, Refund, RuleError, ValueRule,
};

/// How long whoever works on a payment is left alone by the worker: longer than a key's lease and a request's deadline.
const AT_WORK: Duration = Duration::seconds(60);
/// First pause of the worker after a look that found no end; doubles with each look.
const FIRST_PAUSE: Duration = Duration::seconds(5);
/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::minutes(5);

/// What happens to the stock an order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StockEffect {
    /// Stays as it is.
    Keep,
    /// Reserved units become sold.
    Commit,
    /// Reserved units become available.
    Release,
    /// Sold units become available again.
    Restock,
}

/// A step in the life of an order, to be written under `order.version - 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStep {
    /// The order after the step.
    pub order: Order,
    /// What happens to its reservations.
    pub stock: StockEffect,
    /// What to tell the world, past tense.
    pub topics: Vec<&'static str>,
}

/// What to ask the payment provider next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentCall {
    /// Make the intent.
    Create,
    /// Have the bank asked.
    Confirm {
        /// The intent.
        intent_id: String,
    },
    /// Read where the intent stands.
    Look {
        /// The intent.
        intent_id: String,
    },
    /// Collect.
    Capture {
        /// The intent.
        intent_id: String,
    },
    /// Give the intent up.
    Cancel {
        /// The intent.
        intent_id: String,
    },
    /// Give money back, unless the provider reports that it has done so.
    Refund {
        /// The intent.
        intent_id: String,
        /// What to give back.
        refund: Refund,
    },
    /// Read what goes back of a collected payment: somebody may have refunded or disputed it at the provider or bank.
    Reconcile {
        /// The intent.
        intent_id: String,
    },
    /// Nothing is to be asked: this is known without the provider.
    Known(PaymentFact),
    /// The shopper is at the bank's page.
    AwaitShopper {
        /// The intent.
        intent_id: String,
    },
    /// Nothing is open.
    Done,
}

impl Order {
    /// What to ask the payment provider next.
    pub fn next_payment_call(&self) -> PaymentCall {
        let payment = &self.payment;
        let Some(intent_id) = payment.intent_id.clone() else {
            return match payment.state {
                state if state.is_settled() => PaymentCall::Done,
                // An intent whose id nobody knows was never confirmed: it moves no money.
                _ if payment.calling_off => PaymentCall::Known(self.called_off_as()),
                _ if self.total.amount_minor == 0 => PaymentCall::Known(PaymentFact::Captured),
                _ => PaymentCall::Create,
            };
        };
        match payment.state {
            state if state.is_settled() => match payment.open_refund() {
                Some(refund) => PaymentCall::Refund { intent_id, refund: refund.clone() },
                None => PaymentCall::Done,
            },
            _ if payment.calling_off => PaymentCall::Cancel { intent_id },
            PaymentState::Pending => PaymentCall::Confirm { intent_id },
            PaymentState::RequiresAction => PaymentCall::AwaitShopper { intent_id },
            PaymentState::Authorized => PaymentCall::Capture { intent_id },
            _ => PaymentCall::Look { intent_id },
        }
    }

    /// What a cancelled intent means: the end of a refusal, or of a payment that nobody wants any more.
    pub fn called_off_as(&self) -> PaymentFact {
        if self.payment.decline_code.is_some() { PaymentFact::Declined } else { PaymentFact::Voided }
    }

    /// The step that a fact about the payment causes; `None` when it tells nothing new.
    pub fn learn(&self, fact: PaymentFact, now: OffsetDateTime) -> Option<OrderStep> {
        let state = self.payment.state.after(fact)?;
        let mut step = self.step();
        step.order.payment.state = state;
        if state != PaymentState::RequiresAction {
            step.order.payment.action_url = None;
        }
        match state {
            PaymentState::Captured if self.state == OrderState::Pending => {
                step.order.payment.calling_off = false;
                step.order.payment.decline_code = None;
                step.happens(OrderEvent::PaymentCaptured, StockEffect::Commit, "order.paid");
            }
            PaymentState::Declined | PaymentState::Voided => {
                step.order.payment.calling_off = false;
                step.happens(OrderEvent::CalledOff, StockEffect::Release, "order.cancelled");
            }
            // What is not known any more is looked up; a look that leads back to where it was is one without an end, or
            // else a call that fails each time would be repeated at the first pace for ever.
            PaymentState::Unknown => {}
            _ if self.payment.state == PaymentState::Unknown => {
                step.order.payment.looks = self.payment.looks.saturating_add(1);
            }
            _ => step.order.payment.looks = 0,
        }
        step.order.due_at = step.order.next_look(now);
        Some(step)
    }

    /// The bank wants to ask the shopper on this page.
    pub fn learn_action(&self, url: String, now: OffsetDateTime) -> Option<OrderStep> {
        let mut step = self.learn(PaymentFact::ActionRequired, now)?;
        step.order.payment.action_url = Some(url);
        Some(step)
    }

    /// Keeps the id under which the provider knows the payment. Written before the bank is asked, so that whatever
    /// happens then can be looked up.
    pub fn note_intent(&self, intent_id: String, now: OffsetDateTime) -> OrderStep {
        let mut step = self.step();
        step.order.payment.intent_id = Some(intent_id);
        step.order.payment.state = self.payment.state.after(PaymentFact::Unconfirmed).unwrap_or(self.payment.state);
        step.order.due_at = step.order.next_look(now);
        step
    }

    /// Gives the payment up, refused with a code or not wanted any more: from now on the only way is to have the intent
    /// cancelled. `None` when it is settled, or given up already.
    pub fn cancel(&self, decline_code: Option<String>, now: OffsetDateTime) -> Option<OrderStep> {
        if self.payment.state.is_settled() || self.payment.calling_off {
            return None;
        }
        let mut step = self.step();
        step.order.payment.calling_off = true;
        step.order.payment.decline_code = decline_code;
        step.order.due_at = step.order.next_look(now);
        Some(step)
    }

    /// The worker looked and found no end: it looks again later, and ever later.
    pub fn postpone(&self, now: OffsetDateTime) -> OrderStep {
        let mut step = self.step();
        step.order.payment.looks = self.payment.looks.saturating_add(1);
        step.order.due_at = Some(now + self.pause());
        step
    }

    /// Records that the order was shipped, or returned with its units.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] when the order is not paid or its fulfillment state does not allow the event.
    pub fn record_fulfillment(&self, event: FulfillmentEvent) -> Result<OrderStep, RuleError> {
        let refuse = |rule| RuleError::invalid(Field::Fulfillment, rule);
        if self.state != OrderState::Paid {
            return Err(refuse(ValueRule::Paid));
        }
        let mut step = self.step();
        step.order.fulfillment = self.fulfillment.after(event).ok_or_else(|| refuse(ValueRule::FulfillmentStep))?;
        match event {
            FulfillmentEvent::Shipped => step.topics.push("order.fulfilled"),
            FulfillmentEvent::Returned => {
                step.stock = StockEffect::Restock;
                step.topics.push("order.returned");
            }
        }
        Ok(step)
    }

    /// When the worker shall look at a new order that somebody works on.
    pub fn first_look(placed_at: OffsetDateTime) -> OffsetDateTime {
        placed_at + AT_WORK
    }

    pub(super) fn next_look(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self.payment.state {
            state if state.is_settled() => self.payment.open_refund().map(|_| now + AT_WORK),
            PaymentState::Unknown => Some(now + self.pause()),
            _ => Some(now + AT_WORK),
        }
    }

    /// How long the worker leaves a payment alone of which nothing new is known.
    fn pause(&self) -> Duration {
        (FIRST_PAUSE * 2_i32.pow(self.payment.looks.min(16))).min(LONGEST_PAUSE)
    }

    pub(super) fn step(&self) -> OrderStep {
        let mut order = self.clone();
        order.version += 1;
        OrderStep { order, stock: StockEffect::Keep, topics: Vec::new() }
    }
}

impl OrderStep {
    /// What happens to the order with its payment, if it still can.
    pub(super) fn happens(&mut self, event: OrderEvent, stock: StockEffect, topic: &'static str) {
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
