//! Paying a placed order: confirm, capture, and what each answer of the provider means for order and stock. Every
//! step is one conditional write; who finds it done already answers from the row.

use super::LocalShop;
use super::checkout::Outcome;
use crate::domain::{Order, OrderState, PaymentState};
use crate::ports::{
    ConfirmIntent, CreateIntent, IdempotencyKey, IntentStatus, OrderAdvance, PaymentError, PaymentIntent, StockEffect,
    StoreError,
};
use crate::shop::{OrderView, ShopError, ShopResult};

/// What a payment has come to.
enum Verdict {
    /// The provider refused: the order is off.
    Declined(String),
    /// Nobody knows: the order stays pending, its stock reserved.
    Unknown,
}

impl LocalShop {
    /// Takes an order from wherever it stands to paid, or as far as the provider lets it.
    pub(super) async fn pay(&self, order: Order, key: IdempotencyKey) -> ShopResult<OrderView> {
        if order.state != OrderState::Pending {
            return Ok(order.into());
        }
        let order = match order.payment.state {
            PaymentState::Authorized => order,
            _ => match self.authorize(&order).await {
                Ok(intent) => {
                    let mut next = step(&order, PaymentState::Authorized);
                    next.payment.intent_id = Some(intent.id);
                    self.advance(next, StockEffect::Keep, None, &[]).await?
                }
                Err(Verdict::Declined(code)) => return self.decline(&order, key, code).await,
                Err(Verdict::Unknown) => return self.leave_unknown(&order).await,
            },
        };
        if order.payment.state != PaymentState::Authorized {
            return Ok(order.into());
        }
        let intent_id = order.payment.intent_id.clone().unwrap_or_default();
        match self.payments.capture(&intent_id, &provider_key(&order, "capture")).await {
            Ok(PaymentIntent { status: IntentStatus::Captured, .. }) => self.settle(&order, key).await,
            Ok(PaymentIntent { status: IntentStatus::Declined { code }, .. }) => self.decline(&order, key, code).await,
            Err(PaymentError::Refused { code }) => self.decline(&order, key, code).await,
            Err(PaymentError::NotFound) => self.decline(&order, key, "cancelled".to_owned()).await,
            Ok(_) | Err(PaymentError::Unknown(_)) => self.leave_unknown(&order).await,
        }
    }

    async fn authorize(&self, order: &Order) -> Result<PaymentIntent, Verdict> {
        let request = CreateIntent {
            key: provider_key(order, "create"),
            order_id: order.id.clone(),
            amount: order.total,
            method: order.payment.method.clone(),
        };
        let verdict = |error| match error {
            PaymentError::Refused { code } => Verdict::Declined(code),
            PaymentError::NotFound => Verdict::Declined("cancelled".to_owned()),
            PaymentError::Unknown(_) => Verdict::Unknown,
        };
        let intent = self.payments.create_intent(&request).await.map_err(verdict)?;
        let confirm = ConfirmIntent {
            key: provider_key(order, "confirm"),
            intent_id: intent.id.clone(),
            return_url: String::new(),
        };
        let intent = self.payments.confirm(&confirm).await.map_err(verdict)?;
        match intent.status {
            IntentStatus::Authorized | IntentStatus::Captured => Ok(intent),
            IntentStatus::Declined { code } => Err(Verdict::Declined(code)),
            IntentStatus::Cancelled => Err(Verdict::Declined("cancelled".to_owned())),
            IntentStatus::RequiresConfirmation | IntentStatus::RequiresAction { .. } | IntentStatus::Processing => {
                Err(Verdict::Unknown)
            }
        }
    }

    async fn settle(&self, order: &Order, key: IdempotencyKey) -> ShopResult<OrderView> {
        let mut next = step(order, PaymentState::Captured);
        next.state = OrderState::Paid;
        let outcome = Outcome::Placed(Box::new(next.clone().into()));
        let paid = self.advance(next, StockEffect::Commit, Some((key, &outcome)), &["order.paid"]).await?;
        Ok(paid.into())
    }

    async fn decline(&self, order: &Order, key: IdempotencyKey, code: String) -> ShopResult<OrderView> {
        let mut next = step(order, PaymentState::Declined);
        next.state = OrderState::Cancelled;
        next.payment.decline_code = Some(code.clone());
        let outcome = Outcome::Declined { code };
        let after = self.advance(next, StockEffect::Release, Some((key, &outcome)), &["order.cancelled"]).await?;
        if after.state != OrderState::Cancelled {
            return Ok(after.into());
        }
        self.forget_products_of(order).await;
        let lines: Vec<_> = order.lines.iter().map(|line| (line.line.sku.clone(), line.line.quantity)).collect();
        self.restore_cart(&order.owner, &lines).await?;
        outcome.into_result()
    }

    async fn leave_unknown(&self, order: &Order) -> ShopResult<OrderView> {
        if order.payment.state == PaymentState::Unknown {
            return Ok(order.clone().into());
        }
        let next = step(order, PaymentState::Unknown);
        Ok(self.advance(next, StockEffect::Keep, None, &[]).await?.into())
    }

    /// Writes a step; when someone else has written one first, gives the order as it is now.
    async fn advance(
        &self,
        next: Order,
        stock: StockEffect,
        outcome: Option<(IdempotencyKey, &Outcome)>,
        topics: &[&str],
    ) -> ShopResult<Order> {
        let outcome = outcome
            .map(|(key, outcome)| serde_json::to_string(outcome).map(|text| (key, text)))
            .transpose()
            .map_err(|error| ShopError::Internal(error.into()))?;
        let outbox = topics.iter().map(|topic| self.message(topic, &next)).collect();
        let advance = OrderAdvance { order: next, stock, outcome, outbox };
        match self.store.advance_order(&advance).await {
            Ok(()) => Ok(advance.order),
            Err(StoreError::Conflict) => {
                let found = self.store.find_order(&advance.order.id).await?;
                found.ok_or_else(|| ShopError::Internal("an order is gone".into()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The order one version on, with its payment in another state.
fn step(order: &Order, state: PaymentState) -> Order {
    let mut next = order.clone();
    next.version += 1;
    next.payment.state = state;
    next
}

/// The provider's idempotency key of a step: stored nowhere, because it follows from the order.
fn provider_key(order: &Order, step: &str) -> String {
    format!("{}:{}:{step}", order.id, order.payment.attempt)
}
