//! The store ports on `DynamoDB`: one table with string keys `pk` and `sk`, no index, no scan.
//!
//! `keys` defines the layout; every other file covers one aggregate, or how requests are made. Changes that belong
//! together are one `TransactWriteItems`; a product, which can be larger than that, is written in repeatable steps
//! (`upsert`).

#[cfg(feature = "testing")]
pub mod access;
mod accounts;
mod actions;
mod attempts;
mod audit;
mod carts;
mod catalog;
mod delete;
mod error;
#[cfg(feature = "testing")]
pub mod faults;
mod idempotency;
mod items;
mod keys;
mod orders;
mod outbox;
mod product_index;
mod product_items;
mod purge;
mod reads;
mod retry;
mod search;
mod settings;
mod stock;
mod table;
mod upsert;
mod usage;
mod writes;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use shopease_process::telemetry;
use shopease_shop::ports::{Env, Health, IdGenerator, StoreError};

/// The table and its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamoDbConfig {
    /// Name of the table.
    pub table: String,
    /// URL of an engine other than AWS, for example the embedded one of another process; its user name is the access
    /// key.
    pub endpoint_url: Option<String>,
}

/// How bulk puts that need no transaction are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkWrites {
    /// As `BatchWriteItem`: half the price on AWS.
    Batches,
    /// As `TransactWriteItems`: the embedded engine syncs its disk once per transaction, but once per write of a batch.
    Transactions,
}

/// All store ports on one `DynamoDB` table.
#[derive(Clone)]
pub struct DynamoDbStore {
    client: Client,
    table: String,
    ids: Arc<dyn IdGenerator>,
    bulk: BulkWrites,
}

impl DynamoDbStore {
    /// Creates a store on a table that exists, or will after [`DynamoDbStore::create_table`]. `ids` provides the
    /// randomness for request tokens and pauses.
    pub fn new(client: Client, table: impl Into<String>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { client, table: table.into(), ids, bulk: BulkWrites::Batches }
    }

    /// Sets how bulk writes are sent.
    #[must_use]
    pub fn with_bulk_writes(mut self, bulk: BulkWrites) -> Self {
        self.bulk = bulk;
        self
    }

    /// Creates a store with the region and the credentials from the environment. Makes no request to the table yet.
    ///
    /// An engine at an `endpoint_url` gets placeholder credentials if the environment has none, so that a laptop needs
    /// no AWS account, and gets bulk writes as transactions.
    pub async fn connect(config: &DynamoDbConfig, env: &(dyn Env + Sync), ids: Arc<dyn IdGenerator>) -> Self {
        let loader = with_limits();
        let client = |sdk: &SdkConfig| client(sdk, env);
        let Some(endpoint_url) = &config.endpoint_url else {
            return Self::new(client(&loader.load().await), &config.table, ids);
        };
        let (endpoint_url, access_key) = split_access_key(endpoint_url);
        let loader = for_own_engine(loader, env, access_key.as_deref());
        let sdk_config = loader.endpoint_url(endpoint_url).load().await;
        Self::new(client(&sdk_config), &config.table, ids).with_bulk_writes(BulkWrites::Transactions)
    }

    /// Creates a store on the embedded engine of this process.
    #[cfg(feature = "embedded")]
    pub async fn on_engine(
        engine: &crate::embedded::EmbeddedDynamoDb,
        table: impl Into<String>,
        env: &(dyn Env + Sync),
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        let loader = with_limits().http_client(engine.client());
        let loader = loader.credentials_provider(placeholder(MADE_UP_KEY)).region(Region::new(MADE_UP_REGION));
        // A placeholder: the client connects to the engine directly.
        let sdk_config = loader.endpoint_url("http://embedded.invalid").load().await;
        Self::new(client(&sdk_config, env), table, ids).with_bulk_writes(BulkWrites::Transactions)
    }
}

/// A client that records its usage if measuring is enabled.
fn client(sdk: &SdkConfig, env: &(dyn Env + Sync)) -> Client {
    let mut config = aws_sdk_dynamodb::config::Builder::from(sdk);
    if telemetry::usage::is_measured(env) {
        config = config.interceptor(usage::ConsumedCapacity);
    }
    Client::from_conf(config.build())
}

/// The access key for an engine that requires none.
const MADE_UP_KEY: &str = "shopease";
/// The region for an engine without one.
const MADE_UP_REGION: &str = "us-east-1";

fn placeholder(access_key: &str) -> Credentials {
    Credentials::new(access_key, "shopease", None, None, "own-engine")
}

/// Timeouts of requests.
fn with_limits() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_secs(2))
                .operation_timeout(Duration::from_secs(5))
                .build(),
        )
}

/// Removes the user name, which is the engine's access key, from a URL.
fn split_access_key(endpoint_url: &str) -> (String, Option<String>) {
    let without = || (endpoint_url.to_owned(), None);
    let Some((scheme, rest)) = endpoint_url.split_once("://") else { return without() };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((key, host)) => (format!("{scheme}://{host}{}", &rest[authority.len()..]), Some(key.to_owned())),
        None => without(),
    }
}

/// Region and credentials for an engine that needs neither, if the environment has none. A profile in the home
/// directory is ignored, because it may require a sign-in.
fn for_own_engine(mut loader: ConfigLoader, env: &dyn Env, access_key: Option<&str>) -> ConfigLoader {
    const CREDENTIALS: [&str; 4] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ];
    let absent = |names: &[&str]| names.iter().all(|name| env.var(name).is_none());
    if access_key.is_some() || absent(&CREDENTIALS) {
        loader = loader.credentials_provider(placeholder(access_key.unwrap_or(MADE_UP_KEY)));
    }
    if absent(&["AWS_REGION", "AWS_DEFAULT_REGION"]) {
        loader = loader.region(Region::new(MADE_UP_REGION));
    }
    loader
}

#[async_trait]
impl Health for DynamoDbStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.get(&keys::health()).await.map(drop)
    }
}
