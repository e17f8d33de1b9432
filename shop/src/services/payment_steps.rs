//! Advances a payment: makes the order's next call to the provider, writes the resulting step, and repeats until nothing is open or
//! someone else must act. The checkout, the shopper's return, webhooks, operators and the worker all use it. Each step is one
//! conditional write; after a conflict, processing continues from the stored order.

use std::time::Duration;

use tokio::time::Instant;

use super::LocalShop;
use super::checkout::CHECKOUT;
use super::failpoint::failpoint;
use super::idempotent::key_answer;
use crate::domain::{
    Order, OrderId, OrderState, OrderStep, PaymentCall, PaymentFact, PaymentKind, PaymentState, Refund, RefundSource,
    ReportedRefund, ReportedRefundState, Reversals, StockEffect,
};
use crate::ports::{
    ConfirmIntent, CreateIntent, IdempotencyKey, IntentStatus, KeyAnswer, OrderAdvance, Outcome, PaymentError,
    PaymentIntent, RefundIntent, StoreError,
};
use crate::{ShopError, ShopResult};
use shopease_process::telemetry::metrics;

/// Time limit of advancing a payment. After that, its state is unknown and the worker continues.
const BUDGET: Duration = Duration::from_secs(10);

/// More steps than any payment takes, so that the loop always ends.
const MAX_STEPS: usize = 24;

/// How often the provider may fail to respond in one run: the state is retrieved once, then it is left to the worker.
const MAX_UNANSWERED: u32 = 1;

/// Whether to poll the provider for an intent that waits for the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poll {
    /// No: the shopper was just sent to the bank.
    Never,
    /// Yes, once.
    Once,
    /// Yes, and for a captured payment also retrieve refunds and disputes made at the provider.
    Everything,
}

/// The result of a call to the provider.
enum Next {
    /// Write this step, then make the next call.
    Step(Box<OrderStep>),
    /// Nothing to write: repeating the call now would give the same result.
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
                    PaymentCall::Retrieve { intent_id }
                }
                call => call,
            };
            let next = match tokio::time::timeout_at(deadline, self.call_provider(&order, call)).await {
                Ok(next) => next,
                Err(_) => self.no_answer(&order, "timeout"),
            };
            match next {
                Next::Step(step) => {
                    if step.is_partial() {
                        poll = Poll::Everything;
                    }
                    order = self.write_step(&order, *step).await?;
                }
                Next::Stop => return Ok(order),
            }
            unanswered += u32::from(order.payment.state == PaymentState::Unknown);
            if unanswered > MAX_UNANSWERED {
                return Ok(order);
            }
        }
        tracing::warn!(order_id = %order.id, "a payment took too many steps");
        Ok(order)
    }

    async fn call_provider(&self, order: &Order, call: PaymentCall) -> Next {
        failpoint("before-provider");
        let key = |step: &str| format!("{}:{}:{step}", order.id, order.payment.attempt);
        let result = match &call {
            PaymentCall::Create => {
                let request = CreateIntent {
                    key: key("create"),
                    order_id: order.id.clone(),
                    amount: order.total,
                    method: order.payment.method.clone(),
                    email: order.email.clone(),
                    return_url: self.return_url(order),
                };
                self.payments.create_intent(&request).await
            }
            PaymentCall::Confirm { intent_id } => {
                let request = ConfirmIntent {
                    key: key("confirm"),
                    intent_id: intent_id.clone(),
                    method: order.payment.method.clone(),
                    return_url: self.return_url(order),
                };
                self.payments.confirm(&request).await
            }
            PaymentCall::Retrieve { intent_id } => self.payments.find_intent(intent_id).await,
            PaymentCall::Capture { intent_id } => self.payments.capture(intent_id, &key("capture")).await,
            PaymentCall::Cancel { intent_id } => self.payments.cancel(intent_id, &key("cancel")).await,
            PaymentCall::Refund { intent_id, refund } => {
                return self.refund(order, intent_id, refund, key(&format!("refund:{}", refund.id))).await;
            }
            PaymentCall::Reconcile { intent_id } => return self.reconcile(order, intent_id).await,
            PaymentCall::NoCall(fact) => return self.apply_fact(order, *fact),
            PaymentCall::TransferRefund(refund) => return self.transfer_refund(order, refund),
            PaymentCall::AwaitShopper { .. } | PaymentCall::Done => return Next::Stop,
        };
        failpoint("after-provider");
        match result {
            Ok(intent) => self.interpret(order, &call, intent),
            Err(PaymentError::Refused { code }) => self.handle_refusal(order, call, code).await,
            // The provider itself issued the intent's ID, so "not found" is no proof that no money moved.
            Err(error @ (PaymentError::Unknown(_) | PaymentError::NotFound)) => {
                self.no_answer(order, &error.to_string())
            }
        }
    }

    /// Converts an intent's status into a step of the order.
    fn interpret(&self, order: &Order, call: &PaymentCall, intent: PaymentIntent) -> Next {
        let now = self.clock.now();
        if intent.amount != order.total {
            // The intent belongs to another order or shop: it must not be acted on.
            return self.no_answer(order, "the provider reports another amount");
        }
        if *call == PaymentCall::Create {
            return Next::Step(Box::new(order.record_intent(intent.id, now)));
        }
        let next = match intent.status {
            IntentStatus::RequiresConfirmation => self.apply_fact(order, PaymentFact::Unconfirmed),
            IntentStatus::RequiresAction { url } => step(order.require_action(url, now)),
            IntentStatus::Processing => Next::Stop,
            IntentStatus::Authorized => self.apply_fact(order, PaymentFact::Authorized),
            IntentStatus::Captured => self.apply_fact(order, PaymentFact::Captured),
            IntentStatus::Declined { code } => step(order.cancel(Some(code), now)),
            IntentStatus::Cancelled => {
                // If the provider canceled the intent itself, the authorization has expired, which counts as a decline.
                let expired = matches!(call, PaymentCall::Capture { .. } | PaymentCall::Retrieve { .. });
                match order.cancel(Some("authorization_expired".to_owned()), now) {
                    Some(refusal) if expired => Next::Step(Box::new(refusal)),
                    _ => self.apply_fact(order, order.cancellation_fact()),
                }
            }
        };
        match next {
            Next::Step(mut step) => {
                // The payment on a payment page has an ID of its own.
                step.order.payment.intent_id = Some(intent.id);
                Next::Step(step)
            }
            Next::Stop => Next::Stop,
        }
    }

    /// Handles a rejected call. The status of the intent determines the consequence.
    async fn handle_refusal(&self, order: &Order, call: PaymentCall, code: String) -> Next {
        let now = self.clock.now();
        let confirming = matches!(call, PaymentCall::Confirm { .. });
        let intent_id = match call {
            // No intent was created, so no money can have moved.
            PaymentCall::Create => return step(order.cancel(Some(code), now)),
            PaymentCall::Confirm { intent_id }
            | PaymentCall::Capture { intent_id }
            | PaymentCall::Cancel { intent_id }
            | PaymentCall::Retrieve { intent_id }
            | PaymentCall::AwaitShopper { intent_id } => intent_id,
            PaymentCall::Refund { .. }
            | PaymentCall::Reconcile { .. }
            | PaymentCall::NoCall(_)
            | PaymentCall::TransferRefund(_)
            | PaymentCall::Done => return Next::Stop,
        };
        let intent = match self.payments.find_intent(&intent_id).await {
            Ok(intent) => intent,
            Err(error) => return self.no_answer(order, &error.to_string()),
        };
        let unpaid = match intent.status {
            IntentStatus::RequiresConfirmation | IntentStatus::Declined { .. } => true,
            // A repeated confirmation with another return URL (because the shop's public URL has changed) is rejected, although the
            // first one has authorized the money.
            IntentStatus::Authorized => !confirming,
            _ => false,
        };
        if unpaid && order.payment.canceling {
            // It can neither be canceled nor captured now: try again later.
            return self.no_answer(order, &code);
        }
        if unpaid {
            return step(order.cancel(Some(code), now));
        }
        self.interpret(order, &PaymentCall::Retrieve { intent_id }, intent)
    }

    /// Requests a refund from the provider, unless it reports that the refund already exists. The idempotency key is not sufficient to
    /// prevent a second refund, because providers delete keys after a day. So the intent's refunds are retrieved before each request and
    /// after each rejection, and matched by the shop's refund ID, which the provider stores with the refund. Amounts are not sufficient:
    /// someone may have refunded the same amount at the provider.
    async fn refund(&self, order: &Order, intent_id: &str, refund: &Refund, key: String) -> Next {
        let reported = match self.payments.find_reversals(intent_id).await {
            Ok(reported) => reported,
            Err(error) => return self.no_answer(order, &error.to_string()),
        };
        if let Some(booked) = order.book(&reported, self.clock.now()) {
            return Next::Step(Box::new(booked));
        }
        let exists = reported.refunds.iter().any(|there| there.id_in(&order.id) == refund.id);
        if exists || refund.source == RefundSource::Provider {
            // In progress at the provider: nothing to do but wait.
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
            Err(PaymentError::Refused { code }) => self.handle_refund_refusal(order, intent_id, refund, code).await,
            Err(error @ (PaymentError::Unknown(_) | PaymentError::NotFound)) => {
                self.no_answer(order, &error.to_string())
            }
        }
    }

    /// Handles a rejected refund: it is marked as refused, unless the provider reports it, because an earlier request succeeded and its
    /// response was lost.
    async fn handle_refund_refusal(&self, order: &Order, intent_id: &str, refund: &Refund, code: String) -> Next {
        let reported = match self.payments.find_reversals(intent_id).await {
            Ok(reported) => reported,
            Err(error) => return self.no_answer(order, &error.to_string()),
        };
        let now = self.clock.now();
        if reported.refunds.iter().any(|there| there.id_in(&order.id) == refund.id) {
            return step(order.book(&reported, now));
        }
        tracing::warn!(order_id = %order.id, refund_id = %refund.id, code, "refund rejected by the payment provider");
        step(order.refuse_refund(&refund.id, code, &reported, now))
    }

    /// Books a refund that an operator transfers.
    fn transfer_refund(&self, order: &Order, refund: &Refund) -> Next {
        let made = ReportedRefund {
            provider_id: refund.id.to_string(),
            refund_id: Some(refund.id.clone()),
            amount: refund.amount,
            state: ReportedRefundState::Succeeded,
            created_at: self.clock.now(),
        };
        step(order.book(&Reversals { refunds: vec![made], ..Reversals::default() }, self.clock.now()))
    }

    /// Books refunds and disputes made at the provider.
    async fn reconcile(&self, order: &Order, intent_id: &str) -> Next {
        match self.payments.find_reversals(intent_id).await {
            Ok(reported) => step(order.book(&reported, self.clock.now())),
            Err(error) => self.no_answer(order, &error.to_string()),
        }
    }

    fn apply_fact(&self, order: &Order, fact: PaymentFact) -> Next {
        step(order.apply(fact, self.clock.now()))
    }

    fn no_answer(&self, order: &Order, reason: &str) -> Next {
        tracing::warn!(order_id = %order.id, state = ?order.payment.state, reason, "payment state unknown");
        self.apply_fact(order, PaymentFact::NoAnswer)
    }

    /// Writes a step, and the outcome of the checkout if the step completes it. After a conflict, returns the current order instead.
    pub(super) async fn write_step(&self, before: &Order, step: OrderStep) -> ShopResult<Order> {
        let outcome = checkout_outcome(before, &step.order)?;
        let topics = step.topics;
        let outbox = topics.iter().map(|topic| self.message(topic, step.order.id.as_str())).collect();
        let advance = OrderAdvance { stock: step.stock, outcome, outbox, ..OrderAdvance::to(step.order) };
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
        if matches!(advance.stock, StockEffect::Release | StockEffect::Restock) {
            self.forget_products_of(&after).await;
        }
        if after.state == OrderState::Cancelled && before.state == OrderState::Pending {
            let lines: Vec<_> = after.lines.iter().map(|line| (line.line.sku.clone(), line.line.quantity)).collect();
            // The order is canceled in any case. Restoring the cart is only a convenience, so a failure is just logged.
            if let Err(error) = self.restore_cart(&after.owner, &lines).await {
                tracing::warn!(order_id = %after.id, %error, "cannot restore the cart");
            }
        }
        Ok(after)
    }

    pub(super) async fn order(&self, id: &OrderId) -> ShopResult<Order> {
        let found = self.store.find_order(id).await?;
        found.ok_or_else(|| ShopError::Internal("the order does not exist".into()))
    }

    /// How long the order reserves stock without being paid.
    pub(super) fn hold_of(&self, order: &Order) -> time::Duration {
        match (order.payment.kind(), &self.config.bank_transfer) {
            (PaymentKind::BankTransfer, Some(transfer)) => time::Duration::days(i64::from(transfer.hold_days)),
            _ => time::Duration::minutes(i64::from(self.config.payment_hold_minutes)),
        }
    }

    /// URL to which the bank's page sends the shopper.
    fn return_url(&self, order: &Order) -> String {
        format!("{}/orders/{}/payment?key={}", self.config.public_url, order.id, order.access_key)
    }
}

/// The outcome of the checkout that placed the order, if a step settles its payment.
fn checkout_outcome(before: &Order, after: &Order) -> ShopResult<Option<KeyAnswer>> {
    if before.state != OrderState::Pending || after.state == OrderState::Pending {
        return Ok(None);
    }
    let key = IdempotencyKey::new(after.placed_by.clone(), CHECKOUT, &after.client_key)?;
    let declined = after.state == OrderState::Cancelled && after.payment.decline_code.is_some();
    Ok(Some(key_answer(&key, if declined { Outcome::Declined } else { Outcome::Placed })))
}

fn step(step: Option<OrderStep>) -> Next {
    step.map_or(Next::Stop, |step| Next::Step(Box::new(step)))
}

/// The metric's name for a change of the payment state, if it counts.
fn outcome_of(before: PaymentState, after: PaymentState) -> Option<&'static str> {
    match after {
        _ if before == after => None,
        PaymentState::Captured => Some("captured"),
        PaymentState::Declined => Some("declined"),
        PaymentState::Voided => Some("voided"),
        // The provider did not respond, or not clearly: the worker retries.
        PaymentState::Unknown => Some("unknown"),
        PaymentState::PartiallyRefunded | PaymentState::Refunded => Some("refunded"),
        PaymentState::Pending | PaymentState::RequiresAction | PaymentState::Authorized => None,
    }
}
