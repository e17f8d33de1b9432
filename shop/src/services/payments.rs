//! What moves a placed order on after the checkout: the shopper's return from the bank, webhooks, and the operator's
//! refunds, cancellations and parcels.

use super::LocalShop;
use crate::domain::{FulfillmentState, Order, OrderId, OrderState, OrderStep, RefundId, RuleError};
use crate::ports::IdempotencyKey;
use crate::shop::{Caller, MoveParcel, OrderView, RefundOrder, ShopError, ShopResult};
use shopease_process::telemetry::request;

/// How often a step that met another step of the same order is tried again on what is there now.
const MAX_TRIES: usize = 5;

impl LocalShop {
    pub(super) async fn check_payment_impl(
        &self,
        caller: &Caller,
        id: &OrderId,
        access_key: Option<&str>,
    ) -> ShopResult<OrderView> {
        let order = self.readable_order(caller, id, access_key).await?;
        Ok(self.carry_on_in_background(order).await?.into())
    }

    pub(super) async fn receive_payment_event_impl(&self, signature: Option<&str>, body: &[u8]) -> ShopResult<()> {
        let Some(event) = self.payments.read_webhook(signature, body, self.clock.now())? else { return Ok(()) };
        let Some(order) = self.store.find_order(&event.order_id).await? else {
            // Signed by the provider, so not an attack: another shop on the same account, or a store that was reset.
            tracing::warn!(event_id = event.id, order_id = %event.order_id, "a payment event names no order");
            return Ok(());
        };
        if order.payment.intent_id.as_ref() != Some(&event.intent_id) {
            // Before its intent is noted, the checkout itself is at work; afterwards it is not this order's payment.
            tracing::info!(event_id = event.id, order_id = %event.order_id, "a payment event names another intent");
            return Ok(());
        }
        self.carry_on_in_background(order).await.map(|_| ())
    }

    /// As [`LocalShop::carry_on`], in a task of its own: a client that hangs up must not stop it between two steps.
    pub(super) async fn carry_on_in_background(&self, order: Order) -> ShopResult<Order> {
        let shop = self.clone();
        let task = tokio::spawn(request::in_current(async move { shop.carry_on(order, true).await }));
        task.await.map_err(|error| ShopError::Internal(error.into()))?
    }

    pub(super) async fn cancel_order_impl(&self, caller: &Caller, id: &OrderId) -> ShopResult<OrderView> {
        self.require_operator(caller).await?;
        let order = self.existing_order(id).await?;
        if order.state == OrderState::Cancelled {
            return Err(RuleError::invalid("order", "is cancelled already").into());
        }
        if order.fulfillment != FulfillmentState::Unfulfilled {
            return Err(RuleError::invalid("order", "was sent: give money back instead").into());
        }
        if order.state == OrderState::Paid {
            let refund = RefundOrder { amount: None };
            return self.refund(order, refund, RefundId::derive(&format!("{id}/cancellation"))).await;
        }
        let stepped = self.step_until_written(order, |order| Ok(order.call_off(None, self.clock.now()))).await?;
        Ok(self.carry_on_in_background(stepped).await?.into())
    }

    pub(super) async fn refund_order_impl(
        &self,
        caller: &Caller,
        id: &OrderId,
        command: RefundOrder,
        client_key: &str,
    ) -> ShopResult<OrderView> {
        // First, as a client of the API does: a key that is none cannot travel in a header.
        IdempotencyKey::check(client_key)?;
        self.require_operator(caller).await?;
        let order = self.existing_order(id).await?;
        // The refund's id follows from the key, so the order itself knows what was asked before.
        let refund_id = RefundId::derive(&format!("{id}/{client_key}"));
        self.refund(order, command, refund_id).await
    }

    async fn refund(&self, order: Order, command: RefundOrder, refund_id: RefundId) -> ShopResult<OrderView> {
        let stepped = self
            .step_until_written(order, |order| {
                if let Some(known) = order.payment.refunds.iter().find(|refund| refund.id == refund_id) {
                    let all_of_it = command.amount.is_none_or(|amount| amount == known.amount);
                    return if all_of_it { Ok(None) } else { Err(ShopError::IdempotencyKeyReused) };
                }
                let amount = command.amount.unwrap_or_else(|| order.refundable());
                Ok(Some(order.request_refund(refund_id.clone(), amount, self.clock.now())?))
            })
            .await?;
        Ok(self.carry_on_in_background(stepped).await?.into())
    }

    pub(super) async fn move_parcel_impl(
        &self,
        caller: &Caller,
        id: &OrderId,
        command: MoveParcel,
    ) -> ShopResult<OrderView> {
        self.require_operator(caller).await?;
        let order = self.existing_order(id).await?;
        let moved = self.step_until_written(order, |order| Ok(Some(order.move_parcel(command.event)?))).await?;
        self.forget_products_of(&moved).await;
        Ok(moved.into())
    }

    /// Writes the step that `decide` makes of the order as it is; decides anew when someone else was first.
    async fn step_until_written(
        &self,
        mut order: Order,
        decide: impl Fn(&Order) -> ShopResult<Option<OrderStep>>,
    ) -> ShopResult<Order> {
        for _ in 0..MAX_TRIES {
            let Some(step) = decide(&order)? else { return Ok(order) };
            let wanted = step.order.clone();
            order = self.write_step(&order, step).await?;
            if order == wanted {
                return Ok(order);
            }
        }
        Err(ShopError::Conflict)
    }
}
