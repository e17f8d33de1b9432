//! `cargo xtask rehearse`: the pipeline's own scripts on an emulated AWS, from an empty account to an empty account, with
//! a real PostgreSQL and the shop's own processes.

use anyhow::{Context as _, Result};

use crate::infrastructure::WorkingCopy;
use crate::journeys;
use crate::tools::find_program;

/// Programs of the pipeline's scripts, and of the emulated load balancer.
const PROGRAMS: [&str; 5] = ["curl", "jq", "openssl", "python3", "terraform"];

/// Options of `rehearse`.
#[derive(Debug, clap::Args)]
pub struct RehearseArgs {
    /// Only the first deployments: bootstrap, two deployments, a changed secret, destroy.
    #[arg(long)]
    short: bool,
}

/// Rehearses the pipeline.
///
/// # Errors
/// If a program is missing, or a step ends differently than it must.
pub fn run(args: &RehearseArgs) -> Result<()> {
    if let Some(missing) = PROGRAMS.into_iter().find(|name| find_program(name, &[]).is_none()) {
        anyhow::bail!("install {missing} to run this");
    }
    let work = WorkingCopy::new(find_program("terraform", &[]).context("terraform is not on PATH")?)?;
    work.rehearse(&journeys::build()?, !args.short)
}
