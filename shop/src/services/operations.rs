//! Administration: stock, refunds, cancellations and fulfillment.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::catalog::MAX_KEYS;
use super::idempotent::{Fingerprint, key_answer};
use super::order_view::OrderView;
use super::payment_steps::Poll;
use super::{Caller, LocalShop, written};
use crate::domain::{
    CartOwner, Dispute, Field, FulfillmentEvent, FulfillmentState, Handle, Inventory, Money, Order, OrderId,
    OrderNumber, OrderState, OrderStep, OrderSummary, Page, PageLimit, Position, Product, ProductStatus, RefundId,
    RuleError, Sku, StockChange, StockLevel, Subject, Tracking, ValueRule,
};
use crate::ports::{IdempotencyKey, Outcome};
use crate::{ShopError, ShopResult};
use shopease_process::retry::{TryError, until_written};

/// Maximum tries of a stock correction that conflicts with orders.
const MAX_CORRECTION_TRIES: u32 = 8;
/// Maximum tries of a step that conflicts with other steps of the same order.
const MAX_STEP_TRIES: u32 = 5;

/// The stock of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantStock {
    /// The variant.
    pub sku: Sku,
    /// Title of the variant.
    pub title: String,
    /// Stock level; absent if stock is not tracked.
    pub level: Option<StockLevel>,
}

/// Requests all orders of the shop, or the one with a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAllOrders {
    /// Only the order with this number.
    pub number: Option<OrderNumber>,
    /// Only orders after this position.
    pub after: Option<Position>,
    /// Page size.
    pub limit: PageLimit,
}

/// Requests the stock of a product's variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductStock {
    /// Handle of the product.
    pub handle: Handle,
}

/// Corrects the stock of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectStock {
    /// The variant.
    pub sku: Sku,
    /// The correction.
    pub change: StockChange,
    /// The client's idempotency key.
    pub client_key: Option<String>,
}

/// Cancels an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    /// ID of the order.
    pub id: OrderId,
}

/// Records that the bank transfer of an order has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordTransfer {
    /// ID of the order.
    pub id: OrderId,
}

/// Refunds an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// ID of the order.
    pub id: OrderId,
    /// Amount to refund.
    pub amount: RefundAmount,
    /// The client's idempotency key.
    pub client_key: String,
}

/// The amount of a refund. It is always explicit, so that a missing amount is never a full refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundAmount {
    /// This amount.
    Exactly(Money),
    /// The full refundable amount.
    All,
}

impl RefundOrder {
    /// The ID of the refund of this command. It is derived from the key, so that the order itself shows whether the refund was already
    /// requested.
    pub fn refund_id(&self) -> RefundId {
        RefundId::derive(&format!("{}/{}", self.id, self.client_key))
    }
}

/// Records a fulfillment event of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFulfillment {
    /// ID of the order.
    pub id: OrderId,
    /// The event.
    pub event: FulfillmentEvent,
    /// How the shipment is tracked, if known. Not for a return.
    pub tracking: Option<Tracking>,
}

/// Requests the products of the demo catalog that are on sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewDemoCatalog;

/// Takes the products of the demo catalog off sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoveDemoCatalog;

/// Administration. For operators only.
#[async_trait]
pub trait Operations: Send + Sync {
    /// All orders of the shop, newest first.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`].
    async fn list_all_orders(&self, caller: &Caller, command: ListAllOrders) -> ShopResult<Page<OrderSummary>>;

    /// The stock of every variant of a product.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`].
    async fn product_stock(&self, caller: &Caller, command: ProductStock) -> ShopResult<Vec<VariantStock>>;

    /// Corrects the stock of a variant. With a client key, repeating the command changes nothing.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`] for an unknown SKU,
    /// [`ShopError::Rules`] if its stock is not tracked, [`ShopError::OutOfStock`] when stock would go below zero, the idempotency
    /// errors.
    async fn correct_stock(&self, caller: &Caller, command: CorrectStock) -> ShopResult<StockLevel>;

    /// Cancels an order that was not shipped. Cancels the payment of an unpaid order at the payment provider, and refunds a paid order
    /// in full.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when it
    /// was shipped or is already canceled.
    async fn cancel_order(&self, caller: &Caller, command: CancelOrder) -> ShopResult<OrderView>;

    /// Records that the bank transfer of an order has arrived: the order is paid.
    ///
    /// # Errors
    /// [`ShopError::NotFound`]; [`ShopError::Rules`] if the order does not wait for a transfer.
    async fn record_transfer(&self, caller: &Caller, command: RecordTransfer) -> ShopResult<OrderView>;

    /// Refunds an order. Idempotent under the client's key. A full refund before shipping cancels the order and returns its units to
    /// stock.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when the
    /// amount exceeds the refundable amount, [`ShopError::IdempotencyKeyReused`].
    async fn refund_order(&self, caller: &Caller, command: RefundOrder) -> ShopResult<OrderView>;

    /// Records that a paid order was shipped or returned, or how its shipment is tracked.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`], [`ShopError::NotFound`], [`ShopError::Rules`] when
    /// its state does not allow the event, or the tracking is not valid.
    async fn record_fulfillment(&self, caller: &Caller, command: RecordFulfillment) -> ShopResult<OrderView>;

    /// The products of the demo catalog that are on sale. None if the shop's process ships without a demo catalog.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`].
    async fn view_demo_catalog(&self, caller: &Caller, command: ViewDemoCatalog) -> ShopResult<Vec<Handle>>;

    /// Takes the products of the demo catalog off sale, and returns them. A product with the handle of a demo product but a SKU of its
    /// own is the merchant's and stays on sale. Orders and stock stay as they are. If this fails partway, repeating it completes it.
    ///
    /// # Errors
    /// [`ShopError::SignInRequired`], [`ShopError::Forbidden`].
    async fn remove_demo_catalog(&self, caller: &Caller, command: RemoveDemoCatalog) -> ShopResult<Vec<Handle>>;
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
        let again = async || self.current_level(&command.sku).await;
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
            return Box::pin(self.cancel_paid(order)).await;
        }
        Ok(self.cancel_pending(order).await?.into())
    }

    async fn record_transfer(&self, caller: &Caller, command: RecordTransfer) -> ShopResult<OrderView> {
        self.require_operator(caller).await?;
        let order = self.existing_order(&command.id).await?;
        let now = self.clock.now();
        Ok(self.step_until_written(order, |order| Ok(Some(order.record_transfer(now)?))).await?.into())
    }

    async fn refund_order(&self, caller: &Caller, command: RefundOrder) -> ShopResult<OrderView> {
        // First, because an invalid key cannot be sent in a header: the API client rejects it at this point, too.
        IdempotencyKey::check(&command.client_key)?;
        self.require_operator(caller).await?;
        let order = self.existing_order(&command.id).await?;
        let order = self.advance_payment(order, Poll::Everything).await?;
        self.request_refund(order, command.amount, command.refund_id()).await
    }

    async fn record_fulfillment(&self, caller: &Caller, command: RecordFulfillment) -> ShopResult<OrderView> {
        self.require_operator(caller).await?;
        let order = self.existing_order(&command.id).await?;
        let RecordFulfillment { event, tracking, .. } = command;
        let tracking = tracking.map_or(Ok(None), Tracking::validated).map_err(ShopError::Rules)?;
        let step = |order: &Order| Ok(Some(order.record_fulfillment(event, tracking.clone())?));
        Ok(self.step_until_written(order, step).await?.into())
    }

    async fn view_demo_catalog(&self, caller: &Caller, _: ViewDemoCatalog) -> ShopResult<Vec<Handle>> {
        self.require_operator(caller).await?;
        let products = self.demo_products().await?.into_iter();
        Ok(products.filter(|product| product.status == ProductStatus::Active).map(|product| product.handle).collect())
    }

    async fn remove_demo_catalog(&self, caller: &Caller, _: RemoveDemoCatalog) -> ShopResult<Vec<Handle>> {
        self.require_operator(caller).await?;
        let (mut removed, mut categories) = (Vec::new(), BTreeSet::new());
        for mut product in self.demo_products().await? {
            categories.extend(product.category.as_ref().map(|category| category.handle.clone()));
            if product.status == ProductStatus::Active {
                product.status = ProductStatus::Archived;
                self.store.upsert_product(&product, &self.tokenizer.index(&product)).await?;
                removed.push(product.handle);
            }
        }
        // Also those of products that a failed attempt has already archived.
        for category in categories {
            self.store.remove_empty_category(&category).await?;
        }
        Ok(removed)
    }
}

impl LocalShop {
    /// The products of the demo catalog with any status, by handle.
    async fn demo_products(&self) -> ShopResult<Vec<Product>> {
        let demo = &self.config.demo_catalog;
        let handles: Vec<_> = demo.keys().cloned().collect();
        let mut products = Vec::new();
        for handles in handles.chunks(MAX_KEYS) {
            products.extend(self.store.find_products(handles).await?);
        }
        products.retain(|product| {
            let skus = demo.get(&product.handle);
            skus.is_some_and(|skus| product.variants.iter().all(|variant| skus.contains(&variant.sku)))
        });
        products.sort_by(|a, b| a.handle.cmp(&b.handle));
        Ok(products)
    }

    /// Cancels the payment of an order that is not paid, which cancels the order.
    pub(super) async fn cancel_pending(&self, order: Order) -> ShopResult<Order> {
        let stepped = self.step_until_written(order, |order| Ok(order.cancel(None, self.clock.now()))).await?;
        self.advance_payment(stepped, Poll::Once).await
    }

    /// Refunds the remaining amount of a paid order, if any, which cancels it. If an earlier refund was returned by the bank, it is
    /// refunded again.
    async fn cancel_paid(&self, order: Order) -> ShopResult<OrderView> {
        let order = self.advance_payment(order, Poll::Everything).await?;
        let order = self.step_until_written(order, |order| Ok(order.cancel_without_refund())).await?;
        if order.state == OrderState::Cancelled {
            return Ok(order.into());
        }
        if Dispute::withhold_undecided(&order.payment.disputes) {
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

    /// Requests a refund of an order in which all refunds made at the provider are already booked.
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

    /// The current stock level of a SKU.
    pub(super) async fn current_level(&self, sku: &Sku) -> ShopResult<StockLevel> {
        let found = self.store.find_stock_levels(std::slice::from_ref(sku)).await?.pop();
        Ok(found.unwrap_or_else(|| StockLevel::initial(sku.clone(), 0)))
    }

    /// Corrects a stock level. With a key, the outcome is written together with the level.
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
            // Conflicts when an order was faster, or the key already has an outcome, which the caller then finds.
            written(self.store.replace_stock_level_under_key(seen, &next, &key_answer(key, Outcome::Done)).await)?;
            Ok(next)
        })
        .await
    }

    /// Writes the step that `decide` derives from the current order. After a conflict, decides again.
    pub(super) async fn step_until_written(
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
