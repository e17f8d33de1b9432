//! Shopify product exports become products of this shop.
//!
//! [`read`] finds the products in the bytes of a file; it knows no store. [`import`] lays them over what a store has,
//! some at a time, and can be repeated: a second run of the same file changes nothing. Everything that could not or would
//! not be taken is reported with its line. Structure is read liberally (old and new headers, any row order, spreadsheet
//! habits), values strictly: a price, quantity, weight or yes/no that is there but cannot be read rejects its row, and what a
//! file does not say leaves a product as it is.

mod columns;
mod decode;
mod digest;
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
mod told;
mod variant;
mod write;

use std::str::FromStr;

use time::OffsetDateTime;

use shopease_shop::domain::{Currency, Handle, Product, ProductStatus, Sku, Variant};

pub use file::{CatalogFile, read};
pub use issue::{ImportIssue, IssueKind};
pub use report::ImportReport;
pub use write::{Target, WriteOptions, import};

/// Largest file: a store of 100,000 variants exports about 200 MB.
pub const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// How a file is to be read.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The currency of its prices; a Shopify export does not name it.
    pub currency: Currency,
    /// Units of a tracked variant whose quantity the file leaves open; `None` sells such a variant without counting.
    pub default_stock: Option<u32>,
    /// When products that the store does not have yet count as added.
    pub created_at: OffsetDateTime,
    /// How the text is encoded; `None` finds out.
    pub encoding: Option<FileEncoding>,
    /// Whether a product that exists becomes what the file says of it and nothing else: columns that the file does not
    /// have count as empty, and variants that it does not name are taken off sale. Stock stays all the same.
    pub replace: bool,
}

/// A text encoding by its name on the web, for example `windows-1250` or `shift_jis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileEncoding(&'static encoding_rs::Encoding);

/// A name that is not one of an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an encoding such as windows-1250")]
pub struct UnknownEncoding;

impl FromStr for FileEncoding {
    type Err = UnknownEncoding;

    fn from_str(label: &str) -> Result<Self, UnknownEncoding> {
        encoding_rs::Encoding::for_label(label.as_bytes()).map(Self).ok_or(UnknownEncoding)
    }
}

/// A product of the file, laid over what the store has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ImportedProduct {
    /// The product with the SKUs it shall have.
    product: Product,
    /// Available units of tracked variants.
    stock: Vec<StockTarget>,
    /// Variants whose SKU is another now: the old one, the new one, the line.
    renamed: Vec<(Sku, Sku, u64)>,
    /// Variants that the store has and the product has no more.
    removed: Vec<Variant>,
    /// SKUs that are counted elsewhere, but nobody says how many there are: they are sold without counting unless the
    /// shop keeps a level.
    unknown_stock: Vec<Sku>,
    /// Line of its first row.
    first_line: u64,
}

/// What a file says of the stock of a SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StockTarget {
    sku: Sku,
    /// Available units.
    units: u32,
    /// Whether the file says so; else it is a default for a SKU without a level.
    is_told: bool,
}

/// A product of the file that its merchant does not sell (any more).
#[derive(Debug, Clone, PartialEq, Eq)]
struct LeftOutProduct {
    /// Name in URLs.
    handle: Handle,
    /// What it becomes if the store sells it.
    status: ProductStatus,
    /// Line of its first row.
    first_line: u64,
    /// How many of its rows have a variant.
    variant_rows: usize,
}

/// A file that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Larger than [`MAX_FILE_BYTES`].
    #[error("the file is larger than {} MiB", MAX_FILE_BYTES / 1024 / 1024)]
    TooLarge,
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Not text: a workbook, an archive, a picture.
    #[error("the file is not text; save it as CSV (UTF-8) in the program that made it")]
    Binary,
    /// The header has not the columns of a product export.
    #[error("not a product export: there is no column {missing}; the columns are: {}", shortened(found))]
    NotProducts {
        /// What is missing.
        missing: &'static str,
        /// The headers found.
        found: Vec<String>,
    },
    /// The reader gave up.
    #[error("the file cannot be read as CSV")]
    Csv(#[source] csv::Error),
}

fn shortened(headers: &[String]) -> String {
    let list = headers.iter().map(|header| header.trim()).collect::<Vec<_>>().join(", ");
    // What stands there goes to a terminal.
    let list: String = list.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if list.chars().count() > 400 { format!("{} ...", list.chars().take(400).collect::<String>()) } else { list }
}
