//! Measures the start and run time of each function of the shop, compared with a function that does nothing and with
//! the ECS binary behind the Lambda Web Adapter:
//! `cargo run --profile measure -p front-door --example functions -- --engine target/debug/shopease --binaries DIRECTORY`.
//!
//! Cold: from the start of the processes until all request an event, and until the first response. Warm: consecutive
//! ALB events to the same environment, without freezing between them. The contestants alternate in every round, so that
//! a machine that slows down slows all of them; ratios are computed within a round. Install the adapter with
//! `cargo install lambda_web_adapter`.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that fails must stop")]

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser;
use front_door::event::alb;
use front_door::lambda::{Function, Invocation, Observer, Outcome, Report, Settings};
use front_door::units::milliseconds;
use http::Request;
use hyper::body::Bytes;
use lambda_http::{Body, Error, Response};
use shopease_shop::testing::free_port;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Measures cold and warm invocations of every function, alternating between them.
#[derive(Debug, Parser)]
struct Cli {
    /// A `shopease` binary with the embedded engine, which provides the store.
    #[arg(long)]
    engine: PathBuf,
    /// Directory with the functions, and `shopease` for the adapter. Missing binaries are skipped.
    #[arg(long)]
    binaries: PathBuf,
    /// `lambda-adapter` of the Lambda Web Adapter; without it, the comparison with it is skipped.
    #[arg(long)]
    adapter: Option<PathBuf>,
    /// Number of rounds; each has one cold start of every contestant.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Warm invocations of every contestant per round.
    #[arg(long, default_value_t = 300)]
    invocations: usize,
}

/// A function and one of its pages or lists. The first one does next to nothing and shows the runtime's own overhead.
const PLACES: [(&str, &str); 7] = [
    ("storefront", "/healthz"),
    ("storefront", "/"),
    ("catalog", "/api/v1/products?limit=24"),
    ("cart", "/cart"),
    ("checkout", "/api/v1/checkout/quote"),
    ("accounts", "/login"),
    ("admin", "/admin"),
];

/// The measured values, in the order of [`Figures`].
const COLUMNS: [&str; 6] = ["ready", "first response", "warm p50", "warm p99", "CPU", "memory"];
const UNITS: [&str; 6] = ["ms", "ms", "ms", "ms", "ms", "MB"];

/// One round of one contestant.
type Figures = [f64; 6];

/// A contestant: its name, its code, and the page that is requested.
struct Contestant {
    name: String,
    target: &'static str,
    code: PathBuf,
    variables: Vec<(String, String)>,
    rounds: Vec<Figures>,
}

/// Collects the reports of invocations.
#[derive(Default)]
struct Reports(Mutex<Vec<Report>>);

impl Observer for Reports {
    fn report(&self, report: &Report) {
        self.0.lock().expect("not poisoned").push(report.clone());
    }

    fn line(&self, function: &str, _: u64, line: &str) {
        if line.contains("ERROR") || line.contains("WARN") {
            eprintln!("[{function}] {line}");
        }
    }
}

fn main() -> Result<(), Error> {
    if std::env::vars().any(|(name, _)| name == "AWS_LAMBDA_RUNTIME_API") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let response = |_: lambda_http::Request| async { Ok::<_, Error>(Response::new(Body::from("nothing"))) };
        return runtime.block_on(lambda_http::run(lambda_http::service_fn(response)));
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(Cli::parse()))
}

async fn measure(cli: Cli) -> Result<(), Error> {
    let directory = tempfile::tempdir()?;
    let (_engine, variables) = engine(&cli.engine, &directory).await?;
    let mut contestants = contestants(&cli, &directory, &variables)?;
    let number = contestants.len();
    for round in 0..cli.rounds {
        for turn in 0..number {
            let contestant = &mut contestants[(turn + round) % number];
            let figures = race(contestant, &directory, cli.invocations).await?;
            contestant.rounds.push(figures);
        }
        eprintln!("round {} of {}", round + 1, cli.rounds);
    }
    print(&cli, &contestants);
    Ok(())
}

/// The shared store: the embedded engine in its own process, with the demo catalog.
async fn engine(shopease: &Path, directory: &TempDir) -> Result<(tokio::process::Child, Vec<(String, String)>), Error> {
    let (port, web) = (free_port(), free_port());
    let process = tokio::process::Command::new(shopease)
        .arg("serve")
        .env("SHOPEASE_DATA_DIR", directory.path().join("data"))
        .env("SHOPEASE_EMBEDDED_PORT", port.to_string())
        .env("SHOPEASE_EMBEDDED_ACCESS_KEY", "example")
        .env("SHOPEASE_HTTP_PORT", web.to_string())
        .env("SHOPEASE_WORKER_SECONDS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    // It serves pages once its store is open and filled.
    let mut tries = 0;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, web)).await.is_err() {
        tries += 1;
        if tries > 1200 {
            return Err("the engine did not become ready".into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    let endpoint = format!("http://example@127.0.0.1:{port}");
    let variables = [
        ("SHOPEASE_STORE", "dynamodb"),
        ("SHOPEASE_DYNAMODB_ENDPOINT", &endpoint),
        ("SHOPEASE_PUBLIC_URL", "http://localhost"),
        // Nothing is paid in this measurement.
        ("SHOPEASE_FAKE_PAYMENTS_URL", "in-process"),
        ("SHOPEASE_LOG", "warn"),
    ];
    Ok((process, variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()))
}

fn contestants(cli: &Cli, directory: &TempDir, variables: &[(String, String)]) -> Result<Vec<Contestant>, Error> {
    let adapted = cli.adapter.as_deref().map(|adapter| adapted(cli, adapter, directory)).transpose()?;
    let contestant = |name: &str, target, code: PathBuf, more: &[(String, String)]| Contestant {
        name: name.to_owned(),
        target,
        code,
        variables: [variables, more].concat(),
        rounds: Vec::new(),
    };
    let mut all = vec![contestant("nothing", "/", std::env::current_exe()?, &[])];
    for (name, target) in PLACES {
        let binary = cli.binaries.join(name);
        if !binary.is_file() {
            eprintln!("{} is missing, and not measured", binary.display());
            continue;
        }
        all.push(contestant(name, target, binary, &[]));
        if let Some(code) = &adapted {
            let port = free_port().to_string();
            let own = [
                ("AWS_LWA_PORT", port.as_str()),
                ("AWS_LWA_READINESS_CHECK_PATH", "/healthz"),
                ("SHOPEASE_HTTP_PORT", &port),
                ("SHOPEASE_WORKER_SECONDS", "0"),
            ];
            let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
            all.push(contestant("adapter", target, code.clone(), &own));
        }
    }
    Ok(all)
}

/// The ECS binary as a function, with the adapter as its extension.
fn adapted(cli: &Cli, adapter: &Path, directory: &TempDir) -> Result<PathBuf, Error> {
    let code = directory.path().join("adapted");
    fs::create_dir_all(code.join("extensions"))?;
    fs::copy(adapter, code.join("extensions/lambda-adapter"))?;
    fs::copy(cli.binaries.join("shopease"), code.join("shopease"))?;
    let bootstrap = code.join("bootstrap");
    fs::write(&bootstrap, "#!/bin/sh\nexec ./shopease serve\n")?;
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755))?;
    Ok(code)
}

/// One cold start and the warm invocations.
async fn race(contestant: &Contestant, directory: &TempDir, invocations: usize) -> Result<Figures, Error> {
    let reports = Arc::new(Reports::default());
    // A separate directory, because the code of the previous round may still be running.
    let own = tempfile::tempdir_in(directory.path())?;
    let settings = Settings {
        name: contestant.name.clone(),
        variables: contestant.variables.clone(),
        memory_mb: 512,
        timeout: Duration::from_secs(29),
        concurrency: 1,
        idle_expiry: Duration::from_mins(5),
        freeze: false,
        directory: own.path().to_owned(),
    };
    let function = Function::new(settings, Arc::clone(&reports) as _);
    function.deploy(&contestant.code)?;
    let event = event(contestant.target);
    let begun = Instant::now();
    let init = invoke(&function, &event).await?.ok_or("the first invocation was not a cold start")?;
    let first = begun.elapsed();
    let mut warm = Vec::new();
    for _ in 0..invocations {
        let begun = Instant::now();
        invoke(&function, &event).await?;
        warm.push(milliseconds(begun.elapsed()));
    }
    let reports = std::mem::take(&mut *reports.0.lock().expect("not poisoned"));
    let warm_reports = || reports.iter().filter(|report| report.init.is_none());
    let cpu = warm_reports().filter_map(|report| report.cpu).map(milliseconds).collect::<Vec<_>>();
    let memory = reports.iter().filter_map(|report| report.max_memory_bytes).max();
    Ok([
        milliseconds(init),
        milliseconds(first),
        percentile(&warm, 50),
        percentile(&warm, 99),
        percentile(&cpu, 50),
        memory.map_or(f64::NAN, megabytes),
    ])
}

/// Invokes the function and waits until the environment requests its next event.
async fn invoke(function: &Function, event: &Bytes) -> Result<Option<Duration>, Error> {
    let invoked = function.invoke(Invocation { payload: event.clone(), trace_id: String::new() }).await?;
    match invoked.outcome {
        Outcome::FunctionError(error) => return Err(String::from_utf8_lossy(&error).into_owned().into()),
        Outcome::Response(payload) => {
            let response: serde_json::Value = serde_json::from_slice(&payload)?;
            if response["statusCode"].as_u64().is_none_or(|status| status >= 500) {
                return Err(format!("not a successful response: {response}").into());
            }
        }
    }
    while function.environments().busy > 0 {
        tokio::task::yield_now().await;
    }
    Ok(invoked.init)
}

fn event(target: &str) -> Bytes {
    let request =
        Request::get(target).header("host", "shop.test").header("accept", "text/html").body(()).expect("a request");
    alb::encode(&request.into_parts().0, &Bytes::new(), true, "arn")
}

fn print(cli: &Cli, contestants: &[Contestant]) {
    let rounds = cli.rounds;
    println!(
        "Medians of {rounds} alternating rounds with one cold start and {} warm invocations each.\n",
        cli.invocations
    );
    println!("| function | requested | {} |", COLUMNS.join(" | "));
    println!("|---|---|{}", "--:|".repeat(COLUMNS.len()));
    for contestant in contestants {
        let cell = |column: usize| {
            let values: Vec<_> = contestant.rounds.iter().map(|figures| figures[column]).collect();
            format!("{:.2} {}", percentile(&values, 50), UNITS[column])
        };
        let cells: Vec<_> = (0..COLUMNS.len()).map(cell).collect();
        println!("| {} | `{}` | {} |", contestant.name, contestant.target, cells.join(" | "));
    }
    println!("\nRatios within rounds: median [min-max].\n");
    println!("| function | requested | compared with | {} |", COLUMNS.join(" | "));
    println!("|---|---|---|{}", "--:|".repeat(COLUMNS.len()));
    for contestant in
        contestants.iter().filter(|contestant| !["nothing", "adapter"].contains(&contestant.name.as_str()))
    {
        let floors = contestants
            .iter()
            .filter(|other| other.name == "nothing" || other.name == "adapter" && other.target == contestant.target);
        for floor in floors {
            let cell = |column: usize| {
                let rounds = contestant.rounds.iter().zip(&floor.rounds);
                let ratios: Vec<_> = rounds.map(|(own, floor)| own[column] / floor[column]).collect();
                let [least, median, most] = [0, 50, 100].map(|percent| percentile(&ratios, percent));
                format!("{median:.2} [{least:.2}-{most:.2}]")
            };
            let cells: Vec<_> = (0..COLUMNS.len()).map(cell).collect();
            println!("| {} | `{}` | {} | {} |", contestant.name, contestant.target, floor.name, cells.join(" | "));
        }
    }
    println!("\n| binary | size | gzip -9 |\n|---|--:|--:|");
    let nothing = std::env::current_exe().expect("this program");
    let mut names: Vec<_> = PLACES.iter().map(|(name, _)| cli.binaries.join(name)).collect();
    names.dedup();
    names.extend([cli.binaries.join("worker"), cli.binaries.join("shopease"), nothing]);
    names.extend(cli.adapter.clone());
    for binary in names.into_iter().filter(|binary| binary.is_file()) {
        let size = fs::metadata(&binary).map_or(0, |file| file.len());
        let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!("| {name} | {:.2} MB | {:.2} MB |", megabytes(size), megabytes(zipped(&binary)));
    }
}

/// Compressed size, as in the deployed zip.
fn zipped(binary: &Path) -> u64 {
    let output = Command::new("gzip").arg("-9c").arg(binary).output();
    output.map_or(0, |output| u64::try_from(output.stdout.len()).unwrap_or_default())
}

/// In MB of 1,000,000 bytes.
fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0
}

fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}
