//! The command line.

mod break_even;
mod estimate;
mod evaluate;
mod measure;
mod prices;
mod report;
mod sensitivity;
mod simulate;
mod summary;
mod table;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::deployment::Inputs;
use crate::measured::Measured;
use crate::price_book::PriceBook;
use crate::profile::Profile;

/// What the shop costs on each path: Fargate or Lambda, PostgreSQL or DynamoDB, behind ALB, HTTP API or Function URL.
#[derive(Debug, Parser)]
#[command(name = "costs", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List and search unit prices with date, source and confidence; import an AWS price list.
    Prices(prices::Arguments),
    /// The monthly bills of a shop for every deployment, side by side.
    Estimate(estimate::Arguments),
    /// The load at which the cheaper of two deployments changes, and which lines decide it.
    BreakEven(break_even::Arguments),
    /// Which inputs move a bill most.
    Sensitivity(sensitivity::Arguments),
    /// One page that compares two deployments: bills, break-even, latency, journeys, idle cost, and what decides.
    Report(report::Arguments),
    /// The same page on a local address, with inputs that can be moved.
    Serve(report::ServeArguments),
    /// Three shops in short, for a README: their bills as a Markdown table, the break-even, and the chart of cost against load.
    Summary(summary::Arguments),
    /// Both paths under a load, request by request: latency, cold starts, saturation, and what compute costs.
    Simulate(simulate::Arguments),
    /// Compute any single service's bill, or several together, from a JSON request.
    Evaluate(evaluate::Arguments),
    /// Walk through the running shop on both paths and stores, and note what each route uses.
    Measure(measure::Arguments),
}

/// Runs a command.
///
/// # Errors
/// What went wrong, for people.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Prices(arguments) => prices::run(&arguments),
        Command::Estimate(arguments) => estimate::run(&arguments),
        Command::BreakEven(arguments) => break_even::run(&arguments),
        Command::Sensitivity(arguments) => sensitivity::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Serve(arguments) => report::run_server(&arguments),
        Command::Summary(arguments) => summary::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
    }
}

#[derive(Debug, Args)]
struct Book {
    /// Price file to use instead of the built-in one; `costs prices import` writes such files.
    #[arg(long = "prices", value_name = "FILE", global = true)]
    file: Option<PathBuf>,
}

impl Book {
    fn open(&self) -> anyhow::Result<PriceBook> {
        let Some(path) = &self.file else { return Ok(PriceBook::built_in()) };
        PriceBook::from_csv(read(path)?.as_bytes()).with_context(|| path.display().to_string())
    }
}

#[derive(Debug, Args)]
struct Shop {
    /// Profile of the shop: a file, or one of demo, small-shop, large-shop.
    #[arg(long, value_name = "FILE|EXAMPLE", default_value = "small-shop")]
    profile: String,
    /// What the routes take, as `costs measure` writes it, instead of the built-in file.
    #[arg(long, value_name = "FILE")]
    measured: Option<PathBuf>,
    /// A tfvars file that replaces the one of its environment in terraform/stack/envs.
    #[arg(long, value_name = "FILE")]
    tfvars: Vec<PathBuf>,
    /// Another region than the profile's, which is Terraform's default unless the profile names one.
    #[arg(long)]
    region: Option<String>,
    /// Take missing prices from this region; such lines are unverified.
    #[arg(long, value_name = "REGION")]
    fallback_region: Option<String>,
}

/// A shop, read.
pub struct OpenShop {
    profile: Profile,
    measured: Measured,
}

impl Shop {
    fn open(&self) -> anyhow::Result<OpenShop> {
        let file = Path::new(&self.profile);
        // A pipe is a file, too.
        let mut profile = if file.exists() {
            Profile::read(&read(file)?).with_context(|| self.profile.clone())?
        } else {
            Profile::example(&self.profile)?
        };
        for path in &self.tfvars {
            profile.replace(&read(path)?).with_context(|| path.display().to_string())?;
        }
        if let Some(region) = &self.region {
            profile.region.clone_from(region);
        }
        if self.fallback_region.is_some() {
            profile.fallback_region.clone_from(&self.fallback_region);
        }
        Ok(OpenShop { profile, measured: measured(self.measured.as_deref())? })
    }
}

impl OpenShop {
    fn inputs<'a>(&'a self, book: &'a PriceBook) -> Inputs<'a> {
        Inputs { profile: &self.profile, measured: &self.measured, book }
    }
}

/// The measured profile of a file, or else the built-in one.
fn measured(file: Option<&Path>) -> anyhow::Result<Measured> {
    let Some(file) = file else { return Ok(Measured::built_in()) };
    Measured::read(&read(file)?).with_context(|| file.display().to_string())
}

fn print_json(value: impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(&value)?);
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
