//! The previous release runs beside this one, on this release's schema: its statements prepare, its function calls have
//! the same effect, and its migrations are unchanged. The facts of a release are in `/releases/<version>`, written by
//! `cargo xtask release`.

mod calls;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::slice;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha384};
use shopease_shop::domain::{PageLimit, StockEffect};
use shopease_shop::ports::{
    AuditStore as _, CartStore as _, CatalogStore as _, Claimed, Env as _, IdempotencyStore as _, KeyAnswer,
    OrderStore as _, ProcessEnv, PurgeStore as _, StockStore as _,
};
use shopease_shop::testing::fixtures::{self, cart, checkout_key, claim, placement, visitor};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _};

use super::super::{PostgresConfig, PostgresStore};
use super::{LATER, NOW};
use crate::testing::on_schema;
use calls::{Recording, keeps};

/// Where `cargo xtask release` expects the calls of this release.
const RECORD: &str = "SHOPEASE_TEST_RECORD_CALLS";

/// Changes that the next release might make and that must not affect the previous one.
const NEXT_RELEASE: &str = "
    ALTER TABLE product ADD COLUMN rating integer NOT NULL DEFAULT 0;
    ALTER TABLE stock_level ADD COLUMN warehouse text NOT NULL DEFAULT 'main';
    ALTER TABLE cart ADD COLUMN coupons json NOT NULL DEFAULT '[]';
    ALTER TABLE idempotency_key ADD COLUMN area text;
    ALTER TABLE customer_order ADD COLUMN channel text NOT NULL DEFAULT 'web';
    ALTER TABLE outbox ADD COLUMN attempts integer NOT NULL DEFAULT 0;
    CREATE TABLE promotion (code text PRIMARY KEY, document json NOT NULL);
    CREATE INDEX customer_order_channel ON customer_order (channel);
";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// The releases that have `fact`, by version. A release that no longer runs beside the next one may lack it.
fn releases_with(fact: &str) -> Vec<(String, PathBuf)> {
    let directory = repository().join("releases");
    let releases: Vec<_> = names_in(&directory)
        .into_iter()
        .map(|version| (version.clone(), directory.join(version).join(fact)))
        .filter(|(_, path)| path.exists())
        .collect();
    assert!(!releases.is_empty(), "no release has {fact}");
    releases
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn connect(config: &PostgresConfig) -> (PostgresStore, PgConnection) {
    let store = PostgresStore::connect(config).await.expect("a store");
    let options = store.pool.connect_options().await.expect("options");
    let connection = PgConnection::connect_with(&options).await.expect("a connection");
    (store, connection)
}

/// What a program depends on: types of parameters; names, types, and nullability of columns. Not the table that a
/// column comes from.
fn shape(describe: &Value) -> Value {
    let columns = describe["columns"].as_array().expect("columns").iter();
    let columns: Vec<_> = columns.map(|column| json!([column["name"], column["type_info"]])).collect();
    json!({ "columns": columns, "parameters": describe["parameters"], "nullable": describe["nullable"] })
}

/// The differences for the statements of each release.
async fn broken_statements(connection: &mut PgConnection) -> Vec<String> {
    let mut broken = Vec::new();
    for (version, directory) in releases_with("statements") {
        for file in names_in(&directory) {
            let statement = read_json(&directory.join(&file));
            let query = statement["query"].as_str().expect("a query").to_owned();
            match connection.describe(AssertSqlSafe(query.clone()).into_sql_str()).await {
                Err(error) => broken.push(format!("release {version}: {error}: {query}")),
                Ok(today) => {
                    let today = shape(&serde_json::to_value(today).expect("JSON"));
                    let then = shape(&statement["describe"]);
                    if today != then {
                        broken.push(format!("release {version}: was {then}, now {today}: {query}"));
                    }
                }
            }
        }
    }
    broken
}

/// Makes the calls of each release on a new schema, after `migration`.
async fn check_calls(name: &'static str, migration: &'static str) {
    for (version, path) in releases_with("calls.json") {
        on_schema(name, |config| async move {
            let (store, mut connection) = connect(&config).await;
            connection.execute(migration).await.expect("a migration");
            let then: Recording = serde_json::from_value(read_json(&path)).expect("a recording");
            let today = calls::play(then.calls.iter().map(calls::Call::again).collect(), &mut connection).await;
            for (then, today) in then.calls.iter().zip(&today.calls) {
                let (function, argument) = (&then.function, &then.argument);
                assert!(
                    keeps(&today.returns, &then.returns),
                    "release {version}: {function} returned {}, returns {}: {argument}",
                    then.returns,
                    today.returns
                );
            }
            for (table, rows) in &then.rows {
                let today = today.rows.get(table).unwrap_or(&Value::Null);
                assert!(keeps(today, rows), "release {version}: its calls left in {table}\n{rows}\nand leave\n{today}");
            }
            store.close().await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_every_release_prepare_as_they_did() {
    on_schema("statements of every release", |config| async move {
        let (store, mut connection) = connect(&config).await;
        let broken = broken_statements(&mut connection).await;
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_every_release_have_the_effect_they_had() {
    check_calls("calls of every release", "").await;
}

#[test]
fn migrations_of_every_release_are_unchanged() {
    let migrations = repository().join("storage/migrations");
    for (version, list) in releases_with("migrations.txt") {
        for line in std::fs::read_to_string(list).expect("a list").lines() {
            let (checksum, name) = line.split_once("  ").expect("a checksum and a name");
            let text = std::fs::read(migrations.join(name))
                .unwrap_or_else(|error| panic!("release {version} has the migration {name}: {error}"));
            let mut now = String::new();
            for byte in Sha384::digest(text) {
                write!(now, "{byte:02x}").expect("writing to a String cannot fail");
            }
            assert_eq!(now, checksum, "release {version} has the migration {name}, which was changed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_that_a_statement_calls_is_recorded() {
    on_schema("the calls of this release", |config| async move {
        let (store, mut connection) = connect(&config).await;
        let recording = calls::play(calls::of_this_release(), &mut connection).await;
        let statements = repository().join("storage/.sqlx");
        let queries: Vec<_> =
            names_in(&statements).iter().map(|file| read_json(&statements.join(file))["query"].to_string()).collect();
        let functions: Vec<String> = sqlx::query_scalar(
            "SELECT proname::text FROM pg_proc
            WHERE pronamespace = current_schema()::regnamespace AND proargtypes = ARRAY['jsonb'::regtype]::oidvector",
        )
        .fetch_all(&mut connection)
        .await
        .expect("names");
        let called = |function: &&String| queries.iter().any(|query| query.contains(&format!("{function}(")));
        let called: BTreeSet<_> = functions.iter().filter(called).map(String::as_str).collect();
        let recorded: BTreeSet<_> = recording.calls.iter().map(|call| call.function.as_str()).collect();
        assert_eq!(called, recorded);
        if let Some(path) = ProcessEnv.var(RECORD) {
            let text = serde_json::to_string_pretty(&recording).expect("JSON") + "\n";
            std::fs::write(path, text).expect("the file is written");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn additions_of_the_next_release_have_no_effect() {
    on_schema("the next release", |config| async move {
        let (store, mut connection) = connect(&config).await;
        // The pool's connections keep their statements and plans from before.
        shop(&store, "before").await;
        connection.execute(NEXT_RELEASE).await.expect("a migration");
        shop(&store, "after").await;
        let broken = broken_statements(&mut connection).await;
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        store.close().await;
    })
    .await;
    check_calls("calls and the next release", NEXT_RELEASE).await;
}

/// One of each operation: a product is written and found, its stock corrected, an order placed and paid, everything
/// read.
async fn shop(store: &PostgresStore, name: &str) {
    let product = fixtures::product(name).category("things").build();
    let code = product.variants[0].sku.clone();
    store.upsert_product(&product, &fixtures::index(&product)).await.expect("a product is written");
    assert_eq!(store.find_products(slice::from_ref(&product.handle)).await.expect("a read"), slice::from_ref(&product));
    assert_eq!(store.find_products_by_sku(slice::from_ref(&code)).await.expect("a read"), [product]);
    store.initialize_stock(&[(code.clone(), 5)]).await.expect("the stock is initialized");
    let level = store.find_stock_levels(slice::from_ref(&code)).await.expect("a read").pop().expect("a level");
    let owner = visitor(name);
    let key = checkout_key(&owner, "stock");
    assert_eq!(store.claim_idempotency_key(&claim(key.clone(), "r", NOW), NOW).await.expect("a claim"), Claimed::New);
    let answer = KeyAnswer { key, outcome: "{}".to_owned() };
    let mut next = level.clone();
    (next.available, next.received) = (7, 7);
    store.replace_stock_level_under_key(Some(&level), &next, &answer).await.expect("stock is corrected");
    let lines = [(code.as_str(), 2)];
    store.save_cart(&cart(&owner, &lines), LATER).await.expect("a cart is saved");
    let order = fixtures::order(&owner, name, &lines);
    assert_eq!(store.place_order(&placement(&order, 1)).await.expect("an order is placed"), Claimed::New);
    let paid = fixtures::advance(&order, StockEffect::Commit);
    store.advance_order(&paid).await.expect("an order is paid");
    assert_eq!(store.find_order(&order.id).await.expect("a read"), Some(paid.order));
    let listed = store.list_orders_of(&owner, None, PageLimit::new(10).expect("10")).await.expect("a page");
    assert_eq!(listed.items.len(), 1);
    let level = store.find_stock_levels(slice::from_ref(&code)).await.expect("a read").pop().expect("a level");
    assert_eq!((level.available, level.reserved, level.sold), (5, 0, 2));
    assert!(store.find_cart(&owner, NOW).await.expect("a read").expect("the cart is kept").lines.is_empty());
    assert!(!store.audit_page(None).await.expect("a page").records.is_empty());
    store.purge(NOW).await.expect("a purge");
}
