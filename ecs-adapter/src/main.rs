//! `shopease`: the shop as an HTTP server, and the commands of its operator.

mod cli;
mod demo;
mod import;
mod open;
mod operations;
mod serve;
mod server;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shopease: {error:#}");
            ExitCode::FAILURE
        }
    }
}
