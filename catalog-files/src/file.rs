//! A product file: the positions of each product's rows, and its products, read in batches.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::columns::{Column, Columns};
use super::digest::Digest;
use super::group::{Group, Outcome};
use super::issue::Issues;
use super::parallel::in_parallel;
use super::sku::{self, SkuBook};
use super::table::{Row, RowPlace, Table};
use super::{ImportOptions, ReadError, decode, table, text};
use shopease_shop::domain::{Handle, slug};

/// Products read at a time while the SKUs of the file are listed.
const CHUNK: usize = 1000;

/// A file that can be imported. It holds the text and the positions of the rows; products are built only when they are
/// written, so a file of a million rows needs little more memory than its text.
pub struct CatalogFile {
    table: Table,
    /// The rows grouped by product, in order of first appearance; the rows of one product need not be adjacent in the
    /// file.
    places: Vec<RowPlace>,
    /// The range of `places` that belongs to each product.
    groups: Vec<Range<usize>>,
    pub(super) options: ImportOptions,
    pub(super) skus: SkuBook,
    /// The products of rejected rows that are in no group.
    rejected: RejectedRows,
    pub(super) issues: Issues,
    /// Rows below the header that are not blank.
    pub(super) rows: usize,
}

/// Which products may have variants in rows that cannot be used.
#[derive(Default)]
struct RejectedRows {
    handles: HashSet<Handle>,
    /// Whether a row does not name its product.
    any_product: bool,
}

impl RejectedRows {
    fn add(&mut self, handle: Option<Handle>) {
        match handle {
            Some(handle) => {
                self.handles.insert(handle);
            }
            None => self.any_product = true,
        }
    }
}

/// Finds the products in a Shopify product export.
///
/// # Errors
/// [`ReadError`] if the file as a whole is not a product export. A bad row is never an error but an issue.
pub fn read(bytes: Vec<u8>, options: ImportOptions) -> Result<CatalogFile, ReadError> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > super::MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    let decoded = decode::decode(bytes, options.encoding.map(|encoding| encoding.0));
    if decode::is_binary(&decoded.text) {
        return Err(ReadError::Binary);
    }
    let mut table = table::parse(decoded.text)?;
    table.columns.replace = options.replace;
    let mut issues = Issues::default();
    if let Some(note) = decoded.note {
        issues.note(1, None, note);
    }
    let mut rejected = RejectedRows::default();
    for broken in std::mem::take(&mut table.broken) {
        let handle = handle(&broken.row, &table.columns).ok();
        issues.reject_row(broken.row.line, handle.as_ref(), broken.reason);
        rejected.add(handle);
    }
    let rows = std::mem::take(&mut table.places);
    let mut file = CatalogFile {
        places: Vec::new(),
        groups: Vec::new(),
        options,
        skus: SkuBook::default(),
        rejected,
        rows: rows.len() + issues.rejected_rows(),
        issues,
        table,
    };
    file.group(rows);
    file.list_skus();
    Ok(file)
}

impl CatalogFile {
    /// Number of products in the file.
    pub fn products(&self) -> usize {
        self.groups.len()
    }

    /// Reads the products of a range, in file order.
    pub(super) fn outcomes(&self, range: Range<usize>) -> Vec<(Outcome, Issues)> {
        let groups: Vec<Range<usize>> = self.groups.get(range).unwrap_or_default().to_vec();
        in_parallel(groups, |places| {
            let mut issues = Issues::default();
            let outcome = match self.read_group(places) {
                Some(group) => {
                    let is_incomplete = self.rejected.any_product || self.rejected.handles.contains(&group.handle);
                    group.outcome(&self.table.columns, &self.options, is_incomplete, &mut issues)
                }
                None => Outcome::Rejected,
            };
            (outcome, issues)
        })
    }

    /// Groups the rows by product; reports rows without a handle.
    fn group(&mut self, rows: Vec<RowPlace>) {
        let mut numbers: HashMap<Digest, usize> = HashMap::new();
        let mut numbered: Vec<(usize, RowPlace)> = Vec::with_capacity(rows.len());
        for place in rows {
            let row = self.table.row(place);
            if let Some(handle) = self.handle_of_row(&row) {
                let next = numbers.len();
                numbered.push((*numbers.entry(Digest::of(handle.as_str())).or_insert(next), place));
            }
        }
        // The sort is stable: rows of one product stay in order.
        numbered.sort_by_key(|(number, _)| *number);
        let mut start = 0;
        for group in numbered.chunk_by(|(a, _), (b, _)| a == b) {
            self.groups.push(start..start + group.len());
            start += group.len();
        }
        self.places = numbered.into_iter().map(|(_, place)| place).collect();
    }

    fn handle_of_row(&mut self, row: &Row) -> Option<Handle> {
        let columns = &self.table.columns;
        let handle = match handle(row, columns) {
            Ok(handle) => handle,
            Err(reason) => {
                self.issues.reject_row(row.line, None, reason);
                self.rejected.add(None);
                return None;
            }
        };
        let written = columns.get(&row.record, Column::Handle);
        if columns.has(Column::Handle) && written != handle.as_str() {
            self.issues.note(row.line, Some(&handle), format!("the handle {written:?} was changed to {handle}"));
        }
        let width = row.record.len();
        if width != columns.width {
            let reason = format!("the row has {width} columns, but the header has {}", columns.width);
            self.issues.note(row.line, Some(&handle), reason);
        }
        Some(handle)
    }

    /// Lists the SKUs that the file assigns to products on sale, so that no derived SKU takes one of them and none is
    /// used twice.
    fn list_skus(&mut self) {
        let mut skus = SkuBook::default();
        let columns = &self.table.columns;
        for chunk in self.groups.chunks(CHUNK) {
            for group in chunk.iter().filter_map(|places| self.read_group(places.clone())) {
                if group.is_left_out(columns) {
                    continue;
                }
                for row in &group.rows {
                    if let Ok(Some(sku)) = sku::given(columns.get(&row.record, Column::Sku)) {
                        skus.give(&sku, row.line);
                    }
                }
            }
        }
        self.skus = skus;
    }

    fn read_group(&self, places: Range<usize>) -> Option<Group> {
        let rows: Vec<Row> = self.places.get(places)?.iter().map(|place| self.table.row(*place)).collect();
        let handle = handle(rows.first()?, &self.table.columns).ok()?;
        Some(Group { handle, rows })
    }
}

/// Returns the handle of a row. Shopify handles are lower case, so handles that differ only in case are the same.
///
/// # Errors
/// The reason why it has none.
fn handle(row: &Row, columns: &Columns) -> Result<Handle, String> {
    let has_handles = columns.has(Column::Handle);
    let cell = columns.get(&row.record, if has_handles { Column::Handle } else { Column::Title });
    if !has_handles {
        let title = text::plain_text(cell);
        return slug(&title).parse().map_err(|_| format!("no handle can be derived from {title:?}"));
    }
    let written = text::code(cell);
    if written.is_empty() {
        return Err("the row has no handle".to_owned());
    }
    if text::is_reformatted(cell) {
        return Err(format!("the handle {cell:?} was reformatted as a number by a spreadsheet; the original is lost"));
    }
    let lower = written.to_lowercase();
    lower.parse().or_else(|_| slug(&lower).parse()).map_err(|_| format!("no handle can be derived from {cell:?}"))
}
