//! What a product is found under: kept next to the product, so that a later write knows what is stale.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shopease_shop::domain::{Handle, Product, ProductStatus, SearchTerms, Sku};
use shopease_shop::ports::StoreError;

use super::actions::Action;
use super::items::{DOCUMENT, Item, MAX_BYTES, NewItem, number, read_number, read_text, size_bytes, unreadable};
use super::keys::{self, Key};
use super::product_items::PostingBody;
use crate::documents::{self, ProductSummary, Version};

/// Keys of items that lead to a product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Footprint {
    /// Terms it has postings under.
    pub terms: BTreeSet<String>,
    /// Where its summary is, and parts of its document.
    pub items: BTreeSet<Key>,
    /// SKUs it owns.
    pub skus: BTreeSet<Sku>,
}

impl Footprint {
    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        Self { terms: &self.terms | &other.terms, items: &self.items | &other.items, skus: &self.skus | &other.skus }
    }

    /// What is in this one only.
    pub fn without(&self, other: &Self) -> Self {
        Self { terms: &self.terms - &other.terms, items: &self.items - &other.items, skus: &self.skus - &other.skus }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.items.is_empty() && self.skus.is_empty()
    }
}

/// What a product's postings and summaries say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Indexed {
    /// Terms with their weights; none unless it is active.
    pub terms: BTreeMap<String, u8>,
    /// What its postings carry.
    pub body: PostingBody,
    /// What its listings show.
    pub summary: ProductSummary,
}

impl Indexed {
    /// What the postings and summaries of a product shall say.
    pub fn of(product: &Product, terms: &SearchTerms) -> Self {
        let active = product.status == ProductStatus::Active;
        let terms = if active { terms.0.clone() } else { BTreeMap::new() };
        Self { terms, body: PostingBody::of(product), summary: ProductSummary::from(&product.summary()) }
    }

    /// The postings that differ from `before`, or all without.
    pub fn new_postings(&self, before: Option<&Self>) -> Vec<Action> {
        let same = before.filter(|before| before.body == self.body);
        let known = |term: &String| same.and_then(|before| before.terms.get(term));
        let changed = self.terms.iter().filter(|(term, weight)| known(term) != Some(weight));
        changed.map(|(term, weight)| self.body.posting(term, *weight)).collect()
    }
}

/// The index item of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProductIndex {
    /// Rises with every write of the item: who sees another one than expected has a rival.
    pub version: u64,
    pub content: IndexContent,
}

/// What the item holds: a document with the rules of `documents`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct IndexContent {
    pub v: Version<1>,
    /// Whether the product itself is written.
    pub written: bool,
    /// Every key that may exist: also those of a write that was interrupted.
    pub may_exist: Footprint,
    /// What the items of `may_exist` say, when it is known that exactly those exist.
    pub settled: Option<Indexed>,
}

impl ProductIndex {
    /// The index of a product that was never written.
    pub fn none() -> Self {
        Self { version: 0, content: IndexContent::default() }
    }

    /// The write that follows this one with `content`, if no rival has written meanwhile; and what it leads to.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] naming the product when it has more terms and SKUs than an item holds.
    pub fn followed_by(&self, handle: &Handle, content: IndexContent) -> Result<(Action, Self), StoreError> {
        let next = Self { version: self.version + 1, content };
        let item = NewItem::new(&keys::product_index(handle)).number("version", next.version);
        let item = item.text(DOCUMENT, documents::write(&next.content)?).build();
        if size_bytes(&item) > MAX_BYTES {
            return Err(StoreError::corrupt(format!("product {handle} has too many or too long terms and SKUs")));
        }
        let put = Action::put(item);
        let put = if self.version == 0 {
            put.only_if_absent()
        } else {
            put.only_if("version = :seen").value(":seen", number(self.version))
        };
        Ok((put, next))
    }
}

impl TryFrom<&Item> for ProductIndex {
    type Error = StoreError;

    fn try_from(item: &Item) -> Result<Self, StoreError> {
        let content = documents::read("product index", read_text(item, DOCUMENT)?);
        let content = content.map_err(|error| unreadable(item, error))?;
        Ok(Self { version: read_number(item, "version")?, content })
    }
}
