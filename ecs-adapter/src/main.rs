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
            eprintln!("shopease: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each said once: some drivers repeat their cause in their own text.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = std::io::Error::other("refused");
        let error = anyhow::Error::new(cause).context("cannot connect: refused").context("no store");
        assert_eq!(in_one_line(&error), "no store: cannot connect: refused");
        assert_eq!(in_one_line(&anyhow::anyhow!("alone")), "alone");
    }
}
