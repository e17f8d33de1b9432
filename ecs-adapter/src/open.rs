//! Opens the store and other backends that the environment configures.

use std::sync::Arc;

use anyhow::Context as _;
use shopease_aws::{AssetsConfig, OpenAssets, QueueUrl};
use shopease_events::EventsConfig;
use shopease_mail::{MailConfig, MailDirectory, Transport};
use shopease_payments::{LocalLedgerOptions, PaymentsConfig};
use shopease_pictures::PictureDirectory;
use shopease_process::config::Reader;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::AddressSource;
use shopease_shop::config::ShopConfig;
use shopease_shop::ports::{Env, PaymentProvider, ProcessEnv, SentMails, SharedStore, SystemIds};
use shopease_shop::services::{LocalShop, Worker};
use shopease_storage::{OpenStore, StoreConfig};

use crate::demo;

/// Settings from the environment.
pub struct Settings {
    /// The configured store.
    pub store: StoreConfig,
    /// Pricing, tax, and shipping.
    pub shop: ShopConfig,
    /// Appearance of the shop.
    pub http: HttpConfig,
    /// The payment provider; `None` in a frontend, where the backend handles payments.
    pub payments: Option<PaymentsConfig>,
    /// Interval of the worker in seconds; 0 if another process runs it.
    pub worker_seconds: u64,
    /// Destination of events.
    pub events: EventsConfig,
    /// How mails are sent; `None` if they are not, and in a frontend.
    pub mail: Option<MailConfig>,
    /// The queue of returned mails, if there is one.
    pub bounces: Option<QueueUrl>,
    /// Source of assets.
    pub assets: AssetsConfig,
    /// Whether the shop's public URL is configured; otherwise it is this port on localhost.
    pub has_public_url: bool,
    /// URL of the backend, for a frontend.
    pub backend_url: Option<String>,
    /// How long a stopping process keeps serving while load balancers deregister it.
    pub drain_seconds: u64,
    /// Maximum number of concurrent connections.
    pub connections: u32,
    /// How client addresses are determined.
    pub addresses: AddressSource,
}

/// Longest drain. The steps after it must end before ECS kills the process, 30 s after the signal.
const MAX_DRAIN_SECONDS: u64 = 15;
/// Maximum number of concurrent connections. Each uses an open file, and containers often have a limit of 1,024.
const CONNECTIONS: u32 = 768;

impl Settings {
    /// Reads the environment and the parameters that it refers to. `has_shop` is false for a frontend.
    ///
    /// # Errors
    /// If the parameters cannot be read, or a variable is invalid; every problem is reported with its variable.
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
        let (mut shop, http) = (ShopConfig::read(&mut reader), HttpConfig::read(&mut reader));
        let payments = if has_shop { PaymentsConfig::read(&mut reader) } else { None };
        let worker_seconds = reader.or("SHOPEASE_WORKER_SECONDS", 5);
        let events = EventsConfig::read(&mut reader);
        let directory = store.as_ref().and_then(demo::data_directory).map(|data| data.join(demo::MAIL_DIRECTORY));
        let mail = has_shop.then(|| MailConfig::read(&mut reader, directory)).flatten();
        // Also without the variable, on a laptop.
        shop.sends_mail = mail.is_some();
        let bounces = if has_shop { QueueUrl::read(&mut reader) } else { None };
        let assets = AssetsConfig::read(&mut reader);
        let has_public_url = env.var("SHOPEASE_PUBLIC_URL").is_some();
        let backend_url = reader.optional("SHOPEASE_BACKEND_URL");
        let drain_seconds = reader.or("SHOPEASE_DRAIN_SECONDS", 0);
        if drain_seconds > MAX_DRAIN_SECONDS {
            reader.problem("SHOPEASE_DRAIN_SECONDS", format!("must be at most {MAX_DRAIN_SECONDS}"));
        }
        let connections = reader.or("SHOPEASE_CONNECTIONS", CONNECTIONS);
        if connections == 0 {
            reader.problem("SHOPEASE_CONNECTIONS", "must be greater than 0");
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
            mail,
            bounces,
            assets,
            has_public_url,
            backend_url,
            drain_seconds,
            connections,
            addresses,
        })
    }
}

/// Opens the configured store and checks that it has its tables.
///
/// # Errors
/// If it cannot be reached, has not been migrated, its data directory is in use, or its data directory has lost its store.
pub async fn store(settings: &Settings) -> anyhow::Result<OpenStore> {
    let open = store_to_migrate(settings).await?;
    open.check_tables().await.context("the store cannot be opened")?;
    Ok(open)
}

/// Opens the configured store, whose tables may not exist yet.
///
/// # Errors
/// If it cannot be reached, its data directory is in use, or its data directory has lost its store.
pub async fn store_to_migrate(settings: &Settings) -> anyhow::Result<OpenStore> {
    open(settings, settings.store.clone()).await
}

/// Opens the configured store for reading. An embedded store that does not exist yet is treated as empty and is not
/// created.
///
/// # Errors
/// If it cannot be reached, its data directory is in use, or its data directory has lost its store.
pub async fn store_to_read(settings: &Settings) -> anyhow::Result<OpenStore> {
    open(settings, settings.store.clone().to_read()).await
}

async fn open(settings: &Settings, store: StoreConfig) -> anyhow::Result<OpenStore> {
    // First, because opening an empty file gives it content.
    demo::check_for_lost_orders(&settings.store)?;
    shopease_storage::open(store, &ProcessEnv, Arc::new(SystemIds)).await.context("the store cannot be opened")
}

/// Opens the worker of a shop, with the configured destinations of events and mails.
///
/// # Errors
/// If an address is invalid.
pub async fn worker(settings: &Settings, shop: LocalShop) -> anyhow::Result<Worker> {
    let mut sinks = vec![shopease_events::open(&settings.events).await.map_err(anyhow::Error::msg)?];
    sinks.extend(shopease_mail::open(settings.mail.as_ref(), &shop).await);
    let bounces = shopease_aws::open_bounces(settings.bounces.as_ref(), &ProcessEnv).await;
    Ok(Worker::new(shop, sinks).with_bounces(bounces.map_err(anyhow::Error::msg)?))
}

/// Opens the mails that operators can read here, if they are written to files.
pub fn sent_mails(settings: &Settings) -> Option<Arc<dyn SentMails>> {
    let Transport::Directory(directory) = &settings.mail.as_ref()?.transport else { return None };
    Some(Arc::new(MailDirectory::new(directory)))
}

/// Opens the configured source of assets. On a laptop, uploaded pictures are files beside the store.
///
/// # Errors
/// If this binary does not support it.
pub async fn assets(settings: &Settings) -> anyhow::Result<OpenAssets> {
    let open = shopease_aws::open_assets(&settings.assets, &ProcessEnv).await.map_err(anyhow::Error::msg)?;
    Ok(match (open.writer, demo::data_directory(&settings.store)) {
        (None, Some(data)) => {
            let pictures = Arc::new(PictureDirectory::new(data.join(demo::PICTURES_DIRECTORY), open.store));
            OpenAssets { store: pictures.clone(), writer: Some(pictures) }
        }
        (writer, _) => OpenAssets { writer, ..open },
    })
}

/// Opens the configured payment provider of the orders in a store.
///
/// # Errors
/// If it is not configured or cannot be opened, or the data directory has lost the payments of the orders.
pub async fn payments(
    settings: &Settings,
    store: &SharedStore,
    bank_page: bool,
) -> anyhow::Result<Arc<dyn PaymentProvider>> {
    let config = settings.payments.clone().context("no payment provider is configured")?;
    let journal = demo::data_directory(&settings.store).map(|directory| directory.join(demo::PAYMENTS_FILE));
    if let Some(journal) = journal.as_ref().filter(|_| config.has_own_ledger()) {
        demo::check_for_lost_payments(journal, store).await?;
    }
    shopease_payments::open(config, LocalLedgerOptions { journal, bank_page }).await.map_err(anyhow::Error::msg)
}
