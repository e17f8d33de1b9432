//! The SKUs that a file gives.

use std::collections::{HashMap, HashSet};

use super::digest::Digest;
use super::text;
use shopease_shop::domain::{RuleError, Sku};

/// The SKU in a cell; `None` if the cell is empty or a spreadsheet has reformatted it.
///
/// # Errors
/// [`RuleError`] if it is not a valid SKU.
pub(super) fn given(cell: &str) -> Result<Option<Sku>, RuleError> {
    let code = text::code(cell);
    let printable: String = code.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if printable.trim().is_empty() || text::is_reformatted(cell) { Ok(None) } else { printable.parse().map(Some) }
}

/// The SKUs in use. Each belongs to the first row that gives it. Only a digest of each SKU is kept, because files have
/// hundreds of thousands of them.
#[derive(Debug, Default)]
pub(super) struct SkuBook {
    first_lines: HashMap<Digest, u64>,
    /// SKUs that several rows give.
    pub(super) shared: HashSet<Sku>,
    derived: HashSet<Digest>,
}

impl SkuBook {
    /// Records that the row of this line gives the SKU.
    pub(super) fn give(&mut self, sku: &Sku, line: u64) {
        if *self.first_lines.entry(Digest::of(sku.as_str())).or_insert(line) != line {
            self.shared.insert(sku.clone());
        }
    }

    /// The line of the row that gives the SKU, if any.
    pub(super) fn line_of(&self, sku: &Sku) -> Option<u64> {
        self.first_lines.get(&Digest::of(sku.as_str())).copied()
    }

    /// Whether no row gives the SKU and no variant was assigned it.
    pub(super) fn is_free(&self, sku: &Sku) -> bool {
        let digest = Digest::of(sku.as_str());
        !self.first_lines.contains_key(&digest) && !self.derived.contains(&digest)
    }

    /// Reserves a free SKU.
    pub(super) fn take(&mut self, sku: &Sku) {
        self.derived.insert(Digest::of(sku.as_str()));
    }

    /// Releases the SKUs of a product so that new ones can be chosen.
    pub(super) fn release<'a>(&mut self, skus: impl Iterator<Item = &'a Sku>) {
        for sku in skus {
            self.derived.remove(&Digest::of(sku.as_str()));
        }
    }
}
