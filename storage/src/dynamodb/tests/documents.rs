//! Documents of every release, read from this table.

use std::sync::Arc;

use async_trait::async_trait;
use shopease_shop::domain::{Product, ProductSort};
use shopease_shop::ports::{SettingsStore as _, SharedStore};
use shopease_shop::testing::fixtures::index;

use super::Bench;
use crate::documents::tests::{Content, RawDocuments, every_release_reads};
use crate::documents::{self, Unreadable, Version};
use crate::dynamodb::actions::Action;
use crate::dynamodb::items::{DOCUMENT, text};
use crate::dynamodb::keys::Key;
use crate::dynamodb::product_index::{IndexContent, Indexed, ProductKeys};
use crate::dynamodb::product_items::summary_items;
use crate::dynamodb::{DynamoDbStore, keys};

#[async_trait]
impl RawDocuments for DynamoDbStore {
    async fn replace(&self, content: &Content, document: &str) -> bool {
        let (key, attribute): (Key, &str) = match content {
            Content::Order(order) => (keys::order(&order.id), DOCUMENT),
            Content::OrderSummary(order) => (keys::order_of(&order.owner, order), DOCUMENT),
            Content::Product(product) => (keys::product(&product.handle), DOCUMENT),
            Content::ProductSummary(product) => {
                let position = ProductSort::Title.position(product, 0);
                (keys::listing_entry(keys::listing(None, ProductSort::Title), &position), DOCUMENT)
            }
            Content::Category(category) => (keys::category(&category.handle), DOCUMENT),
            Content::Customer(customer) => (keys::customer(&customer.id), DOCUMENT),
            Content::Cart(cart) => (keys::cart(&cart.owner), "cart_lines"),
            Content::Session(session) => (keys::session(&session.token_digest), DOCUMENT),
            Content::OutboxMessage(message) => (keys::outbox_message(&message.id), DOCUMENT),
            Content::Settings(_) => (keys::settings(self.find_settings_version().await.expect("a number")), DOCUMENT),
            Content::ProductIndex(product) => (keys::product_index(&product.handle), DOCUMENT),
        };
        let replacing = Action::update(&key, format!("SET {attribute} = :document"));
        // An item of that key must exist, otherwise the test would cover something else.
        let replacing = replacing.only_if(format!("attribute_exists({attribute})"));
        self.write(replacing.value(":document", text(document))).await.expect("the document is replaced");
        true
    }
}

/// The contents of a settled index item of a product.
pub(crate) fn index_document(product: &Product) -> String {
    let indexed = Indexed::of(product, &index(product));
    let may_exist = ProductKeys {
        terms: indexed.terms.keys().cloned().collect(),
        items: summary_items(product).expect("items").into_keys().collect(),
        skus: product.variants.iter().map(|variant| variant.sku.clone()).collect(),
    };
    let content = IndexContent { v: Version, written: true, may_exist, settled: Some(indexed) };
    serde_json::to_string_pretty(&content).expect("JSON")
}

/// Whether the content of an index item can be decoded.
pub(crate) fn read_index(text: &str) -> Result<(), Unreadable> {
    documents::read::<IndexContent>("product index", text).map(drop)
}

#[tokio::test]
async fn documents_of_every_release_read() {
    let bench = Bench::new().await;
    let shared: SharedStore = Arc::new(bench.store.clone());
    every_release_reads(&shared, &bench.store).await;
}
