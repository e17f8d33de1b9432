//! Golden documents: what each release wrote, in `releases/<release>/documents/<kind>/<case>.json`. Every later release
//! must read them on both stores, and its own documents may only add to the newest of them. `docs/testing.md` describes
//! how the next release records its own.

mod cases;

use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::{Value, json};
use shopease_shop::domain::{Order, PageLimit, ProductSort};
use shopease_shop::ports::{Claimed, Env as _, ProcessEnv, ProductListing, SharedStore, StoreError, Upserted};
use shopease_shop::testing::FixedClock;
use shopease_shop::testing::fixtures::{cart, index, order, placement, versioned_settings, visitor};
use time::{Duration, OffsetDateTime};

pub(crate) use cases::Content;
use cases::{Case, cases};

/// If set to `1`, the test writes the documents of the version in `Cargo.toml`.
const WRITE: &str = "SHOPEASE_TEST_WRITE_DOCUMENTS";
const NOW: OffsetDateTime = FixedClock::START;
const LATER: OffsetDateTime = NOW.saturating_add(Duration::days(30));
/// Sufficient units of every SKU.
const UNITS: u32 = 100_000;

/// A store whose documents a test can replace.
#[async_trait]
pub(crate) trait RawDocuments {
    /// Replaces the document of a stored aggregate. Returns `false` if this store keeps it in another form.
    async fn replace(&self, content: &Content, document: &str) -> bool;
}

/// A document of a release.
pub(crate) struct Golden {
    path: PathBuf,
    release: [u32; 3],
    case: Case,
    text: String,
}

fn releases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../releases")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> &str {
    path.file_stem().and_then(|name| name.to_str()).expect("a name in Unicode")
}

fn number(release: &Path) -> [u32; 3] {
    let name = release.file_name().and_then(|name| name.to_str()).expect("a name in Unicode");
    let parts: Option<Vec<u32>> = name.split('.').map(|part| part.parse().ok()).collect();
    parts.and_then(|parts| parts.try_into().ok()).unwrap_or_else(|| panic!("{name} is not a release such as 0.1.0"))
}

/// The documents of all releases.
fn goldens() -> Vec<Golden> {
    let mut goldens = Vec::new();
    for release in entries(&releases()) {
        for kind in entries(&release.join("documents")) {
            for path in entries(&kind) {
                let case = cases().into_iter().find(|case| case.kind() == name(&kind) && case.name == name(&path));
                let case = case.unwrap_or_else(|| panic!("{}: its case was removed", path.display()));
                let text = fs::read_to_string(&path).expect("a document");
                goldens.push(Golden { release: number(&release), case, text, path });
            }
        }
    }
    assert!(!goldens.is_empty(), "no release has documents");
    goldens
}

/// Replaces stored documents with every document of every release, and reads them through the ports.
pub(crate) async fn every_release_reads(store: &SharedStore, raw: &(dyn RawDocuments + Sync)) {
    for Golden { path, case, text, .. } in goldens() {
        let place = path.display();
        prepare(store, &case).await;
        if raw.replace(&case.content, &text).await {
            assert!(is_found(store, &case).await, "{place}: decodes to another value");
            let text = of_a_later_release(&text).to_string();
            assert!(raw.replace(&case.content, &text).await);
            assert!(is_found(store, &case).await, "{place}: fields of a later release change the decoded value");
        }
    }
}

/// Writes the aggregate of a case as this release does.
async fn prepare(store: &SharedStore, case: &Case) {
    let place = async |placed: &Order, outbox| {
        let levels: Vec<_> = placed.reservations.iter().map(|held| (held.sku.clone(), UNITS)).collect();
        store.initialize_stock(&levels).await.expect("the stock is initialized");
        // Skipped if the case already exists, from the document of another kind or release.
        if store.find_order(&placed.id).await.expect("a read").is_none() {
            store.save_cart(&cart(&placed.owner, &[]), LATER).await.expect("a cart");
            let mut placement = placement(placed, 1);
            placement.outbox = outbox;
            assert_eq!(store.place_order(&placement).await.expect("placed"), Claimed::New);
        }
    };
    match &case.content {
        Content::Order(order) | Content::OrderSummary(order) => place(order, Vec::new()).await,
        Content::Product(product) | Content::ProductSummary(product) | Content::ProductIndex(product) => {
            store.upsert_product(product, &index(product)).await.map(drop).expect("a product");
        }
        Content::Category(category) => {
            let product = cases::product_in(category.clone());
            store.upsert_product(&product, &index(&product)).await.map(drop).expect("a product");
        }
        Content::Customer(customer) => {
            if store.find_customer_by_email(&customer.email).await.expect("a read").is_none() {
                store.insert_customer(customer).await.expect("a customer");
            }
        }
        Content::Cart(cart) => {
            if store.find_cart(&cart.owner, NOW).await.expect("a read").is_none() {
                store.save_cart(cart, LATER).await.expect("a cart");
            }
        }
        Content::Session(session) => store.insert_session(session).await.expect("a session"),
        Content::Settings(settings) => {
            let version = store.find_settings_version().await.expect("a number") + 1;
            store.insert_settings(&versioned_settings(version, settings)).await.expect("settings");
        }
        Content::OutboxMessage(message) => {
            let name = format!("order of {}", case.name);
            place(&order(&visitor(&name), &name, &[]), vec![message.clone()]).await;
        }
    }
}

/// Whether a store has exactly the value of a case.
async fn is_found(store: &SharedStore, case: &Case) -> bool {
    let limit = PageLimit::new(100).expect("a limit");
    match &case.content {
        Content::Order(order) => store.find_order(&order.id).await.expect("an order").as_ref() == Some(order),
        Content::OrderSummary(order) => {
            let page = store.list_orders_of(&order.owner, None, limit).await.expect("orders");
            page.items == [order.summary()]
        }
        Content::Product(product) => {
            let found = store.find_products(std::slice::from_ref(&product.handle)).await.expect("products");
            found == [product.clone()]
        }
        Content::ProductSummary(product) => {
            let listing = ProductListing { search: None, category: None, sort: ProductSort::Title, after: None, limit };
            let page = store.list_products(&listing).await.expect("products");
            page.items.contains(&product.summary())
        }
        Content::Category(category) => store.list_categories().await.expect("categories").contains(category),
        Content::Customer(customer) => {
            store.find_customer(&customer.id).await.expect("a customer").as_ref() == Some(customer)
        }
        Content::Cart(cart) => store.find_cart(&cart.owner, NOW).await.expect("a cart").as_ref() == Some(cart),
        Content::Session(session) => {
            store.find_session(&session.token_digest, NOW).await.expect("a session").as_ref() == Some(session)
        }
        Content::OutboxMessage(message) => store.list_outbox().await.expect("messages").contains(message),
        Content::Settings(settings) => {
            let version = store.find_settings_version().await.expect("a number");
            let found = store.find_settings(version).await.expect("settings").expect("the current version");
            found == versioned_settings(version, settings)
        }
        // The next write reads it, and finds that it is not the first.
        Content::ProductIndex(product) => {
            store.upsert_product(product, &index(product)).await.expect("a product") == Upserted::Updated
        }
    }
}

/// A document as the next release might write it: each object has an unknown field.
fn of_a_later_release(text: &str) -> Value {
    fn extend(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                // Terms with their weights are a map of names, not a record that can be extended.
                fields.iter_mut().filter(|(name, _)| *name != "terms").for_each(|(_, value)| extend(value));
                fields.insert("field_of_a_later_release".to_owned(), json!({ "value": [1, "two", null] }));
            }
            Value::Array(elements) => elements.iter_mut().for_each(extend),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(text).expect("JSON");
    extend(&mut value);
    value
}

/// The parts of `old` that are missing from or different in `new`, by path. Additional fields are not differences.
fn lost(path: &str, old: &Value, new: &Value) -> Vec<String> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let field = |(name, old): (&String, &Value)| match new.get(name) {
                Some(new) => lost(&format!("{path}.{name}"), old, new),
                None => vec![format!("{path}.{name} is not written")],
            };
            old.iter().flat_map(field).collect()
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            let element = |(number, (old, new))| lost(&format!("{path}[{number}]"), old, new);
            old.iter().zip(new).enumerate().flat_map(element).collect()
        }
        (old, new) if old == new => Vec::new(),
        (old, new) => vec![format!("{path} is {new}, not {old}")],
    }
}

#[test]
fn this_release_writes_all_fields_of_the_newest_golden_documents() {
    if ProcessEnv.var(WRITE).is_some_and(|write| write == "1") {
        for case in cases() {
            let directory = releases().join(env!("CARGO_PKG_VERSION")).join("documents").join(case.kind());
            fs::create_dir_all(&directory).expect("a directory");
            fs::write(directory.join(format!("{}.json", case.name)), case.pretty() + "\n").expect("written");
        }
    }
    let goldens = goldens();
    let newest = goldens.iter().map(|golden| golden.release).max().expect("a release");
    assert!(
        newest >= number(Path::new(env!("CARGO_PKG_VERSION"))),
        "this version has no documents yet; write them with {WRITE}=1"
    );
    for golden in goldens.iter().filter(|golden| golden.release == newest) {
        let [old, new] = [&golden.text, &golden.case.pretty()].map(|text| serde_json::from_str(text).expect("JSON"));
        let lost = lost("document", &old, &new);
        assert!(
            lost.is_empty(),
            "{}: fields that the previous release reads are missing: {lost:#?}",
            golden.path.display()
        );
    }
}

#[test]
fn a_document_of_a_higher_version_is_rejected_with_kind_key_and_version() {
    for case in cases() {
        // Contains nothing else that this release could read.
        let text = match (&case.content, case.id()) {
            (Content::Cart(cart), _) if cart.lines.is_empty() => continue,
            (Content::Cart(_), _) => json!([{ "v": 2 }]).to_string(),
            (_, (name, id)) => format!("{{\"v\":2,\"{name}\":{}}}", json!(id)),
        };
        let error = StoreError::from(case.decode(&text).expect_err("rejected"));
        let chain = |error: &dyn std::error::Error| {
            let mut error = Some(error);
            let texts = std::iter::from_fn(|| {
                let this = error?;
                error = this.source();
                Some(this.to_string())
            });
            texts.collect::<Vec<_>>().join(": ")
        };
        let chain = chain(&error);
        let kind = case.kind().replace('_', " ");
        assert!(matches!(error, StoreError::Corrupt(_)), "{chain}");
        assert!(chain.contains(&format!("stored {kind} {}", case.id().1)), "{chain}");
        assert!(chain.contains("version 2 is not supported by this release (1 to 1)"), "{chain}");
    }
}
