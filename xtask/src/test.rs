//! `cargo xtask test`: every check, with what each took; those that mostly wait run beside the others.

use std::fs::File;
use std::process::Child;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::postgres::Postgres;
use crate::tools::{cargo, command, execute_logged, root};
use crate::{journeys, retry, workspace};

/// What to run.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a command-line flag")]
pub struct TestArgs {
    /// Only the steps with these names, or the tests of the crates in these directories.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Allow no flaky test: one that fails and passes when it runs once more, alone.
    #[arg(long)]
    strict: bool,
    /// Ten times the rounds of every randomised test, for a night.
    #[arg(long)]
    nightly: bool,
    /// List the steps.
    #[arg(long)]
    list: bool,
    /// This process runs the steps beside those of another one, to which the flaky tests belong.
    #[arg(long, hide = true)]
    beside: bool,
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
    /// After everything else, alone on the machine: it judges how long something took.
    Last,
}

impl Step {
    const fn new(name: &'static str, what: &'static str, run: fn(&TestArgs) -> Result<Outcome>) -> Self {
        Self { name, what, lane: Lane::Main, run }
    }

    const fn beside(name: &'static str, what: &'static str, run: fn(&TestArgs) -> Result<Outcome>) -> Self {
        Self { name, what, lane: Lane::Beside, run }
    }

    const fn last(name: &'static str, what: &'static str, run: fn(&TestArgs) -> Result<Outcome>) -> Self {
        Self { name, what, lane: Lane::Last, run }
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
    Step::new("lint", "everything compiles, and clippy finds nothing", |_| {
        workspace::lint(&["--workspace", "--all-targets"])
    }),
    Step::new("features", "what is deployed compiles without what only a laptop has", |_| {
        let deployed = crate::image::features()?;
        let package = ["--package", "shopease-ecs-adapter", "--no-default-features", "--features"];
        workspace::lint(&[&package[..], &[&*deployed]].concat())
    }),
    Step::new("dependencies", "every crate is used, may be used, and has no known vulnerability", |_| {
        crate::dependencies::run()
    }),
    Step::new("generated", "generated files are up to date", |_| crate::generate::run(true).map(|()| Outcome::Passed)),
    Step::new("documents", "paths, variables and alarms in the documents are right", |_| {
        crate::documents::check().map(|()| Outcome::Passed)
    }),
    Step::new("words", "texts use the words of the field", |_| crate::words::check()),
    Step::new("crates", "unit, conformance, API and page tests on both stores", |args| {
        tests("crates", args, &["--skip", "timing::"])
    }),
    Step::new("costs", "no journey uses more of the store, the network and the log than is committed", |_| {
        journeys::build()?;
        let server = Postgres::start()?;
        let mut measure = command(root().join("target/debug/costs"));
        measure.args(["measure", "--counts", "--check", "--rounds", "3", "--database-url", &server.url()]);
        passed("costs", &mut measure)
    }),
    Step::new("events", "EventBridge, SNS and SES on the wire; a build of its own, for the SDKs", |_| {
        let features = "shopease-events/aws,shopease-mail/aws";
        let wire = ["--workspace", "--features", features, "--test", "aws_events", "--test", "aws_mail"];
        workspace::lint(&wire)?;
        let mut tests = cargo();
        retry::through_runner(tests.arg("test").arg("--quiet").args(wire));
        passed("events", &mut tests)
    }),
    Step::beside(
        "terraform",
        "the infrastructure is valid and tested, and is created and destroyed on an emulator",
        |_| crate::infrastructure::run(),
    ),
    Step::new("import", "ten thousand products reach PostgreSQL in under 30 s", |_| journeys::large_import()),
    Step::new("journeys", "a shopper in a real browser, on every runtime and store", |_| journeys::run()),
    Step::new("api", "the API keeps its description: schemathesis with every check on, and its curl commands", |_| {
        journeys::api()
    }),
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
    Step::last("timing", "time limits: tests that judge how long something took", |args| {
        tests("timing", args, &["timing::", "--test-threads=1"])
    }),
];

/// Runs the tests of the workspace, or of the crates that are asked for; `arguments` choose among them.
fn tests(name: &str, args: &TestArgs, arguments: &[&str]) -> Result<Outcome> {
    let server = Postgres::start()?;
    let scale = if args.nightly { "10" } else { "1" };
    let mut tests = cargo();
    retry::through_runner(tests.args(["test", "--workspace", "--no-fail-fast"]));
    tests.env("SHOPEASE_TEST_SCALE", scale).env(retry::ONLY_CRATES, args.crates().join(","));
    if !args.nightly {
        // The same examples in every run; by night others.
        tests.env("PROPTEST_RNG_SEED", "1");
    }
    // A test with a thousand tasks may panic a thousand times: what each says is enough.
    tests.env("RUST_BACKTRACE", "0").env("SHOPEASE_TEST_DATABASE_URL", server.url());
    passed(name, tests.arg("--").args(arguments))
}

fn passed(name: &str, command: &mut std::process::Command) -> Result<Outcome> {
    execute_logged(name, command).map(|()| Outcome::Passed)
}

impl TestArgs {
    /// The crates among the names of `--only`: directories of the workspace that are not steps.
    fn crates(&self) -> Vec<&str> {
        let names = self.only.iter().map(String::as_str);
        names.filter(|name| STEPS.iter().all(|step| step.name != *name)).collect()
    }

    /// Whether a step runs, and now. Steps chosen by name run one after another.
    fn includes(&self, step: &Step, now: Lane) -> bool {
        let whole = self.only.is_empty();
        let lane = if !whole && step.lane == Lane::Beside { Lane::Main } else { step.lane };
        let named = self.only.iter().any(|name| name == step.name);
        let tests_crates = ["crates", "timing"].contains(&step.name) && !self.crates().is_empty();
        lane == now && (whole || named || tests_crates)
    }
}

/// Runs the steps, also after one has failed, and fails at the end.
///
/// # Errors
/// When a step failed, one was skipped and `CI=true`, or too many tests were flaky.
pub fn run(args: &TestArgs) -> Result<()> {
    if let Some(unknown) = args.crates().iter().find(|name| !root().join(name).join("Cargo.toml").is_file()) {
        bail!("{unknown:?} is neither a step nor the directory of a crate; see --list");
    }
    if args.list {
        for Step { name, what, .. } in STEPS {
            println!("{name:12} {what}");
        }
        return Ok(());
    }
    let whole = args.only.is_empty();
    if !args.beside {
        retry::forget()?;
    }
    let beside = if whole { Beside::start(args)? } else { None };
    let (mut lines, mut failed) = (Vec::new(), 0);
    let run_all = |lane, lines: &mut Vec<String>| {
        let mut failed = 0;
        for step in STEPS.iter().filter(|step| args.includes(step, lane)) {
            println!("\n==> {}: {}", step.name, step.what);
            let begun = Instant::now();
            let result = (step.run)(args);
            failed += usize::from(conclude(step.name, begun, result, lines));
        }
        failed
    };
    failed += run_all(Lane::Main, &mut lines);
    if let Some(beside) = beside {
        let begun = beside.begun;
        failed += usize::from(conclude("beside", begun, beside.finish(), &mut lines));
    }
    failed += run_all(Lane::Last, &mut lines);
    // What failed stands last, where a reader of a long log looks.
    lines.sort_by_key(|line| line.starts_with("FAILED"));
    println!("\n{}", lines.join("\n"));
    let flaky = if args.beside { Vec::new() } else { retry::flaky() };
    for name in &flaky {
        println!("FLAKY    {name}");
    }
    let allowed = if args.strict { 0 } else { retry::ALLOWED };
    match (failed, flaky.len()) {
        (0, flaky) if flaky <= allowed => Ok(()),
        (0, flaky) => bail!("{flaky} tests failed and passed when they ran once more; {allowed} are allowed"),
        (failed, _) => bail!("{failed} step(s) failed"),
    }
}

/// Adds the line of a step to the summary; returns whether it failed.
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
        again.args(["test", "--beside", "--only", &names.join(",")]).args(args.nightly.then_some("--nightly"));
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
