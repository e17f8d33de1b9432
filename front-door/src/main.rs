//! Starts the shop on both paths behind one address: an Application Load Balancer with weighted targets, the ECS
//! server, and the real Lambda binaries. Needs neither Docker nor an AWS account.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use front_door::alb::{Balancer, Pair, Settings, Weights};
use front_door::event::http_api::Front;
use front_door::gateway::Gateway;
use front_door::live::{self, Live};
use front_door::site::{self, Binaries, Fargate, Options, Profile, Site, Sources, Store};
use shopease_shared::http::routes::Area;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Interval at which source files are checked.
const SCAN_INTERVAL: Duration = Duration::from_millis(500);

/// Runs the shop on Fargate and Lambda at once, on this machine: builds it, starts it, and balances between the two.
#[derive(Debug, Parser)]
#[command(version, about)]
#[expect(clippy::struct_excessive_bools, reason = "each is a command-line flag")]
struct Cli {
    /// Port of the load balancer. The HTTP API uses the next port, the Function URLs the one after that.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Initial weights of the two target groups of every rule; the live page can change them.
    #[arg(long, default_value = "fargate=50,lambda=50", value_name = "fargate=N,lambda=N")]
    weights: Pair,
    /// Weights of one area; can be repeated.
    #[arg(long, value_name = "AREA:fargate=N,lambda=N", value_parser = area_weights)]
    area_weights: Vec<(Area, Pair)>,
    /// The store. `postgres` reads `SHOPEASE_DATABASE_URL`, `dynamodb` reads `SHOPEASE_DYNAMODB_*`.
    #[arg(long, value_enum, default_value_t = StoreKind::Embedded)]
    store: StoreKind,
    /// Data directory of the embedded store.
    #[arg(long, env = "SHOPEASE_DATA_DIR", default_value = "data")]
    data_dir: PathBuf,
    /// The ECS services: one task, a frontend and a backend, or the address of a running server.
    #[arg(long, default_value = "one", value_name = "one|split|ADDRESS", value_parser = site::parse_fargate)]
    fargate: Fargate,
    /// Build profile: dev compiles fast; measure and release run like a deployment.
    #[arg(long, value_enum, default_value_t = Build::Dev)]
    profile: Build,
    /// Use the binaries in this directory instead of building them.
    #[arg(long, value_name = "DIRECTORY")]
    binaries: Option<PathBuf>,
    /// Rebuild when a source file changes, and deploy the result to both paths.
    #[arg(long)]
    watch: bool,
    /// Memory size of the functions in MB.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    memory: u32,
    /// Most concurrent execution environments of each function; further invocations are throttled.
    #[arg(long, default_value_t = 10)]
    concurrency: usize,
    /// Timeout of the functions in seconds.
    #[arg(long, default_value_t = 29, value_parser = clap::value_parser!(u64).range(1..=900))]
    timeout: u64,
    /// Seconds until an idle environment expires.
    #[arg(long, default_value_t = 300)]
    idle_expiry: u64,
    /// Do not freeze environments between invocations (Lambda does).
    #[arg(long)]
    no_freeze: bool,
    /// Pass only one value per header, like a target group without `lambda.multi_value_headers.enabled`.
    #[arg(long)]
    single_value_headers: bool,
    /// Print all output of the functions and a REPORT line per invocation, not only those of failed invocations.
    #[arg(long)]
    logs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StoreKind {
    Embedded,
    Postgres,
    Dynamodb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Build {
    Dev,
    Measure,
    Release,
}

fn area_weights(text: &str) -> anyhow::Result<(Area, Pair)> {
    let (name, weights) = text.split_once(':').context("expected AREA:fargate=N,lambda=N")?;
    let area = Area::ALL.into_iter().find(|area| area.name() == name);
    let names = Area::ALL.map(Area::name).join(", ");
    Ok((area.with_context(|| format!("area {name:?} does not exist; the areas are {names}"))?, weights.parse()?))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("front-door: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let balancer_listener = listen(cli.port).await?;
    let (api_port, url_port) = (cli.port.saturating_add(1), cli.port.saturating_add(2));
    let (api_listener, url_listener) = (listen(api_port).await?, listen(url_port).await?);
    let seen = Sources::scan();
    let binaries = binaries(&cli).await?;
    let weights = Arc::new(Weights::new(cli.weights));
    for (area, pair) in &cli.area_weights {
        weights.set(Some(*area), *pair)?;
    }
    let options = options(&cli)?;
    let live = Arc::new(Live::new(options.store_name().to_owned(), Arc::clone(&weights), cli.logs));
    let stop = stop();
    tokio::pin!(stop);
    let mut site = tokio::select! {
        site = Site::start(options, &binaries, Arc::clone(&live)) => site?,
        () = &mut stop => return Ok(()),
    };
    let functions = site.functions();
    let settings = Settings { multi_value_headers: !cli.single_value_headers, ..Settings::default() };
    let balancer =
        Arc::new(Balancer::new(settings, cli.port, weights, site.targets(), functions.clone(), Arc::clone(&live)));
    tokio::spawn(balancer.serve(balancer_listener));
    for (front, port, listener) in
        [(Front::HttpApi, api_port, api_listener), (Front::FunctionUrl, url_port, url_listener)]
    {
        tokio::spawn(Arc::new(Gateway::new(front, port, functions.clone(), Arc::clone(&live))).serve(listener));
    }
    tokio::spawn(site.check_health());
    tokio::spawn(site.run_schedule());
    print_banner(&cli, &functions);
    tokio::select! {
        () = &mut stop => {}
        error = watch(&cli, seen, &mut site) => return error,
    }
    println!("\n  Stopping.");
    site.stop().await;
    Ok(())
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.with_context(|| format!("port {port} cannot be used (choose another with --port)"))
}

async fn binaries(cli: &Cli) -> anyhow::Result<Binaries> {
    match &cli.binaries {
        Some(directory) => Binaries::at(directory),
        None => Binaries::build(profile(cli)).await,
    }
}

fn profile(cli: &Cli) -> Profile {
    match cli.profile {
        Build::Dev => Profile::Dev,
        Build::Measure => Profile::Measure,
        Build::Release => Profile::Release,
    }
}

fn options(cli: &Cli) -> anyhow::Result<Options> {
    let variables: BTreeMap<_, _> = std::env::vars()
        .filter(|(name, _)| ["SHOPEASE_", "AWS_", "DD_"].iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    let store = match cli.store {
        StoreKind::Embedded => Store::Embedded(cli.data_dir.clone()),
        StoreKind::Postgres => {
            let url = variables.get("SHOPEASE_DATABASE_URL");
            Store::Postgres(
                url.context("SHOPEASE_DATABASE_URL is not set; `cargo xtask postgres` starts a server")?.clone(),
            )
        }
        StoreKind::Dynamodb => Store::DynamoDb,
    };
    Ok(Options {
        public_url: format!("http://localhost:{}", cli.port),
        store,
        fargate: cli.fargate,
        memory_mb: cli.memory,
        concurrency: cli.concurrency,
        timeout: Duration::from_secs(cli.timeout),
        idle_expiry: Duration::from_secs(cli.idle_expiry),
        freeze: !cli.no_freeze,
        variables: variables.into_iter().collect(),
    })
}

/// Watches the sources and deploys changes, forever; does nothing without `--watch`.
async fn watch(cli: &Cli, mut seen: Sources, site: &mut Site) -> anyhow::Result<()> {
    loop {
        sleep(SCAN_INTERVAL).await;
        if !cli.watch || cli.binaries.is_some() {
            continue;
        }
        let now = Sources::scan();
        if now == seen {
            continue;
        }
        seen = now;
        println!("\n  A source file has changed.");
        // If the build or the start fails, the error is printed and the running version stays.
        match Binaries::build(profile(cli)).await {
            Ok(binaries) => match site.deploy(&binaries).await {
                Ok(()) => println!("  Deployed to both paths."),
                Err(error) => eprintln!("front-door: deployment failed: {error:#}"),
            },
            Err(error) => eprintln!("front-door: {error:#}"),
        }
    }
}

async fn stop() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn print_banner(cli: &Cli, functions: &BTreeMap<Area, Arc<front_door::lambda::Function>>) {
    let (port, pair) = (cli.port, cli.weights);
    println!(
        "\n  shopease is open on both paths: http://localhost:{port}   (Fargate {}, Lambda {})\n\n  \
         Watch  http://localhost:{port}{}   live comparison of both paths, with controls for the weights\n  \
         Also   http://localhost:{}            the same functions behind an HTTP API\n         \
         http://localhost:{}            and behind Function URLs\n  \
         Runs   {} functions as real Lambda binaries, at most {} environments each\n  \
         Trace  x-shopease-path and server-timing on every response name the path that served it\n  \
         Stop   Ctrl-C\n",
        pair.fargate,
        pair.lambda,
        live::PATH,
        port.saturating_add(1),
        port.saturating_add(2),
        functions.len(),
        cli.concurrency,
    );
}
