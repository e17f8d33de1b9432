//! What every Lambda function does before its first invocation.

use std::sync::Arc;

use anyhow::Context as _;
use shopease_shared::config::{HttpConfig, Reader, ShopConfig};
use shopease_shared::http::App;
use shopease_shared::ports::{ProcessEnv, SystemIds};
use shopease_shared::telemetry;
use shopease_storage::StoreConfig;

/// Reads the configuration, opens the store and builds the shop, once per execution environment.
///
/// # Errors
/// When the configuration has problems or the store cannot be opened; Lambda reports it as an init error.
pub async fn app() -> anyhow::Result<App> {
    telemetry::init(&ProcessEnv);
    let mut reader = Reader::new(&ProcessEnv);
    let (store, shop, http) =
        (StoreConfig::read(&mut reader, "dynamodb"), ShopConfig::read(&mut reader), HttpConfig::read(&mut reader));
    reader.finish()?;
    let store = store.context("no store is configured")?;
    let open =
        shopease_storage::open(store, &ProcessEnv, Arc::new(SystemIds)).await.context("the store cannot be opened")?;
    Ok(App::local(open.store, shop, http))
}
