//! Advancing a payment: asks the provider what the order says is next, writes what was learned, and so on until
//! nothing is open or somebody else must act. The checkout, the shopper's return, webhooks, operators and the worker
//! all come through here; each step is one conditional write, and who comes second goes on from the row.

use std::time::Duration;

use tokio::time::Instant;

use super::LocalShop;
use super::checkout::CHECKOUT;
use super::failpoint::failpoint;
use super::idempotent::answer;
use crate::domain::{
    Order, OrderId, OrderState, OrderStep, PaymentCall, PaymentFact, PaymentState, Refund, RefundSource, Reversals,
};
use crate::ports::{
    ConfirmIntent, CreateIntent, IdempotencyKey, IntentStatus, KeyAnswer, OrderAdvance, Outcome, PaymentError,
    PaymentIntent, RefundIntent, StoreError,
};
use crate::{ShopError, ShopResult};
use shopease_process::telemetry::metrics;

/// How long a payment may take while somebody waits for it; then the answer is that it is not known yet.
const BUDGET: Duration = Duration::from_secs(10);

/// More steps than any payment takes, so that two who undo each other's work end.
const MAX_STEPS: usize = 24;

/// How often in one go the provider may give no answer: once it is looked up, then it is left to the worker.
const MAX_UNANSWERED: u32 = 1;

/// Whether to poll the provider for an intent that waits for the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poll {
    /// No: the shopper has only just been sent to the bank.
    Never,
    /// Yes, once.
    Once,
    /// Yes, and of a collected payment also for what was refunded or disputed at the provider.
    Everything,
}

/// What a call of the provider leads to.
enum Next {
    /// Write this, then ask for what is next.
    Step(Box<OrderStep>),
    /// Nothing to write: the same question would give the same answer now.
    Stop,
}

impl LocalShop {
    /// Advances an order's payment as far as the provider lets it.
    pub(super) async fn advance_payment(&self, mut order: Order, poll: Poll) -> ShopResult<Order> {
        let deadline = Instant::now() + BUDGET;
        let (mut poll, mut unanswered) = (poll, 0);
        for _ in 0..MAX_STEPS {
            let call = match order.next_payment_call() {
                PaymentCall::Done => match order.payment.intent_id.clone() {
                    Some(intent_id) if poll == Poll::Everything && order.payment.state.is_collected() => {
                        poll = Poll::Never;
                        PaymentCall::Reconcile { intent_id }
                    }
                    _ => return Ok(order),
                },
                PaymentCall::AwaitShopper { .. } if poll == Poll::Never => return Ok(order),
                PaymentCall::AwaitShopper { intent_id } => {
                    poll = if poll == Poll::Everything { Poll::Everything } else { Poll::Never };
                    PaymentCall::Look { intent_id }
                }
                call => call,
            };
            let next = match tokio::time::timeout_at(deadline, self.ask(&order, call)).await {
                Ok(next) => next,
                Err(_) => self.no_answer(&order, "the time was over"),
            };
            match next {
                Next::Step(step) => order = self.write_step(&order, *step).await?,
                Next::Stop => return Ok(order),
            }
            unanswered += u32::from(order.payment.state == PaymentState::Unknown);
            if unanswered > MAX_UNANSWERED {
                return Ok(order);
            }
        }
        tracing::warn!(order_id = %order.id, "a payment took more steps than any should");
        Ok(order)
    }

    async fn ask(&self, order: &Order, call: PaymentCall) -> Next {
        failpoint("before-provider");
        let key = |step: &str| format!("{}:{}:{step}", order.id, order.payment.attempt);
        let answer = match &call {
            PaymentCall::Create => {
                let request = CreateIntent {
                    key: key("create"),
                    order_id: order.id.clone(),
                    amount: order.total,
                    method: order.payment.method.clone(),
                };
                self.payments.create_intent(&request).await
            }
            PaymentCall::Confirm { intent_id } => {
                let request = ConfirmIntent {
                    key: key("confirm"),
                    intent_id: intent_id.clone(),
                    return_url: self.return_url(order),
                };
                self.payments.confirm(&request).await
            }
            PaymentCall::Look { intent_id } => self.payments.find_intent(intent_id).await,
            PaymentCall::Capture { intent_id } => self.payments.capture(intent_id, &key("capture")).await,
            PaymentCall::Cancel { intent_id } => self.payments.cancel(intent_id, &key("cancel")).await,
            PaymentCall::Refund { intent_id, refund } => {
                return self.refund(order, intent_id, refund, key(&format!("refund:{}", refund.id))).await;
            }
            PaymentCall::Reconcile { intent_id } => return self.reconcile(order, intent_id).await,
            PaymentCall::Known(fact) => return self.learned(order, *fact),
            PaymentCall::AwaitShopper { .. } | PaymentCall::Done => return Next::Stop,
        };
        failpoint("after-provider");
        match answer {
            Ok(intent) => self.interpret(order, &call, intent),
            Err(PaymentError::Refused { code }) => self.refused(order, call, code).await,
            // An intent we were given cannot be unknown to who gave it: whatever is wrong there, it is not proof that
            // no money moved.
            Err(error @ (PaymentError::Unknown(_) | PaymentError::NotFound)) => {
                self.no_answer(order, &error.to_string())
            }
        }
    }

    /// What an intent's status means for the order.
    fn interpret(&self, order: &Order, call: &PaymentCall, intent: PaymentIntent) -> Next {
        let now = self.clock.now();
        if intent.amount != order.total {
            // Someone else's intent, or one of another order: never to be acted on.
            return self.no_answer(order, "the provider names another amount");
        }
        if *call == PaymentCall::Create {
            return Next::Step(Box::new(order.note_intent(intent.id, now)));
        }
        match intent.status {
            IntentStatus::RequiresConfirmation => self.learned(order, PaymentFact::Unconfirmed),
            IntentStatus::RequiresAction { url } => step(order.learn_action(url, now)),
            IntentStatus::Processing => Next::Stop,
            IntentStatus::Authorized => self.learned(order, PaymentFact::Authorized),
            IntentStatus::Captured => self.learned(order, PaymentFact::Captured),
            IntentStatus::Declined { code } => step(order.cancel(Some(code), now)),
            IntentStatus::Cancelled => {
                // Cancelled by the provider itself: an authorization that ran out is a refusal like any other.
                let lost = matches!(call, PaymentCall::Capture { .. } | PaymentCall::Look { .. });
                match order.cancel(Some("authorization_expired".to_owned()), now) {
                    Some(refusal) if lost => Next::Step(Box::new(refusal)),
                    _ => self.learned(order, order.called_off_as()),
                }
            }
        }
    }

    /// The provider did not do it. Where the intent stands decides what that means.
    async fn refused(&self, order: &Order, call: PaymentCall, code: String) -> Next {
        let now = self.clock.now();
        let confirming = matches!(call, PaymentCall::Confirm { .. });
        let intent_id = match call {
            // Nothing was made, nothing can be owed.
            PaymentCall::Create => return step(order.cancel(Some(code), now)),
            PaymentCall::Confirm { intent_id }
            | PaymentCall::Capture { intent_id }
            | PaymentCall::Cancel { intent_id }
            | PaymentCall::Look { intent_id }
            | PaymentCall::AwaitShopper { intent_id } => intent_id,
            PaymentCall::Refund { .. } | PaymentCall::Reconcile { .. } | PaymentCall::Known(_) | PaymentCall::Done => {
                return Next::Stop;
            }
        };
        let intent = match self.payments.find_intent(&intent_id).await {
            Ok(intent) => intent,
            Err(error) => return self.no_answer(order, &error.to_string()),
        };
        let unpaid = match intent.status {
            IntentStatus::RequiresConfirmation | IntentStatus::Declined { .. } => true,
            // A confirmation that is repeated and differs, since the shop has got another address, is refused: the
            // first one has held the money all the same.
            IntentStatus::Authorized => !confirming,
            _ => false,
        };
        if unpaid && order.payment.calling_off {
            // It neither cancels nor collects: later.
            return self.no_answer(order, &code);
        }
        if unpaid {
            return step(order.cancel(Some(code), now));
        }
        self.interpret(order, &PaymentCall::Look { intent_id }, intent)
    }

    /// Has the provider make a refund, unless it reports that it has. Its idempotency key does not keep a refund from being
    /// made twice: providers forget keys after a day. So the intent's refunds are read before each request and after each
    /// refusal, and the shop's own id, which the provider keeps with a refund, says which of them it is. Amounts say nothing:
    /// somebody may have refunded the same sum at the provider.
    async fn refund(&self, order: &Order, intent_id: &str, refund: &Refund, key: String) -> Next {
        let reported = match self.payments.find_reversals(intent_id).await {
            Ok(reported) => reported,
            Err(error) => return self.no_answer(order, &error.to_string()),
        };
        if let Some(booked) = order.book(&reported, self.clock.now()) {
            return Next::Step(Box::new(booked));
        }
        let is_there = reported.refunds.iter().any(|there| there.id_in(&order.id) == refund.id);
        if is_there || refund.source == RefundSource::Provider {
            // On its way: nothing but time makes a difference.
            return Next::Stop;
        }
        let request = RefundIntent {
            key,
            intent_id: intent_id.to_owned(),
            amount: refund.amount,
            order_id: order.id.clone(),
            refund_id: refund.id.clone(),
        };
        let made = self.payments.refund(&request).await;
        failpoint("after-provider");
        match made {
            Ok(made) => step(order.book(&Reversals { refunds: vec![made], ..Reversals::default() }, self.clock.now())),
            Err(PaymentError::Refused { code }) => self.refund_refused(order, intent_id, refund, code).await,
            Err(error @ (PaymentError::Unknown(_) | PaymentError::NotFound)) => {
                self.no_answer(order, &error.to_string())
            }
        }
    }

    /// The provider refused a refund: it is refused unless the provider reports it, done by a request whose answer was lost.
    async fn refund_refused(&self, order: &Order, intent_id: &str, refund: &Refund, code: String) -> Next {
        let reported = match self.payments.find_reversals(intent_id).await {
            Ok(reported) => reported,
            Err(error) => return self.no_answer(order, &error.to_string()),
        };
        let now = self.clock.now();
        if reported.refunds.iter().any(|there| there.id_in(&order.id) == refund.id) {
            return step(order.book(&reported, now));
        }
        tracing::warn!(order_id = %order.id, refund_id = %refund.id, code, "a refund was refused");
        step(order.refuse_refund(&refund.id, code, &reported, now))
    }

    /// Books what was refunded or disputed at the provider.
    async fn reconcile(&self, order: &Order, intent_id: &str) -> Next {
        match self.payments.find_reversals(intent_id).await {
            Ok(reported) => step(order.book(&reported, self.clock.now())),
            Err(error) => self.no_answer(order, &error.to_string()),
        }
    }

    fn learned(&self, order: &Order, fact: PaymentFact) -> Next {
        step(order.learn(fact, self.clock.now()))
    }

    fn no_answer(&self, order: &Order, reason: &str) -> Next {
        tracing::warn!(order_id = %order.id, state = ?order.payment.state, reason, "payment is not known");
        self.learned(order, PaymentFact::NoAnswer)
    }

    /// Writes a step with the answer to the checkout, if it ends it; when someone else has written one first, gives the
    /// order as it is now.
    pub(super) async fn write_step(&self, before: &Order, step: OrderStep) -> ShopResult<Order> {
        let outcome = checkout_outcome(before, &step.order)?;
        let topics = step.topics;
        let outbox = topics.iter().map(|topic| self.message(topic, step.order.id.as_str())).collect();
        let advance = OrderAdvance { order: step.order, previous_owner: None, stock: step.stock, outcome, outbox };
        failpoint("before-step");
        match self.store.advance_order(&advance).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => return self.order(&advance.order.id).await,
            Err(error) => return Err(error.into()),
        }
        failpoint("after-step");
        for topic in &topics {
            metrics::order_event(topic);
        }
        if let Some(outcome) = outcome_of(before.payment.state, advance.order.payment.state) {
            metrics::payment(outcome);
        }
        self.wakeup.notify_one();
        let after = advance.order;
        if after.state == OrderState::Cancelled && before.state == OrderState::Pending {
            self.forget_products_of(&after).await;
            let lines: Vec<_> = after.lines.iter().map(|line| (line.line.sku.clone(), line.line.quantity)).collect();
            // The order is off in any case; a cart that cannot be refilled now is a comfort lost, not a promise broken.
            if let Err(error) = self.restore_cart(&after.owner, &lines).await {
                tracing::warn!(order_id = %after.id, %error, "the cart was not restored");
            }
        }
        Ok(after)
    }

    pub(super) async fn order(&self, id: &OrderId) -> ShopResult<Order> {
        let found = self.store.find_order(id).await?;
        found.ok_or_else(|| ShopError::Internal("an order is gone".into()))
    }

    /// Where the bank's page sends the shopper's browser.
    fn return_url(&self, order: &Order) -> String {
        format!("{}/orders/{}/payment?key={}", self.config.public_url, order.id, order.access_key)
    }
}

/// The last answer of the checkout that placed the order, when a step settles its payment.
fn checkout_outcome(before: &Order, after: &Order) -> ShopResult<Option<KeyAnswer>> {
    if before.state != OrderState::Pending || after.state == OrderState::Pending {
        return Ok(None);
    }
    let key = IdempotencyKey::new(after.placed_by.clone(), CHECKOUT, &after.client_key)?;
    let declined = after.state == OrderState::Cancelled && after.payment.decline_code.is_some();
    Ok(Some(answer(&key, if declined { Outcome::Declined } else { Outcome::Placed })))
}

fn step(step: Option<OrderStep>) -> Next {
    step.map_or(Next::Stop, |step| Next::Step(Box::new(step)))
}

/// How a metric names what became of a payment, if anything has.
fn outcome_of(before: PaymentState, after: PaymentState) -> Option<&'static str> {
    match after {
        _ if before == after => None,
        PaymentState::Captured => Some("captured"),
        PaymentState::Declined => Some("declined"),
        PaymentState::Voided => Some("voided"),
        // The provider did not answer, or not clearly: the worker asks again.
        PaymentState::Unknown => Some("unknown"),
        PaymentState::PartiallyRefunded | PaymentState::Refunded => Some("refunded"),
        PaymentState::Pending | PaymentState::RequiresAction | PaymentState::Authorized => None,
    }
}
