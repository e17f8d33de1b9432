//! `shopease import`: imports a Shopify product export into the shop's store.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use shopease_catalog_files::{
    CatalogFile, FileEncoding, ImportOptions, ImportReport, MAX_FILE_BYTES, Target, WriteOptions, import, read,
};
use shopease_shared::http::refuse_product;
use shopease_shop::domain::{Currency, Language, Tokenizer};
use shopease_shop::ports::{Clock, SharedStore, SystemClock};
use shopease_shop::services::current_settings;

use crate::open::{self, Settings};

const EXAMPLES: &str = "The store is that of the shop: SHOPEASE_STORE (embedded, postgres, dynamodb) with SHOPEASE_DATA_DIR (default: data),
SHOPEASE_DATABASE_URL or SHOPEASE_DYNAMODB_TABLE. The currency is that of the shop's settings.

Examples:
  shopease import products.csv --dry-run           show what would change
  shopease import products.csv --currency SEK      the file's prices are in kronor
  shopease import prices.csv                       columns Handle, Variant SKU, Variant Price: update prices only";

/// Import a Shopify product export (CSV).
///
/// Products are matched by handle; variants by SKU or, if they have none, by option values. Importing the same file
/// twice changes nothing. Columns that are not in the file leave existing products unchanged, and variants that are not
/// in the file stay on sale; --replace makes each product exactly match the file. Stock that the shop already tracks
/// stays unchanged; --set-stock overwrites it with the file's quantities. Products that the file marks as unpublished
/// are not imported, and are taken off sale if the shop sells them. The file of `shopease export products` has a column with
/// the status of each product, and is imported as it is.
///
/// A row with a price, quantity, weight, or yes/no value that cannot be read is rejected and reported with its line
/// number; all other rows are imported. The exit code is 0 even if rows were rejected, unless --strict is given. It is
/// 1 if the file cannot be read or the store is unavailable; products written before the failure are kept, and the
/// import can be run again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a command-line flag")]
pub struct ImportArgs {
    /// The CSV file, as exported by Shopify. Prices are required; other columns are optional.
    file: PathBuf,
    /// Currency of the prices in the file [default: the shop's].
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// Initial stock of tracked variants that the shop does not track yet and whose quantity the file does not give.
    /// Without this option, they are sold without stock tracking if the file has no quantity column, and are sold out
    /// if their cell is empty.
    #[arg(long, value_name = "UNITS")]
    default_stock: Option<u32>,
    /// Overwrite the stock of SKUs that the shop already tracks. Without this option, their stock is unchanged.
    #[arg(long)]
    set_stock: bool,
    /// Make each product exactly match the file: clear fields that have no column, and take variants that are not in
    /// the file off sale. The report lists those variants.
    #[arg(long)]
    replace: bool,
    /// Numbers have a decimal comma, as in 1.234,50. Without this option, they have a decimal point.
    #[arg(long)]
    decimal_comma: bool,
    /// Encoding of the file, for example windows-1250 [default: detected, UTF-8 first].
    #[arg(long, value_name = "NAME")]
    encoding: Option<FileEncoding>,
    /// Report what would change; write nothing, and create no directory or database.
    #[arg(long)]
    dry_run: bool,
    /// Print the full report as JSON.
    #[arg(long)]
    json: bool,
    /// Exit with 1 if any row was rejected.
    #[arg(long)]
    strict: bool,
}

/// Runs the command. The report goes to standard output, the progress bar to the terminal.
///
/// # Errors
/// If the file cannot be read, is not a product export, or the store is unavailable.
pub async fn run(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(false).await?;
    // Opened for reading first, so that an unusable file creates no store.
    let shop = {
        let open = open::store_to_read(&settings).await?;
        current_settings(&*open.store, &settings.shop.settings, &SystemClock).await?.settings
    };
    let currency = args.currency.unwrap_or(shop.selling.currency);
    let catalog = read_file(&args, currency)?;
    let open = if args.dry_run { open::store_to_read(&settings).await? } else { open::store(&settings).await? };
    let mut report = write(catalog, &args, settings.shop.language, &open.store).await?;
    report.warnings.extend(shop.shipping.gap_of(currency));
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    let failed = args.strict && report.has_rejections();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read_file(args: &ImportArgs, currency: Currency) -> anyhow::Result<CatalogFile> {
    let name = args.file.display();
    let size_bytes = std::fs::metadata(&args.file).with_context(|| format!("{name} cannot be opened"))?.len();
    if size_bytes > MAX_FILE_BYTES {
        bail!("{name} is larger than {} MiB", MAX_FILE_BYTES / 1024 / 1024);
    }
    let bytes = std::fs::read(&args.file).with_context(|| format!("{name} cannot be read"))?;
    let options = ImportOptions {
        currency,
        default_stock: args.default_stock,
        decimal_comma: args.decimal_comma,
        created_at: SystemClock.now(),
        encoding: args.encoding,
        replace: args.replace,
    };
    read(bytes, options).with_context(|| format!("{name} cannot be imported"))
}

async fn write(
    catalog: CatalogFile,
    args: &ImportArgs,
    language: Language,
    store: &SharedStore,
) -> anyhow::Result<ImportReport> {
    let (products, shown) = (catalog.products(), io::stderr().is_terminal());
    let progress = |done: usize| {
        if shown {
            eprint!("\r{done} of {products} products");
        }
    };
    let options = WriteOptions { set_stock: args.set_stock, dry_run: args.dry_run };
    let tokenizer = Tokenizer::new(language);
    let target = Target { store: &**store, tokenizer: &tokenizer, refuse: &refuse_product };
    let report = import(catalog, target, options, &progress)
        .await
        .context("the store is unavailable; run the import again (products already written are kept)")?;
    if shown {
        eprintln!();
    }
    Ok(report)
}

/// Imports a catalog that ships with the shop. Returns the number of its products that are on sale.
///
/// # Errors
/// If it is not a product export, one of its rows is rejected, or the store is unavailable.
pub async fn load(
    bytes: &[u8],
    language: Language,
    currency: Currency,
    store: &SharedStore,
    clock: &dyn Clock,
) -> anyhow::Result<usize> {
    let options = ImportOptions {
        currency,
        default_stock: None,
        decimal_comma: false,
        created_at: clock.now(),
        encoding: None,
        replace: false,
    };
    let write_options = WriteOptions { set_stock: false, dry_run: false };
    let tokenizer = Tokenizer::new(language);
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
