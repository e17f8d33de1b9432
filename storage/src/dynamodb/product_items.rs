//! The items of a product: the document (in parts if it is larger than one item), the summary, postings, listing
//! entries.

use std::collections::BTreeMap;

use shopease_shop::domain::{Handle, Position, Product, ProductSort, ProductStatus, ProductSummary};
use shopease_shop::ports::StoreError;

use super::actions::Action;
use super::items::{
    DOCUMENT, Item, NewItem, bad, find_text, number, parse_text, read_document, read_number, read_text, unreadable,
};
use super::keys::{self, Key, SORT};
use crate::documents;

/// Bytes of a product's JSON per item: with the keys below the engine's 400 KB, and small enough for a transaction.
const PART_BYTES: usize = 350 * 1024;
/// Most parts: a product may have about 5 MB, ten times what 2,000 variants and a long text need.
const MAX_PARTS: usize = 16;

/// The version of a product, which a conditional write expects.
const VERSION: &str = "version";

/// A product divided into items.
pub(super) struct ProductItems {
    /// The item of the product's key. It refers to the parts by their revision.
    pub head: Item,
    /// The remaining parts, under keys that no other revision has.
    pub parts: Vec<(Key, Item)>,
}

impl ProductItems {
    /// The items of a product; `revision` is new for every write.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], naming the product, if it is larger than [`MAX_PARTS`] items.
    pub fn new(product: &Product, revision: &str) -> Result<Self, StoreError> {
        let document = documents::encode(product)?;
        let mut chunks = chunks(&document);
        if chunks.len() > MAX_PARTS {
            let (handle, bytes) = (&product.handle, document.len());
            let most = MAX_PARTS * PART_BYTES;
            return Err(StoreError::corrupt(format!("product {handle} has {bytes} bytes; the maximum is {most}")));
        }
        let first = if chunks.is_empty() { "" } else { chunks.remove(0) };
        let head = NewItem::new(&keys::product(&product.handle)).text(DOCUMENT, first);
        let head = head.text("revision", revision).number("parts", chunks.len());
        let part = |(number, chunk): (usize, &str)| {
            let key = keys::product_part(&product.handle, revision, number);
            let item = NewItem::new(&key).text(DOCUMENT, chunk).build();
            (key, item)
        };
        Ok(Self { head: head.build(), parts: chunks.into_iter().enumerate().map(part).collect() })
    }

    /// The head of a write with this version.
    pub fn head_of(&self, version: u64) -> Item {
        let mut head = self.head.clone();
        head.insert(VERSION.to_owned(), number(version));
        head
    }

    /// The version of the product with this head; 0 if a release without versions wrote it.
    pub fn version(head: &Item) -> Result<u64, StoreError> {
        if head.contains_key(VERSION) { read_number(head, VERSION) } else { Ok(0) }
    }

    /// The keys of the parts that a head refers to, in order.
    pub fn part_keys(handle: &Handle, head: &Item) -> Result<Vec<Key>, StoreError> {
        let revision = read_text(head, "revision")?;
        let parts: usize = read_number(head, "parts")?;
        Ok((0..parts).map(|part| keys::product_part(handle, revision, part)).collect())
    }

    /// Reassembles a product.
    pub fn join(head: &Item, parts: &[&Item]) -> Result<Product, StoreError> {
        if parts.is_empty() {
            return read_document(head);
        }
        let mut document = read_text(head, DOCUMENT)?.to_owned();
        for part in parts {
            document.push_str(read_text(part, DOCUMENT)?);
        }
        documents::decode(&document).map_err(|error| unreadable(head, error))
    }
}

/// Splits a text into pieces of at most [`PART_BYTES`], between characters.
fn chunks(mut text: &str) -> Vec<&str> {
    let mut chunks = Vec::new();
    while !text.is_empty() {
        let (chunk, rest) = text.split_at(text.floor_char_boundary(PART_BYTES));
        chunks.push(chunk);
        text = rest;
    }
    chunks
}

/// The summary of a product at each of its positions in listings; that of an active product also under its handle.
pub(super) fn summary_items(product: &Product) -> Result<BTreeMap<Key, Item>, StoreError> {
    let summary = product.summary();
    let own = (product.status == ProductStatus::Active).then(|| keys::product_summary(&product.handle));
    let keys = own.into_iter().chain(listing_keys(product));
    keys.map(|key| Ok((key.clone(), NewItem::new(&key).document(&summary)?.build()))).collect()
}

/// The positions of a product in listings: those of the shop and of its category, or the one of its status if it is not
/// active.
fn listing_keys(product: &Product) -> Vec<Key> {
    let entry = |listing, sort: ProductSort| keys::listing_entry(listing, &sort.position(product, 0));
    if product.status != ProductStatus::Active {
        return vec![entry(keys::unlisted(product.status), ProductSort::Title)];
    }
    let category = product.category.as_ref().map(|category| &category.handle);
    let scopes = [None].into_iter().chain(category.map(Some));
    scopes.flat_map(|scope| ProductSort::STORED.map(|sort| entry(keys::listing(scope, sort), sort))).collect()
}

/// A row of a listing.
pub(super) fn listed(item: &Item) -> Result<(Position, ProductSummary), StoreError> {
    Ok((read_text(item, SORT)?.to_owned(), read_document(item)?))
}

/// The contents of every posting of a product: enough to filter and sort without reading the product.
///
/// A position is a head (price, age) followed by the position by title; the latter is stored once, because a search
/// reads many postings.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct PostingBody {
    handle: Handle,
    category: Option<Handle>,
    title: Position,
    newest: String,
    price: String,
    price_descending: String,
}

impl PostingBody {
    /// The contents of a product's postings.
    pub fn of(product: &Product) -> Self {
        let title = ProductSort::Title.position(product, 0);
        let head = |sort: ProductSort| {
            let position = sort.position(product, 0);
            position.strip_suffix(&title).map(str::to_owned).unwrap_or(position)
        };
        Self {
            handle: product.handle.clone(),
            category: product.category.as_ref().map(|category| category.handle.clone()),
            newest: head(ProductSort::Newest),
            price: head(ProductSort::PriceAscending),
            price_descending: head(ProductSort::PriceDescending),
            title,
        }
    }

    /// The product's handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether the product is in this category.
    pub fn is_in(&self, category: &Handle) -> bool {
        self.category.as_ref() == Some(category)
    }

    /// The position of the product in a sort order; `score` is used only for relevance.
    pub fn position(&self, sort: ProductSort, score: u32) -> Position {
        let title = &self.title;
        match sort {
            ProductSort::Title => title.clone(),
            ProductSort::Newest => format!("{}{title}", self.newest),
            ProductSort::PriceAscending => format!("{}{title}", self.price),
            ProductSort::PriceDescending => format!("{}{title}", self.price_descending),
            ProductSort::Relevance => ProductSort::relevance_position(score, title),
        }
    }

    /// The posting of a term.
    pub fn posting(&self, term: &str, weight: u8) -> Action {
        let mut item = NewItem::new(&keys::posting(term, &self.handle))
            .text("handle", self.handle.as_str())
            .number("weight", weight)
            .text("title", &self.title)
            .text("newest", &self.newest)
            .text("price", &self.price)
            .text("price_descending", &self.price_descending);
        if let Some(category) = &self.category {
            item = item.text("category", category.as_str());
        }
        Action::put(item.build())
    }
}

/// A posting as read from the table.
pub(super) struct Posting {
    pub term: String,
    pub body: PostingBody,
    pub weight: u32,
}

impl TryFrom<&Item> for Posting {
    type Error = StoreError;

    fn try_from(item: &Item) -> Result<Self, StoreError> {
        let owned = |name| read_text(item, name).map(str::to_owned);
        let category = find_text(item, "category").is_some();
        let body = PostingBody {
            handle: parse_text(item, "handle")?,
            category: category.then(|| parse_text(item, "category")).transpose()?,
            title: owned("title")?,
            newest: owned("newest")?,
            price: owned("price")?,
            price_descending: owned("price_descending")?,
        };
        let term = keys::term_of_posting(read_text(item, SORT)?).ok_or_else(|| bad(item, SORT))?;
        Ok(Self { term: term.to_owned(), body, weight: read_number(item, "weight")? })
    }
}
