//! The command line.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Parser, Subcommand, ValueEnum};
use shopease_aws::S3Location;
use shopease_process::telemetry;
use shopease_shop::domain::EmailAddress;
use shopease_shop::ports::ProcessEnv;

use crate::export::{self, ExportCommand};
use crate::import::ImportArgs;
use crate::open::{self, Settings};
use crate::operations::{self, AuditArgs, FakePaymentsArgs, WorkerArgs};
use crate::operator;
use crate::person::{self, PersonCommand};
use crate::serve;
use crate::shop_settings::{self, SettingsCommand};
#[cfg(feature = "rds-iam")]
use crate::snapshot::{self, SnapshotArgs};

/// An online shop: the server and the operator's commands. SHOPEASE_* environment variables configure it; see the
/// README.
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
    /// Import products from a Shopify product CSV.
    Import(ImportArgs),
    /// Print the data of the shop as CSV or JSON lines, for other programs or another shop.
    Export {
        #[command(subcommand)]
        command: ExportCommand,
    },
    /// Create the DynamoDB table, or migrate the database schema to this release.
    Migrate {
        /// Then load the demo catalog if the store has no products, for an environment without real shoppers.
        #[arg(long)]
        demo: bool,
    },
    /// Process due payments and publish events, as the server does every few seconds.
    Worker(WorkerArgs),
    /// Check that stock, orders, idempotency keys, outbox messages, and payments are consistent. Exits with 1 if they
    /// are not.
    Audit(AuditArgs),
    /// Run the test payment provider as a separate process.
    FakePayments(FakePaymentsArgs),
    /// Create an operator account, or give one a new password. The password is read from standard input.
    Operator {
        /// Email address for signing in.
        #[arg(value_parser = email_address)]
        email: EmailAddress,
        /// Set a new password of an existing operator, and sign out all devices.
        #[arg(long)]
        reset_password: bool,
    },
    /// Record a returned mail on its order: the report of a mail server (RFC 3464), read from standard input. A mail server
    /// runs it for the mailbox of the sender.
    Bounce,
    /// Export or erase what the store has about a person.
    Person {
        #[command(subcommand)]
        command: PersonCommand,
    },
    /// Export or import the settings of the shop as a file.
    Settings {
        #[command(subcommand)]
        command: SettingsCommand,
    },
    /// Manage the static assets of the pages: styles, scripts, images.
    Assets {
        #[command(subcommand)]
        command: AssetsCommand,
    },
    /// Take a snapshot of the RDS database and wait until it is available, for example before a migration.
    #[cfg(feature = "rds-iam")]
    Snapshot(SnapshotArgs),
    /// Check whether a running shop is healthy. Exits with 0 or 1, for container health checks.
    Healthcheck {
        /// Port of the shop on localhost.
        #[arg(long, env = "SHOPEASE_HTTP_PORT", default_value_t = serve::DEFAULT_PORT)]
        port: u16,
    },
}

#[derive(Debug, Subcommand)]
enum AssetsCommand {
    /// Upload the assets of this binary to an S3 bucket. Set `SHOPEASE_ASSETS` to the same location to use them.
    Upload {
        /// Destination, as `s3://bucket/prefix`.
        location: S3Location,
        /// Print the name of every uploaded file.
        #[arg(long)]
        verbose: bool,
    },
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Part of the shop to serve: pages, API, or both in one process.
    #[arg(long, env = "SHOPEASE_ROLE", default_value = "all")]
    pub role: Role,
    /// Port to listen on.
    #[arg(long, env = "SHOPEASE_HTTP_PORT", default_value_t = serve::DEFAULT_PORT)]
    pub port: u16,
    /// Delete the data in the data directory and start with the demo catalog (embedded store only).
    #[arg(long)]
    pub fresh: bool,
    /// Migrate the store first (the embedded store always does).
    #[arg(long)]
    pub migrate: bool,
    /// Load the demo catalog if the store has no products (the embedded store always does).
    #[arg(long)]
    pub demo: bool,
}

/// Parts of the shop that a process can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Pages; calls the backend at `SHOPEASE_BACKEND_URL`.
    Frontend,
    /// JSON API, with the store.
    Backend,
    /// Pages and JSON API, with the store.
    All,
}

/// Runs a command.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // A health check reports by its exit code alone, and runs every few seconds.
    if !matches!(cli.command, Some(Command::Healthcheck { .. })) {
        telemetry::init(&ProcessEnv);
    }
    match cli.command {
        None => serve::run(cli.serve).await,
        Some(Command::Serve(args)) => serve::run(args).await,
        Some(Command::Import(args)) => crate::import::run(args).await,
        Some(Command::Export { command }) => export::run(command).await,
        Some(Command::Migrate { demo }) => {
            let mut settings = Settings::load(false).await?;
            let open = open::store_to_migrate(&settings).await?;
            open.migrate().await?;
            if demo {
                crate::demo::load_if_empty(&open.store, &mut settings.shop).await?;
            }
            println!("The store is up to date.");
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Worker(args)) => operations::work(args).await,
        Some(Command::Audit(args)) => operations::audit(args).await,
        Some(Command::FakePayments(args)) => operations::fake_payments(args).await,
        Some(Command::Operator { email, reset_password }) => operator::run(email, reset_password).await,
        Some(Command::Bounce) => Ok(operations::bounce().await),
        Some(Command::Person { command }) => person::run(command).await,
        Some(Command::Settings { command }) => shop_settings::run(command).await,
        Some(Command::Assets { command: AssetsCommand::Upload { location, verbose } }) => {
            operations::upload_assets(&location, verbose).await
        }
        #[cfg(feature = "rds-iam")]
        Some(Command::Snapshot(args)) => snapshot::run(args).await,
        Some(Command::Healthcheck { port }) => healthcheck(port),
    }
}

pub fn email_address(text: &str) -> Result<EmailAddress, &'static str> {
    text.parse().map_err(|_| "not an email address of at most 254 characters")
}

/// Uses a plain socket: it needs no HTTP client and starts in a millisecond.
fn healthcheck(port: u16) -> anyhow::Result<ExitCode> {
    use std::io::Write as _;
    let timeout = Duration::from_secs(2);
    let mut socket = std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), timeout)?;
    socket.set_read_timeout(Some(timeout))?;
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    socket.take(4096).read_to_string(&mut response)?;
    if !response.starts_with("HTTP/1.1 200 ") {
        bail!("not healthy: {}", response.lines().next().unwrap_or("empty response"));
    }
    Ok(ExitCode::SUCCESS)
}
