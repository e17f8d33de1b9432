//! What each function of the shop costs to start and to run, beside a function that does nothing:
//! `cargo run --profile measure -p front-door --example functions [-- --binaries DIRECTORY]`.
//!
//! Cold: from the start of the process until its runtime asks for an event, and until the first answer. Warm: one ALB event after
//! another to the same environment, not frozen between. The functions take turns in every round, so that a machine that slows
//! down slows all of them.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that cannot be made ends, and says so")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser;
use front_door::alb::{Pair, Weights};
use front_door::event::alb;
use front_door::lambda::{Function, Invocation, Observer, Outcome, Report, Settings};
use front_door::live::Live;
use front_door::site::{Binaries, Fargate, Options, Profile, Site, Store};
use http::Request;
use hyper::body::Bytes;
use lambda_http::{Body, Error, Response};

/// Colds and warms of every function, in turns.
#[derive(Debug, Parser)]
struct Cli {
    /// The shop's binaries; without it they are built with the profile `measure`.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Rounds; each has one cold start of every function.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Warm invocations of every function in a round.
    #[arg(long, default_value_t = 300)]
    invocations: usize,
}

/// A function and a page or list of it.
const PLACES: [(&str, &str); 7] = [
    ("nothing", "/"),
    ("storefront", "/"),
    ("catalog", "/api/v1/products?limit=24"),
    ("cart", "/cart"),
    ("checkout", "/checkout"),
    ("accounts", "/login"),
    ("admin", "/admin"),
];

/// Keeps the reports of invocations.
#[derive(Default)]
struct Reports(Mutex<Vec<Report>>);

impl Observer for Reports {
    fn report(&self, report: &Report) {
        self.0.lock().expect("nobody panicked").push(report.clone());
    }

    fn line(&self, function: &str, _: u64, line: &str) {
        eprintln!("[{function}] {line}");
    }
}

/// What was measured of one function, milliseconds but for the last.
#[derive(Default)]
struct Figures {
    init: Vec<f64>,
    first: Vec<f64>,
    warm: Vec<f64>,
    cpu: Vec<f64>,
    memory_mb: Vec<f64>,
}

fn main() -> Result<(), Error> {
    if std::env::vars().any(|(name, _)| name == "AWS_LAMBDA_RUNTIME_API") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = |_: lambda_http::Request| async { Ok::<_, Error>(Response::new(Body::from("nothing"))) };
        return runtime.block_on(lambda_http::run(lambda_http::service_fn(answer)));
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(Cli::parse()))
}

async fn measure(cli: Cli) -> Result<(), Error> {
    let binaries = match &cli.binaries {
        Some(directory) => Binaries::at(directory)?,
        None => Binaries::build(Profile::Measure).await?,
    };
    let directory = tempfile::tempdir()?;
    let weights = Arc::new(Weights::new(Pair { fargate: 0, lambda: 1 }));
    let options = Options {
        public_url: "http://localhost".to_owned(),
        store: Store::Embedded(directory.path().join("shop")),
        fargate: Fargate::One,
        memory_mb: 256,
        concurrency: 1,
        timeout: Duration::from_secs(29),
        idle_expiry: Duration::from_mins(5),
        freeze: false,
        variables: Vec::new(),
    };
    let site = Site::start(options, &binaries, Arc::new(Live::new(String::new(), weights, false))).await?;
    let reports = Arc::new(Reports::default());
    let function = |name: &str| {
        let settings = Settings {
            name: name.to_owned(),
            variables: site.variables().to_vec(),
            memory_mb: 256,
            timeout: Duration::from_secs(29),
            concurrency: 1,
            idle_expiry: Duration::from_mins(5),
            freeze: false,
            directory: directory.path().to_owned(),
        };
        Function::new(settings, Arc::clone(&reports) as _)
    };
    let program = std::env::current_exe()?;
    let mut figures = BTreeMap::<&str, Figures>::new();
    for round in 0..cli.rounds {
        for turn in 0..PLACES.len() {
            let (name, target) = PLACES[(turn + round) % PLACES.len()];
            let binary = if name == "nothing" { program.clone() } else { binaries.function(name) };
            let function = function(name);
            function.deploy(&binary)?;
            let event = event(target);
            let begun = Instant::now();
            let init = invoke(&function, &event).await?.expect("the first invocation waits for the start");
            let figures = figures.entry(name).or_default();
            figures.first.push(milliseconds(begun.elapsed()));
            figures.init.push(milliseconds(init));
            for _ in 0..cli.invocations {
                let begun = Instant::now();
                invoke(&function, &event).await?;
                figures.warm.push(milliseconds(begun.elapsed()));
            }
            let reports = std::mem::take(&mut *reports.0.lock().expect("nobody panicked"));
            figures.cpu.extend(
                reports.iter().filter(|report| report.init.is_none()).filter_map(|report| report.cpu).map(milliseconds),
            );
            let memory = reports.iter().filter_map(|report| report.max_memory_bytes).max();
            figures
                .memory_mb
                .extend(memory.and_then(|bytes| u32::try_from(bytes / 1024).ok()).map(|kib| f64::from(kib) / 1024.0));
        }
        eprintln!("round {} of {}", round + 1, cli.rounds);
    }
    print(&binaries, &program, figures);
    site.stop().await;
    Ok(())
}

/// Invokes and waits until the environment asks for its next event.
async fn invoke(function: &Function, event: &Bytes) -> Result<Option<Duration>, Error> {
    let invoked = function.invoke(Invocation { payload: event.clone(), trace_id: String::new() }).await?;
    if let Outcome::FunctionError(error) = invoked.outcome {
        return Err(String::from_utf8_lossy(&error).into_owned().into());
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

fn print(binaries: &Binaries, nothing: &Path, mut figures: BTreeMap<&str, Figures>) {
    println!("\n             binary     zip    init  first answer   warm p50   warm p99   CPU/call  memory");
    for (name, target) in PLACES {
        let Some(figures) = figures.get_mut(name) else { continue };
        let binary = if name == "nothing" { nothing.to_owned() } else { binaries.function(name) };
        println!(
            "{name:10} {:>5.1} MB {:>4.1} MB {:>4.1} ms      {:>5.1} ms {:>7.3} ms {:>7.3} ms {:>7.3} ms {:>4.1} MB   {target}",
            megabytes(std::fs::metadata(&binary).map_or(0, |file| file.len())),
            megabytes(zipped(&binary)),
            percentile(&mut figures.init, 50),
            percentile(&mut figures.first, 50),
            percentile(&mut figures.warm, 50),
            percentile(&mut figures.warm, 99),
            percentile(&mut figures.cpu, 50),
            percentile(&mut figures.memory_mb, 50),
        );
    }
}

/// Size when deflated, as in the zip that is deployed.
fn zipped(binary: &Path) -> u64 {
    let output = Command::new("gzip").arg("-9c").arg(binary).output();
    output.map_or(0, |output| u64::try_from(output.stdout.len()).unwrap_or_default())
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}
