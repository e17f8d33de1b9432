//! The use cases, run over the ports. Nothing here knows which store, which runtime or which page.
//!
//! Five services with a trait each, so that a handler gets what it needs and no more: [`Catalog`], [`Carts`], [`Checkout`],
//! [`Accounts`], [`Operations`]. Every use case takes its caller, where there is one, and its command. [`LocalShop`] runs them
//! in this process; the typed client of the API implements the same traits by calling another one. Each method may fail with
//! [`ShopError::Unavailable`](crate::ShopError::Unavailable) and [`ShopError::Internal`](crate::ShopError::Internal); other
//! errors are named where they belong.

mod accounts;
mod attempts;
mod audit;
mod carts;
mod catalog;
mod catalog_cache;
mod checkout;
mod failpoint;
mod idempotent;
mod local_shop;
mod operations;
mod order_view;
mod password;
mod payment_steps;
mod placement;
mod turns;
mod worker;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use shopease_process::retry::TryError;

use crate::domain::Token;
use crate::ports::StoreError;
use crate::{ShopError, ShopResult};
pub use accounts::*;
pub use audit::{AuditReport, Invariant, Violation, audit};
pub use carts::*;
pub use catalog::*;
pub use checkout::*;
pub use local_shop::LocalShop;
pub use operations::*;
pub use order_view::OrderView;
pub use worker::{Worker, WorkerReport};

/// How long a visitor's token, a cart and a session live after their last write.
pub const TOKEN_LIFETIME_DAYS: i64 = 30;

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The visitor's or session's token.
    pub token: Token,
    /// The client's address, from a source that the client cannot choose; absent where there is none.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// A caller of unknown address.
    pub const fn new(token: Token) -> Self {
        Self { token, address: None }
    }
}

/// Whether the shop can serve, for probes.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Whether the shop can serve: its store answers.
    ///
    /// # Errors
    /// [`ShopError::Unavailable`].
    async fn ready(&self) -> ShopResult<()>;
}

/// The five services, wherever they run.
#[derive(Clone)]
pub struct Services {
    /// Products and categories.
    pub catalog: Arc<dyn Catalog>,
    /// The caller's cart.
    pub carts: Arc<dyn Carts>,
    /// From the cart to a paid order.
    pub checkout: Arc<dyn Checkout>,
    /// Accounts and sessions.
    pub accounts: Arc<dyn Accounts>,
    /// What the shop's staff does.
    pub operations: Arc<dyn Operations>,
    /// Whether they can serve.
    pub readiness: Arc<dyn Readiness>,
}

impl Services {
    /// All of one implementation.
    pub fn of<S: Catalog + Carts + Checkout + Accounts + Operations + Readiness + 'static>(shop: S) -> Self {
        let shop = Arc::new(shop);
        Self {
            catalog: shop.clone(),
            carts: shop.clone(),
            checkout: shop.clone(),
            accounts: shop.clone(),
            operations: shop.clone(),
            readiness: shop,
        }
    }
}

/// What a conditional write means to `until_written`: one that lost to another is tried again.
fn written<T>(result: Result<T, StoreError>) -> Result<T, TryError<ShopError>> {
    result.map_err(|error| TryError::transient_if(error.into(), |error| matches!(error, ShopError::Conflict)))
}
