//! The project's own commands: `cargo xtask test` runs everything, `cargo xtask generate` rewrites the generated files
//! that are committed, `cargo xtask release` records what a release depends on, `cargo xtask tables` and
//! `cargo xtask mutate` keep the checks of the infrastructure, `cargo xtask postgres` starts a database.

mod dependencies;
mod documents;
mod generate;
mod image;
mod infrastructure;
mod journeys;
mod mutate;
mod next_release;
mod pipeline;
mod postgres;
mod rehearse;
mod release;
mod retry;
mod sam;
mod sam_template;
mod terraform_modules;
mod test;
mod tools;
mod words;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
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
    /// Run every check and test, and start what they need. Skipped steps are listed; with CI=true they are failures.
    Test(test::TestArgs),
    /// Rewrite the generated files: the OpenAPI document, copies of the route table, metadata of the SQL queries, and
    /// others.
    Generate {
        /// Only check whether any file would change.
        #[arg(long)]
        check: bool,
    },
    /// Record in `releases/VERSION` what this release depends on, for the tests of later releases.
    Release {
        /// The version in `Cargo.toml`.
        version: String,
    },
    /// Run a test executable for cargo, and repeat failed tests.
    #[command(hide = true)]
    RunTests {
        /// The executable.
        executable: PathBuf,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Rewrite the tables of `terraform/expected`: what exists in every environment.
    Tables,
    /// Break the infrastructure on purpose, and report which check notices.
    Mutate(mutate::MutateArgs),
    /// Rehearse the pipeline on an emulated AWS: deploy, deploy again, roll out, roll back, destroy.
    Rehearse(rehearse::RehearseArgs),
    /// Start a temporary PostgreSQL and print its URL; stop it with Ctrl-C.
    Postgres,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::RunTests { executable, arguments } => {
            return retry::run(&executable, &arguments).unwrap_or_else(|error| {
                eprintln!("xtask: {error:#}");
                ExitCode::FAILURE
            });
        }
        Command::Test(args) => test::run(&args),
        Command::Generate { check } => generate::run(check),
        Command::Release { version } => release::run(&version),
        Command::Tables => infrastructure::write_tables(),
        Command::Mutate(args) => mutate::run(&args),
        Command::Rehearse(args) => rehearse::run(&args),
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
