//! `shopease`: the shop as an HTTP server, and the commands of its operator.

mod cli;
mod demo;
mod import;
mod open;
mod operations;
mod serve;
mod server;
#[cfg(feature = "rds-iam")]
mod snapshot;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()).await {
        Ok(code) => code,
        // Who reads has read enough, as `head` does: what a shell says of a program that ended so.
        Err(error) if is_broken_pipe(&error) => ExitCode::from(128 + 13),
        Err(error) => {
            eprintln!("shopease: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
