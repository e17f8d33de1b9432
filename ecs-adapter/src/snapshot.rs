//! `shopease snapshot`: what a pipeline does before it migrates a database that matters.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use shopease_aws::{SnapshotOrder, SnapshotState, take_snapshot};
use shopease_shop::ports::ProcessEnv;

/// How to take a snapshot.
#[derive(Debug, clap::Args)]
pub struct SnapshotArgs {
    /// Identifier of the database instance.
    database: String,
    /// Identifier of the snapshot. One of this name and database is waited for, not taken again.
    #[arg(long)]
    name: String,
    /// A tag beside those of the database, as `Release=1.2.3`; can be repeated.
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Longest wait for its completion, in minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    wait_minutes: u64,
}

/// RDS updates the progress about this often.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Takes it. Progress goes to standard error, the result to standard output.
///
/// # Errors
/// When there is no complete snapshot.
pub async fn run(args: SnapshotArgs) -> anyhow::Result<ExitCode> {
    let SnapshotArgs { database, name, tags, wait_minutes } = args;
    let wait_at_most = Duration::from_mins(wait_minutes);
    let order = SnapshotOrder { database, name, tags, look_every: LOOK_EVERY, wait_at_most };
    let told = |state: &SnapshotState| eprintln!("{}: {}, {} %", order.name, state.status, state.percent);
    let done = take_snapshot(&order, &ProcessEnv, told).await?;
    writeln!(std::io::stdout(), "{} is complete: {} GiB of {}", order.name, done.gibibytes, order.database)?;
    Ok(ExitCode::SUCCESS)
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a tag is NAME=VALUE".to_owned()),
    }
}
