//! `cargo xtask rehearse`: the pipeline's own scripts on an emulated AWS, from an empty account to an empty account, with
//! a real PostgreSQL and the shop's own processes. The step of the same name runs only the first deployments.

use anyhow::{Context as _, Result};

use crate::infrastructure::WorkingCopy;
use crate::journeys;
use crate::test::Outcome;
use crate::tools::find_program;

/// Programs of the pipeline's scripts, and of the emulated load balancer.
const PROGRAMS: [&str; 5] = ["curl", "jq", "openssl", "python3", "terraform"];

/// The whole rehearsal.
///
/// # Errors
/// If a program is missing, or a step ends differently than it must.
pub fn run() -> Result<()> {
    if let Some(missing) = missing() {
        anyhow::bail!("install {missing} to run this");
    }
    rehearse(true)
}

/// The step: bootstrap, two deployments, a changed secret, destroy.
///
/// # Errors
/// If a step ends differently than it must.
pub fn step(nightly: bool) -> Result<Outcome> {
    if let Some(missing) = missing() {
        return Ok(Outcome::Skipped(format!("{missing} is not installed")));
    }
    rehearse(nightly).map(|()| Outcome::Passed)
}

fn missing() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|name| find_program(name, &[]).is_none())
}

fn rehearse(whole: bool) -> Result<()> {
    let work = WorkingCopy::new(find_program("terraform", &[]).context("terraform is not on PATH")?)?;
    work.rehearse(&journeys::build()?, whole)
}
