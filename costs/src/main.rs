//! `costs`: what the shop costs on each path, from the command line.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match costs::run(costs::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("costs: {error:#}");
            ExitCode::FAILURE
        }
    }
}
