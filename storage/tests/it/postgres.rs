//! The suite on `PostgreSQL`: one schema per test in the database of `SHOPEASE_TEST_DATABASE_URL`, dropped afterwards.
//!
//! Without the variable the tests say by name that they are skipped; where `CI` is `true` they fail.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::SecretString;
use shopease_shared::ports::{Env as _, ProcessEnv, SharedStore};
use shopease_shared::testing::conformance::Guarantee;
use shopease_storage::postgres::{PostgresConfig, PostgresStore};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

const URL: &str = "SHOPEASE_TEST_DATABASE_URL";

/// Connections of one test, and tests at once: together below the 100 connections of a server as it is installed.
const MAX_CONNECTIONS: u32 = 16;
static TURNS: Semaphore = Semaphore::const_new(5);

shopease_shared::conformance_suite!(crate::postgres::on_postgres);

async fn on_postgres(guarantee: Guarantee) {
    let Some(url) = ProcessEnv.var(URL) else {
        let ci = ProcessEnv.var("CI").is_some_and(|ci| ci == "true");
        assert!(!ci, "{}: {URL} is not set, and no test may be skipped when CI is true", guarantee.name);
        // Not `println!`: what a passing test prints so is not shown.
        writeln!(std::io::stderr(), "skipped: {URL} is not set: {}", guarantee.name).expect("stderr takes a line");
        return;
    };
    let schema = Schema::create(url).await;
    let store = schema.store().await;
    // In a task of its own, so that the schema is dropped also when the check panics.
    let shared: SharedStore = Arc::new(store.clone());
    let checked = tokio::spawn(guarantee.check(shared)).await;
    store.close().await;
    schema.drop_all().await;
    if let Err(error) = checked {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// A schema that only one test uses.
struct Schema {
    url: String,
    name: String,
    _turn: SemaphorePermit<'static>,
}

impl Schema {
    async fn create(url: String) -> Self {
        static SCHEMAS: AtomicU32 = AtomicU32::new(0);
        let number = SCHEMAS.fetch_add(1, Ordering::SeqCst);
        let name = format!("conformance_{}_{number}", std::process::id());
        let turn = TURNS.acquire().await.expect("never closed");
        let schema = Self { url, name, _turn: turn };
        // A test run with the same process id may have been killed before.
        schema.drop_all().await;
        schema
    }

    async fn store(&self) -> PostgresStore {
        let config = PostgresConfig {
            url: SecretString::from(self.url.clone()),
            max_connections: MAX_CONNECTIONS,
            schema: Some(self.name.clone()),
            lazy: false,
        };
        let store = PostgresStore::connect(&config).await.expect("the database answers");
        store.migrate().await.expect("the tables are made");
        store
    }

    async fn drop_all(&self) {
        let mut connection = PgConnection::connect(&self.url).await.expect("the database answers");
        let statement = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        connection.execute(AssertSqlSafe(statement)).await.expect("the schema is dropped");
        connection.close().await.expect("the connection ends");
    }
}
