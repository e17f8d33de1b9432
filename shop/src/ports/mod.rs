//! Ports, the external dependencies of the use cases: stores, payment provider, time, randomness, environment.
//!
//! Store ports are conditional, idempotent commands on whole aggregates that both engines can implement; there are no transactions to
//! begin or commit. The conformance suite (`testing::conformance`) checks every guarantee in the documentation of these methods on
//! every store.

mod accounts;
mod assets;
mod attempts;
mod audit;
mod carts;
mod catalog;
mod error;
mod events;
mod idempotency;
mod mail;
mod orders;
mod outbox;
mod payment;
mod pictures;
mod purge;
mod settings;
mod stock;

use std::sync::Arc;

use async_trait::async_trait;
pub use shopease_process::ambient::{Clock, Env, IdGenerator, ProcessEnv, SystemClock, SystemIds};

pub use accounts::{AccountStore, MAX_LISTED_SESSIONS, SessionStore};
pub use assets::{Asset, AssetStore, MAX_ASSET_BYTES};
pub use attempts::{AttemptKey, AttemptStore, FailedAttempts};
pub use audit::{AuditPage, AuditRecord, AuditStore};
pub use carts::CartStore;
pub use catalog::{CatalogStore, ProductListing, StatusListing, Upserted, VersionedProduct};
pub use error::{Source, StoreError};
pub use events::{Consumer, Delivery, EventSink, LogSink};
pub use idempotency::{Claim, Claimed, IdempotencyKey, IdempotencyRecord, IdempotencyStore, KeyAnswer, Outcome};
pub use mail::{
    BounceQueue, BounceReport, HeaderText, Mail, MailError, Mailbox, Mailer, ReturnedMail, SentMail, SentMails,
};
pub use orders::{OrderAdvance, OrderOfEmail, OrderStore, Placement};
pub use outbox::{Dispatched, OutboxMessage, OutboxStore};
pub use payment::{
    ConfirmIntent, CreateIntent, IntentStatus, PaymentError, PaymentEvent, PaymentIntent, PaymentOption,
    PaymentProvider, RefundIntent, SIGNATURE_HEADER, WebhookError,
};
pub use pictures::{AssetWriter, MadePicture, PictureMaker};
pub use purge::{PURGE_ROWS, PurgeStore, Purged};
pub use settings::{SETTINGS_VERSIONS_SHOWN, SettingsStore, SettingsVersion, VersionedSettings};
pub use stock::StockStore;

/// Health check of a store.
#[async_trait]
pub trait Health: Send + Sync {
    /// Succeeds if a read from the store succeeds.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    async fn check(&self) -> Result<(), StoreError>;
}

/// All ports of a store. An adapter implements them for one engine.
pub trait Store:
    CatalogStore
    + StockStore
    + CartStore
    + OrderStore
    + OutboxStore
    + AccountStore
    + SessionStore
    + AttemptStore
    + IdempotencyStore
    + AuditStore
    + PurgeStore
    + SettingsStore
    + Health
{
}

impl<
    T: CatalogStore
        + StockStore
        + CartStore
        + OrderStore
        + OutboxStore
        + AccountStore
        + SessionStore
        + AttemptStore
        + IdempotencyStore
        + AuditStore
        + PurgeStore
        + SettingsStore
        + Health,
> Store for T
{
}

/// A store shared by all requests of a process.
pub type SharedStore = Arc<dyn Store>;
