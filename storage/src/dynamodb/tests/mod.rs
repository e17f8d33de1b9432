//! Tests of this adapter with the embedded engine: the requests of each access pattern, behavior when requests fail,
//! and durability. The guarantees of the ports are covered by the conformance suite.

mod checkout;
pub(crate) mod documents;
mod durability;
mod patterns;
mod upserts;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use shopease_shop::domain::{PageLimit, Product, ProductSort};
use shopease_shop::ports::{CatalogStore as _, ProductListing};
use shopease_shop::testing::{MapEnv, SeededIds, fixtures};

use self::wire::Wire;
use super::DynamoDbStore;
use crate::embedded::{EmbeddedConfig, EmbeddedDynamoDb, EmbeddedPath};

/// A store on its own engine whose requests are recorded, and fail when a test says so.
struct Bench {
    store: DynamoDbStore,
    wire: Wire,
    engine: EmbeddedDynamoDb,
}

impl Bench {
    async fn new() -> Self {
        Self::at(EmbeddedPath::InMemory).await
    }

    async fn at(path: EmbeddedPath) -> Self {
        let config = EmbeddedConfig { path, port: None };
        let engine = EmbeddedDynamoDb::start(&config, &MapEnv::default()).expect("the engine starts");
        let mut store =
            DynamoDbStore::on_engine(&engine, "shop", &MapEnv::default(), Arc::new(SeededIds::new(1))).await;
        let wire = Wire::default();
        // Slow requests on a busy machine are not retried.
        let patient = TimeoutConfig::builder().operation_timeout(Duration::from_mins(1)).build();
        let config = store.client.config().to_builder().timeout_config(patient).interceptor(wire.clone());
        store.client = Client::from_conf(config.build());
        store.create_table().await.expect("a table");
        wire.take_operations();
        Self { store, wire, engine }
    }

    /// Writes products as an English shop does, and clears the recorded requests.
    async fn upsert(&self, products: &[Product]) {
        for product in products {
            self.store.upsert_product(product, &fixtures::index(product)).await.expect("written");
        }
        self.wire.take_operations();
    }

    /// The handles of the first 100 products of a listing.
    async fn listed(&self, listing: &ProductListing) -> Vec<String> {
        let page = self.store.list_products(listing).await.expect("a page");
        page.items.into_iter().map(|summary| summary.handle.to_string()).collect()
    }
}

/// The first 100 products of the shop.
fn everything(sort: ProductSort) -> ProductListing {
    let limit = PageLimit::new(100).expect("a limit");
    ProductListing { search: None, category: None, sort, after: None, limit }
}
