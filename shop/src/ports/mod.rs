//! What the use cases need from the outside: stores, a payment provider, time, randomness, environment.
//!
//! Store ports are whole-aggregate, conditional and idempotent commands, sized to the weaker engine: nothing
//! here begins or commits. Every guarantee named in a method's text is checked by the conformance suite
//! (`testing::conformance`) on every store.

mod accounts;
mod assets;
mod attempts;
mod audit;
mod carts;
mod catalog;
mod error;
mod events;
mod idempotency;
mod orders;
mod payment;
mod purge;
mod stock;

use std::sync::Arc;

use async_trait::async_trait;
pub use shopease_process::ambient::{Clock, Env, IdGenerator, ProcessEnv, SystemClock, SystemIds};

pub use accounts::{AccountStore, SessionStore};
pub use assets::{Asset, AssetStore, MAX_ASSET_BYTES};
pub use attempts::{AttemptKey, AttemptStore, FailedAttempts};
pub use audit::{AuditPage, AuditRecord, AuditStore};
pub use carts::CartStore;
pub use catalog::{CatalogStore, ProductListing, Upserted};
pub use error::{Source, StoreError};
pub use events::{Delivery, EventSink, LogSink};
pub use idempotency::{Claim, Claimed, IdempotencyKey, IdempotencyRecord, IdempotencyStore, KeyAnswer, Outcome};
pub use orders::{OrderAdvance, OrderStore, OutboxMessage, Placement};
pub use payment::{
    ConfirmIntent, CreateIntent, IntentStatus, PaymentError, PaymentEvent, PaymentIntent, PaymentProvider,
    RefundIntent, SIGNATURE_HEADER, WebhookError,
};
pub use purge::{PURGE_ROWS, PurgeStore, Purged};
pub use stock::StockStore;

/// A store that can tell whether it works.
#[async_trait]
pub trait Health: Send + Sync {
    /// Answers when a read from the store succeeds.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    async fn check(&self) -> Result<(), StoreError>;
}

/// Everything a store offers. One adapter implements all of it for one engine.
pub trait Store:
    CatalogStore
    + StockStore
    + CartStore
    + OrderStore
    + AccountStore
    + SessionStore
    + AttemptStore
    + IdempotencyStore
    + AuditStore
    + PurgeStore
    + Health
{
}

impl<
    T: CatalogStore
        + StockStore
        + CartStore
        + OrderStore
        + AccountStore
        + SessionStore
        + AttemptStore
        + IdempotencyStore
        + AuditStore
        + PurgeStore
        + Health,
> Store for T
{
}

/// A store shared by all requests of a process.
pub type SharedStore = Arc<dyn Store>;
