//! One build of the workspace for lint, tests, costs and journeys.
//!
//! Clippy's driver is the compiler of the workspace's own crates: what it compiles are the same programs, and its lints
//! are reported on the way. A `cargo clippy` of its own would analyze every dependency once more.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::test::Outcome;
use crate::tools::cargo;

/// Makes clippy the compiler of the workspace's crates. Lints are only warnings there, so that the tests run all the same;
/// [`lint`] turns them into failures.
pub fn with_clippy(command: &mut Command) {
    command.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver").env("CLIPPY_ARGS", "--cap-lints=warn");
}

/// Builds packages, and fails on each lint and compiler warning.
///
/// # Errors
/// When something does not compile or has a warning.
pub fn lint(packages: &[&str]) -> Result<Outcome> {
    let mut build = cargo();
    build.args(["build", "--message-format=json"]).args(packages);
    let mut process = build.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut found = 0;
    for line in BufReader::new(process.stdout.take().context("no output")?).lines() {
        let message: Value = serde_json::from_str(&line?).context("cargo printed something else than JSON")?;
        if message["reason"] == "compiler-message" {
            let rendered = message["message"]["rendered"].as_str().unwrap_or_default();
            eprint!("{rendered}");
            // Cargo's summary of a crate has no place in the source.
            found += usize::from(message["message"]["spans"].as_array().is_some_and(|spans| !spans.is_empty()));
        }
    }
    ensure!(process.wait()?.success(), "the workspace does not compile");
    ensure!(found == 0, "{found} warning(s)");
    Ok(Outcome::Passed)
}
