//! `cargo xtask test`: every check, with what each took; those that mostly wait run beside the others.

use std::fs::File;
use std::process::Child;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::journeys;
use crate::postgres::Postgres;
use crate::tools::{cargo, command, execute, execute_logged, root};

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

/// A check: its name, what passes, and where it runs.
struct Step {
    name: &'static str,
    what: &'static str,
    lane: Lane,
    run: fn(&TestArgs) -> Result<Outcome>,
}

/// Where a step of a whole run goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Here, one after another: it compiles, or measures times.
    Main,
    /// In a process beside this one, since it mostly waits for others; it compiles nothing.
    Beside,
}

impl Step {
    const fn new(name: &'static str, what: &'static str, run: fn(&TestArgs) -> Result<Outcome>) -> Self {
        Self { name, what, lane: Lane::Main, run }
    }

    const fn beside(name: &'static str, what: &'static str, run: fn(&TestArgs) -> Result<Outcome>) -> Self {
        Self { name, what, lane: Lane::Beside, run }
    }
}

/// How a step that did not fail ended.
pub enum Outcome {
    Passed,
    /// Passed but for a part that could not run here, and why: no failure in CI either.
    PassedWithout(String),
    /// Could not run here, and why.
    Skipped(String),
}

const STEPS: &[Step] = &[
    Step::new("format", "the code is formatted", |_| passed("format", cargo().args(["fmt", "--all", "--check"]))),
    Step::new("lint", "clippy finds nothing", |_| {
        passed("lint", cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
    }),
    Step::new("features", "what is deployed compiles without what only a laptop has", |_| {
        let deployed = crate::image::features()?;
        let mut image = cargo();
        image.args(["clippy", "--quiet", "--package", "shopease-ecs-adapter", "--no-default-features"]);
        passed("features", image.args(["--features", &deployed, "--", "--deny", "warnings"]))
    }),
    Step::new("dependencies", "every crate is used, may be used, and has no known vulnerability", |_| {
        crate::dependencies::run()
    }),
    Step::new("generated", "generated files are up to date", |_| crate::generate::run(true).map(|()| Outcome::Passed)),
    Step::new("documents", "paths, variables and alarms in the documents are right", |_| {
        crate::documents::check().map(|()| Outcome::Passed)
    }),
    Step::new("crates", "unit, conformance, API and page tests on both stores", |args| {
        let server = Postgres::start()?;
        let scale = if args.nightly { "10" } else { "1" };
        let mut tests = cargo();
        tests.args(["test", "--workspace", "--no-fail-fast"]).env("SHOPEASE_TEST_SCALE", scale);
        if !args.nightly {
            // The same examples in every run; by night others.
            tests.env("PROPTEST_RNG_SEED", "1");
        }
        // A test with a thousand tasks may panic a thousand times: what each says is enough.
        tests.env("RUST_BACKTRACE", "0");
        passed("crates", tests.env("SHOPEASE_TEST_DATABASE_URL", server.url()))
    }),
    Step::new("costs", "no journey uses more of the store, the network and the log than is committed", |_| {
        execute(cargo().args(["build", "--quiet", "--workspace", "--bins"]))?;
        let server = Postgres::start()?;
        let mut measure = command(root().join("target/debug/costs"));
        measure.args(["measure", "--counts", "--check", "--rounds", "1", "--database-url", &server.url()]);
        passed("costs", &mut measure)
    }),
    Step::new("events", "EventBridge and SNS on the wire; a build of its own, for the SDKs", |_| {
        let features = ["--quiet", "--workspace", "--features", "shopease-events/aws"];
        let wire = ["--test", "aws_events"];
        execute(cargo().arg("clippy").args(features).arg("--lib").args(wire).args(["--", "--deny", "warnings"]))?;
        passed("events", cargo().arg("test").args(features).args(wire))
    }),
    Step::beside("terraform", "the infrastructure is valid and tested, and comes and goes on an emulator", |_| {
        crate::infrastructure::run()
    }),
    Step::new("import", "ten thousand products reach PostgreSQL in under 30 s", |_| journeys::large_import()),
    Step::new("journeys", "a shopper in a real browser, on every runtime and store", |_| journeys::run()),
    Step::new("releases", "two releases side by side: frontend and backend, functions on one table", |_| {
        crate::next_release::run()
    }),
    Step::new("sam", "the functions deployed on an emulated AWS, both paths behind its load balancer", |_| {
        crate::sam::run()
    }),
    Step::new("image", "the image's runtime stage, built and started", |_| crate::image::run()),
    Step::beside("pipeline", "linters of workflows, templates, Dockerfile, compose file, scripts, links", |_| {
        crate::pipeline::run()
    }),
];

fn passed(name: &str, command: &mut std::process::Command) -> Result<Outcome> {
    execute_logged(name, command).map(|()| Outcome::Passed)
}

/// Runs the steps; goes on after a failure and fails at the end.
///
/// # Errors
/// When a step failed, or one was skipped and `CI=true`.
pub fn run(args: &TestArgs) -> Result<()> {
    if let Some(unknown) = args.only.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str())) {
        bail!("there is no step {unknown:?}; see --list");
    }
    if args.list {
        for Step { name, what, .. } in STEPS {
            println!("{name:12} {what}");
        }
        return Ok(());
    }
    let beside = if args.only.is_empty() { Beside::start(args)? } else { None };
    let here = |step: &&Step| match args.only.as_slice() {
        [] => step.lane == Lane::Main,
        only => only.iter().any(|name| name == step.name),
    };
    let (mut lines, mut failed) = (Vec::new(), 0);
    for step in STEPS.iter().filter(here) {
        println!("\n==> {}: {}", step.name, step.what);
        let begun = Instant::now();
        let result = (step.run)(args);
        failed += usize::from(conclude(step.name, begun, result, &mut lines));
    }
    if let Some(beside) = beside {
        let begun = beside.begun;
        failed += usize::from(conclude("beside", begun, beside.finish(), &mut lines));
    }
    // What failed stands last, where a reader of a long log looks.
    lines.sort_by_key(|line| line.starts_with("FAILED"));
    println!("\n{}", lines.join("\n"));
    if failed > 0 {
        bail!("{failed} step(s) failed");
    }
    Ok(())
}

/// Notes how a step ended; tells whether that is a failure.
fn conclude(name: &str, begun: Instant, result: Result<Outcome>, lines: &mut Vec<String>) -> bool {
    #[expect(clippy::disallowed_methods, reason = "this is the program that reads it")]
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let seconds = begun.elapsed().as_secs();
    let (line, failed) = match result {
        Ok(Outcome::Passed) => (format!("passed   {name:12} {seconds:>5} s"), false),
        Ok(Outcome::PassedWithout(what)) => (format!("PARTLY   {name:12} {seconds:>5} s  {what}"), false),
        Ok(Outcome::Skipped(why)) => (format!("SKIPPED  {name:12} {seconds:>5} s  {why}"), in_ci),
        Err(error) => (format!("FAILED   {name:12} {seconds:>5} s  {error:#}"), true),
    };
    lines.push(line);
    failed
}

/// The steps that run beside the others: this program again, whose output is shown when everything else is done.
struct Beside {
    process: Child,
    begun: Instant,
}

impl Beside {
    const LOG: &str = "target/xtask/beside.log";

    fn start(args: &TestArgs) -> Result<Option<Self>> {
        let names: Vec<_> = STEPS.iter().filter(|step| step.lane == Lane::Beside).map(|step| step.name).collect();
        if names.is_empty() {
            return Ok(None);
        }
        std::fs::create_dir_all(root().join("target/xtask"))?;
        let log = File::create(root().join(Self::LOG))?;
        println!("beside: {} (output at the end; now in {})", names.join(", "), Self::LOG);
        let mut again = command(std::env::current_exe()?);
        again.args(["test", "--only", &names.join(",")]).args(args.nightly.then_some("--nightly"));
        let process = again.stdout(log.try_clone()?).stderr(log).spawn().context("cannot run this program again")?;
        Ok(Some(Self { process, begun: Instant::now() }))
    }

    fn finish(mut self) -> Result<Outcome> {
        let status = self.process.wait()?;
        println!("\n==> beside\n{}", std::fs::read_to_string(root().join(Self::LOG))?);
        if !status.success() {
            bail!("one of its steps failed, see above");
        }
        Ok(Outcome::Passed)
    }
}
