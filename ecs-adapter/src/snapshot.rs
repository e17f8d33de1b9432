//! `shopease snapshot`: takes a snapshot of the RDS database, for example before a pipeline migrates production.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use shopease_aws::{SnapshotOrder, SnapshotState, take_snapshot};
use shopease_shop::ports::ProcessEnv;

/// Options of `snapshot`.
#[derive(Debug, clap::Args)]
pub struct SnapshotArgs {
    /// Identifier of the database instance.
    database: String,
    /// Identifier of the snapshot. If this database already has a snapshot of this name, wait for it instead of taking
    /// another.
    #[arg(long)]
    name: String,
    /// Additional tag, for example `Release=1.2.3`. The database's tags are copied. Can be repeated.
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Longest wait until the snapshot is available, in minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    wait_minutes: u64,
}

/// RDS updates the progress at about this interval.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Takes the snapshot. Progress goes to standard error, the result to standard output.
///
/// # Errors
/// If the snapshot does not become available.
pub async fn run(args: SnapshotArgs) -> anyhow::Result<ExitCode> {
    let SnapshotArgs { database, name, tags, wait_minutes } = args;
    let wait_at_most = Duration::from_mins(wait_minutes);
    let order = SnapshotOrder { database, name, tags, poll_interval: POLL_INTERVAL, wait_at_most };
    let report = |state: &SnapshotState| eprintln!("{}: {}, {} %", order.name, state.status, state.percent);
    let done = take_snapshot(&order, &ProcessEnv, report).await?;
    writeln!(std::io::stdout(), "{} is complete: {} GiB of {}", order.name, done.gibibytes, order.database)?;
    Ok(ExitCode::SUCCESS)
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
