//! What every Lambda function does before its first invocation.

use std::sync::Arc;

use anyhow::Context as _;
use lambda_http::request::RequestContext;
use lambda_http::tower::ServiceBuilder;
use lambda_http::{Request, RequestExt as _};
use shopease_events::EventsConfig;
use shopease_payments::{LedgerHome, PaymentsConfig};
use shopease_shared::config::{HttpConfig, Reader, ShopConfig};
use shopease_shared::http::routes::Area;
use shopease_shared::http::{self, App};
use shopease_shared::ports::{ProcessEnv, SystemIds};
use shopease_shared::services::{LocalShop, Worker};
use shopease_shared::telemetry;
use shopease_storage::StoreConfig;

/// Serves an area behind an ALB, an HTTP API or a Function URL until the environment ends.
///
/// # Errors
/// As [`app`], and when the Runtime API fails.
pub async fn serve(area: Area) -> Result<(), lambda_http::Error> {
    let router = http::area(app().await?, area);
    lambda_http::run(ServiceBuilder::new().map_request(without_stage).service(router)).await
}

/// Takes the name of an HTTP API's stage off the path: the stage `prod` delivers `/cart` as `/prod/cart`.
fn without_stage(mut request: Request) -> Request {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return request };
    let Some(stage) = context.stage.as_deref().filter(|stage| *stage != "$default") else { return request };
    let raw = request.raw_http_path();
    let path = raw.strip_prefix('/').and_then(|path| path.strip_prefix(stage)).unwrap_or(raw);
    let path = if path.is_empty() { "/" } else { path };
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    // What does not parse stays as it came, and no route has it.
    if let Ok(uri) = format!("{path}{query}").parse() {
        *request.uri_mut() = uri;
    }
    request
}

/// Reads the configuration, opens the store and builds the shop, once per execution environment.
///
/// # Errors
/// When the configuration has problems or the store cannot be opened; Lambda reports it as an init error.
pub async fn app() -> anyhow::Result<App> {
    let mut reader = Reader::new(&ProcessEnv);
    let mut http = HttpConfig::read(&mut reader);
    let (shop, methods) = shop(reader).await?;
    http.test_cards = methods;
    Ok(App::local(shop, http))
}

/// The worker of the same shop.
///
/// # Errors
/// As [`app`].
pub async fn worker() -> anyhow::Result<Worker> {
    let mut reader = Reader::new(&ProcessEnv);
    let events = EventsConfig::read(&mut reader);
    let (shop, _) = shop(reader).await?;
    let sink = shopease_events::open(&events).await.map_err(anyhow::Error::msg)?;
    Ok(Worker::new(shop, sink))
}

/// The shop, and the cards that its payment provider takes.
async fn shop(mut reader: Reader<'_>) -> anyhow::Result<(LocalShop, Vec<(String, String)>)> {
    telemetry::init(&ProcessEnv);
    let (store, payments) = (StoreConfig::read(&mut reader, "dynamodb"), PaymentsConfig::read(&mut reader));
    let shop = ShopConfig::read(&mut reader);
    reader.finish()?;
    let store = store.context("no store is configured")?;
    let payments = payments.context("no payment provider is configured")?;
    let open =
        shopease_storage::open(store, &ProcessEnv, Arc::new(SystemIds)).await.context("the store cannot be opened")?;
    // An environment may be frozen or ended at any time: no page and no ledger of its own that others would have to see.
    let payments = shopease_payments::open(payments, LedgerHome::default()).await.map_err(anyhow::Error::msg)?;
    Ok((LocalShop::of_this_machine(open.store, payments.provider, shop), payments.methods))
}
