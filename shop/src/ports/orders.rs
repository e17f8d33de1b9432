//! Orders with their stock.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Claim, Claimed, KeyAnswer, OutboxMessage, StoreError};
use crate::domain::{CartOwner, EmailAddress, Order, OrderId, OrderSummary, Page, PageLimit, Position, StockEffect};

/// Everything that placing an order writes, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Claims the idempotency key.
    pub claim: Claim,
    /// The new order, version 1. Its reservations move units from `available` to `reserved`.
    pub order: Order,
    /// Version of the cart that is ordered. The cart is emptied and its version incremented.
    pub cart_version: u64,
    /// Messages to write.
    pub outbox: Vec<OutboxMessage>,
}

/// A step of an order, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAdvance {
    /// The order after the step. Its `version` must be one more than the stored version. Its `due_at` determines when it is due.
    pub order: Order,
    /// Owner before the step, if the step changes the owner.
    pub previous_owner: Option<CartOwner>,
    /// Email address before the step, if the step changes the email address.
    pub previous_email: Option<EmailAddress>,
    /// Effect on its reservations.
    pub stock: StockEffect,
    /// The final outcome to write under the order's idempotency key, if the step completes the checkout.
    pub outcome: Option<KeyAnswer>,
    /// Messages to write.
    pub outbox: Vec<OutboxMessage>,
}

impl OrderAdvance {
    /// A step that only writes the order: with the same owner and email address, and no other effect.
    pub fn to(order: Order) -> Self {
        Self {
            order,
            previous_owner: None,
            previous_email: None,
            stock: StockEffect::Keep,
            outcome: None,
            outbox: Vec::new(),
        }
    }
}

/// An order of an email address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderOfEmail {
    /// Owner of the order.
    pub owner: CartOwner,
    /// The order.
    pub summary: OrderSummary,
}

/// Orders. The outbox is written together with them.
#[async_trait]
pub trait OrderStore: Send + Sync {
    /// Places an order: claims the key, reserves stock, writes the order, empties the cart and writes the outbox, all or nothing.
    ///
    /// The key is checked first: if it is taken, its record is returned and nothing changes, regardless of cart and stock. The cart is
    /// checked before the stock. Of any number of concurrent callers for the last unit, exactly one gets it.
    ///
    /// # Errors
    /// [`StoreError::OutOfStock`] with the first SKU without enough units; [`StoreError::Conflict`] when the cart has another version.
    /// Then nothing is changed.
    async fn place_order(&self, placement: &Placement) -> Result<Claimed, StoreError>;

    /// Writes the next step of an order.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the order has another version, because another step was written. Then nothing is changed.
    async fn advance_order(&self, advance: &OrderAdvance) -> Result<(), StoreError>;

    /// The order with an ID.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_order(&self, id: &OrderId) -> Result<Option<Order>, StoreError>;

    /// The owner's orders, newest first (by [`Order::position`]).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_orders_of(
        &self,
        owner: &CartOwner,
        after: Option<&Position>,
        limit: PageLimit,
    ) -> Result<Page<OrderSummary>, StoreError>;

    /// The orders with an email address, whoever owns them, newest first (by [`Order::position`]). An order of a release
    /// without this list is in it from its next step on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_orders_by_email(
        &self,
        email: &EmailAddress,
        after: Option<&Position>,
        limit: PageLimit,
    ) -> Result<Page<OrderOfEmail>, StoreError>;

    /// All orders of the shop, newest first (by [`Order::position`]).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_orders(&self, after: Option<&Position>, limit: PageLimit) -> Result<Page<OrderSummary>, StoreError>;

    /// Orders whose [`due_at`](Order::due_at) has passed (with a payment that is not settled or a refund in progress), at most 100, in
    /// no particular order. For the worker: the read is consistent with all earlier writes.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_due_orders(&self, now: OffsetDateTime) -> Result<Vec<OrderId>, StoreError>;
}
