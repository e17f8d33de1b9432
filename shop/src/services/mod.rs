//! The use cases, independent of store, runtime and pages.
//!
//! There are eight services, each with its own trait: [`Catalog`], [`Carts`], [`Checkout`], [`Accounts`], [`Addresses`], [`Operations`],
//! [`Products`] and [`ShopSettings`]. Each use case takes its caller, if any, and its command. [`LocalShop`] runs them in this process; the typed client of the API implements the
//! same traits by calling another process. Each method may fail with [`ShopError::Unavailable`](crate::ShopError::Unavailable) and
//! [`ShopError::Internal`](crate::ShopError::Internal); other errors are documented per method.

mod accounts;
mod addresses;
mod attempts;
mod audit;
mod carts;
mod catalog;
mod catalog_cache;
mod checkout;
mod email_confirmation;
mod failpoint;
mod idempotent;
mod keyed_locks;
mod local_shop;
mod mailed_link;
mod notices;
mod operations;
mod order_view;
mod own_account;
mod password;
mod password_reset;
mod password_rules;
mod payment_steps;
mod person;
mod pictures;
mod placement;
mod products;
mod queue;
mod relay;
mod sessions;
mod settings;
mod worker;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use shopease_process::retry::TryError;

use crate::domain::Token;
use crate::ports::StoreError;
use crate::{ShopError, ShopResult};
pub use accounts::*;
pub use addresses::*;
pub use audit::{AuditReport, Invariant, Violation, audit};
pub use carts::*;
pub use catalog::*;
pub use checkout::*;
pub use local_shop::LocalShop;
pub use notices::{Brand, LowStock, Notice, concerns_operator, concerns_shopper};
pub use operations::*;
pub use order_view::OrderView;
pub use person::{ErasedPerson, PersonalData, erase_person, personal_data};
pub use products::*;
pub use settings::*;
pub use worker::{Worker, WorkerReport};

/// Lifetime of visitor tokens, carts and sessions after their last write.
pub const TOKEN_LIFETIME_DAYS: i64 = 30;

/// The sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The visitor's or session's token.
    pub token: Token,
    /// The client's IP address, from a source that the client cannot forge, if known.
    pub address: Option<IpAddr>,
    /// The client's browser and system, such as `Firefox on Linux`, if known.
    pub device: Option<String>,
}

impl Caller {
    /// A caller without a known address and device.
    pub const fn new(token: Token) -> Self {
        Self { token, address: None, device: None }
    }
}

/// Readiness check, for probes.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Succeeds if the shop's store responds.
    ///
    /// # Errors
    /// [`ShopError::Unavailable`].
    async fn ready(&self) -> ShopResult<()>;
}

/// The eight services, wherever they run.
#[derive(Clone)]
pub struct Services {
    /// Products and categories.
    pub catalog: Arc<dyn Catalog>,
    /// The caller's cart.
    pub carts: Arc<dyn Carts>,
    /// Quotes, checkout and orders.
    pub checkout: Arc<dyn Checkout>,
    /// Accounts and sessions.
    pub accounts: Arc<dyn Accounts>,
    /// Addresses of accounts.
    pub addresses: Arc<dyn Addresses>,
    /// Administration.
    pub operations: Arc<dyn Operations>,
    /// Administration of the products.
    pub products: Arc<dyn Products>,
    /// Administration of the settings.
    pub settings: Arc<dyn ShopSettings>,
    /// Readiness of the services.
    pub readiness: Arc<dyn Readiness>,
}

impl Services {
    /// All services from one implementation.
    pub fn of<S>(shop: S) -> Self
    where
        S: Catalog
            + Carts
            + Checkout
            + Accounts
            + Addresses
            + Operations
            + Products
            + ShopSettings
            + Readiness
            + 'static,
    {
        let shop = Arc::new(shop);
        Self {
            catalog: shop.clone(),
            carts: shop.clone(),
            checkout: shop.clone(),
            accounts: shop.clone(),
            addresses: shop.clone(),
            operations: shop.clone(),
            products: shop.clone(),
            settings: shop.clone(),
            readiness: shop,
        }
    }
}

/// Tries to write an order or account while others write it.
const MAX_TRIES: u32 = 5;

/// Converts the result of a conditional write for `until_written`: conflicts are retried.
fn written<T>(result: Result<T, StoreError>) -> Result<T, TryError<ShopError>> {
    result.map_err(|error| TryError::transient_if(error.into(), |error| matches!(error, ShopError::Conflict)))
}
