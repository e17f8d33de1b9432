//! Stable SKUs for variants that are given none.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{Handle, RuleError, Sku, slug};

/// Length of a derived SKU before a hash replaces the rest, to distinguish long SKUs with the same beginning.
const MAX_DERIVED_CHARS: usize = 200;

/// How a SKU is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Derivation {
    /// `COPPER-KETTLE-RED-LARGE`.
    Plain,
    /// Followed by a short hash of the exact handle and option values.
    Hashed,
}

/// Derives a SKU from handle and option values alone, independent of the order of rows.
fn derived(handle: &Handle, option_values: &[String], derivation: Derivation) -> Result<Sku, RuleError> {
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

/// Derives SKUs for variants without one, each with its option values: only SKUs that `is_free` accepts, and none
/// twice. `None` where none was found.
pub fn derive_skus(handle: &Handle, variants: &[&[String]], is_free: impl Fn(&Sku) -> bool) -> Vec<Option<Sku>> {
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
