//! From the environment to an open store.

use std::sync::Arc;

use anyhow::Context as _;
use shopease_aws::AssetsConfig;
use shopease_events::EventsConfig;
use shopease_payments::{LedgerHome, OpenPayments, PaymentsConfig};
use shopease_process::config::Reader;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::AddressSource;
use shopease_shop::config::ShopConfig;
use shopease_shop::ports::{AssetStore, Env, EventSink, ProcessEnv, SystemIds};
use shopease_storage::{OpenStore, StoreConfig};

use crate::demo;

/// Everything the environment says.
pub struct Settings {
    /// Which store.
    pub store: StoreConfig,
    /// How the shop sells.
    pub shop: ShopConfig,
    /// How the shop shows itself.
    pub http: HttpConfig,
    /// How the shop is paid; absent in a frontend, whose backend knows.
    pub payments: Option<PaymentsConfig>,
    /// How often the worker looks for something to finish, in seconds; 0: never, another process does.
    pub worker_seconds: u64,
    /// Where the worker delivers events.
    pub events: EventsConfig,
    /// Where assets come from.
    pub assets: AssetsConfig,
    /// Whether the shop's address was given; else it is this port of localhost.
    pub has_public_url: bool,
    /// Where the frontend finds the backend.
    pub backend_url: Option<String>,
    /// How long a stopping process keeps serving while load balancers notice.
    pub drain_seconds: u64,
    /// Connections at once.
    pub connections: u32,
    /// How clients' addresses are known.
    pub addresses: AddressSource,
}

/// Longest drain: what follows it must end before ECS kills, 30 s after the signal.
const MAX_DRAIN_SECONDS: u64 = 15;
/// Connections at once: each is an open file, and containers often may have 1,024 of them.
const CONNECTIONS: u32 = 768;

impl Settings {
    /// Reads the environment and the parameters that it refers to; `has_shop` unless the process is a frontend.
    ///
    /// # Errors
    /// When the parameters cannot be read, and every problem with its variable.
    pub async fn load(has_shop: bool) -> anyhow::Result<Self> {
        let env = shopease_aws::environment(ProcessEnv).await?;
        let settings = Self::read(&env, has_shop)?;
        env.report_unused();
        Ok(settings)
    }

    fn read(env: &dyn Env, has_shop: bool) -> anyhow::Result<Self> {
        let mut reader = Reader::new(env);
        let default_store = if cfg!(feature = "embedded") { "embedded" } else { "postgres" };
        let store = StoreConfig::read(&mut reader, default_store);
        let (shop, mut http) = (ShopConfig::read(&mut reader), HttpConfig::read(&mut reader));
        let payments = if has_shop {
            PaymentsConfig::read(&mut reader)
        } else {
            http.test_cards = shopease_payments::offered_methods(&mut reader);
            None
        };
        let worker_seconds = reader.or("SHOPEASE_WORKER_SECONDS", 5);
        let events = EventsConfig::read(&mut reader);
        let assets = AssetsConfig::read(&mut reader);
        let has_public_url = env.var("SHOPEASE_PUBLIC_URL").is_some();
        let backend_url = reader.optional("SHOPEASE_BACKEND_URL");
        let drain_seconds = reader.or("SHOPEASE_DRAIN_SECONDS", 0);
        if drain_seconds > MAX_DRAIN_SECONDS {
            reader.problem("SHOPEASE_DRAIN_SECONDS", format!("must be at most {MAX_DRAIN_SECONDS}"));
        }
        let connections = reader.or("SHOPEASE_CONNECTIONS", CONNECTIONS);
        if connections == 0 {
            reader.problem("SHOPEASE_CONNECTIONS", "must be more than 0");
        }
        let addresses = reader.or("SHOPEASE_CLIENT_ADDRESS", AddressSource::Socket);
        reader.finish()?;
        let store = store.context("no store is configured")?;
        Ok(Self {
            store,
            shop,
            http,
            payments,
            worker_seconds,
            events,
            assets,
            has_public_url,
            backend_url,
            drain_seconds,
            connections,
            addresses,
        })
    }
}

/// Opens the configured store, which has its tables.
///
/// # Errors
/// When it cannot be reached, was not migrated, or its data directory is in use or has lost its store.
pub async fn store(settings: &Settings) -> anyhow::Result<OpenStore> {
    let open = store_to_migrate(settings).await?;
    open.check_tables().await.context("the store cannot be opened")?;
    Ok(open)
}

/// Opens the configured store, whose tables may be missing.
///
/// # Errors
/// When it cannot be reached, or its data directory is in use or has lost its store.
pub async fn store_to_migrate(settings: &Settings) -> anyhow::Result<OpenStore> {
    demo::refuse_lost_orders(&settings.store)?;
    shopease_storage::open(settings.store.clone(), &ProcessEnv, Arc::new(SystemIds))
        .await
        .context("the store cannot be opened")
}

/// Opens the configured store for reading: an embedded one that does not exist yet is empty, and not created.
///
/// # Errors
/// When it cannot be reached, or its data directory is in use.
pub async fn store_to_read(settings: &Settings) -> anyhow::Result<OpenStore> {
    shopease_storage::open(settings.store.clone().to_read(), &ProcessEnv, Arc::new(SystemIds))
        .await
        .context("the store cannot be opened")
}

/// Opens the configured place for events.
///
/// # Errors
/// When its address is not one.
pub async fn events(settings: &Settings) -> anyhow::Result<Arc<dyn EventSink>> {
    shopease_events::open(&settings.events).await.map_err(anyhow::Error::msg)
}

/// Opens the configured place for assets.
///
/// # Errors
/// When the process does not know how to reach it.
pub async fn assets(settings: &Settings) -> anyhow::Result<Arc<dyn AssetStore>> {
    shopease_aws::open_assets(&settings.assets, &ProcessEnv).await.map_err(anyhow::Error::msg)
}

/// Opens the configured payment provider.
///
/// # Errors
/// When it is not configured, or cannot be opened.
pub async fn payments(settings: &Settings, bank_page: bool) -> anyhow::Result<OpenPayments> {
    let config = settings.payments.clone().context("no payment provider is configured")?;
    let journal = demo::data_directory(&settings.store).map(|directory| directory.join(demo::PAYMENTS_FILE));
    shopease_payments::open(config, LedgerHome { journal, bank_page }).await.map_err(anyhow::Error::msg)
}
