//! The processes behind the front door: the store, the ECS server, the functions, and the test payment provider, all on
//! this machine.

mod build;
mod process;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hyper::body::Bytes;
use shopease_shared::http::routes::{Area, Surface};
use tokio::time::sleep;

use crate::alb::{Address, Targets};
use crate::lambda::{Function, Invocation, Settings};
use crate::live::Live;

pub use build::{Binaries, Profile, Sources};
use process::Process;

/// Pause between two health checks of a target group.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// Interval at which the worker is invoked (like a schedule `rate(1 minute)`).
const SCHEDULE: Duration = Duration::from_mins(1);
/// Time that a stopping task has to finish its requests.
const DRAIN_SECONDS: &str = "1";

/// The data of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// The embedded DynamoDB engine in this directory, shared by both paths.
    Embedded(PathBuf),
    /// PostgreSQL at this URL.
    Postgres(String),
    /// A DynamoDB table, configured by the `SHOPEASE_DYNAMODB_*` and `AWS_*` variables.
    DynamoDb,
}

impl Store {
    fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "DynamoDB (embedded engine)",
            Self::Postgres(_) => "PostgreSQL",
            Self::DynamoDb => "DynamoDB",
        }
    }
}

/// The ECS services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fargate {
    /// One task with pages and API.
    One,
    /// A frontend and a backend, as in production.
    Split,
    /// A server that already runs.
    At(SocketAddr),
}

/// Configuration of the site.
#[derive(Debug, Clone)]
pub struct Options {
    /// URL of the shop for browsers.
    pub public_url: String,
    /// The data.
    pub store: Store,
    /// The ECS services.
    pub fargate: Fargate,
    /// Memory size of the functions in MB.
    pub memory_mb: u32,
    /// Most concurrent environments of each function.
    pub concurrency: usize,
    /// Timeout of the functions.
    pub timeout: Duration,
    /// How long an idle environment is kept.
    pub idle_expiry: Duration,
    /// Whether environments are frozen between invocations.
    pub freeze: bool,
    /// Variables for every process of the shop, such as `SHOPEASE_NAME`.
    pub variables: Vec<(String, String)>,
}

/// A running site.
pub struct Site {
    options: Options,
    variables: Vec<(String, String)>,
    /// Processes that are not replaced while the site runs: the engine, the payment provider.
    services: Vec<Process>,
    tasks: Vec<Process>,
    functions: BTreeMap<Area, Arc<Function>>,
    worker: Arc<Function>,
    frontend: Arc<Address>,
    backend: Arc<Address>,
    live: Arc<Live>,
    _directory: tempfile::TempDir,
}

impl Options {
    /// The name of the store on the live page.
    pub fn store_name(&self) -> &'static str {
        self.store.name()
    }
}

impl Site {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// If a process does not start, or is not ready in time.
    pub async fn start(options: Options, binaries: &Binaries, live: Arc<Live>) -> anyhow::Result<Self> {
        let directory =
            tempfile::Builder::new().prefix("front-door-").tempdir().context("cannot create a temporary directory")?;
        let mut variables = options.variables.clone();
        variables.push(("SHOPEASE_PUBLIC_URL".to_owned(), options.public_url.clone()));
        let mut services = Vec::new();
        if !variables
            .iter()
            .any(|(name, _)| name == "SHOPEASE_PAYMENT_PROVIDER" || name == "SHOPEASE_FAKE_PAYMENTS_URL")
        {
            let (provider, url) = payment_provider(&options, binaries)?;
            services.push(provider);
            variables.push(("SHOPEASE_FAKE_PAYMENTS_URL".to_owned(), url));
        }
        services.extend(store(&options, binaries, &mut variables).await?);
        let function = |name: &str| {
            let mut variables = variables.clone();
            // A separate ledger in each environment would not be visible to the other processes.
            variables.retain(|(name, _)| name != "SHOPEASE_DATA_DIR");
            let settings = Settings {
                name: name.to_owned(),
                variables,
                memory_mb: options.memory_mb,
                timeout: options.timeout,
                concurrency: options.concurrency,
                idle_expiry: options.idle_expiry,
                freeze: options.freeze,
                directory: directory.path().to_owned(),
            };
            Arc::new(Function::new(settings, Arc::clone(&live) as _))
        };
        let functions: BTreeMap<_, _> = Area::ALL.into_iter().map(|area| (area, function(area.name()))).collect();
        live.watch_functions(functions.clone());
        let worker = function("worker");
        let mut site = Self {
            options,
            variables,
            services,
            tasks: Vec::new(),
            functions,
            worker,
            frontend: Arc::default(),
            backend: Arc::default(),
            live,
            _directory: directory,
        };
        site.deploy(binaries).await?;
        Ok(site)
    }

    /// The functions by area.
    pub fn functions(&self) -> BTreeMap<Area, Arc<Function>> {
        self.functions.clone()
    }

    /// Address of the task that serves pages.
    pub fn frontend(&self) -> Option<SocketAddr> {
        match self.options.fargate {
            Fargate::At(address) => Some(address),
            Fargate::One | Fargate::Split => self.tasks.last().map(|task| task.address),
        }
    }

    /// Variables of every process of the shop.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// The target groups of the ECS services.
    pub fn targets(&self) -> Targets {
        Targets::new(Arc::clone(&self.frontend), Arc::clone(&self.backend))
    }

    /// Replaces the running binaries with new ones: functions at their next start, tasks by a rolling deployment.
    ///
    /// # Errors
    /// If the new tasks do not become ready; the old ones then keep running.
    pub async fn deploy(&mut self, binaries: &Binaries) -> anyhow::Result<()> {
        for (area, function) in &self.functions {
            function.deploy(&binaries.function(area.name())).with_context(|| format!("function {}", area.name()))?;
        }
        self.worker.deploy(&binaries.function("worker")).context("function worker")?;
        let mut tasks = Vec::new();
        match self.options.fargate {
            Fargate::At(address) => {
                self.frontend.set(Some(address));
                self.backend.set(Some(address));
            }
            Fargate::One => {
                let task = self.task(binaries, "shop", "all", &[]).await?;
                self.frontend.set(Some(task.address));
                self.backend.set(Some(task.address));
                tasks.push(task);
            }
            Fargate::Split => {
                let backend = self.task(binaries, "backend", "backend", &[]).await?;
                let url = format!("http://{}", backend.address);
                let frontend = self.task(binaries, "frontend", "frontend", &[("SHOPEASE_BACKEND_URL", &url)]).await?;
                self.backend.set(Some(backend.address));
                self.frontend.set(Some(frontend.address));
                tasks.extend([backend, frontend]);
            }
        }
        for task in &tasks {
            self.live.watch_task(&task.name, task.pid());
        }
        for mut old in std::mem::replace(&mut self.tasks, tasks) {
            old.stop().await;
        }
        Ok(())
    }

    async fn task(
        &self,
        binaries: &Binaries,
        name: &str,
        role: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Process> {
        let mut variables = self.variables.clone();
        variables.push(("SHOPEASE_DRAIN_SECONDS".to_owned(), DRAIN_SECONDS.to_owned()));
        // The load balancer connects to it, and appends the client's address.
        variables.push(("SHOPEASE_CLIENT_ADDRESS".to_owned(), "x-forwarded-for".to_owned()));
        variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let arguments = ["serve", "--role", role].map(str::to_owned);
        let mut task = Process::start(name, &binaries.shopease(), &arguments, &variables, "SHOPEASE_HTTP_PORT")?;
        task.ready("/readyz").await?;
        Ok(task)
    }

    /// Checks the tasks' health forever, as the target groups do.
    pub fn check_health(&self) -> impl Future<Output = ()> + use<> {
        let (targets, live) = (self.targets(), Arc::clone(&self.live));
        let names = match self.options.fargate {
            Fargate::One => vec![("shop", Surface::Page)],
            Fargate::Split => vec![("frontend", Surface::Page), ("backend", Surface::Api)],
            Fargate::At(_) => Vec::new(),
        };
        let tasks = names.into_iter().map(|(name, surface)| (name.to_owned(), surface)).collect();
        targets.check_health(live, tasks, HEALTH_INTERVAL)
    }

    /// Invokes the worker forever, as its schedule does.
    pub fn run_schedule(&self) -> impl Future<Output = ()> + use<> {
        let worker = Arc::clone(&self.worker);
        async move {
            loop {
                sleep(SCHEDULE).await;
                let event =
                    Bytes::from_static(br#"{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":{}}"#);
                if let Err(error) = worker.invoke(Invocation { payload: event, trace_id: String::new() }).await {
                    eprintln!("front-door: the worker could not be invoked: {error}");
                }
            }
        }
    }

    /// Stops the tasks gracefully, then the processes that they depend on. When this returns, no process writes to the
    /// store's directory anymore. The functions end with the site.
    pub async fn stop(mut self) {
        for process in self.tasks.iter_mut().chain(self.services.iter_mut().rev()) {
            process.stop().await;
        }
    }
}

/// The test payment provider, which all processes must share. Its journal is beside the embedded store's data.
fn payment_provider(options: &Options, binaries: &Binaries) -> anyhow::Result<(Process, String)> {
    let port = process::free_port()?;
    let mut arguments = vec!["fake-payments".to_owned(), "--port".to_owned(), port.to_string()];
    if let Store::Embedded(directory) = &options.store {
        std::fs::create_dir_all(directory).with_context(|| format!("directory {}", directory.display()))?;
        arguments.extend(["--journal".to_owned(), directory.join("payments.jsonl").display().to_string()]);
    }
    let provider = Process::start_at("payments", &binaries.shopease(), &arguments, &options.variables, port)?;
    Ok((provider, format!("http://localhost:{port}")))
}

/// Opens the store and adds its connection settings to `variables`.
async fn store(
    options: &Options,
    binaries: &Binaries,
    variables: &mut Vec<(String, String)>,
) -> anyhow::Result<Option<Process>> {
    let mut set = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
    match &options.store {
        Store::Embedded(directory) => {
            let port = process::free_port()?;
            // Known only to the site's own processes.
            let access_key = crate::ambient::access_key();
            let mut own = variables.clone();
            own.extend(
                [
                    ("SHOPEASE_STORE", "embedded"),
                    ("SHOPEASE_DATA_DIR", &directory.display().to_string()),
                    ("SHOPEASE_EMBEDDED_PORT", &port.to_string()),
                    ("SHOPEASE_EMBEDDED_ACCESS_KEY", &access_key),
                    ("SHOPEASE_WORKER_SECONDS", "0"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
            );
            let mut engine =
                Process::start("store", &binaries.shopease(), &["serve".to_owned()], &own, "SHOPEASE_HTTP_PORT")?;
            engine.ready("/readyz").await?;
            variables.push(("SHOPEASE_STORE".to_owned(), "dynamodb".to_owned()));
            variables.push(("SHOPEASE_DYNAMODB_ENDPOINT".to_owned(), format!("http://{access_key}@127.0.0.1:{port}")));
            Ok(Some(engine))
        }
        Store::Postgres(url) => {
            set("SHOPEASE_STORE", "postgres");
            set("SHOPEASE_DATABASE_URL", url);
            prepare(binaries, variables).await?;
            Ok(None)
        }
        Store::DynamoDb => {
            set("SHOPEASE_STORE", "dynamodb");
            prepare(binaries, variables).await?;
            Ok(None)
        }
    }
}

/// Creates what the store lacks, including the demo catalog.
async fn prepare(binaries: &Binaries, variables: &[(String, String)]) -> anyhow::Result<()> {
    let arguments = ["serve", "--migrate", "--demo"].map(str::to_owned);
    let mut first = Process::start("store", &binaries.shopease(), &arguments, variables, "SHOPEASE_HTTP_PORT")?;
    first.ready("/readyz").await?;
    first.stop().await;
    Ok(())
}

/// Parses `one`, `split`, or an address such as `127.0.0.1:8081`.
///
/// # Errors
/// For any other value.
pub fn parse_fargate(text: &str) -> anyhow::Result<Fargate> {
    match text {
        "one" => Ok(Fargate::One),
        "split" => Ok(Fargate::Split),
        address => match address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/').parse() {
            Ok(address) => Ok(Fargate::At(address)),
            Err(_) => bail!("{address:?} is not one, split, or an address such as 127.0.0.1:8081"),
        },
    }
}

/// The project's directory.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
