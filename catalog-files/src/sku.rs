//! SKUs: those that the file gives, and stable derived ones for variants without.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::text;
use shopease_shop::domain::{Handle, RuleError, Sku, slug};

/// Length of a derived SKU before a hash replaces the rest, to distinguish long SKUs with the same beginning.
const MAX_DERIVED_CHARS: usize = 200;

/// The SKU in a cell; `None` if the cell is empty or a spreadsheet has reformatted it.
///
/// # Errors
/// [`RuleError`] if it is not a valid SKU.
pub(super) fn given(cell: &str) -> Result<Option<Sku>, RuleError> {
    let code = text::code(cell);
    let printable: String = code.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if printable.trim().is_empty() || text::is_reformatted(&code) { Ok(None) } else { printable.parse().map(Some) }
}

/// How a SKU is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derivation {
    /// `COPPER-KETTLE-RED-LARGE`.
    Plain,
    /// Followed by a short hash of the exact handle and option values.
    Hashed,
}

/// Derives a SKU from handle and option values alone, independent of the order of rows.
pub(super) fn derived(handle: &Handle, option_values: &[String], derivation: Derivation) -> Result<Sku, RuleError> {
    let words = std::iter::once(handle.as_str()).chain(option_values.iter().map(String::as_str));
    let parts: Vec<String> =
        words.clone().map(|word| slug(word).to_uppercase()).filter(|word| !word.is_empty()).collect();
    let mut text = parts.join("-");
    let long = text.chars().count() > MAX_DERIVED_CHARS;
    if long {
        text = text.chars().take(MAX_DERIVED_CHARS).collect();
    }
    if long || text.is_empty() || derivation == Derivation::Hashed {
        let digest = Sha256::digest(words.collect::<Vec<_>>().join("\u{1}"));
        text.push_str(if text.is_empty() { "SKU-" } else { "-" });
        for byte in digest.iter().take(4) {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02X}");
        }
    }
    text.parse()
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

/// Derives SKUs for variants without one, each with its option values: only SKUs that `is_free` accepts, and none
/// twice. `None` where none was found.
pub(super) fn derive_all(handle: &Handle, variants: &[&[String]], is_free: impl Fn(&Sku) -> bool) -> Vec<Option<Sku>> {
    let plain: Vec<Option<Sku>> =
        variants.iter().map(|values| derived(handle, values, Derivation::Plain).ok()).collect();
    let mut alike: HashMap<&Sku, usize> = HashMap::new();
    for sku in plain.iter().flatten() {
        *alike.entry(sku).or_default() += 1;
    }
    let mut found: HashSet<Sku> = HashSet::new();
    let choose = |(values, plain): (&&[String], &Option<Sku>)| {
        // All variants whose values differ only in punctuation get a hash, so that their order does not matter.
        let plain = plain.clone().filter(|sku| alike.get(sku) == Some(&1) && is_free(sku));
        let hashed = || derived(handle, values, Derivation::Hashed).ok().filter(&is_free);
        plain.or_else(hashed).filter(|sku| found.insert(sku.clone()))
    };
    variants.iter().zip(&plain).map(choose).collect()
}
