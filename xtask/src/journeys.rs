//! Whole-system tests: real processes, real stores, a real browser.

use anyhow::{Context as _, Result};

use crate::postgres::Postgres;
use crate::test::Outcome;
use crate::tools::{cargo, cargo_lambda, chromium, command, find_program, node_modules, root, run};

/// Builds the binaries and runs `tests/browser/run.mjs`, which starts each deployment and shops in it.
///
/// # Errors
/// When a journey fails.
pub fn run_node(script: &str, server: &Postgres, chromium: &std::path::Path, cargo_lambda: &std::path::Path) -> Result<()> {
    run(command("node")
        .arg(root().join("tests/browser").join(script))
        .env("SHOPEASE_BINARY", root().join("target/debug/shopease"))
        .env("SHOPEASE_TEST_DATABASE_URL", server.url())
        .env("CHROMIUM", chromium)
        .env("CARGO_LAMBDA", cargo_lambda))
}

/// The step `journeys`.
///
/// # Errors
/// When a journey fails.
pub fn run() -> Result<Outcome> {
    if find_program("node", &[]).is_none() || find_program("npm", &[]).is_none() {
        return Ok(Outcome::Skipped("Node.js with npm is not installed".to_owned()));
    }
    let chromium = match chromium() {
        Ok(chromium) => chromium,
        Err(error) => return Ok(Outcome::Skipped(format!("no Chromium: {error:#}"))),
    };
    let cargo_lambda = cargo_lambda().context("cargo-lambda")?;
    node_modules()?;
    crate::tools::run(cargo().args(["build", "--quiet", "--package", "shopease-ecs-adapter"]))?;
    let server = Postgres::start()?;
    run_node("run.mjs", &server, &chromium, &cargo_lambda)?;
    Ok(Outcome::Passed)
}
