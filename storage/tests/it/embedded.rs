//! The suite on DynamoDB: one in-process engine for all tests, one table per test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use shopease_shared::ports::SharedStore;
use shopease_shared::testing::conformance::Guarantee;
use shopease_shared::testing::{MapEnv, SeededIds};
use shopease_storage::dynamodb::{DynamoDbConfig, DynamoDbStore};
use shopease_storage::embedded::{EmbeddedConfig, EmbeddedDynamoDb, EmbeddedPath};

shopease_shared::conformance_suite!(crate::embedded::on_dynamodb);

async fn on_dynamodb(guarantee: Guarantee) {
    static TABLES: AtomicU32 = AtomicU32::new(0);
    let number = TABLES.fetch_add(1, Ordering::SeqCst);
    let config = DynamoDbConfig { table: format!("conformance-{number}"), endpoint_url: Some(engine().endpoint_url()) };
    let ids = Arc::new(SeededIds::new(u64::from(number)));
    let store = DynamoDbStore::connect(&config, &MapEnv::default(), ids).await;
    store.create_table().await.expect("an empty table");
    let store: SharedStore = Arc::new(store);
    guarantee.check(store).await;
}

/// The engine of this process, in memory: it and its tables go away with the process.
fn engine() -> &'static EmbeddedDynamoDb {
    static ENGINE: OnceLock<EmbeddedDynamoDb> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let config = EmbeddedConfig { path: EmbeddedPath::InMemory, port: None };
        EmbeddedDynamoDb::start(&config, &MapEnv::default()).expect("the engine starts")
    })
}
