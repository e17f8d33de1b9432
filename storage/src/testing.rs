//! Empty stores for tests: a separate table on one in-process engine, a separate schema in a real PostgreSQL.

#![expect(clippy::expect_used, reason = "a test without a store must fail")]

mod fault_proxy;
mod own_postgres;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::{Client, Config};
use shopease_shop::ports::{Env as _, ProcessEnv, SharedStore};
use shopease_shop::testing::{MapEnv, SeededIds};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinError;

use crate::dynamodb::access::Accesses;
pub use crate::dynamodb::faults::Faults;
use crate::dynamodb::{BulkWrites, DynamoDbStore};
use crate::embedded::{EmbeddedConfig, EmbeddedDynamoDb, EmbeddedPath};
use crate::postgres::{PostgresConfig, PostgresStore, Timeouts};

pub use fault_proxy::{Fault, FaultCounts, FaultPlan, FaultProxy};
pub use own_postgres::OwnPostgres;

/// URL of the PostgreSQL for tests, with a user that can create schemas.
pub const DATABASE_URL: &str = "SHOPEASE_TEST_DATABASE_URL";

/// Connections per test, and concurrent tests: together below the 100 connections of a default installation.
const MAX_CONNECTIONS: u32 = 16;
static TURNS: Semaphore = Semaphore::const_new(5);

/// Timeouts so long that a disk or a machine that is busy for some seconds does not look like an unavailable database.
/// A shop's timeouts are tested on separate stores.
pub(crate) const LONG: Timeouts = Timeouts {
    start_timeout: Duration::ZERO,
    acquire_timeout: Duration::from_mins(1),
    statement_timeout: Duration::from_mins(1),
    lock_timeout: Duration::from_mins(1),
};

/// Number of tables and schemas that this process has created.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Runs a test on an empty table of the embedded engine.
///
/// If the test panics or the engine cannot be used.
/// When the test does, or the engine cannot be used.
pub async fn on_dynamodb<T: Future<Output = ()>>(test: impl FnOnce(SharedStore) -> T) {
    test(empty_table(client_with_long_timeouts()).await).await;
}

/// Runs a test on an empty table of the embedded engine, with faults in between. The SDK's own retries happen without
/// pauses, so that a test with many faults ends.
///
/// # Panics
/// If the test panics or the engine cannot be used.
pub async fn on_faulty_dynamodb<T: Future<Output = ()>>(faults: &Faults, test: impl FnOnce(SharedStore) -> T) {
    let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(2));
    let config =
        client_with_long_timeouts().config().to_builder().retry_config(retries).interceptor(faults.clone()).build();
    test(empty_table(Client::from_conf(config)).await).await;
}

/// Records what each of several callers does to shared tables.
#[derive(Debug)]
pub struct AccessRecorder(BTreeMap<String, (Client, Accesses)>);

impl AccessRecorder {
    /// Creates a recorder for callers with these names.
    pub fn new<'a>(callers: impl IntoIterator<Item = &'a str>) -> Self {
        let caller = |name: &str| {
            let accesses = Accesses::default();
            let config = client_with_long_timeouts().config().to_builder().interceptor(accesses.clone());
            (name.to_owned(), (Client::from_conf(config.build()), accesses))
        };
        Self(callers.into_iter().map(caller).collect())
    }

    /// An empty table: a store whose requests are not recorded, and one store per caller. Bulk writes are sent as on
    /// AWS.
    ///
    /// # Panics
    /// If the engine cannot be used.
    pub async fn table(&self) -> (SharedStore, BTreeMap<String, SharedStore>) {
        let number = || MADE.fetch_add(1, Ordering::SeqCst);
        let table = format!("test-{}", number());
        // Each store has its own IDs, as in separate processes: two transactions with the same token would count as
        // one.
        let store = |client: &Client| {
            DynamoDbStore::new(client.clone(), table.clone(), Arc::new(SeededIds::new(u64::from(number()))))
        };
        let unrecorded = store(&client_with_long_timeouts());
        unrecorded.create_table().await.expect("an empty table");
        let recorded = self.0.iter().map(|(name, (client, _))| (name.clone(), Arc::new(store(client)) as SharedStore));
        (Arc::new(unrecorded), recorded.collect())
    }

    /// What each caller has done so far.
    pub fn accesses(&self) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
        self.0.iter().map(|(name, (_, accesses))| (name.clone(), accesses.recorded())).collect()
    }
}

async fn empty_table(client: Client) -> SharedStore {
    let number = MADE.fetch_add(1, Ordering::SeqCst);
    let ids = Arc::new(SeededIds::new(u64::from(number)));
    let store = DynamoDbStore::new(client, format!("test-{number}"), ids);
    let store = store.with_bulk_writes(BulkWrites::Transactions);
    store.create_table().await.expect("an empty table");
    Arc::new(store)
}

/// A client with long timeouts, like [`LONG`]: the engine serves one request at a time.
fn client_with_long_timeouts() -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(engine().client())
        .endpoint_url("http://embedded.invalid")
        .credentials_provider(Credentials::new("shopease", "shopease", None, None, "testing"))
        .region(Region::new("us-east-1"))
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_mins(1)).build());
    Client::from_conf(config.build())
}

/// The in-memory engine of this process; its tables end with the process.
fn engine() -> &'static EmbeddedDynamoDb {
    static ENGINE: OnceLock<EmbeddedDynamoDb> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let config = EmbeddedConfig { path: EmbeddedPath::InMemory, port: None };
        EmbeddedDynamoDb::start(&config, &MapEnv::default()).expect("the engine starts")
    })
}

/// Runs a test on an empty schema of the database of [`DATABASE_URL`], and drops the schema afterwards. Without the
/// variable it prints that the test is skipped.
///
/// # Panics
/// If the test panics, the database cannot be used, or the variable is not set although `CI` is `true`.
pub async fn on_postgres<T: Future<Output = ()> + Send + 'static>(name: &str, test: impl FnOnce(SharedStore) -> T) {
    let Some(schema) = OwnSchema::make(name).await else { return };
    let store = store_with_long_timeouts(&schema.config).await;
    let tested = tokio::spawn(test(Arc::new(store.clone()))).await;
    store.close().await;
    schema.finish(tested).await;
}

/// Like [`on_postgres`], for a test that opens the store itself, with a shop's timeouts.
///
/// # Panics
/// As [`on_postgres`].
pub async fn on_schema<T: Future<Output = ()> + Send + 'static>(name: &str, test: impl FnOnce(PostgresConfig) -> T) {
    let Some(schema) = OwnSchema::make(name).await else { return };
    let tested = tokio::spawn(test(schema.config.clone())).await;
    schema.finish(tested).await;
}

async fn store_with_long_timeouts(config: &PostgresConfig) -> PostgresStore {
    let config = PostgresConfig { timeouts: LONG, ..config.clone() };
    PostgresStore::connect(&config).await.expect("the database responds")
}

/// A schema with the tables of the store.
struct OwnSchema {
    config: PostgresConfig,
    url: String,
    name: String,
    _turn: SemaphorePermit<'static>,
}

impl OwnSchema {
    async fn make(test: &str) -> Option<Self> {
        let url = database_url(test)?;
        let turn = TURNS.acquire().await.expect("never closed");
        let name = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        // An earlier test run with the same process ID may have been killed.
        drop_schema(&url, &name).await;
        let config = PostgresConfig {
            max_connections: MAX_CONNECTIONS,
            schema: Some(name.clone()),
            // With a shop's timeouts once it runs.
            timeouts: Timeouts { start_timeout: LONG.acquire_timeout, ..Timeouts::default() },
            ..PostgresConfig::new(url.clone())
        };
        let store = store_with_long_timeouts(&config).await;
        store.migrate().await.expect("the tables are created");
        store.close().await;
        Some(Self { config, url, name, _turn: turn })
    }

    /// Drops the schema, even if the test panicked; the panic is then resumed.
    async fn finish(self, tested: Result<(), JoinError>) {
        drop_schema(&self.url, &self.name).await;
        if let Err(error) = tested {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// Creates an empty schema in the database of [`DATABASE_URL`], for tests whose processes open it themselves with this
/// URL and then migrate it. Without the variable it prints that the test is skipped.
///
/// # Panics
/// If the database cannot be used, or the variable is not set although `CI` is `true`.
pub async fn lend_schema(name: &str) -> Option<LentSchema> {
    let url = database_url(name)?;
    let schema = format!("test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
    drop_schema(&url, &schema).await;
    let mut connection = PgConnection::connect(&url).await.expect("the database responds");
    connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.expect("the schema is created");
    connection.close().await.expect("the connection ends");
    let separator = if url.contains('?') { '&' } else { '?' };
    let own_url = format!("{url}{separator}options[search_path]={schema}");
    Some(LentSchema { url: own_url, database_url: url, schema })
}

/// A schema created by [`lend_schema`].
#[derive(Debug)]
pub struct LentSchema {
    url: String,
    database_url: String,
    schema: String,
}

impl LentSchema {
    /// Connects to the database with this schema first in its search path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the schema with everything in it.
    ///
    /// # Panics
    /// If the database does not respond.
    pub async fn give_back(&self) {
        drop_schema(&self.database_url, &self.schema).await;
    }
}

/// The URL of the test database, if there is one.
fn database_url(name: &str) -> Option<String> {
    let url = ProcessEnv.var(DATABASE_URL);
    if url.is_none() {
        let ci = ProcessEnv.var("CI").is_some_and(|ci| ci == "true");
        assert!(!ci, "{name}: {DATABASE_URL} is not set, and no test may be skipped when CI is true");
        // Not `println!`, whose output is hidden for a passing test.
        writeln!(std::io::stderr(), "skipped: {DATABASE_URL} is not set: {name}").expect("stderr is writable");
    }
    url
}

async fn drop_schema(url: &str, schema: &str) {
    let mut connection = PgConnection::connect(url).await.expect("the database responds");
    let statement = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
    connection.execute(AssertSqlSafe(statement)).await.expect("the schema is dropped");
    connection.close().await.expect("the connection ends");
}
