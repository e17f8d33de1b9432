//! The command line.

mod evaluate;
mod prices;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::price_book::PriceBook;

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
    /// Compute any single service's bill, or several together, from a JSON request.
    Evaluate(evaluate::Arguments),
}

/// Which price book to use.
#[derive(Debug, Args)]
struct Book {
    /// Price file to use instead of the built-in one; `costs prices import` writes such files.
    #[arg(long = "prices", value_name = "FILE", global = true)]
    file: Option<PathBuf>,
}

impl Book {
    fn open(&self) -> anyhow::Result<PriceBook> {
        let Some(path) = &self.file else { return Ok(PriceBook::built_in()?) };
        let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
        PriceBook::from_csv(file).with_context(|| path.display().to_string())
    }
}

/// Runs a command.
///
/// # Errors
/// What went wrong, for people.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Prices(arguments) => prices::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
    }
}
