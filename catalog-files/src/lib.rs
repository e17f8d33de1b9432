//! Imports Shopify product exports into the shop, and exports its products as such a file.
//!
//! [`read`] finds the products in the bytes of a file; it does not access a store. [`import`] merges them into a store
//! in batches and is idempotent: importing the same file twice changes nothing. Everything that could not be imported,
//! or was not imported on purpose, is reported with its line. Structure is read liberally (old and new headers, any row
//! order, spreadsheet habits), values strictly: a price, quantity, weight, or yes/no value that is present but cannot
//! be read rejects its row. Fields that the file does not give leave a product unchanged.

mod columns;
mod decode;
mod digest;
mod export;
mod field_update;
mod file;
mod group;
mod issue;
mod levels;
mod merge;
mod options;
mod parallel;
mod report;
mod retry;
mod sku;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod variant;
mod write;

use std::str::FromStr;

use time::OffsetDateTime;

use shopease_shop::domain::{Currency, Handle, Product, ProductStatus, Sku, Variant};

pub use export::{Catalog, CsvFile, ProductFile, StockedProduct, spreadsheet_text};
pub use file::{CatalogFile, read};
pub use issue::{ImportIssue, IssueKind};
pub use report::ImportReport;
pub use write::{Target, WriteOptions, import};

/// Largest file. A store of 100,000 variants exports about 200 MB.
pub const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// Options for reading a file.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Currency of the prices; a Shopify export does not name it.
    pub currency: Currency,
    /// Initial stock of a tracked variant whose quantity the file does not give. `None` sells such a variant without
    /// stock tracking.
    pub default_stock: Option<u32>,
    /// Creation time of products that are new to the store.
    pub created_at: OffsetDateTime,
    /// Whether numbers have a decimal comma, as in `1.234,50`.
    pub decimal_comma: bool,
    /// Encoding of the file; `None` detects it.
    pub encoding: Option<FileEncoding>,
    /// Whether each product exactly matches the file afterwards: missing columns count as empty, and variants that are
    /// not in the file are taken off sale. Stock is not affected.
    pub replace: bool,
}

/// A text encoding by its WHATWG label, for example `windows-1250` or `shift_jis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileEncoding(&'static encoding_rs::Encoding);

/// The label of an encoding is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known encoding such as windows-1250")]
pub struct UnknownEncoding;

impl FromStr for FileEncoding {
    type Err = UnknownEncoding;

    fn from_str(label: &str) -> Result<Self, UnknownEncoding> {
        encoding_rs::Encoding::for_label(label.as_bytes()).map(Self).ok_or(UnknownEncoding)
    }
}

/// A product of the file, merged with the stored one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ImportedProduct {
    /// The product with its final SKUs.
    product: Product,
    /// Available units of tracked variants.
    stock: Vec<StockTarget>,
    /// Variants whose SKU changed: the old SKU, the new SKU, the line.
    renamed: Vec<(Sku, Sku, u64)>,
    /// Stored variants that the product no longer has.
    removed: Vec<Variant>,
    /// SKUs that the file tracks without giving a quantity. They are sold without stock tracking unless the shop
    /// already has a level for them.
    unknown_stock: Vec<Sku>,
    /// Line of its first row.
    first_line: u64,
}

/// The stock of a SKU according to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StockTarget {
    sku: Sku,
    /// Available units.
    units: u32,
    /// Whether the file gives the units; otherwise they are the default for a SKU without a level.
    is_given: bool,
}

/// A product of the file that the merchant does not offer (any more).
#[derive(Debug, Clone, PartialEq, Eq)]
struct LeftOutProduct {
    /// URL handle.
    handle: Handle,
    /// Its new status if the store sells it.
    status: ProductStatus,
    /// Line of its first row.
    first_line: u64,
    /// Number of its rows that have a variant.
    variant_rows: usize,
}

/// The file as a whole cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Larger than [`MAX_FILE_BYTES`].
    #[error("the file is larger than {} MiB", MAX_FILE_BYTES / 1024 / 1024)]
    TooLarge,
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// Not text: a workbook, an archive, an image.
    #[error("the file is not text; save it as CSV (UTF-8) in the program that created it")]
    Binary,
    /// The header lacks the columns of a product export.
    #[error("not a product export: column {missing} is missing; columns found: {}", shortened(found))]
    NotProducts {
        /// The missing column.
        missing: &'static str,
        /// The headers that were found.
        found: Vec<String>,
    },
    /// The CSV parser failed.
    #[error("the file cannot be read as CSV")]
    Csv(#[source] csv::Error),
}

fn shortened(headers: &[String]) -> String {
    let list = headers.iter().map(|header| header.trim()).collect::<Vec<_>>().join(", ");
    // Strips control characters, because the header is printed on a terminal.
    let list: String = list.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if list.chars().count() > 400 { format!("{} ...", list.chars().take(400).collect::<String>()) } else { list }
}
