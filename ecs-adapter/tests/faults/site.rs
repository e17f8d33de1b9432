//! The processes of a site: the shop, its worker, and its audit on one store, and the payment provider, whose journal
//! preserves all payments, whichever process is killed.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use shopease_payments::fake::FakeProvider;
use shopease_process::config::Reader;
use shopease_shop::ports::{PaymentProvider, SystemIds};
use shopease_shop::testing::{MapEnv, free_port};
use shopease_storage::testing::{LentSchema, OwnPostgres, lend_schema};
use shopease_storage::{OpenStore, StoreConfig, open};
use tempfile::TempDir;

use crate::receiver::Receiver;

/// Secret of the provider's webhooks.
pub const WEBHOOK_SECRET: &str = "whsec_of_the_fault_tests";
/// The operator's password.
pub const OPERATOR: (&str, &str) = ("operator@shop.test", "a password for the tests");
/// Variants on sale with many units.
pub const SKUS: [&str; 4] = ["MANY-A", "MANY-B", "MANY-C", "MANY-D"];
/// The variant with few units.
pub const SCARCE: &str = "SCARCE";

/// Columns as in a Shopify export.
const CATALOG_HEAD: &str = "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,\
    Option1 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,\
    Variant Inventory Policy,Variant Price,Variant Requires Shipping,Variant Taxable,Status";

/// Longest time for a process to start, to exit, or to report something.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// Location of the shop's data.
pub enum Store {
    /// In the site's directory.
    Embedded,
    /// In a separate schema.
    Postgres(LentSchema),
    /// On a separate server, which the test may kill.
    OwnPostgres(Arc<OwnPostgres>),
}

impl Store {
    /// A store in the site's directory.
    pub fn embedded() -> Self {
        Self::Embedded
    }

    /// A schema, if the tests have a database.
    pub async fn postgres(test: &str) -> Option<Self> {
        lend_schema(test).await.map(Self::Postgres)
    }

    /// URL of the database, if there is one.
    fn database_url(&self) -> Option<String> {
        match self {
            Self::Embedded => None,
            Self::Postgres(schema) => Some(schema.url().to_owned()),
            Self::OwnPostgres(server) => Some(server.url()),
        }
    }

    /// How long a request waits for a connection: as in production if the database is the subject of the test,
    /// otherwise so long that a busy machine does not cause failures.
    fn timeouts(&self) -> (&'static str, &'static str) {
        let is_subject = matches!(self, Self::OwnPostgres(_));
        ("SHOPEASE_DATABASE_ACQUIRE_TIMEOUT_MS", if is_subject { "1000" } else { "30000" })
    }
}

/// A store with a catalog and an operator, and a running payment provider.
pub struct Site {
    store: Store,
    home: TempDir,
    provider: Process,
    provider_port: u16,
    /// Port of the embedded engine.
    engine_port: u16,
    /// Offset of the processes' clocks into the future.
    ahead_seconds: AtomicU64,
    /// Additional variables of its processes.
    pub variables: Vec<(&'static str, String)>,
    /// Receiver of its events and webhooks.
    pub receiver: Receiver,
    /// Client for all requests.
    pub http: reqwest::Client,
}

impl Site {
    /// Creates a site.
    pub async fn open(store: Store) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let receiver = Receiver::start(WEBHOOK_SECRET).await;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).pool_max_idle_per_host(0);
        let http = http.redirect(reqwest::redirect::Policy::none());
        let provider_port = free_port();
        let provider = start_provider(&home, provider_port, &receiver);
        let http = http.build().expect("a client");
        let ahead_seconds = AtomicU64::new(0);
        let engine_port = free_port();
        let variables = Vec::new();
        let site = Self { store, home, provider, provider_port, engine_port, ahead_seconds, variables, receiver, http };
        site.wait_until_ready(&format!("{}/healthz", site.provider_url()), None).await;
        site.fill();
        site
    }

    /// URL of the provider.
    pub fn provider_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.provider_port)
    }

    /// Kills the provider and restarts it.
    pub async fn crash_provider(&mut self) {
        self.provider.kill();
        self.provider = start_provider(&self.home, self.provider_port, &self.receiver);
        self.wait_until_ready(&format!("{}/healthz", self.provider_url()), None).await;
    }

    /// Moves the clocks of processes started from now on further into the future.
    pub fn pass_time(&self, seconds: u64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The offset into the future, in seconds.
    pub fn ahead(&self) -> u64 {
        self.ahead_seconds.load(Ordering::SeqCst)
    }

    /// Starts the shop, whose own worker does nothing, and waits until it is ready. It has another address each time,
    /// as after a move, because a repeated request to the provider may differ in it.
    pub async fn serve(&self, variables: &[(&str, &str)]) -> Shop {
        let port = free_port();
        let mut command = self.command(&["serve", "--port", &port.to_string()]);
        command.env("SHOPEASE_PUBLIC_URL", format!("http://127.0.0.1:{port}"));
        let mut shop = Shop {
            process: Process(command.envs(variables.iter().copied()).spawn().expect("the shop starts")),
            url: format!("http://127.0.0.1:{port}"),
        };
        let readiness = format!("{}/readyz", shop.url);
        self.wait_until_ready(&readiness, Some(&mut shop.process)).await;
        shop
    }

    /// Runs the worker once.
    pub async fn work(&self, failpoint: &str) -> Output {
        let mut command = self.command(&["worker", "--once"]);
        command.env("SHOPEASE_FAILPOINT", failpoint).stdout(Stdio::piped());
        run(command).await
    }

    /// Audits a site that should be at rest; returns the report.
    pub async fn audit(&self) -> Value {
        let mut command = self.command(&["audit", "--settled", "--json"]);
        command.stdout(Stdio::piped());
        let output = run(command).await;
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        let clean = report["violations"].as_array().expect("a list").is_empty();
        assert_eq!(output.status.success(), clean, "{report:#}");
        report
    }

    /// Lets the worker finish what is open, if necessary minutes later, and checks consistency. Returns the audit's
    /// report.
    pub async fn settle(&self) -> Value {
        // After the lease of an order has expired, when the provider is queried again, and after authorizations have
        // expired.
        for wait in [61, 120, 480, 1_800, 600, 600] {
            self.pass_time(wait);
            let output = self.work("").await;
            assert!(output.status.success(), "{output:?}");
            let report = self.audit().await;
            let violations = report["violations"].as_array().expect("a list");
            if violations.is_empty() {
                return report;
            }
            let open = violations.iter().all(|violation| violation["invariant"] == "settled");
            assert!(open, "{report:#}");
        }
        panic!("something is open after an hour: {:#}", self.audit().await);
    }

    /// The store of a running shop, and the provider, for this process.
    pub async fn open_beside(&self) -> (OpenStore, Arc<dyn PaymentProvider>) {
        let config = match self.store.database_url() {
            None => StoreConfig::DynamoDb {
                table: "shopease".to_owned(),
                endpoint_url: Some(format!("http://test@127.0.0.1:{}", self.engine_port)),
            },
            Some(url) => {
                let env = MapEnv::new([("SHOPEASE_DATABASE_CONNECTIONS", "4"), self.store.timeouts()]);
                let env = env.with("SHOPEASE_DATABASE_URL", &url);
                let mut reader = Reader::new(&env);
                let config = StoreConfig::read(&mut reader, "postgres").expect("a store");
                reader.finish().expect("the settings are right");
                config
            }
        };
        let store = open(config, &MapEnv::default(), Arc::new(SystemIds)).await.expect("the store opens");
        let payments = FakeProvider::remote(&self.provider_url(), WEBHOOK_SECRET.into()).expect("an address");
        (store, Arc::new(payments))
    }

    /// The provider's ledger, which must have no open authorization: each was captured or released.
    pub async fn settled_ledger(&self) -> Value {
        let ledger = self.ledger().await;
        let mut held: BTreeMap<&str, i32> = BTreeMap::new();
        for entry in ledger["entries"].as_array().expect("a list") {
            *held.entry(entry["intent_id"].as_str().expect("an id")).or_default() += match entry["kind"].as_str() {
                Some("authorize") => 1,
                Some("capture" | "void") => -1,
                _ => 0,
            };
        }
        held.retain(|_, times| *times != 0);
        assert!(held.is_empty(), "open authorizations: {held:?}");
        ledger
    }

    /// The provider's ledger.
    pub async fn ledger(&self) -> Value {
        let response = self.http.get(format!("{}/v1/ledger", self.provider_url())).send().await.expect("a response");
        response.json().await.expect("JSON")
    }

    /// Deletes what is outside of the site's directory.
    pub async fn close(self) {
        if let Store::Postgres(schema) = &self.store {
            schema.give_back().await;
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
        command
            .args(args)
            .env("SHOPEASE_DATA_DIR", self.home.path().join("data"))
            .env("SHOPEASE_EMBEDDED_PORT", self.engine_port.to_string())
            .env("SHOPEASE_EMBEDDED_ACCESS_KEY", "test")
            .env("SHOPEASE_DATABASE_CONNECTIONS", "12")
            .env("SHOPEASE_FAKE_PAYMENTS_URL", self.provider_url())
            .env("SHOPEASE_PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("SHOPEASE_EVENTS", self.receiver.events_url())
            .env("SHOPEASE_WORKER_SECONDS", "0")
            .env("SHOPEASE_CLIENT_ADDRESS", "x-forwarded-for")
            .env("SHOPEASE_CLOCK_AHEAD_SECONDS", self.ahead().to_string())
            .env("SHOPEASE_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log(&self.home));
        match self.store.database_url() {
            None => command.env("SHOPEASE_STORE", "embedded"),
            Some(url) => command
                .env("SHOPEASE_STORE", "postgres")
                .env("SHOPEASE_DATABASE_URL", url)
                .envs([self.store.timeouts()]),
        };
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn fill(&self) {
        let row = |sku: &str, units: u32| {
            let handle = sku.to_lowercase();
            format!(
                "{handle},{sku},Text,Vendor,Home & Garden,Things,,true,Title,Default Title,{sku},500,shopify,{units},deny,19.90,true,true,active\n"
            )
        };
        let rows: String = SKUS.iter().map(|sku| row(sku, 1_000_000)).collect();
        let catalog = self.home.path().join("catalog.csv");
        std::fs::write(&catalog, format!("{CATALOG_HEAD}\n{rows}{}", row(SCARCE, 40))).expect("the catalog is written");
        let status = self.command(&["migrate"]).status().expect("it runs");
        assert!(status.success(), "{status}");
        let path = catalog.to_str().expect("plain").to_owned();
        let status = self.command(&["import", &path, "--strict"]).status().expect("it runs");
        assert!(status.success(), "{status}");
        let mut operator = self.command(&["operator", OPERATOR.0]).stdin(Stdio::piped()).spawn().expect("it runs");
        std::io::Write::write_all(&mut operator.stdin.take().expect("a pipe"), OPERATOR.1.as_bytes()).expect("read");
        assert!(operator.wait().expect("it ends").success());
    }

    async fn wait_until_ready(&self, url: &str, mut process: Option<&mut Process>) {
        let begun = Instant::now();
        loop {
            if self.http.get(url).send().await.is_ok_and(|response| response.status() == 200) {
                return;
            }
            assert!(begun.elapsed() < TIMEOUT, "{url} does not respond");
            if let Some(process) = &mut process {
                assert!(process.ended().is_none(), "{url}: the process has exited");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.home.disable_cleanup(true);
            eprintln!("data and log are kept in {}", self.home.path().display());
        }
    }
}

/// A running shop; killed like by `kill -9` when dropped.
pub struct Shop {
    process: Process,
    /// Its URL.
    pub url: String,
}

impl Shop {
    /// Checks that the process ends by itself, through `abort`.
    pub async fn has_crashed(mut self) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.ended() {
                return assert_aborted(status);
            }
            assert!(begun.elapsed() < TIMEOUT, "the shop has not reached its failpoint");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills it like `kill -9`.
    pub fn kill(mut self) {
        self.process.kill();
    }
}

/// Checks that a process has ended at its failpoint.
pub fn assert_aborted(status: ExitStatus) {
    assert_eq!(status.signal(), Some(6), "{status}");
}

/// A child process that does not outlive the test.
struct Process(Child);

impl Process {
    fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("the child is there")
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn start_provider(home: &TempDir, port: u16, receiver: &Receiver) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopease"));
    command
        .args(["fake-payments", "--port", &port.to_string(), "--webhook-url", &receiver.webhooks_url(), "--journal"])
        .arg(home.path().join("payments.jsonl"))
        .env("SHOPEASE_PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("SHOPEASE_LOG", "warn")
        .stdout(Stdio::null())
        .stderr(log(home));
    Process(command.spawn().expect("the provider starts"))
}

/// The log of all processes.
fn log(home: &TempDir) -> std::fs::File {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(home.path().join("log"));
    file.expect("a log")
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("it ends")
}
