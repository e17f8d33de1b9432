//! What the use cases of this process share. Each noun's file implements its service on it.

use std::sync::Arc;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;

use super::attempts::AttemptLimits;
use super::catalog_cache::CatalogCache;
use super::password::Passwords;
use super::turns::Turns;
use super::{Caller, Readiness, TOKEN_LIFETIME_DAYS};
use crate::config::ShopConfig;
use crate::domain::{CartOwner, Customer, Role, Tokenizer};
use crate::ports::{Clock, IdGenerator, PaymentProvider, SharedStore, SystemClock, SystemIds};
use crate::{ShopError, ShopResult};

/// The use cases over a store, a payment provider, a clock and randomness. Clones share everything.
#[derive(Clone)]
pub struct LocalShop {
    pub(super) store: SharedStore,
    pub(super) payments: Arc<dyn PaymentProvider>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdGenerator>,
    pub(super) config: Arc<ShopConfig>,
    pub(super) tokenizer: Tokenizer,
    pub(super) cache: CatalogCache,
    pub(super) passwords: Passwords,
    pub(super) attempts: AttemptLimits,
    /// At writing a cart, by its owner.
    pub(super) turns: Turns,
    /// Wakes the worker of this process when there is work for it.
    pub(super) wakeup: Arc<Notify>,
    /// Told when an operator has signed in to this process.
    pub(super) operator_signed_in: Arc<Notify>,
}

/// Who a caller turned out to be.
pub(super) struct Identity {
    /// Owner of the caller's cart and orders.
    pub owner: CartOwner,
    /// The account, when signed in.
    pub customer: Option<Customer>,
}

impl LocalShop {
    /// A shop.
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
            passwords: Passwords::default(),
            attempts: AttemptLimits::default(),
            turns: Turns::default(),
            wakeup: Arc::default(),
            operator_signed_in: Arc::default(),
            config: Arc::new(config),
            store,
            payments,
            clock,
            ids,
        }
    }

    /// A shop with the machine's clock and randomness.
    pub fn with_system_clock(store: SharedStore, payments: Arc<dyn PaymentProvider>, config: ShopConfig) -> Self {
        Self::new(store, payments, Arc::new(SystemClock), Arc::new(SystemIds), config)
    }

    /// Waits until an operator has signed in to this process.
    pub async fn operator_signed_in(&self) {
        self.operator_signed_in.notified().await;
    }

    /// Who the caller is. A visitor's token costs no read; a session that ended makes a visitor of its bearer.
    pub(super) async fn identify(&self, caller: &Caller) -> ShopResult<Identity> {
        let visitor = || Identity { owner: CartOwner::visitor(&caller.token), customer: None };
        if caller.token.is_visitor() {
            return Ok(visitor());
        }
        let Some(session) = self.store.find_session(&caller.token.digest(), self.clock.now()).await? else {
            return Ok(visitor());
        };
        let customer = self.store.find_customer(&session.customer_id).await?;
        Ok(customer.map_or_else(visitor, |customer| Identity {
            owner: CartOwner::customer(&customer),
            customer: Some(customer),
        }))
    }

    /// The operator behind a caller.
    pub(super) async fn require_operator(&self, caller: &Caller) -> ShopResult<Customer> {
        let customer = self.identify(caller).await?.customer.ok_or(ShopError::SignInRequired)?;
        if customer.role == Role::Operator { Ok(customer) } else { Err(ShopError::Forbidden) }
    }

    /// When what is written now ends.
    pub(super) fn expiry(&self) -> OffsetDateTime {
        self.clock.now() + Duration::days(TOKEN_LIFETIME_DAYS)
    }
}

#[async_trait]
impl Readiness for LocalShop {
    async fn ready(&self) -> ShopResult<()> {
        // Whatever is wrong with the store, the answer to a probe is "not now".
        self.store
            .check()
            .await
            .map_err(|error| ShopError::Unavailable { retry_after_seconds: 1, source: Some(error.into()) })
    }
}
