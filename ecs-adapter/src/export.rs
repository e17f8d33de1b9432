//! `shopease export`: the data of the shop as CSV files or JSON lines on standard output.

mod records;

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use shopease_catalog_files::{Catalog, CsvFile, ProductFile};
use shopease_shared::http::ProductFeed;
use shopease_shared::http::api::order::Order;
use shopease_shared::http::api::products::AdminProduct;
use shopease_shared::http::api::wire::Out as _;
use shopease_shop::ShopError;
use shopease_shop::domain::{self, PageLimit, Role};
use shopease_shop::ports::{AuditRecord, SharedStore, SystemClock};
use shopease_shop::services::{Catalog as _, FindProduct, LocalShop, OrderView, current_settings};

use self::records::{Stock, customer_row, order_rows};
use crate::open::{self, Settings};
use crate::person::account;

const UNAVAILABLE: &str = "the store is unavailable; what was printed is incomplete";

/// Subcommands of `export`.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Print all products, also drafts and archived ones, as a Shopify product CSV that `shopease import` reads back without loss.
    Products(Format),
    /// Print the variants that are on sale as a product feed for Google Merchant Center and Meta (RSS 2.0).
    Feed,
    /// Print the stock of all variants.
    Stock(Format),
    /// Print all orders, newest first: one row for each line item. Amounts, states, and addresses are in the first row of an order.
    Orders(Format),
    /// Print the accounts of customers, without passwords, in no particular order. Reads the whole store. Shoppers without an account are
    /// in the orders only.
    Customers(Format),
}

/// Options of all exports.
#[derive(Debug, Clone, Copy, Args)]
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
    let settings = Settings::load(matches!(command, ExportCommand::Feed)).await?;
    let open = open::store_to_read(&settings).await?;
    let (store, out) = (open.store, io::BufWriter::new(io::stdout()));
    match command {
        ExportCommand::Products(Format { json: false }) => products(store, out).await,
        ExportCommand::Products(Format { json: true }) => product_lines(store, out).await,
        ExportCommand::Feed => feed(&settings, store, out).await,
        ExportCommand::Stock(format) => stock(store, Rows::of(format, out, &records::STOCK)?).await,
        ExportCommand::Orders(format) => orders(store, Rows::of(format, out, &records::ORDERS)?).await,
        ExportCommand::Customers(format) => customers(store, Rows::of(format, out, &records::CUSTOMERS)?).await,
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

async fn feed(settings: &Settings, store: SharedStore, out: impl Write) -> anyhow::Result<()> {
    ensure!(settings.has_public_url, "SHOPEASE_PUBLIC_URL is not set, and the links of a feed begin with it");
    let name = current_settings(&*store, &settings.shop.settings, &SystemClock).await?.settings.shop.name;
    // The provider decides how prices are rounded.
    let payments = open::payments(settings, &store, false).await?;
    let shop = LocalShop::with_system_clock(store, payments, settings.shop.clone());
    let mut feed = ProductFeed::new(out, &name, &settings.http.public_url)?;
    let (progress, mut done, mut left_out, mut after) = (Progress::of("products"), 0, 0, None);
    loop {
        let page = shop.list_by_title(after).await.context(UNAVAILABLE)?;
        for product in page.items {
            match shop.find_product(FindProduct { handle: product.handle }).await {
                Ok(product) => left_out += feed.write(&product)?,
                // It was withdrawn in the meantime.
                Err(ShopError::NotFound { .. }) => {}
                Err(error) => return Err(error).context(UNAVAILABLE),
            }
            done += 1;
            progress.show(done);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    drop(progress);
    if left_out > 0 {
        eprintln!("{left_out} variants without an image or a price are left out.");
    }
    Ok(feed.finish()?)
}

async fn stock(store: SharedStore, mut rows: Rows<impl Write>) -> anyhow::Result<()> {
    let mut catalog = Catalog::of(store).await.context(UNAVAILABLE)?;
    let progress = Progress::of("products");
    while let Some(products) = catalog.next().await.context(UNAVAILABLE)? {
        for stock in products.iter().flat_map(Stock::of) {
            match &mut rows {
                Rows::Csv(file) => file.write(stock.row())?,
                Rows::Json(out) => write_line(out, &stock)?,
            }
        }
        progress.show(catalog.read());
    }
    rows.finish()
}

async fn orders(store: SharedStore, mut rows: Rows<impl Write>) -> anyhow::Result<()> {
    let limit = PageLimit::new(PageLimit::MAX)?;
    let (progress, mut done, mut after) = (Progress::of("orders"), 0, None);
    loop {
        let page = store.list_orders(after.as_ref(), limit).await.context(UNAVAILABLE)?;
        for summary in &page.items {
            let Some(order) = store.find_order(&summary.id).await.context(UNAVAILABLE)? else { continue };
            match &mut rows {
                Rows::Csv(file) => order_rows(&order)?.into_iter().try_for_each(|row| file.write(row))?,
                Rows::Json(out) => write_line(out, &order_without_key(order)?)?,
            }
        }
        done += page.items.len();
        progress.show(done);
        after = page.next;
        if after.is_none() {
            return rows.finish();
        }
    }
}

/// The order as the API has it, without the key that gives access to it without signing in.
fn order_without_key(order: domain::Order) -> anyhow::Result<Value> {
    let mut order = serde_json::to_value(Order::of(OrderView::from(order)))?;
    if let Some(fields) = order.as_object_mut() {
        fields.remove("access_key");
    }
    Ok(order)
}

async fn customers(store: SharedStore, mut rows: Rows<impl Write>) -> anyhow::Result<()> {
    let (progress, mut done, mut from) = (Progress::of("customers"), 0, None);
    loop {
        let page = store.audit_page(from.as_deref()).await.context(UNAVAILABLE)?;
        for record in page.records {
            let AuditRecord::Customer(customer) = record else { continue };
            if customer.role != Role::Customer {
                continue;
            }
            match &mut rows {
                Rows::Csv(file) => file.write(customer_row(&customer)?)?,
                Rows::Json(out) => write_line(out, &account(*customer))?,
            }
            done += 1;
        }
        progress.show(done);
        from = page.next;
        if from.is_none() {
            return rows.finish();
        }
    }
}

/// Rows of a CSV file, or JSON lines.
enum Rows<W: Write> {
    Csv(Box<CsvFile<W>>),
    Json(W),
}

impl<W: Write> Rows<W> {
    fn of(format: Format, out: W, header: &[&str]) -> anyhow::Result<Self> {
        Ok(if format.json { Self::Json(out) } else { Self::Csv(Box::new(CsvFile::new(out, header)?)) })
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Csv(file) => Ok(file.finish()?),
            Self::Json(mut out) => Ok(out.flush()?),
        }
    }
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
