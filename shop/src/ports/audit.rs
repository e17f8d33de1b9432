//! Data for the auditor, and about a person: everything that orders touch, and accounts, read without indexes and caches.

use async_trait::async_trait;

use super::{OutboxMessage, StoreError};
use crate::domain::{Customer, Order, OrderId, StockLevel};

/// A record of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditRecord {
    /// An order.
    Order(Box<Order>),
    /// An account.
    Customer(Box<Customer>),
    /// The stock level of a SKU.
    Stock(StockLevel),
    /// An outbox message, delivered or not.
    Message(OutboxMessage),
    /// The idempotency key of an order.
    CheckoutKey {
        /// The store key ([`super::IdempotencyKey::store_key`]).
        store_key: String,
        /// The order that was placed with it.
        order_id: OrderId,
    },
}

/// A page of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// Records, in no particular order.
    pub records: Vec<AuditRecord>,
    /// Cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

/// Reads the whole store. Slow and costly by design: for commands of operators, never for requests.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// The page at the cursor `from`, or the first page. Concurrent writes may or may not be included.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Corrupt`] also for an invalid cursor.
    async fn audit_page(&self, from: Option<&str>) -> Result<AuditPage, StoreError>;
}
