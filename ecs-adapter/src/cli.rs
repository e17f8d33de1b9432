//! The command line.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use shopease_aws::S3Location;
use shopease_process::telemetry;
use shopease_shared::http::failure_text;
use shopease_shop::ShopError;
use shopease_shop::domain::EmailAddress;
use shopease_shop::ports::{ProcessEnv, SystemClock, SystemIds};
use shopease_shop::services::create_operator;

use crate::import::ImportArgs;
use crate::open::{self, Settings};
use crate::operations::{self, AuditArgs, FakePaymentsArgs, WorkerArgs};
use crate::serve;
#[cfg(feature = "rds-iam")]
use crate::snapshot::{self, SnapshotArgs};

/// An online shop: serves it, and does its operator's work. Everything is configured by SHOPEASE_* variables; see the README.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the shop (the default).
    Serve(ServeArgs),
    /// Read a Shopify product CSV into the store.
    Import(ImportArgs),
    /// Create the table or bring the database schema up to date.
    Migrate,
    /// Finish payments that no request will finish and deliver events, as the server does every few seconds.
    Worker(WorkerArgs),
    /// Check that stock, orders, keys, messages and the payment provider agree. Exit code 1 when something does not.
    Audit(AuditArgs),
    /// Serve the test payment provider as a process of its own.
    FakePayments(FakePaymentsArgs),
    /// Make an operator's account; the password is read from standard input.
    Operator {
        /// Email address to sign in with.
        #[arg(value_parser = email_address)]
        email: EmailAddress,
    },
    /// Work on the files that pages load: styles, scripts, pictures.
    Assets {
        #[command(subcommand)]
        command: AssetsCommand,
    },
    /// Take a snapshot of the RDS database and wait until it is complete, as before a migration.
    #[cfg(feature = "rds-iam")]
    Snapshot(SnapshotArgs),
    /// Ask a running shop whether it serves: exit code 0 or 1, for container health checks.
    Healthcheck {
        /// Port of the shop on this machine.
        #[arg(long, env = "SHOPEASE_HTTP_PORT", default_value_t = serve::DEFAULT_PORT)]
        port: u16,
    },
}

#[derive(Debug, Subcommand)]
enum AssetsCommand {
    /// Put the assets of this binary into a bucket, for a shop whose `SHOPEASE_ASSETS` names it.
    Upload {
        /// Where to, as `s3://bucket/prefix`.
        location: S3Location,
        /// Print every file.
        #[arg(long)]
        verbose: bool,
    },
}

/// How to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Which part: pages, API, or both in one process.
    #[arg(long, env = "SHOPEASE_ROLE", default_value = "all")]
    pub role: Role,
    /// Port to listen on.
    #[arg(long, env = "SHOPEASE_HTTP_PORT", default_value_t = serve::DEFAULT_PORT)]
    pub port: u16,
    /// Throw away what is in the data directory (embedded store only) and begin with the demo catalog.
    #[arg(long)]
    pub fresh: bool,
    /// Bring the store's schema up to date first (the embedded store always is).
    #[arg(long)]
    pub migrate: bool,
    /// Load the demo catalog if the store has no products (the embedded store always does).
    #[arg(long)]
    pub demo: bool,
}

/// Parts of the shop that a task serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Pages; reaches the backend at `SHOPEASE_BACKEND_URL`.
    Frontend,
    /// JSON API over the store.
    Backend,
    /// Both over the store.
    All,
}

/// Runs a command.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // The check of a task's health says all it has to say by how it ends, and is started every few seconds.
    if !matches!(cli.command, Some(Command::Healthcheck { .. })) {
        telemetry::init(&ProcessEnv);
    }
    match cli.command {
        None => serve::run(cli.serve).await,
        Some(Command::Serve(args)) => serve::run(args).await,
        Some(Command::Import(args)) => crate::import::run(args).await,
        Some(Command::Migrate) => {
            open::store_to_migrate(&Settings::load(false).await?).await?.migrate().await?;
            println!("The store is up to date.");
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Worker(args)) => operations::work(args).await,
        Some(Command::Audit(args)) => operations::audit(args).await,
        Some(Command::FakePayments(args)) => operations::fake_payments(args).await,
        Some(Command::Operator { email }) => make_operator(email).await,
        Some(Command::Assets { command: AssetsCommand::Upload { location, verbose } }) => {
            operations::upload_assets(&location, verbose).await
        }
        #[cfg(feature = "rds-iam")]
        Some(Command::Snapshot(args)) => snapshot::run(args).await,
        Some(Command::Healthcheck { port }) => healthcheck(port),
    }
}

async fn make_operator(email: EmailAddress) -> anyhow::Result<ExitCode> {
    let open = open::store(&Settings::load(false).await?).await?;
    let mut password = String::new();
    std::io::stdin().take(1024).read_to_string(&mut password).context("no password on standard input")?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    let created = create_operator(&*open.store, &SystemClock, &SystemIds, email.clone(), password).await;
    created.map_err(in_words)?;
    println!("{email} can sign in at /login and work at /admin.");
    Ok(ExitCode::SUCCESS)
}

/// A failure as a sentence; what failed in the store stays behind it.
fn in_words(error: ShopError) -> anyhow::Error {
    let text = failure_text(&error);
    match error {
        ShopError::Unavailable { .. } | ShopError::Internal(_) => anyhow::Error::new(error).context(text),
        _ => anyhow::Error::msg(text),
    }
}

fn email_address(text: &str) -> Result<EmailAddress, &'static str> {
    text.parse().map_err(|_| "not an email address of at most 254 characters")
}

/// A plain socket, so that the check needs no HTTP client and starts in a millisecond.
fn healthcheck(port: u16) -> anyhow::Result<ExitCode> {
    use std::io::Write as _;
    let timeout = Duration::from_secs(2);
    let mut socket = std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), timeout)?;
    socket.set_read_timeout(Some(timeout))?;
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.take(4096).read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        bail!("not healthy: {}", answer.lines().next().unwrap_or("no answer"));
    }
    Ok(ExitCode::SUCCESS)
}
