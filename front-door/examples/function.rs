//! Runs any function of the runtime `provided.al2023` on the Lambda host: a `bootstrap`, or a directory with one.
//!
//! One event from standard input, its response on standard output:
//! `echo '{}' | cargo run -p front-door --example function -- target/lambda/NAME/bootstrap`.
//! As a website, behind a load balancer, an HTTP API and a Function URL on three ports starting at `--port`:
//! `cargo run -p front-door --example function -- target/lambda/NAME/bootstrap --port 8080`.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use front_door::alb::{Address, Balancer, Pair, Settings as BalancerSettings, Targets, Weights};
use front_door::event::http_api::Front;
use front_door::gateway::Gateway;
use front_door::lambda::{Function, Invocation, Observer, Outcome, Report, Settings};
use front_door::live::Live;
use shopease_shared::http::routes::Area;
use tokio::net::TcpListener;

/// Runs a Lambda function locally: with one event from standard input, or behind HTTP.
#[derive(Debug, Parser)]
struct Cli {
    /// The `bootstrap` binary, or a directory with it and, in `extensions`, its extensions.
    code: PathBuf,
    /// Serve HTTP: the load balancer on this port, the HTTP API on the next port, the Function URL on the one after
    /// that.
    #[arg(long)]
    port: Option<u16>,
    /// Environment variable of the function; can be repeated.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// Memory size in MB.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    memory: u32,
    /// Timeout in seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=900))]
    timeout: u64,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Prints the function's output and REPORT lines.
struct Console;

impl Observer for Console {
    fn report(&self, report: &Report) {
        eprintln!("{report}");
    }

    fn line(&self, _function: &str, _environment: u64, line: &str) {
        eprintln!("{line}");
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let directory = tempfile::tempdir()?;
    let settings = Settings {
        name: "function".to_owned(),
        variables: cli.variables,
        memory_mb: cli.memory,
        timeout: Duration::from_secs(cli.timeout),
        concurrency: 10,
        idle_expiry: Duration::from_mins(5),
        freeze: true,
        directory: directory.path().to_owned(),
    };
    let weights = Arc::new(Weights::new(Pair { fargate: 0, lambda: 1 }));
    let live = Arc::new(Live::new("none".to_owned(), Arc::clone(&weights), true));
    let observer: Arc<dyn Observer> = if cli.port.is_some() { Arc::clone(&live) as _ } else { Arc::new(Console) };
    let function = Arc::new(Function::new(settings, observer));
    function.deploy(&cli.code).with_context(|| cli.code.display().to_string())?;
    match cli.port {
        Some(port) => serve(port, function, weights, live).await,
        None => invoke(&function).await,
    }
}

async fn invoke(function: &Function) -> anyhow::Result<ExitCode> {
    let mut event = String::new();
    std::io::stdin().read_to_string(&mut event)?;
    serde_json::from_str::<serde::de::IgnoredAny>(&event).context("the event on standard input is not JSON")?;
    let invocation =
        Invocation { payload: event.into(), trace_id: "Root=1-00000000-000000000000000000000000".to_owned() };
    let (payload, code) = match function.invoke(invocation).await?.outcome {
        Outcome::Response(payload) => (payload, ExitCode::SUCCESS),
        Outcome::FunctionError(error) => (error, ExitCode::FAILURE),
    };
    println!("{}", String::from_utf8_lossy(&payload));
    // The REPORT line is printed when the function requests its next event.
    while function.environments().busy > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(code)
}

async fn serve(port: u16, function: Arc<Function>, weights: Arc<Weights>, live: Arc<Live>) -> anyhow::Result<ExitCode> {
    let functions: BTreeMap<_, _> = Area::ALL.into_iter().map(|area| (area, Arc::clone(&function))).collect();
    let targets = Targets::new(Arc::new(Address::default()), Arc::new(Address::default()));
    let listener = listen(port).await?;
    let balancer =
        Balancer::new(BalancerSettings::default(), port, weights, targets, functions.clone(), Arc::clone(&live));
    tokio::spawn(Arc::new(balancer).serve(listener));
    for (front, port) in [(Front::HttpApi, port.saturating_add(1)), (Front::FunctionUrl, port.saturating_add(2))] {
        let listener = listen(port).await?;
        tokio::spawn(Arc::new(Gateway::new(front, port, functions.clone(), Arc::clone(&live))).serve(listener));
    }
    let (api, url) = (port.saturating_add(1), port.saturating_add(2));
    println!(
        "Load balancer http://localhost:{port}, HTTP API http://localhost:{api}, Function URL http://localhost:{url}"
    );
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.with_context(|| format!("port {port} cannot be used"))
}
