//! `costs measure`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Args;
use rust_decimal::Decimal;

use crate::deployment::{Path, Store};
use crate::measure::check::{self, Limits};
use crate::measure::{self, Plan, Shop};
use crate::measured::Measured;

/// What to measure, and what to do with it.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Arguments {
    /// Directory with the shop's binaries; without it, the one that this program is in.
    #[arg(long, value_name = "DIRECTORY")]
    binaries: Option<PathBuf>,
    /// Walks over all routes, on each path and store, after one that warms up; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// First of the three ports of the front door, instead of free ones.
    #[arg(long)]
    port: Option<u16>,
    /// Take over only units, statements and bytes, not times and memory: for binaries without optimisation.
    #[arg(long)]
    counts: bool,
    /// Fail when a journey takes more units, statements or bytes than the file says, or 1,000 orders cost more; without --counts
    /// also for large binaries, INIT and memory. Writes nothing.
    #[arg(long, conflicts_with = "write")]
    check: bool,
    /// How far things may grow, instead of the built-in limits.
    #[arg(long, value_name = "FILE", requires = "check")]
    limits: Option<PathBuf>,
    /// INIT of a function that was measured elsewhere, ms.
    #[arg(long, value_name = "MS")]
    lambda_init_ms: Option<Decimal>,
    /// Start of a task that was measured elsewhere, s.
    #[arg(long, value_name = "S")]
    task_start_s: Option<Decimal>,
    /// Size of the image, GB.
    #[arg(long, value_name = "GB")]
    image_gb: Option<Decimal>,
    /// The shop and its stores are on AWS, and so are INIT, start and image that are given: nothing has to be assumed any more.
    #[arg(long, conflicts_with = "counts", requires_all = ["lambda_init_ms", "task_start_s", "image_gb"])]
    on_aws: bool,
    /// The machine of the figures, as in "2 cores of a Neoverse N1, 24 GiB"; detected if not given.
    #[arg(long, value_name = "TEXT")]
    machine: Option<String>,
    /// The file to compare with and to start from, instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    measured: Option<PathBuf>,
    /// Write the new profile to this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// PostgreSQL to measure on; without it only DynamoDB, on the embedded engine, is measured.
    #[arg(long, value_name = "URL", env = "SHOPEASE_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Print the new profile as JSON.
    #[arg(long)]
    json: bool,
}

/// Measures.
///
/// # Errors
/// When the shop cannot be measured, or has grown too expensive.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let committed = super::measured(arguments.measured.as_deref())?;
    let own = std::env::current_exe().context("where is this program?")?;
    let binaries = arguments.binaries.clone().or_else(|| own.parent().map(PathBuf::from)).context("no directory")?;
    let binaries = binaries.canonicalize().with_context(|| binaries.display().to_string())?;
    let plan = Plan { rounds: arguments.rounds.into(), counts_only: arguments.counts };
    let limits = Limits::read(arguments.limits.as_deref())?;
    let mut new = committed.clone();
    new.lambda_init_ms = arguments.lambda_init_ms.unwrap_or(new.lambda_init_ms);
    new.task_start_s = arguments.task_start_s.unwrap_or(new.task_start_s);
    new.image_gb = arguments.image_gb.unwrap_or(new.image_gb);
    new.on_aws = new.on_aws.filter(|_| !arguments.on_aws);
    let mut excesses = Vec::new();
    for store in [Store::Dynamodb, Store::Postgresql] {
        if store == Store::Postgresql && arguments.database_url.is_none() {
            eprintln!("skipped: PostgreSQL (--database-url is not given)");
            continue;
        }
        let shop = Shop::start(&binaries, store, arguments.port, arguments.database_url.as_deref())?;
        let routes = measure::measure(&shop, store, &committed, plan)?;
        new = measure::merged(&new, routes, plan.counts_only, &today()?, &build(&binaries));
        if arguments.check {
            excesses.extend(check::journeys(&committed, &new, store, &limits)?);
            excesses.extend(check::cost(&committed, &new, store, &limits)?);
        }
    }
    new.machine = arguments.machine.clone().unwrap_or(new.machine);
    match (arguments.check, arguments.counts) {
        (false, _) => {}
        (true, true) => eprintln!("skipped: sizes, INIT and memory (--counts is given)"),
        (true, false) => {
            excesses.extend(check::sizes(&binaries, &committed, &limits)?);
            excesses.extend(check::speed(&new, &limits));
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&new)?);
    } else {
        table(&new);
    }
    if let Some(file) = &arguments.write {
        super::write(file, &new.to_text()?)?;
    }
    for excess in &excesses {
        eprintln!("{excess}");
    }
    if !excesses.is_empty() {
        bail!(
            "the shop has grown; if that is meant, write the new profile with --counts --write costs/data/measured.json, or move costs/data/limits.json"
        );
    }
    Ok(())
}

fn table(measured: &Measured) {
    println!(
        "{:<28} {:<8} {:<11} {:>8} {:>8} {:>8} {:>6} {:>9} {:>8} {:>8}",
        "route", "path", "store", "requests", "reads", "writes", "SQL", "bytes", "CPU ms", "log"
    );
    for route in &measured.routes {
        let (Some(on), Some(store)) = (route.path, route.store) else { continue };
        println!(
            "{:<28} {:<8} {:<11} {:>8} {:>8} {:>8} {:>6} {:>9} {:>8} {:>8}",
            route.route,
            path(on),
            name(store),
            route.store_requests.to_string(),
            route.read_units.to_string(),
            route.write_units.to_string(),
            route.sql_statements.to_string(),
            route.response_bytes.round().to_string(),
            route.cpu_ms.round_dp(2).to_string(),
            route.log_bytes.round().to_string(),
        );
    }
}

fn path(path: Path) -> &'static str {
    match path {
        Path::Fargate => "Fargate",
        Path::Lambda => "Lambda",
        Path::Both => "both",
    }
}

fn name(store: Store) -> &'static str {
    match store {
        Store::Postgresql => "PostgreSQL",
        Store::Dynamodb => "DynamoDB",
    }
}

/// ISO 8601, UTC.
fn today() -> anyhow::Result<String> {
    said(Command::new("date").args(["-u", "+%F"]))
}

/// Commit and build profile.
fn build(binaries: &std::path::Path) -> String {
    let commit =
        said(Command::new("git").args(["describe", "--always", "--dirty"])).unwrap_or_else(|_| "unknown".to_owned());
    let profile = binaries.file_name().unwrap_or_default().to_string_lossy();
    format!("{commit}, {profile}")
}

fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    anyhow::ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
