//! Builds and reads items. An item that cannot be parsed is a defect; it never counts as absent.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use shopease_shop::ports::StoreError;
use time::OffsetDateTime;

use super::keys::{Key, PARTITION, SORT};
use crate::documents::{self, Stored, Unreadable};

/// An item of the engine.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The attribute by which the engine deletes expired items, in epoch seconds; it may do so days late.
pub(super) const TTL: &str = "expires_at";
/// When an item expires, in epoch milliseconds; used by reads and conditions.
pub(super) const EXPIRES_MS: &str = "expires_ms";
/// The whole aggregate as JSON.
pub(super) const DOCUMENT: &str = "document";
/// Largest item in bytes.
pub(super) const MAX_BYTES: usize = 400 * 1024;

/// A text attribute.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(super) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A point in time as used in conditions.
pub(super) fn millis(at: OffsetDateTime) -> i128 {
    at.unix_timestamp_nanos().div_euclid(1_000_000)
}

/// A key in the engine's form.
pub(super) fn key_item(key: &Key) -> Item {
    HashMap::from([(PARTITION.to_owned(), text(&key.pk)), (SORT.to_owned(), text(&key.sk))])
}

/// An item that is being built.
pub(super) struct NewItem(Item);

impl NewItem {
    /// An item with only its key.
    pub fn new(key: &Key) -> Self {
        Self(key_item(key))
    }

    /// Adds a text.
    pub fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), text(value));
        self
    }

    /// Adds a number.
    pub fn number(mut self, name: &str, value: impl Display) -> Self {
        self.0.insert(name.to_owned(), number(value));
        self
    }

    /// Adds the aggregate's document.
    pub fn document(self, value: &impl Stored) -> Result<Self, StoreError> {
        Ok(self.text(DOCUMENT, documents::encode(value)?))
    }

    /// Makes the item expire at `at`. The engine may delete it from the next full second on.
    pub fn expires(self, at: OffsetDateTime) -> Self {
        let expires_ms = millis(at);
        self.number(TTL, expires_ms.div_euclid(1000) + 1).number(EXPIRES_MS, expires_ms)
    }

    /// The finished item.
    pub fn build(self) -> Item {
        self.0
    }
}

/// An optional text attribute.
pub(super) fn find_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// A text attribute.
pub(super) fn read_text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    find_text(item, name).ok_or_else(|| bad(item, name))
}

/// A text attribute, parsed.
pub(super) fn parse_text<T: FromStr>(item: &Item, name: &str) -> Result<T, StoreError> {
    read_text(item, name)?.parse().map_err(|_| bad(item, name))
}

/// A number attribute.
pub(super) fn read_number<T: FromStr>(item: &Item, name: &str) -> Result<T, StoreError> {
    let digits = item.get(name).and_then(|value| value.as_n().ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| bad(item, name))
}

/// The value of a document in a text attribute.
pub(super) fn decode_text<T: Stored>(item: &Item, name: &str) -> Result<T, StoreError> {
    documents::decode(read_text(item, name)?).map_err(|error| unreadable(item, error))
}

/// The aggregate of an item.
pub(super) fn read_document<T: Stored>(item: &Item) -> Result<T, StoreError> {
    decode_text(item, DOCUMENT)
}

/// Whether an item is still valid at `now`, because the engine deletes items late.
pub(super) fn is_live(item: &Item, now: OffsetDateTime) -> Result<bool, StoreError> {
    Ok(read_number::<i128>(item, EXPIRES_MS)? > millis(now))
}

/// The size that the engine counts against [`MAX_BYTES`]: names and values, for the texts and numbers that this adapter
/// writes.
pub(super) fn size_bytes(item: &Item) -> usize {
    let value_bytes = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        _ => 1,
    };
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// An item with a missing or malformed attribute, named by its key.
pub(super) fn bad(item: &Item, name: &str) -> StoreError {
    StoreError::corrupt(format!("item {}: attribute {name} is missing or malformed", name_of(item)))
}

/// An item whose document cannot be parsed, named by its key.
pub(super) fn unreadable(item: &Item, error: Unreadable) -> StoreError {
    error.at(name_of(item)).into()
}

fn name_of(item: &Item) -> String {
    let part = |name| find_text(item, name).unwrap_or("?");
    format!("{}/{}", part(PARTITION), part(SORT))
}
