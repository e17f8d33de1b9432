//! The operators' use cases: stock, refunds, cancellations, shipments.

use async_trait::async_trait;

use super::idempotent::{Fingerprint, answer};
use super::order_view::OrderView;
use super::payment_steps::Poll;
use super::{Caller, LocalShop, written};
use crate::domain::{
    CartOwner, Field, FulfillmentEvent, FulfillmentState, Handle, Inventory, Money, Order, OrderId, OrderNumber,
    OrderState, OrderStep, OrderSummary, Page, PageLimit, Position, Product, RefundId, RuleError, Sku, StockChange,
    StockLevel, Subject, ValueRule,
};
use crate::ports::{IdempotencyKey, Outcome};
use crate::{ShopError, ShopResult};
use shopease_process::retry::{TryError, until_written};

/// How often a correction that met an order is tried again on what is there now.
const MAX_CORRECTION_TRIES: u32 = 8;
/// How often a step that met another step of the same order is tried again on what is there now.
const MAX_STEP_TRIES: u32 = 5;

/// The stock of a variant as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantStock {
    /// The variant.
    pub sku: Sku,
    /// Title of the variant.
    pub title: String,
    /// Its level; absent when it is not counted.
    pub level: Option<StockLevel>,
}

/// Asks for all orders of the shop, or for the one with a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAllOrders {
    /// Only the order with this number.
    pub number: Option<OrderNumber>,
    /// Only orders after this position.
    pub after: Option<Position>,
    /// Page size.
    pub limit: PageLimit,
}

/// Asks for the stock of a product's variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductStock {
    /// The product's name in URLs.
    pub handle: Handle,
}

/// Corrects the stock of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectStock {
    /// The variant.
    pub sku: Sku,
    /// How.
    pub change: StockChange,
    /// The client's idempotency key.
    pub client_key: Option<String>,
}

/// Cancels an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    /// Which one.
    pub id: OrderId,
}

/// Refunds an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// Which one.
    pub id: OrderId,
    /// How much.
    pub amount: RefundAmount,
    /// The client's idempotency key.
    pub client_key: String,
}

/// How much is refunded. Never left out: nothing must turn into everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundAmount {
    /// So much.
    Exactly(Money),
    /// All that is left.
    All,
}

impl RefundOrder {
    /// The id of the refund that this command makes. It follows from the key, so that the order itself knows which refunds
    /// were requested before.
    pub fn refund_id(&self) -> RefundId {
        RefundId::derive(&format!("{}/{}", self.id, self.client_key))
    }
}

/// Notes what happened to an order's shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFulfillment {
    /// Which order.
    pub id: OrderId,
    /// What happened.
    pub event: FulfillmentEvent,
}

/// What the shop's staff does. For operators only.
#[async_trait]
pub trait Operations: Send + Sync {
    /// All orders of the shop, newest first. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`].
    async fn list_all_orders(&self, caller: &Caller, command: ListAllOrders) -> ShopResult<Page<OrderSummary>>;

    /// Stock of every variant of a product. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`].
    async fn product_stock(&self, caller: &Caller, command: ProductStock) -> ShopResult<Vec<VariantStock>>;

    /// Corrects the stock of a variant. With a client key, repeating it changes nothing. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`] for a variant that is unknown,
    /// [`ShopError::Rules`] for one that is not counted, [`ShopError::OutOfStock`] when less than nothing would be left,
    /// the idempotency errors.
    async fn correct_stock(&self, caller: &Caller, command: CorrectStock) -> ShopResult<StockLevel>;

    /// Calls an order off: an unpaid one at the payment provider, a paid one that was not sent by giving everything
    /// back. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when it
    /// was sent or is off already.
    async fn cancel_order(&self, caller: &Caller, command: CancelOrder) -> ShopResult<OrderView>;

    /// Gives money back; repeating it with the same key gives it back once. An order that is given back whole before it
    /// was sent is cancelled and its units return to stock. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when it
    /// is more than what is left, [`ShopError::IdempotencyKeyReused`].
    async fn refund_order(&self, caller: &Caller, command: RefundOrder) -> ShopResult<OrderView>;

    /// Records that a paid order was shipped or returned. For operators.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when
    /// that is not possible now.
    async fn record_fulfillment(&self, caller: &Caller, command: RecordFulfillment) -> ShopResult<OrderView>;
}

#[async_trait]
impl Operations for LocalShop {
    async fn list_all_orders(&self, caller: &Caller, command: ListAllOrders) -> ShopResult<Page<OrderSummary>> {
        self.require_operator(caller).await?;
        let Some(number) = command.number else {
            return Ok(self.store.list_orders(command.after.as_ref(), command.limit).await?);
        };
        let found = self.store.find_order(&number.order_id()).await?;
        Ok(Page { items: found.iter().map(Order::summary).collect(), next: None })
    }

    async fn product_stock(&self, caller: &Caller, command: ProductStock) -> ShopResult<Vec<VariantStock>> {
        self.require_operator(caller).await?;
        let found = self.store.find_products(std::slice::from_ref(&command.handle)).await?.pop();
        let product = found.ok_or(ShopError::NotFound { subject: Subject::Product })?;
        let mut levels = self.stock_levels_of(&product).await?;
        let stock = product.variants.iter().map(|variant| VariantStock {
            title: variant.title(),
            level: match variant.inventory {
                Inventory::Tracked => {
                    Some(levels.remove(&variant.sku).unwrap_or_else(|| StockLevel::initial(variant.sku.clone(), 0)))
                }
                Inventory::Untracked => None,
            },
            sku: variant.sku.clone(),
        });
        Ok(stock.collect())
    }

    async fn correct_stock(&self, caller: &Caller, command: CorrectStock) -> ShopResult<StockLevel> {
        let operator = self.require_operator(caller).await?;
        if let StockChange::SetAvailable(units) = command.change
            && units > StockLevel::MAX_UNITS
        {
            return Err(too_many());
        }
        let found = self.store.find_products_by_sku(std::slice::from_ref(&command.sku)).await?.pop();
        let product: Product = found.ok_or(ShopError::NotFound { subject: Subject::Variant })?;
        let tracked = product.variant(&command.sku).is_some_and(|variant| variant.inventory == Inventory::Tracked);
        if !tracked {
            return Err(RuleError::invalid(Field::Sku, ValueRule::Tracked).into());
        }
        let owner = CartOwner::customer(&operator);
        let request = Fingerprint::new().field("sku", &command.sku);
        let request = match command.change {
            StockChange::SetAvailable(units) => request.field("set_available", units),
            StockChange::Adjust(units) => request.field("adjust", units),
        };
        let correct = async |key: Option<&IdempotencyKey>| self.replace_level(&command, key).await;
        let again = async || self.present_level(&command.sku).await;
        let client_key = command.client_key.as_deref();
        let level = self.idempotently(&owner, "stock-corrections", client_key, request, correct, again).await?;
        self.cache.forget_product(&product.handle).await;
        Ok(level)
    }

    async fn cancel_order(&self, caller: &Caller, command: CancelOrder) -> ShopResult<OrderView> {
        self.require_operator(caller).await?;
        let id = &command.id;
        let order = self.existing_order(id).await?;
        if order.state == OrderState::Cancelled {
            return Err(RuleError::invalid(Field::Order, ValueRule::NotCancelled).into());
        }
        if order.fulfillment != FulfillmentState::Unfulfilled {
            return Err(RuleError::invalid(Field::Order, ValueRule::NotShipped).into());
        }
        if order.state == OrderState::Paid {
            return self.cancel_paid(order).await;
        }
        let stepped = self.step_until_written(order, |order| Ok(order.cancel(None, self.clock.now()))).await?;
        Ok(self.advance_payment(stepped, Poll::Once).await?.into())
    }

    async fn refund_order(&self, caller: &Caller, command: RefundOrder) -> ShopResult<OrderView> {
        // First, as a client of the API does: a key that is none cannot travel in a header.
        IdempotencyKey::check(&command.client_key)?;
        self.require_operator(caller).await?;
        let order = self.existing_order(&command.id).await?;
        let order = self.advance_payment(order, Poll::Everything).await?;
        self.request_refund(order, command.amount, command.refund_id()).await
    }

    async fn record_fulfillment(&self, caller: &Caller, command: RecordFulfillment) -> ShopResult<OrderView> {
        self.require_operator(caller).await?;
        let order = self.existing_order(&command.id).await?;
        let moved = self.step_until_written(order, |order| Ok(Some(order.record_fulfillment(command.event)?))).await?;
        self.forget_products_of(&moved).await;
        Ok(moved.into())
    }
}

impl LocalShop {
    /// Refunds what is left of a paid order, which cancels it. A refund that the bank returned before is made anew.
    async fn cancel_paid(&self, order: Order) -> ShopResult<OrderView> {
        let order = self.advance_payment(order, Poll::Everything).await?;
        if order.state == OrderState::Cancelled {
            return Ok(order.into());
        }
        if order.payment.disputed_minor() > 0 {
            return Err(RuleError::invalid(Field::Order, ValueRule::NotDisputed).into());
        }
        let refund_id = |attempt: usize| RefundId::derive(&format!("{}/cancellation/{attempt}", order.id));
        let ended = |id: &RefundId| {
            let known = order.payment.refunds.iter().find(|refund| refund.id == *id);
            known.is_some_and(|refund| !refund.state.is_committed())
        };
        let id = (0..=order.payment.refunds.len()).map(refund_id).find(|id| !ended(id));
        let id = id.unwrap_or_else(|| refund_id(0));
        self.request_refund(order, RefundAmount::All, id).await
    }

    /// Requests a refund of an order in which everything is booked that was refunded at the provider.
    async fn request_refund(&self, order: Order, amount: RefundAmount, refund_id: RefundId) -> ShopResult<OrderView> {
        let stepped = self
            .step_until_written(order, |order| {
                if let Some(known) = order.payment.refunds.iter().find(|refund| refund.id == refund_id) {
                    let same = match amount {
                        RefundAmount::Exactly(amount) => amount == known.amount,
                        RefundAmount::All => true,
                    };
                    return if same { Ok(None) } else { Err(ShopError::IdempotencyKeyReused) };
                }
                let amount = match amount {
                    RefundAmount::Exactly(amount) => amount,
                    RefundAmount::All => order.refundable(),
                };
                let limits = self.payments.charge_limits(amount.currency);
                if !limits.divides(amount) {
                    let step = Money::new(limits.step_minor, amount.currency);
                    return Err(RuleError::invalid(Field::Amount, ValueRule::MultipleOf { amount: step }).into());
                }
                Ok(Some(order.request_refund(refund_id.clone(), amount, self.clock.now())?))
            })
            .await?;
        Ok(self.advance_payment(stepped, Poll::Once).await?.into())
    }

    /// A variant's level as it is now.
    async fn present_level(&self, sku: &Sku) -> ShopResult<StockLevel> {
        let found = self.store.find_stock_levels(std::slice::from_ref(sku)).await?.pop();
        Ok(found.unwrap_or_else(|| StockLevel::initial(sku.clone(), 0)))
    }

    /// Corrects a level; under a key, the answer is written with it.
    async fn replace_level(&self, command: &CorrectStock, key: Option<&IdempotencyKey>) -> ShopResult<StockLevel> {
        until_written(MAX_CORRECTION_TRIES, || async {
            let seen =
                self.store.find_stock_levels(std::slice::from_ref(&command.sku)).await.map_err(ShopError::from)?;
            let seen = seen.first();
            let next = corrected(seen, command)?;
            let Some(key) = key else {
                let corrected = self.store.correct_stock(&command.sku, command.change).await;
                return Ok(corrected.map_err(ShopError::from)?);
            };
            // Lost when an order was faster, or the key has an outcome by now: the caller finds that.
            written(self.store.replace_stock_level_under_key(seen, &next, &answer(key, Outcome::Done)).await)?;
            Ok(next)
        })
        .await
    }

    /// Writes the step that `decide` makes of the order as it is; decides anew when someone else was first.
    async fn step_until_written(
        &self,
        order: Order,
        decide: impl Fn(&Order) -> ShopResult<Option<OrderStep>> + Sync,
    ) -> ShopResult<Order> {
        let (id, mut seen, decide) = (order.id.clone(), Some(order), &decide);
        until_written(MAX_STEP_TRIES, || {
            let (id, seen) = (&id, seen.take());
            async move {
                let order = match seen {
                    Some(order) => order,
                    None => self.order(id).await?,
                };
                let Some(step) = decide(&order)? else { return Ok(order) };
                let wanted = step.order.clone();
                let now = self.write_step(&order, step).await?;
                if now == wanted { Ok(now) } else { Err(TryError::Transient(ShopError::Conflict)) }
            }
        })
        .await
    }
}

/// The level after a correction.
fn corrected(seen: Option<&StockLevel>, command: &CorrectStock) -> ShopResult<StockLevel> {
    let seen = seen.cloned().unwrap_or_else(|| StockLevel::initial(command.sku.clone(), 0));
    let available = match command.change {
        StockChange::SetAvailable(units) => i64::from(units),
        StockChange::Adjust(units) => i64::from(seen.available) + i64::from(units),
    };
    if available > i64::from(StockLevel::MAX_UNITS) {
        return Err(too_many());
    }
    let short = || ShopError::OutOfStock { sku: command.sku.clone() };
    let available = u32::try_from(available).map_err(|_| short())?;
    let received = i64::from(seen.received) - i64::from(seen.available) + i64::from(available);
    Ok(StockLevel { available, received: u32::try_from(received).map_err(|_| too_many())?, ..seen })
}

fn too_many() -> ShopError {
    RuleError::invalid(Field::Units, ValueRule::StockLimit { max: StockLevel::MAX_UNITS }).into()
}
