//! Documents of every release, read from these tables.

use std::sync::Arc;

use async_trait::async_trait;
use shopease_shop::ports::SharedStore;
use sqlx::AssertSqlSafe;

use crate::documents::tests::{Content, RawDocuments, every_release_reads};
use crate::postgres::PostgresStore;
use crate::testing::on_schema;

#[async_trait]
impl RawDocuments for PostgresStore {
    async fn replace(&self, content: &Content, document: &str) -> bool {
        if let Content::Settings(_) = content {
            let replacing =
                "UPDATE settings SET document = $1::json WHERE version = (SELECT max(version) FROM settings)";
            let replaced = sqlx::query(replacing).bind(document).execute(&self.pool).await;
            return replaced.expect("the document is replaced").rows_affected() == 1;
        }
        let (table, column, key, value) = match content {
            Content::Order(order) => ("customer_order", "document", "id", order.id.as_str()),
            Content::OrderSummary(order) => ("customer_order", "summary", "id", order.id.as_str()),
            Content::Product(product) => ("product", "document", "handle", product.handle.as_str()),
            Content::ProductSummary(product) => ("product", "summary", "handle", product.handle.as_str()),
            Content::Customer(customer) => ("customer", "document", "id", customer.id.as_str()),
            Content::Cart(cart) => ("cart", "lines", "owner", cart.owner.key()),
            // Stored in separate columns and rows.
            Content::Category(_)
            | Content::Session(_)
            | Content::OutboxMessage(_)
            | Content::Settings(_)
            | Content::ProductIndex(_) => return false,
        };
        let statement = format!("UPDATE {table} SET {column} = $1::json WHERE {key} = $2");
        let replacing = sqlx::query(AssertSqlSafe(statement)).bind(document).bind(value);
        let replaced = replacing.execute(&self.pool).await.expect("the document is replaced");
        assert_eq!(replaced.rows_affected(), 1, "{table} has {value}");
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_every_release_read() {
    on_schema("documents::documents_of_every_release_read", |config| async move {
        let store = PostgresStore::connect(&config).await.expect("the database responds");
        let shared: SharedStore = Arc::new(store.clone());
        every_release_reads(&shared, &store).await;
        store.close().await;
    })
    .await;
}
