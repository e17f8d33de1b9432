//! Operator commands other than `serve`: the worker, the audit, the test payment provider, asset uploads.

use std::io::{Read as _, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shopease_aws::S3Location;
use shopease_mail::returned_mail;
use shopease_payments::fake::service::{ServiceConfig, WebhookConfig, serve};
use shopease_payments::fake::{Ledger, LedgerConfig};
use shopease_process::telemetry;
use shopease_shared::http::content_type;
use shopease_shop::ports::{Clock as _, Env as _, ProcessEnv, SystemClock, SystemIds};
use shopease_shop::services::{LocalShop, audit as audit_books};
use tokio::net::TcpListener;

use crate::open::{self, Settings};

/// Options of `worker`.
#[derive(Debug, clap::Args)]
pub struct WorkerArgs {
    /// Process due work once, print a summary, and exit.
    #[arg(long)]
    once: bool,
}

/// Runs the worker.
///
/// # Errors
/// If the configuration is invalid or the store is unavailable.
pub async fn work(args: WorkerArgs) -> anyhow::Result<ExitCode> {
    telemetry::metrics::start(&ProcessEnv).map_err(anyhow::Error::msg)?;
    let settings = Settings::load(true).await?;
    let open = open::store(&settings).await?;
    let payments = open::payments(&settings, &open.store, false).await?;
    let shop = LocalShop::with_system_clock(open.store.clone(), payments, settings.shop.clone());
    shop.prepare_settings().await?;
    let worker = open::worker(&settings, shop).await?;
    if args.once {
        let report = serde_json::to_string(&worker.run_once().await?)?;
        telemetry::metrics::flush();
        writeln!(std::io::stdout(), "{report}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let forever = worker.run_forever(Duration::from_secs(settings.worker_seconds.max(1)));
    tokio::select! {
        () = forever => {}
        () = crate::serve::wait_for_signal() => {}
    }
    telemetry::metrics::flush();
    Ok(ExitCode::SUCCESS)
}

/// Exit code with which a program asks the mail server to try again (`EX_TEMPFAIL` of `sysexits.h`).
const TRY_AGAIN: u8 = 75;
/// Largest report that is read. The mails of the shop are smaller.
const MAX_REPORT_BYTES: u64 = 10 * 1024 * 1024;

/// Records a returned mail, whose report is read from standard input. A message about anything else is not an error: people write
/// to that mailbox, too. After any failure, the mail server is asked to try again, so that no report is lost.
pub async fn bounce() -> ExitCode {
    match Box::pin(record_bounce()).await {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("shopease: {}", crate::in_one_line(&error));
            ExitCode::from(TRY_AGAIN)
        }
    }
}

async fn record_bounce() -> anyhow::Result<String> {
    let mut report = Vec::new();
    std::io::stdin().take(MAX_REPORT_BYTES).read_to_end(&mut report).context("standard input cannot be read")?;
    let Some(mail) = returned_mail(&report) else {
        return Ok("This message reports no undelivered mail of a shop.".to_owned());
    };
    let settings = Settings::load(true).await?;
    let open = open::store(&settings).await?;
    let payments = open::payments(&settings, &open.store, false).await?;
    let shop = LocalShop::with_system_clock(open.store, payments, settings.shop);
    Ok(match shop.record_undelivered_mail(&mail).await? {
        Some(order) => format!("Recorded on order {}: {} ({}).", order.order_number, mail.id.kind, mail.code),
        None => format!("The mail {} is about no order of this shop.", mail.id),
    })
}

/// Options of `audit`.
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    /// Also report everything that is still in progress. For a shop with no activity.
    #[arg(long)]
    settled: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Reads the whole store and checks it for consistency, internally and with the payment provider.
///
/// # Errors
/// If the configuration is invalid or the store cannot be read.
pub async fn audit(args: AuditArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(true).await?;
    let open = open::store(&settings).await?;
    let payments = open::payments(&settings, &open.store, false).await?;
    let report = audit_books(&*open.store, &*payments, args.settled, SystemClock.now()).await?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        let (orders, variants) = (report.orders, report.variants);
        let (messages, intents) = (report.messages, report.intents);
        writeln!(
            out,
            "Read {orders} orders, {variants} variants, {messages} messages; checked {intents} payments with the provider."
        )?;
        for violation in &report.violations {
            writeln!(out, "  {violation}")?;
        }
        match report.violations.len() {
            0 => writeln!(out, "No inconsistencies found.")?,
            1 => writeln!(out, "1 inconsistency found.")?,
            count => writeln!(out, "{count} inconsistencies found.")?,
        }
    }
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Uploads the assets of this binary to a bucket.
///
/// # Errors
/// If a file cannot be uploaded.
pub async fn upload_assets(location: &S3Location, verbose: bool) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    let uploaded = shopease_aws::upload(location, &ProcessEnv, |named| {
        if verbose {
            let (path, content_type, bytes) = (&named.path, content_type(&named.path), named.asset.body.len());
            // The upload continues even if the reader of standard output has gone.
            let _ = writeln!(std::io::stdout(), "{location}{path}  {content_type}  {bytes} bytes");
        }
    })
    .await?;
    writeln!(
        out,
        "{} files, {} bytes uploaded. To use them, set SHOPEASE_ASSETS={location}",
        uploaded.files, uploaded.bytes
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Options of `fake-payments`.
#[derive(Debug, clap::Args)]
pub struct FakePaymentsArgs {
    /// Address to listen on. The default accepts connections from this machine only; any client can change the ledger.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port to listen on.
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// URL of the provider for browsers [default: its port on localhost].
    #[arg(long)]
    public_url: Option<String>,
    /// File that stores the ledger. Without it, the ledger is kept in memory only.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// URL that receives webhooks: the shop's `/api/v1/payments/webhooks`. They are signed with
    /// `SHOPEASE_PAYMENT_WEBHOOK_SECRET`.
    #[arg(long)]
    webhook_url: Option<String>,
    /// How long an authorization is valid.
    #[arg(long, default_value_t = 604_800)]
    hold_seconds: u32,
}

/// Serves the test payment provider until SIGTERM or Ctrl-C.
///
/// # Errors
/// If the port or the journal cannot be used.
pub async fn fake_payments(args: FakePaymentsArgs) -> anyhow::Result<ExitCode> {
    let hold = Duration::from_secs(args.hold_seconds.into()).try_into()?;
    let config = LedgerConfig { hold, journal: args.journal };
    let ledger = Ledger::open(&config, Arc::new(SystemClock), Arc::new(SystemIds))?;
    let listener = TcpListener::bind((args.host, args.port))
        .await
        .with_context(|| format!("{} port {} cannot be used (choose another with --port)", args.host, args.port))?;
    let port = listener.local_addr()?.port();
    let webhook = match args.webhook_url {
        Some(url) => {
            let secret = ProcessEnv.var("SHOPEASE_PAYMENT_WEBHOOK_SECRET");
            let secret = secret.context("webhooks need SHOPEASE_PAYMENT_WEBHOOK_SECRET")?.into();
            Some(WebhookConfig { url: url.parse().context("--webhook-url")?, secret })
        }
        None => None,
    };
    let public_url = args.public_url.unwrap_or_else(|| format!("http://localhost:{port}"));
    println!(
        "The test payment provider is at {public_url}. Start the shop with SHOPEASE_FAKE_PAYMENTS_URL={public_url}"
    );
    let config = ServiceConfig { public_url, webhook, ..ServiceConfig::default() };
    tokio::select! {
        served = serve(listener, ledger, config) => served?,
        () = crate::serve::wait_for_signal() => {}
    }
    Ok(ExitCode::SUCCESS)
}
