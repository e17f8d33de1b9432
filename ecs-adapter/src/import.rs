//! `shopease import`: a Shopify product export into the store of this shop.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use shopease_catalog_files::{
    CatalogFile, FileEncoding, ImportOptions, ImportReport, MAX_FILE_BYTES, Target, WriteOptions, import, read,
};
use shopease_shared::http::refuse_product;
use shopease_shop::config::ShopConfig;
use shopease_shop::domain::{Currency, Tokenizer};
use shopease_shop::ports::{Clock, SharedStore, SystemClock};

use crate::open::{self, Settings};

const EXAMPLES: &str = "The store is that of the shop: SHOPEASE_STORE (embedded, postgres, dynamodb) with SHOPEASE_DATA_DIR (default: data),
SHOPEASE_DATABASE_URL or SHOPEASE_DYNAMODB_TABLE. SHOPEASE_CURRENCY is the shop's currency.

Examples:
  shopease import products.csv --dry-run           what would happen
  shopease import products.csv --currency SEK      prices of the file are in kronor
  shopease import prices.csv                       columns Handle, Variant SKU, Variant Price: only prices change";

/// Read a Shopify product export (CSV) into the store.
///
/// Products are known by their handle, variants by their SKU or, without one, by their option values: a second run of the
/// same file changes nothing. A column that is not in the file changes nothing of a product that exists, and a variant that
/// the file does not name stays on sale; --replace makes products what the file says and nothing else. Stock that the
/// shop counts stays as it is (--set-stock takes over the file's). Products that the file does not publish are left out, and
/// taken off sale if they were sold here.
///
/// A price, quantity, weight or yes/no that cannot be read rejects its row. Rows that cannot be used are reported with their
/// line; the others are imported all the same. The exit code is 0 also then, unless --strict is given; it is 1 when the file cannot
/// be read or the store does not answer (run again: what was written stays).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ImportArgs {
    /// The file, as Shopify exports it (CSV; prices are required, other columns may be left out).
    file: PathBuf,
    /// Currency of the prices in the file [default: the shop's].
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// Units of tracked variants that the shop does not count yet and whose quantity the file leaves open; without this they are sold
    /// without counting (no such column in the file) or are sold out (an empty cell).
    #[arg(long, value_name = "UNITS")]
    default_stock: Option<u32>,
    /// Set the stock of SKUs whose stock the shop tracks already; without this, their stock stays as it is.
    #[arg(long)]
    set_stock: bool,
    /// Make each product of the file what the file says and nothing else: empty what it has no column for, and take
    /// variants that it does not name off sale. The report names them.
    #[arg(long)]
    replace: bool,
    /// Encoding of the file, for example windows-1250 [default: UTF-8, or what looks right].
    #[arg(long, value_name = "NAME")]
    encoding: Option<FileEncoding>,
    /// Only report what would be done; nothing is written, no directory or database is created.
    #[arg(long)]
    dry_run: bool,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
    /// Exit with 1 when any row was rejected.
    #[arg(long)]
    strict: bool,
}

/// Runs the command: the report goes to standard output, the progress to the terminal.
///
/// # Errors
/// When the file cannot be read, is no product export, or the store does not answer.
pub async fn run(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(false).await?;
    // First, so that a wrong file creates no store.
    let catalog = read_file(&args, &settings.shop)?;
    let open = if args.dry_run { open::store_to_read(&settings).await? } else { open::store(&settings).await? };
    let report = write(catalog, &args, &settings.shop, &open.store).await?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    let failed = args.strict && report.has_rejections();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read_file(args: &ImportArgs, shop: &ShopConfig) -> anyhow::Result<CatalogFile> {
    let name = args.file.display();
    let size_bytes = std::fs::metadata(&args.file).with_context(|| format!("{name} cannot be opened"))?.len();
    if size_bytes > MAX_FILE_BYTES {
        bail!("{name} is larger than {} MiB", MAX_FILE_BYTES / 1024 / 1024);
    }
    let bytes = std::fs::read(&args.file).with_context(|| format!("{name} cannot be read"))?;
    let options = ImportOptions {
        currency: args.currency.unwrap_or(shop.currency),
        default_stock: args.default_stock,
        created_at: SystemClock.now(),
        encoding: args.encoding,
        replace: args.replace,
    };
    read(bytes, options).with_context(|| format!("{name} cannot be imported"))
}

async fn write(
    catalog: CatalogFile,
    args: &ImportArgs,
    shop: &ShopConfig,
    store: &SharedStore,
) -> anyhow::Result<ImportReport> {
    let (products, shown) = (catalog.products(), io::stderr().is_terminal());
    let progress = |done: usize| {
        if shown {
            eprint!("\r{done} of {products} products");
        }
    };
    let options = WriteOptions { set_stock: args.set_stock, dry_run: args.dry_run };
    let tokenizer = Tokenizer::new(shop.language);
    let target = Target { store: &**store, tokenizer: &tokenizer, refuse: &refuse_product };
    let mut report = import(catalog, target, options, &progress)
        .await
        .context("the store does not answer; run the import again, what was written stays")?;
    if shown {
        eprintln!();
    }
    report.warnings.extend(shop.pricing.shipping.gap_of(args.currency.unwrap_or(shop.currency)));
    Ok(report)
}

/// Loads a catalog that the shop brings along; gives the number of products on sale from it.
///
/// # Errors
/// When it is no product export, a row of it cannot be used, or the store does not answer.
pub async fn load(bytes: &[u8], shop: &ShopConfig, store: &SharedStore, clock: &dyn Clock) -> anyhow::Result<usize> {
    let options = ImportOptions {
        currency: shop.currency,
        default_stock: None,
        created_at: clock.now(),
        encoding: None,
        replace: false,
    };
    let write_options = WriteOptions { set_stock: false, dry_run: false };
    let tokenizer = Tokenizer::new(shop.language);
    let target = Target { store: &**store, tokenizer: &tokenizer, refuse: &refuse_product };
    let report = import(read(bytes.to_vec(), options)?, target, write_options, &|_| {}).await?;
    if report.has_rejections() {
        bail!("{report}");
    }
    Ok(report.created + report.updated + report.unchanged)
}

fn currency(code: &str) -> Result<Currency, &'static str> {
    code.parse().map_err(|_| "not an ISO 4217 code such as EUR")
}
