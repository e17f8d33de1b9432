//! The keys under which a product is found, stored next to the product so that a later write can determine stale ones.

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
pub(super) struct ProductKeys {
    /// Terms with postings of the product.
    pub terms: BTreeSet<String>,
    /// Keys of its summary and of the parts of its document.
    pub items: BTreeSet<Key>,
    /// SKUs that it owns.
    pub skus: BTreeSet<Sku>,
}

impl ProductKeys {
    /// The keys in either set.
    pub fn union(&self, other: &Self) -> Self {
        Self { terms: &self.terms | &other.terms, items: &self.items | &other.items, skus: &self.skus | &other.skus }
    }

    /// The keys only in this set.
    pub fn without(&self, other: &Self) -> Self {
        Self { terms: &self.terms - &other.terms, items: &self.items - &other.items, skus: &self.skus - &other.skus }
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.items.is_empty() && self.skus.is_empty()
    }
}

/// The contents of a product's postings and summaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Indexed {
    /// Terms with their weights; empty unless the product is active.
    pub terms: BTreeMap<String, u8>,
    /// The contents of its postings.
    pub body: PostingBody,
    /// Its summary in listings.
    pub summary: ProductSummary,
}

impl Indexed {
    /// The current contents of a product's postings and summaries.
    pub fn of(product: &Product, terms: &SearchTerms) -> Self {
        let active = product.status == ProductStatus::Active;
        let terms = if active { terms.0.clone() } else { BTreeMap::new() };
        Self { terms, body: PostingBody::of(product), summary: ProductSummary::from(&product.summary()) }
    }

    /// The postings that differ from `before`; all postings if there is no `before`.
    pub fn new_postings(&self, before: Option<&Self>) -> Vec<Action> {
        let same = before.filter(|before| before.body == self.body);
        let previous = |term: &String| same.and_then(|before| before.terms.get(term));
        let changed = self.terms.iter().filter(|(term, weight)| previous(term) != Some(weight));
        changed.map(|(term, weight)| self.body.posting(term, *weight)).collect()
    }
}

/// The index item of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProductIndex {
    /// Incremented by every write of the item: an unexpected value means that another caller is writing the product.
    pub version: u64,
    pub content: IndexContent,
}

/// The contents of the item: a document that follows the rules of `documents`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct IndexContent {
    pub v: Version<1>,
    /// Whether the product itself has been written.
    pub written: bool,
    /// All keys that may exist, including those of an interrupted write.
    pub may_exist: ProductKeys,
    /// The contents of the items in `may_exist`, if exactly those are known to exist.
    pub settled: Option<Indexed>,
}

impl ProductIndex {
    /// The index of a product that was never written.
    pub fn none() -> Self {
        Self { version: 0, content: IndexContent::default() }
    }

    /// Whether no write of the product is unfinished. The index of a deleted product remains, for the versions of the next one.
    pub fn is_settled(&self) -> bool {
        self.version == 0
            || self.content.settled.is_some()
            || !self.content.written && self.content.may_exist.is_empty()
    }

    /// The next write of the item with `content`, if no other caller has written it, and the resulting index.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], naming the product, if an item cannot hold its terms and SKUs.
    pub fn followed_by(&self, handle: &Handle, content: IndexContent) -> Result<(Action, Self), StoreError> {
        let next = Self { version: self.version + 1, content };
        let item = NewItem::new(&keys::product_index(handle)).number("version", next.version);
        let item = item.text(DOCUMENT, documents::write(&next.content)?).build();
        if size_bytes(&item) > MAX_BYTES {
            return Err(StoreError::corrupt(format!(
                "product {handle} has too many terms and SKUs, or they are too long"
            )));
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
