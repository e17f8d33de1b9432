//! The suite on DynamoDB: one in-process engine for all tests, one table per test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::{Client, Config};
use shopease_shared::ports::SharedStore;
use shopease_shared::testing::conformance::Guarantee;
use shopease_shared::testing::{MapEnv, SeededIds};
use shopease_storage::dynamodb::{BulkWrites, DynamoDbStore};
use shopease_storage::embedded::{EmbeddedConfig, EmbeddedDynamoDb, EmbeddedPath};

shopease_shared::conformance_suite!(crate::embedded::on_dynamodb);

async fn on_dynamodb(guarantee: Guarantee) {
    static TABLES: AtomicU32 = AtomicU32::new(0);
    let number = TABLES.fetch_add(1, Ordering::SeqCst);
    let ids = Arc::new(SeededIds::new(u64::from(number)));
    let store = DynamoDbStore::new(patient_client(), format!("conformance-{number}"), ids);
    let store = store.with_bulk_writes(BulkWrites::Transactions);
    store.create_table().await.expect("an empty table");
    let store: SharedStore = Arc::new(store);
    guarantee.check(store).await;
}

/// A client that waits as long as it takes: the engine serves one request at a time, and a busy machine must not look
/// like a store that is not available.
fn patient_client() -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(engine().endpoint_url())
        .credentials_provider(Credentials::new("shopease", "shopease", None, None, "conformance"))
        .region(Region::new("us-east-1"))
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(60)).build());
    Client::from_conf(config.build())
}

/// The engine of this process, in memory: it and its tables go away with the process.
fn engine() -> &'static EmbeddedDynamoDb {
    static ENGINE: OnceLock<EmbeddedDynamoDb> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let config = EmbeddedConfig { path: EmbeddedPath::InMemory, port: None };
        EmbeddedDynamoDb::start(&config, &MapEnv::default()).expect("the engine starts")
    })
}
