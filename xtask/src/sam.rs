//! The step `sam`: the functions as deployed by SAM on an emulated AWS, with shopping journeys, and both paths behind
//! one load balancer. The step `pipeline` checks the template itself.

use anyhow::Result;

use crate::journeys;
use crate::test::Outcome;
use crate::tools::{Scratch, command, execute_logged, find_program, python_programs, root, timed};

/// The SAM CLI, and the linter behind `sam validate --lint`.
pub const SAM_CLI: [&str; 2] = ["aws-sam-cli==1.170.0", "cfn-lint==1.58.0"];
/// `tests/aws/emulator.py` patches private functions of exactly this release.
const EMULATOR: [&str; 3] = ["ministack==1.5.33", "aws-sam-translator==1.115.0", "boto3==1.43.106"];

/// Builds, deploys, shops, shifts weights, deletes.
///
/// # Errors
/// If a part fails.
pub fn run() -> Result<Outcome> {
    if let Some(missing) = ["python3", "strip"].iter().find(|name| find_program(name, &[]).is_none()) {
        return Ok(Outcome::Skipped(format!("{missing} is not installed")));
    }
    let sam = timed("SAM CLI", || python_programs("sam", &SAM_CLI))?;
    let emulator = timed("the emulator", || python_programs("ministack", &EMULATOR))?;
    let shopease = timed("binaries", journeys::build)?;
    let work = Scratch::new("sam")?;
    let mut journey = command(emulator.join("python"));
    journey.arg(root().join("tests/aws/functions.py")).arg(work.path());
    journey.arg(shopease.with_file_name("")).arg(sam.join("sam")).env("PYTHONDONTWRITEBYTECODE", "1");
    timed("deployment, shopper, weights", || execute_logged("sam", &mut journey))?;
    Ok(Outcome::Passed)
}
