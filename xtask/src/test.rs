//! `cargo xtask test`: every check, one after another, with what each took.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::journeys;
use crate::postgres::Postgres;
use crate::tools::{cargo, execute};

/// What to run.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Only the steps with these names.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Ten times the rounds of every randomised test, for a night.
    #[arg(long)]
    nightly: bool,
    /// List the steps.
    #[arg(long)]
    list: bool,
}

type Step = (&'static str, &'static str, fn(&TestArgs) -> Result<Outcome>);

/// How a step that did not fail ended.
pub enum Outcome {
    Passed,
    /// Could not run here, and why.
    Skipped(String),
}

const STEPS: [Step; 7] = [
    ("format", "the code is formatted", |_| passed(cargo().args(["fmt", "--all", "--check"]))),
    ("lint", "clippy finds nothing", |_| {
        passed(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
    }),
    ("generated", "generated files are up to date", |_| crate::generate::run(true).map(|()| Outcome::Passed)),
    ("crates", "unit, conformance, API and page tests on both stores", |args| {
        let server = Postgres::start()?;
        let scale = if args.nightly { "10" } else { "1" };
        let mut tests = cargo();
        tests.args(["test", "--workspace", "--no-fail-fast"]).env("SHOPEASE_TEST_SCALE", scale);
        passed(tests.env("SHOPEASE_TEST_DATABASE_URL", server.url()))
    }),
    ("events", "EventBridge and SNS on the wire; a build of its own, for the SDKs", |_| {
        let features = ["--quiet", "--workspace", "--features", "shopease-events/aws"];
        let wire = ["--test", "aws_events"];
        execute(cargo().arg("clippy").args(features).arg("--lib").args(wire).args(["--", "--deny", "warnings"]))?;
        passed(cargo().arg("test").args(features).args(wire))
    }),
    ("import", "ten thousand products reach PostgreSQL in under 30 s", |_| journeys::large_import()),
    ("journeys", "a shopper in a real browser, on every runtime and store", |_| journeys::run()),
];

fn passed(command: &mut std::process::Command) -> Result<Outcome> {
    execute(command).map(|()| Outcome::Passed)
}

/// Runs the steps; goes on after a failure and fails at the end.
///
/// # Errors
/// When a step failed, or one was skipped and `CI=true`.
pub fn run(args: &TestArgs) -> Result<()> {
    if let Some(unknown) = args.only.iter().find(|name| STEPS.iter().all(|(step, ..)| step != name)) {
        bail!("there is no step {unknown:?}; see --list");
    }
    if args.list {
        for (name, what, _) in &STEPS {
            println!("{name:10} {what}");
        }
        return Ok(());
    }
    #[expect(clippy::disallowed_methods, reason = "this is the program that reads it")]
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let (mut lines, mut failed) = (Vec::new(), 0);
    for (name, what, step) in
        STEPS.iter().filter(|(name, ..)| args.only.is_empty() || args.only.iter().any(|only| only == name))
    {
        println!("\n==> {name}: {what}");
        let begun = Instant::now();
        let result = step(args);
        let seconds = begun.elapsed().as_secs();
        match result {
            Ok(Outcome::Passed) => lines.push(format!("passed   {name:10} {seconds:>5} s")),
            Ok(Outcome::Skipped(why)) => {
                failed += usize::from(in_ci);
                lines.push(format!("SKIPPED  {name:10} {seconds:>5} s  {why}"));
            }
            Err(error) => {
                failed += 1;
                lines.push(format!("FAILED   {name:10} {seconds:>5} s  {error:#}"));
            }
        }
    }
    println!("\n{}", lines.join("\n"));
    if failed > 0 {
        bail!("{failed} step(s) failed");
    }
    Ok(())
}
