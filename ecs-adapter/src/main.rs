//! `shopease`: the shop as an HTTP server, and the operator's commands.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator;
mod cli;
mod demo;
mod export;
mod import;
mod open;
mod operations;
mod operator;
mod person;
mod serve;
mod server;
mod shop_settings;
#[cfg(feature = "rds-iam")]
mod snapshot;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    allocator::return_freed_memory();
    run(cli)
}

#[tokio::main]
async fn run(cli: cli::Cli) -> ExitCode {
    match Box::pin(cli::run(cli)).await {
        Ok(code) => code,
        // The reader of the pipe closed it, as `head` does. Exit with the code that a shell reports for SIGPIPE.
        Err(error) if is_broken_pipe(&error) => ExitCode::from(128 + 13),
        Err(error) => {
            eprintln!("shopease: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// Formats an error and its causes on one line. Skips a cause whose text its parent already contains, as some drivers
/// do.
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
    fn a_repeated_cause_is_printed_once() {
        let cause = std::io::Error::other("refused");
        let error = anyhow::Error::new(cause).context("cannot connect: refused").context("no store");
        assert_eq!(in_one_line(&error), "no store: cannot connect: refused");
        assert_eq!(in_one_line(&anyhow::anyhow!("alone")), "alone");
    }
}
