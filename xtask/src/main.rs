//! The project's own commands: `cargo xtask test` runs everything, `cargo xtask generate` rewrites what is generated
//! and committed, `cargo xtask release` records what a release relies on, `cargo xtask postgres` lends a database.

mod dependencies;
mod documents;
mod generate;
mod image;
mod infrastructure;
mod journeys;
mod next_release;
mod pipeline;
mod postgres;
mod release;
mod sam;
mod sam_template;
mod terraform_modules;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about, bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check and test, starting what they need; skips are named, and are failures when CI=true.
    Test(test::TestArgs),
    /// Rewrite the OpenAPI document, the copies of the route table and the metadata of the SQL queries.
    Generate {
        /// Only tell whether anything would change.
        #[arg(long)]
        check: bool,
    },
    /// Record in `releases/VERSION` what this release relies on, for the tests of the releases after it.
    Release {
        /// The version in `Cargo.toml`.
        version: String,
    },
    /// Start a throw-away PostgreSQL, print its URL, stop it with Ctrl-C.
    Postgres,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test(args) => test::run(&args),
        Command::Generate { check } => generate::run(check),
        Command::Release { version } => release::run(&version),
        Command::Postgres => postgres::lend(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
