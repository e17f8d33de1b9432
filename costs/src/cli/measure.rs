//! `costs measure`.

use std::path::{Path as File, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Args;
use rust_decimal::Decimal;

use crate::deployment::Store;
use crate::measure::{Plan, Shop, check, measure, merged};
use crate::measured::Measured;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory with the shop's binaries; without it, the one that this program is in.
    #[arg(long, value_name = "DIRECTORY")]
    binaries: Option<PathBuf>,
    /// Walks over all routes, on each path and store, after one that warms up; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Take over only units, statements and bytes, not times and memory: for binaries without optimisation.
    #[arg(long)]
    counts: bool,
    /// Fail when a journey takes more units, statements or bytes than the built-in file says, or 1,000 orders cost more. Writes nothing.
    #[arg(long, conflicts_with = "write")]
    check: bool,
    /// This machine is on AWS, and so are the stores: the table of `SHOPEASE_DYNAMODB_TABLE`, the database, and what was measured of
    /// INIT, start and image. Nothing has to be assumed any more.
    #[arg(long, conflicts_with = "counts", requires_all = ["lambda_init_ms", "task_start_s", "image_gb", "database_url"])]
    on_aws: bool,
    /// INIT of a function, ms.
    #[arg(long, value_name = "MS")]
    lambda_init_ms: Option<Decimal>,
    /// Start of a task, s.
    #[arg(long, value_name = "S")]
    task_start_s: Option<Decimal>,
    /// Size of the image, GB.
    #[arg(long, value_name = "GB")]
    image_gb: Option<Decimal>,
    /// Write the new profile to this file instead of printing it.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// PostgreSQL to measure on; without it only DynamoDB, on the embedded engine, is measured.
    #[arg(long, value_name = "URL", env = "SHOPEASE_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let committed = Measured::built_in();
    let own = std::env::current_exe().context("where is this program?")?;
    let binaries = arguments.binaries.clone().or_else(|| own.parent().map(PathBuf::from)).context("no directory")?;
    let binaries = binaries.canonicalize().with_context(|| binaries.display().to_string())?;
    let plan = Plan { rounds: arguments.rounds.into(), counts_only: arguments.counts };
    let (mut new, mut excesses) = (committed.clone(), Vec::new());
    new.lambda_init_ms = arguments.lambda_init_ms.unwrap_or(new.lambda_init_ms);
    new.task_start_s = arguments.task_start_s.unwrap_or(new.task_start_s);
    new.image_gb = arguments.image_gb.unwrap_or(new.image_gb);
    new.on_aws = new.on_aws.filter(|_| !arguments.on_aws);
    for store in [Store::Dynamodb, Store::Postgresql] {
        if store == Store::Postgresql && arguments.database_url.is_none() {
            eprintln!("skipped: PostgreSQL (--database-url is not given)");
            continue;
        }
        let shop = Shop::start(&binaries, store, arguments.database_url.as_deref(), arguments.on_aws)?;
        let routes = measure(&shop, store, &committed, plan)?;
        new = merged(&new, routes, plan.counts_only, &today()?, &build(&binaries));
        if arguments.check {
            excesses.extend(check::journeys(&committed, &new, store)?);
            excesses.extend(check::cost(&committed, &new, store)?);
        }
    }
    match &arguments.write {
        Some(file) => super::write(file, &new.to_text()?)?,
        None if arguments.check => {}
        None => print!("{}", new.to_text()?),
    }
    for excess in &excesses {
        eprintln!("{excess}");
    }
    if !excesses.is_empty() {
        bail!(
            "the shop has grown; if that is meant, write the new profile with --counts --write costs/data/measured.json"
        );
    }
    Ok(())
}

/// ISO 8601, UTC.
fn today() -> anyhow::Result<String> {
    output(Command::new("date").args(["-u", "+%F"]))
}

/// Commit and build profile.
fn build(binaries: &File) -> String {
    let commit = output(Command::new("git").args(["describe", "--always", "--dirty"]));
    let profile = binaries.file_name().unwrap_or_default().to_string_lossy();
    format!("{}, {profile}", commit.unwrap_or_else(|_| "unknown".to_owned()))
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    anyhow::ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
