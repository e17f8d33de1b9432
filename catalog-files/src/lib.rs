//! Shopify product exports become products of this shop.
//!
//! [`read`] turns the bytes of a file into products and a list of everything it could not or would not take, each
//! with its line; it knows no store. [`import`] writes what was read into a store and can be repeated: a second run
//! of the same file changes nothing. Structure is read liberally (old and new headers, any row order, spreadsheet
//! habits), money strictly: an amount that is not plainly an amount rejects its row.

mod columns;
mod decode;
mod group;
mod issue;
mod parallel;
mod report;
mod sku;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod variant;
mod write;

use std::collections::HashMap;
use std::str::FromStr;

use time::OffsetDateTime;

use columns::Column;
use group::{Group, Outcome};
use issue::Issues;
use parallel::in_parallel;
use shopease_shop::domain::{Currency, Handle, Product, ProductStatus, Sku, slug};
use table::Table;

pub use issue::{ImportIssue, IssueKind};
pub use report::ImportReport;
pub use write::{WriteOptions, import};

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

/// A product of the file that shall be sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedProduct {
    /// The product, active, with the SKUs it shall have.
    pub product: Product,
    /// Available units of its tracked variants.
    pub stock: Vec<(Sku, u32)>,
    /// Line of its first row.
    pub first_line: u64,
}

/// A product of the file that its merchant does not sell (any more).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOutProduct {
    /// Name in URLs.
    pub handle: Handle,
    /// What it becomes if the store sells it.
    pub status: ProductStatus,
    /// Line of its first row.
    pub first_line: u64,
    /// How many of its rows have a variant.
    pub variant_rows: usize,
}

/// What a file holds. Every handle of the file is in `products`, in `left_out` or in `rejected_products`.
#[derive(Debug, Clone, Default)]
pub struct ParsedCatalog {
    /// Rows below the header that are not blank.
    pub rows: usize,
    /// What shall be sold, in the order of the file.
    pub products: Vec<ImportedProduct>,
    /// What shall not be sold.
    pub left_out: Vec<LeftOutProduct>,
    /// Products of which no variant can be sold.
    pub rejected_products: usize,
    /// Everything that was left out, rejected or taken with a remark, by line.
    pub issues: Vec<ImportIssue>,
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
    if list.chars().count() > 400 { format!("{} ...", list.chars().take(400).collect::<String>()) } else { list }
}

/// Reads a Shopify product export.
///
/// # Errors
/// [`ReadError`] when the file as a whole is no product export; a bad row never is an error but an issue.
pub fn read(bytes: &[u8], options: &ImportOptions) -> Result<ParsedCatalog, ReadError> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    let decoded = decode::decode(bytes, options.encoding.map(|encoding| encoding.0));
    let table = table::parse(&decoded.text)?;
    let mut issues = Issues::default();
    if let Some(note) = decoded.note {
        issues.note(1, None, note);
    }
    let mut catalog = ParsedCatalog { rows: table.rows.len() + table.broken.len(), ..ParsedCatalog::default() };
    for broken in &table.broken {
        issues.reject_row(broken.line, None, broken.reason.clone());
    }
    let mut drafts = Vec::new();
    let outcomes = in_parallel(groups(&table, &mut issues), |group| {
        let mut issues = Issues::default();
        (group.outcome(&table.columns, options, &mut issues), issues)
    });
    for (outcome, found) in outcomes {
        issues.append(found);
        match outcome {
            Outcome::Sold(draft) => drafts.push(*draft),
            Outcome::LeftOut(product) => catalog.left_out.push(product),
            Outcome::Rejected => catalog.rejected_products += 1,
        }
    }
    let skus = sku::assign(&drafts, &mut issues);
    let mut category_titles = HashMap::new();
    for (draft, skus) in drafts.into_iter().zip(skus) {
        let mut imported = draft.finish(skus, options.created_at);
        // One department has one name, whatever order the store is written in.
        if let Some(category) = &mut imported.product.category {
            let title = category_titles.entry(category.handle.clone()).or_insert_with(|| category.title.clone());
            category.title.clone_from(title);
        }
        if imported.product.variants.is_empty() {
            let reason = "none of its variants has a SKU".to_owned();
            issues.reject_product(imported.first_line, &imported.product.handle, reason);
            catalog.rejected_products += 1;
        } else {
            catalog.products.push(imported);
        }
    }
    catalog.issues = issues.sorted();
    Ok(catalog)
}

/// The rows by product, in the order of first appearance; rows of one product need not stand together.
fn groups<'t>(table: &'t Table, issues: &mut Issues) -> Vec<Group<'t>> {
    let mut groups: Vec<Group<'t>> = Vec::new();
    let mut places: HashMap<Handle, usize> = HashMap::new();
    let has_handles = table.columns.has(Column::Handle);
    for row in &table.rows {
        let written = table.columns.get(&row.record, Column::Handle);
        let title = text::plain_text(table.columns.get(&row.record, Column::Title));
        let handle = match written.parse::<Handle>() {
            Ok(handle) => handle,
            Err(_) if written.is_empty() && has_handles => {
                issues.reject_row(row.line, None, "the row has no handle".to_owned());
                continue;
            }
            Err(_) => {
                let source = if has_handles { written } else { &title };
                let Ok(handle) = slug(source).parse::<Handle>() else {
                    issues.reject_row(row.line, None, format!("{source:?} gives no handle"));
                    continue;
                };
                if has_handles {
                    issues.note(row.line, Some(&handle), format!("the handle {written:?} became {handle}"));
                }
                handle
            }
        };
        let width = row.record.len();
        if width != table.columns.width {
            let reason = format!("the row has {width} columns, the header {}", table.columns.width);
            issues.note(row.line, Some(&handle), reason);
        }
        let place = *places.entry(handle.clone()).or_insert_with(|| {
            groups.push(Group::new(handle));
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.rows.push(row);
        }
    }
    groups
}
