//! The command line.

mod prices;

use clap::{Parser, Subcommand};

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
}

/// Runs a command.
///
/// # Errors
/// What went wrong, for people.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Prices(arguments) => prices::run(&arguments),
    }
}
