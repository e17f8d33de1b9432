//! The use cases in this process: their shared state. The other modules implement the services on it.

use std::sync::Arc;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;

use super::attempts::AttemptLimits;
use super::catalog_cache::CatalogCache;
use super::keyed_locks::KeyedLocks;
use super::password::Passwords;
use super::pictures::Pictures;
use super::queue::Queue;
use super::settings::SettingsCache;
use super::{Caller, Readiness, TOKEN_LIFETIME_DAYS};
use crate::config::ShopConfig;
use crate::domain::{CartOwner, Customer, Role, Tokenizer};
use crate::ports::{
    AssetWriter, Clock, IdGenerator, PaymentProvider, PictureMaker, SharedStore, SystemClock, SystemIds,
};
use crate::{ShopError, ShopResult};

/// Searches that read the store at once, and how many wait for how long. The rest of the shop needs the store and the permits of
/// their requests.
const MAX_SEARCHES: usize = 4;
const MAX_WAITING_SEARCHES: usize = 32;
const MAX_SEARCH_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// The use cases, run on a store, a payment provider, a clock and an ID generator. Clones share everything.
#[derive(Clone)]
pub struct LocalShop {
    pub(super) store: SharedStore,
    pub(super) payments: Arc<dyn PaymentProvider>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdGenerator>,
    pub(super) config: Arc<ShopConfig>,
    pub(super) tokenizer: Tokenizer,
    pub(super) cache: CatalogCache,
    pub(super) settings: Arc<SettingsCache>,
    pub(super) passwords: Passwords,
    pub(super) attempts: AttemptLimits,
    /// Makes and stores uploaded pictures, if there is a place for them.
    pub(super) pictures: Option<Pictures>,
    /// Limits the searches that read the store.
    pub(super) searches: Queue,
    /// Locks for writing carts, by owner.
    pub(super) cart_locks: KeyedLocks,
    /// Wakes the worker of this process when there is work for it.
    pub(super) wakeup: Arc<Notify>,
    /// Notified when an operator has signed in to this process.
    pub(super) operator_signed_in: Arc<Notify>,
}

/// The identity of a caller.
pub(super) struct Identity {
    /// Owner of the caller's cart and orders.
    pub owner: CartOwner,
    /// The account, when signed in.
    pub customer: Option<Customer>,
}

impl LocalShop {
    /// Creates a shop.
    pub fn new(
        store: SharedStore,
        payments: Arc<dyn PaymentProvider>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        config: ShopConfig,
    ) -> Self {
        Self {
            tokenizer: Tokenizer::new(config.language),
            cache: CatalogCache::new(config.catalog_cache_seconds),
            settings: Arc::default(),
            passwords: Passwords::default(),
            attempts: AttemptLimits::default(),
            pictures: None,
            searches: Queue::new(MAX_SEARCHES, MAX_WAITING_SEARCHES, MAX_SEARCH_WAIT),
            cart_locks: KeyedLocks::default(),
            wakeup: Arc::default(),
            operator_signed_in: Arc::default(),
            config: Arc::new(config),
            store,
            payments,
            clock,
            ids,
        }
    }

    /// Creates a shop with the system's clock and random generator.
    pub fn with_system_clock(store: SharedStore, payments: Arc<dyn PaymentProvider>, config: ShopConfig) -> Self {
        Self::new(store, payments, Arc::new(SystemClock), Arc::new(SystemIds), config)
    }

    /// Accepts pictures: their files are made and written by these.
    #[must_use]
    pub fn with_pictures(self, maker: Arc<dyn PictureMaker>, writer: Arc<dyn AssetWriter>) -> Self {
        Self { pictures: Some(Pictures::new(maker, writer)), ..self }
    }

    /// Waits until an operator signs in to this process.
    pub async fn operator_signed_in(&self) {
        self.operator_signed_in.notified().await;
    }

    /// Identifies the caller. A visitor's token costs no read. The bearer of an expired session counts as a visitor.
    pub(super) async fn identify(&self, caller: &Caller) -> ShopResult<Identity> {
        let visitor = || Identity { owner: CartOwner::visitor(&caller.token), customer: None };
        if caller.token.is_visitor() {
            return Ok(visitor());
        }
        let Some(session) = self.store.find_session(&caller.token.digest(), self.clock.now()).await? else {
            return Ok(visitor());
        };
        let customer = self.store.find_customer(&session.customer_id).await?;
        let customer = customer.filter(|customer| customer.password_changes == session.password_changes);
        Ok(customer.map_or_else(visitor, |customer| Identity {
            owner: CartOwner::customer(&customer),
            customer: Some(customer),
        }))
    }

    /// Returns the signed-in customer.
    pub(super) async fn require_customer(&self, caller: &Caller) -> ShopResult<Customer> {
        self.identify(caller).await?.customer.ok_or(ShopError::SignInRequired)
    }

    /// Returns the operator behind a caller.
    pub(super) async fn require_operator(&self, caller: &Caller) -> ShopResult<Customer> {
        let customer = self.require_customer(caller).await?;
        if customer.role == Role::Operator { Ok(customer) } else { Err(ShopError::Forbidden) }
    }

    /// Expiry of carts and sessions written now.
    pub(super) fn expiry(&self) -> OffsetDateTime {
        self.clock.now() + Duration::days(TOKEN_LIFETIME_DAYS)
    }
}

#[async_trait]
impl Readiness for LocalShop {
    async fn ready(&self) -> ShopResult<()> {
        // A probe reports every store error as unavailable.
        self.store
            .check()
            .await
            .map_err(|error| ShopError::Unavailable { retry_after_seconds: 1, source: Some(error.into()) })
    }
}
