//! `shopease serve`: composes the shop for a role, listens, and shuts down gracefully.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shopease_pictures::Maker;
use shopease_process::telemetry;
use shopease_shared::client::RemoteShop;
use shopease_shared::http::{self, App, Runtime};
use shopease_shop::ports::{AssetWriter, ProcessEnv, SystemIds};
use shopease_shop::services::{LocalShop, Services};
use shopease_storage::OpenStore;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Role, ServeArgs};
use crate::demo::{self, Operator};
use crate::open::{self, Settings};
use crate::server::{self, ServerConfig};

/// Default port.
pub const DEFAULT_PORT: u16 = 8080;

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// If the configuration is invalid, or the store or the port cannot be used.
pub async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    telemetry::metrics::start(&ProcessEnv).map_err(anyhow::Error::msg)?;
    let mut settings = Settings::load(args.role != Role::Frontend).await?;
    let listener = TcpListener::bind(("0.0.0.0", args.port))
        .await
        .with_context(|| format!("port {} cannot be used (choose another with SHOPEASE_HTTP_PORT)", args.port))?;
    let port = listener.local_addr()?.port();
    if !settings.has_public_url {
        settings.shop.public_url = format!("http://localhost:{port}");
        settings.http.public_url.clone_from(&settings.shop.public_url);
    }
    let assets = open::assets(&settings).await?;
    let (app, backing) = compose(&args, &mut settings, assets.writer).await?;
    let app = app.with_assets(assets.store).with_api_reference().with_runtime(Runtime::Fargate);
    let router = match args.role {
        Role::Frontend => http::frontend(app.clone()),
        Role::Backend => http::backend(app.clone()),
        Role::All => http::all(app.clone()),
    };
    announce(&args, port, &settings, backing.as_ref());
    let config = ServerConfig {
        first_header: settings.http.limits.read_timeout,
        drain: Duration::from_secs(settings.drain_seconds),
        connections: settings.connections,
        addresses: settings.addresses,
    };
    server::run(listener, router, &app, config, wait_for_signal()).await?;
    telemetry::metrics::flush();
    drop(backing);
    Ok(ExitCode::SUCCESS)
}

/// What the router of a process with a store needs behind it.
struct Backing {
    open: OpenStore,
    operator: Option<Operator>,
    /// Whether the demo catalog was requested but the shop has no products.
    is_empty: bool,
    shop_name: String,
}

async fn compose(
    args: &ServeArgs,
    settings: &mut Settings,
    pictures: Option<Arc<dyn AssetWriter>>,
) -> anyhow::Result<(App, Option<Backing>)> {
    if args.role == Role::Frontend {
        let url = settings
            .backend_url
            .as_deref()
            .context("the frontend needs SHOPEASE_BACKEND_URL, for example http://localhost:8081")?;
        let shop = RemoteShop::new(url).map_err(|reason| anyhow::anyhow!("SHOPEASE_BACKEND_URL: {reason}"))?;
        return Ok((App::new(Services::of(shop), Arc::new(SystemIds), settings.http.clone()), None));
    }
    if args.fresh {
        demo::start_over(&settings.store)?;
    }
    let open = if args.migrate {
        let open = open::store_to_migrate(settings).await?;
        open.migrate().await?;
        open
    } else {
        open::store(settings).await?
    };
    settings.shop.demo_catalog = demo::products().context("the demo catalog cannot be read")?;
    let embedded = demo::data_directory(&settings.store);
    let mut operator = None;
    let is_empty = (embedded.is_some() || args.demo) && !demo::load_if_empty(&open.store, &mut settings.shop).await?;
    if let Some(directory) = embedded {
        operator = Some(demo::operator(&open.store, directory).await?);
    }
    let payments = open::payments(settings, &open.store, true).await?;
    let mut shop = LocalShop::with_system_clock(open.store.clone(), payments, settings.shop.clone());
    if let Some(writer) = pictures {
        shop = shop.with_pictures(Arc::new(Maker), writer);
    }
    let shop_name = shop.prepare_settings().await?.shop.name;
    if let Some(directory) = embedded.map(Path::to_owned) {
        let shop = shop.clone();
        tokio::spawn(async move {
            shop.operator_signed_in().await;
            demo::remove_password(&directory);
        });
    }
    if settings.worker_seconds > 0 {
        let worker = open::worker(settings, shop.clone()).await?;
        let pause = Duration::from_secs(settings.worker_seconds);
        tokio::spawn(async move { worker.run_forever(pause).await });
    }
    let mut app = App::local(shop, settings.http.clone());
    if let Some(mails) = open::sent_mails(settings) {
        app = app.with_mails(mails);
    }
    Ok((app, Some(Backing { open, operator, is_empty, shop_name })))
}

/// Prints the URLs of the shop on a terminal; writes one log line otherwise.
fn announce(args: &ServeArgs, port: u16, settings: &Settings, backing: Option<&Backing>) {
    tracing::info!(port, role = ?args.role, "serving");
    let Some(Backing { open, operator, is_empty, shop_name }) = backing else { return };
    if !std::io::stdout().is_terminal() && demo::data_directory(&settings.store).is_none() {
        return;
    }
    println!("\n  {shop_name} is open: http://localhost:{port}\n");
    if *is_empty {
        println!("  Next  the shop has no products: stop it and run `shopease import products.csv`");
    } else {
        println!("  Try   search for \"linen\", choose a variant, check out with a test card");
    }
    println!("        http://localhost:{port}/api/docs    the JSON API");
    if let Some(operator) = operator {
        let password = operator.password.as_ref().map(|password| format!("with password {password}"));
        let password = password.as_deref().unwrap_or("(the password is no longer shown)");
        println!("        http://localhost:{port}/admin       as {} {password}", operator.email);
    }
    if let Some(directory) = demo::data_directory(&settings.store) {
        println!("  Data  {} (kept between runs; --fresh starts over)", directory.display());
    }
    if let Some(endpoint) = open.embedded_endpoint() {
        println!("        {endpoint} is its DynamoDB endpoint, for `cargo lambda watch`");
    }
    println!("  Stop  Ctrl-C\n");
}

/// Returns on SIGTERM or Ctrl-C.
pub async fn wait_for_signal() {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::error!(%error, "cannot install the SIGTERM handler");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping");
}
