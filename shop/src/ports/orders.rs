//! Orders and the stock they hold.

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};

use super::{Claim, Claimed, KeyAnswer, StoreError};
use crate::domain::{CartOwner, Order, OrderId, OrderSummary, OutboxMessageId, Page, PageLimit, Position, StockEffect};

/// A message that leaves the shop at least once, written together with what it tells of. It is kept for a while after
/// delivery, so that an auditor can see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Identity; sorts by time of writing.
    pub id: OutboxMessageId,
    /// What happened, for example `order.placed`.
    pub topic: String,
    /// What it is about: an order's id, or a SKU for `stock.low`.
    pub subject: String,
    /// When it happened.
    pub occurred_at: OffsetDateTime,
}

impl OutboxMessage {
    /// How long a message is kept after it was delivered, for the auditor. An older order has none any more.
    pub const KEPT: Duration = Duration::days(7);
}

/// Everything that placing an order writes, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Takes the idempotency key.
    pub claim: Claim,
    /// The new order, version 1. Its reservations are taken from `available` into `reserved`.
    pub order: Order,
    /// The cart it was made from, by version; becomes empty and one version higher.
    pub cart_version: u64,
    /// Messages to write.
    pub outbox: Vec<OutboxMessage>,
}

/// A step in the life of an order, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAdvance {
    /// The order as it is after the step; its `version` is one more than what the store must have. From its
    /// `due_at` follows whether it is among the due ones.
    pub order: Order,
    /// Who owned it before the step, if the step gives it to somebody else.
    pub previous_owner: Option<CartOwner>,
    /// What happens to its reservations.
    pub stock: StockEffect,
    /// The final answer to write under the key the order was placed with, if the step ends the checkout.
    pub outcome: Option<KeyAnswer>,
    /// Messages to write.
    pub outbox: Vec<OutboxMessage>,
}

/// Orders, and the outbox that is written with them.
#[async_trait]
pub trait OrderStore: Send + Sync {
    /// Places an order: takes the key, the stock, writes the order, empties the cart, writes the outbox, all or nothing.
    ///
    /// The key decides first: when it is taken, the record under it is returned and nothing changes, whatever the
    /// stock and the cart look like now; the cart decides before the stock. Of any number of callers that want the last
    /// unit exactly one gets it.
    ///
    /// # Errors
    /// [`StoreError::OutOfStock`] with the first short SKU; [`StoreError::Conflict`] when the cart has another
    /// version; nothing is changed then.
    async fn place_order(&self, placement: &Placement) -> Result<Claimed, StoreError>;

    /// Writes the next step of an order.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the order has another version: someone else made a step; nothing is changed.
    async fn advance_order(&self, advance: &OrderAdvance) -> Result<(), StoreError>;

    /// An order.
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

    /// All orders of the shop, newest first (by [`Order::position`]).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_orders(&self, after: Option<&Position>, limit: PageLimit) -> Result<Page<OrderSummary>, StoreError>;

    /// Orders with something open (a payment that is not settled, a refund that is not done) whose
    /// [`due_at`](Order::due_at) has come, at most 100, in no particular order. For the worker: it reads what has just
    /// been written, but not from a cache of the store.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_due_orders(&self, now: OffsetDateTime) -> Result<Vec<OrderId>, StoreError>;

    /// Messages that wait in the outbox, oldest first, at most 100; with `after` those behind this message, whether or
    /// not it still waits.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_outbox(&self, after: Option<&OutboxMessageId>) -> Result<Vec<OutboxMessage>, StoreError>;

    /// Takes messages out of the waiting ones, because they were delivered. Messages that do not wait (any more) are
    /// passed over.
    ///
    /// # Errors
    /// [`StoreError`]; then some may still wait, and will be delivered again.
    async fn mark_delivered(&self, messages: &[OutboxMessage], now: OffsetDateTime) -> Result<(), StoreError>;
}
