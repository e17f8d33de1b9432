//! SKUs: the ones the file gives, and stable ones for variants without.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::group::DraftProduct;
use super::issue::Issues;
use super::text::without_apostrophe;
use shopease_shop::domain::{Handle, RuleError, Sku, slug};

/// Characters of a derived SKU before a hash must tell it from others that begin alike.
const MAX_DERIVED_CHARS: usize = 200;

/// The SKU written in a cell; `None` when the cell is empty.
///
/// # Errors
/// [`RuleError`] when it is no SKU.
pub(super) fn given(cell: &str) -> Result<Option<Sku>, RuleError> {
    let text: String = without_apostrophe(cell).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

/// How hard a derived SKU must try to differ from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Derivation {
    /// `COPPER-KETTLE-RED-LARGE`.
    Plain,
    /// With a short hash of the exact handle and option values behind it.
    Hashed,
}

/// The SKU that handle and option values always give, whatever the order of rows.
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

/// One SKU per variant of every product, no SKU twice. A SKU that the file uses twice stays with its first row.
///
/// `None` is a variant that no SKU could be found for; the caller leaves it out and it is reported here.
pub(super) fn assign(drafts: &[DraftProduct], issues: &mut Issues) -> Vec<Vec<Option<Sku>>> {
    let mut owners: HashMap<&Sku, u64> = HashMap::new();
    let mut assigned: Vec<Vec<Option<Sku>>> = Vec::with_capacity(drafts.len());
    // Given SKUs go first, so that none is lost to one that could as well be another.
    for draft in drafts {
        let skus = draft.variants.iter().map(|variant| {
            let sku = variant.row.given_sku.as_ref()?;
            let owner = *owners.entry(sku).or_insert(variant.row.line);
            (owner == variant.row.line).then(|| sku.clone())
        });
        assigned.push(skus.collect());
    }
    let mut taken: HashSet<Sku> = owners.keys().map(|sku| (*sku).clone()).collect();
    for (draft, skus) in drafts.iter().zip(&mut assigned) {
        let missing = || draft.variants.iter().zip(skus.iter()).filter(|(_, sku)| sku.is_none());
        let plain: Vec<Option<Sku>> = missing()
            .map(|(variant, _)| derived(&draft.handle, &variant.option_values, Derivation::Plain).ok())
            .collect();
        let mut alike: HashMap<Sku, usize> = HashMap::new();
        for sku in plain.iter().flatten() {
            *alike.entry(sku.clone()).or_default() += 1;
        }
        let missing = draft.variants.iter().zip(skus).filter(|(_, sku)| sku.is_none());
        for ((variant, sku), plain) in missing.zip(plain) {
            // Variants whose values differ in punctuation only all get a hash: which comes first must not matter.
            let found = plain
                .filter(|sku| alike.get(sku) == Some(&1) && !taken.contains(sku))
                .or_else(|| derived(&draft.handle, &variant.option_values, Derivation::Hashed).ok())
                .filter(|sku| taken.insert(sku.clone()));
            match (&found, &variant.row.given_sku) {
                (Some(found), Some(wanted)) => {
                    let line = owners.get(wanted).copied().unwrap_or_default();
                    let reason = format!("SKU {wanted} is already on line {line}; this variant is sold as {found}");
                    issues.note(variant.row.line, Some(&draft.handle), reason);
                }
                (Some(_), None) => {}
                (None, _) => {
                    let reason = "no SKU could be derived that is not used already".to_owned();
                    issues.reject_row(variant.row.line, Some(&draft.handle), reason);
                }
            }
            *sku = found;
        }
    }
    assigned
}
