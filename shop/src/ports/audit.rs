//! What an auditor reads: everything that orders touch, past every index and cache.

use async_trait::async_trait;

use super::{OutboxMessage, StoreError};
use crate::domain::{Order, OrderId, StockLevel};

/// One thing that a store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditRecord {
    /// An order.
    Order(Box<Order>),
    /// The level of a variant.
    Stock(StockLevel),
    /// A message, whether or not it was delivered.
    Message(OutboxMessage),
    /// An idempotency key that names an order.
    CheckoutKey {
        /// The key as the store has it ([`super::IdempotencyKey::store_key`]).
        store_key: String,
        /// The order that was placed under it.
        order_id: OrderId,
    },
}

/// A part of what a store keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// Records, in no particular order.
    pub records: Vec<AuditRecord>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// Reads a whole store. Slow and costly by design: for audits, never for requests.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// The next part, from the beginning without `from`. What is written meanwhile may be seen or not.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Corrupt`] also for a `from` that no page gave.
    async fn audit_page(&self, from: Option<&str>) -> Result<AuditPage, StoreError>;
}
