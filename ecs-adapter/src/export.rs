//! `shopease export`: the data of the shop as CSV files or JSON lines on standard output.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use shopease_catalog_files::{Catalog, ProductFile};
use shopease_shared::http::api::products::AdminProduct;
use shopease_shared::http::api::wire::Out as _;
use shopease_shop::ports::SharedStore;

use crate::open::{self, Settings};

const UNAVAILABLE: &str = "the store is unavailable; what was printed is incomplete";

/// Subcommands of `export`.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Print all products, also drafts and archived ones, as a Shopify product CSV that `shopease import` reads back without loss.
    Products(Format),
}

/// Options of all exports.
#[derive(Debug, Args)]
pub struct Format {
    /// Print one JSON object per line, as the API has it, in place of CSV.
    #[arg(long)]
    json: bool,
}

/// Runs a subcommand. The rows go to standard output as they are read, the progress to the terminal.
///
/// # Errors
/// If the configuration is invalid, the store is unavailable, or standard output is closed.
pub async fn run(command: ExportCommand) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(false).await?;
    let open = open::store_to_read(&settings).await?;
    let (store, out) = (open.store, io::BufWriter::new(io::stdout()));
    match command {
        ExportCommand::Products(Format { json: false }) => products(store, out).await,
        ExportCommand::Products(Format { json: true }) => product_lines(store, out).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn products(store: SharedStore, out: impl Write) -> anyhow::Result<()> {
    let mut catalog = Catalog::of(store).await.context(UNAVAILABLE)?;
    let progress = Progress::of("products");
    let mut file = ProductFile::new(out)?;
    while let Some(products) = catalog.next().await.context(UNAVAILABLE)? {
        for product in &products {
            file.write(product)?;
        }
        progress.show(catalog.read());
    }
    Ok(file.finish()?)
}

async fn product_lines(store: SharedStore, mut out: impl Write) -> anyhow::Result<()> {
    let mut catalog = Catalog::of(store.clone()).await.context(UNAVAILABLE)?;
    let progress = Progress::of("products");
    while let Some(products) = catalog.next().await.context(UNAVAILABLE)? {
        for stocked in products {
            let found = store.find_versioned_product(&stocked.product.handle).await.context(UNAVAILABLE)?;
            if let Some(versioned) = found {
                write_line(&mut out, &AdminProduct::of(versioned))?;
            }
        }
        progress.show(catalog.read());
    }
    Ok(out.flush()?)
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(value)?;
    Ok(writeln!(out, "{line}")?)
}

/// The number of rows so far, if a person watches. Its line ends when it is dropped.
struct Progress {
    what: &'static str,
    is_shown: bool,
}

impl Progress {
    fn of(what: &'static str) -> Self {
        // Rows on the same terminal are progress enough.
        Self { what, is_shown: io::stderr().is_terminal() && !io::stdout().is_terminal() }
    }

    fn show(&self, done: usize) {
        if self.is_shown {
            eprint!("\r{done} {}", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            eprintln!();
        }
    }
}
