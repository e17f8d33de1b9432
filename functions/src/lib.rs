//! Start-up code shared by all Lambda functions.

mod target;

use std::sync::Arc;

use anyhow::Context as _;
use lambda_http::Adapter;
use lambda_http::tower::ServiceBuilder;
use shopease_aws::{AssetsConfig, QueueUrl};
use shopease_events::EventsConfig;
use shopease_mail::MailConfig;
use shopease_payments::{LocalLedgerOptions, PaymentsConfig};
use shopease_process::config::Reader;
use shopease_process::telemetry;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::routes::Area;
use shopease_shared::http::{self, App, Runtime};
use shopease_shop::config::ShopConfig;
use shopease_shop::ports::{PictureMaker, ProcessEnv, SystemIds};
use shopease_shop::services::{LocalShop, Worker};
use shopease_storage::StoreConfig;

/// Serves an area behind an ALB, an HTTP API, or a Function URL until the execution environment ends.
///
/// # Errors
/// As [`app`], and if the Runtime API fails.
pub async fn serve(area: Area) -> Result<(), lambda_http::Error> {
    serve_app(app().await?, area).await
}

/// The same with a prepared [`app`].
///
/// # Errors
/// If the Runtime API fails.
pub async fn serve_app(app: App, area: Area) -> Result<(), lambda_http::Error> {
    let router = http::area(app, area);
    let requests = Adapter::from(ServiceBuilder::new().map_request(target::restore).service(router));
    lambda_runtime::run(ServiceBuilder::new().map_request(target::keep).service(requests)).await
}

/// Reads the configuration, opens the store and builds the shop, once per execution environment.
///
/// # Errors
/// If the configuration is invalid or the store cannot be opened; Lambda reports it as an init error.
pub async fn app() -> anyhow::Result<App> {
    build(None).await
}

/// The same for the area whose operators upload pictures: only its binary contains the decoders.
///
/// # Errors
/// As [`app`].
pub async fn app_with_pictures(maker: Arc<dyn PictureMaker>) -> anyhow::Result<App> {
    build(Some(maker)).await
}

async fn build(maker: Option<Arc<dyn PictureMaker>>) -> anyhow::Result<App> {
    start_telemetry()?;
    let env = shopease_aws::environment(ProcessEnv).await?;
    let mut reader = Reader::new(&env);
    let (http, assets) = (HttpConfig::read(&mut reader), AssetsConfig::read(&mut reader));
    let mut shop = shop(reader).await?;
    env.report_unused();
    let assets = shopease_aws::open_assets(&assets, &ProcessEnv).await.map_err(anyhow::Error::msg)?;
    if let (Some(maker), Some(writer)) = (maker, assets.writer) {
        shop = shop.with_pictures(maker, writer);
    }
    Ok(App::local(shop, http).with_assets(assets.store).with_runtime(Runtime::Lambda))
}

/// Builds the worker of the shop.
///
/// # Errors
/// As [`app`].
pub async fn worker() -> anyhow::Result<Worker> {
    start_telemetry()?;
    let env = shopease_aws::environment(ProcessEnv).await?;
    let mut reader = Reader::new(&env);
    let (events, mail) = (EventsConfig::read(&mut reader), MailConfig::read(&mut reader, None));
    let bounces = QueueUrl::read(&mut reader);
    let shop = shop(reader).await?;
    env.report_unused();
    // The only function besides the administration that may write the settings.
    shop.prepare_settings().await.context("the settings cannot be read")?;
    let mut sinks = vec![shopease_events::open(&events).await.map_err(anyhow::Error::msg)?];
    sinks.extend(shopease_mail::open(mail.as_ref(), &shop).await);
    let bounces = shopease_aws::open_bounces(bounces.as_ref(), &ProcessEnv).await.map_err(anyhow::Error::msg)?;
    Ok(Worker::new(shop, sinks).with_bounces(bounces))
}

fn start_telemetry() -> anyhow::Result<()> {
    telemetry::init(&ProcessEnv);
    telemetry::metrics::start(&ProcessEnv).map_err(anyhow::Error::msg)
}

/// The shop, and the test cards of its payment provider.
async fn shop(mut reader: Reader<'_>) -> anyhow::Result<LocalShop> {
    let (store, payments) = (StoreConfig::read(&mut reader, "dynamodb"), PaymentsConfig::read(&mut reader));
    let shop = ShopConfig::read(&mut reader);
    reader.finish()?;
    let store = store.context("no store is configured")?;
    let payments = payments.context("no payment provider is configured")?;
    let open =
        shopease_storage::open(store, &ProcessEnv, Arc::new(SystemIds)).await.context("the store cannot be opened")?;
    // An execution environment can be frozen or ended at any time, so it serves no bank page and keeps no ledger of its
    // own.
    let payments =
        shopease_payments::open(payments, LocalLedgerOptions::default()).await.map_err(anyhow::Error::msg)?;
    Ok(LocalShop::with_system_clock(open.store, payments, shop))
}
