//! The JSON documents in the stores: the format of the data, independent of the types of the shop and of its API.
//!
//! A document outlives the release that wrote it, and two releases always run side by side. Documents therefore only
//! grow:
//! - a field or enum value is never removed, renamed, or given another meaning;
//! - a field that is added later has a serde default, because older documents lack it;
//! - unknown fields are ignored, because the next release may have written them.
//!
//! Each document has a version `v`. It is raised only for a change that older code must not read, such as a new enum
//! value; a document with a higher version than this code supports is rejected. `releases/*/documents` contains
//! documents of every release, which tests read.
//!
//! Older code that updates a document writes it without the fields that it does not know. A field that must survive
//! this is read by one release and written only by the next.

mod cart;
#[cfg(feature = "_dynamodb")]
mod category;
mod customer;
mod names;
mod order;
#[cfg(feature = "_dynamodb")]
mod outbox_message;
mod product;
#[cfg(feature = "_dynamodb")]
mod session;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod values;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use shopease_shop::ports::StoreError;

#[cfg(feature = "_dynamodb")]
pub(crate) use product::ProductSummary;

/// A value of the shop that is stored as a document.
pub(crate) trait Stored: Sized {
    /// The kind of document, for errors.
    const KIND: &'static str;
    /// The stored form.
    type Document: Serialize + DeserializeOwned + for<'a> From<&'a Self> + Into<Self>;
}

/// A stored document that cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("stored {kind} {key} cannot be read")]
pub(crate) struct Unreadable {
    kind: &'static str,
    key: String,
    source: serde_json::Error,
}

impl Unreadable {
    /// Uses the key of the document's row or item instead of the identity in the document.
    pub(crate) fn at(self, key: impl Into<String>) -> Self {
        Self { key: key.into(), ..self }
    }
}

impl From<Unreadable> for StoreError {
    fn from(error: Unreadable) -> Self {
        Self::corrupt(error)
    }
}

/// Encodes a value as a document.
///
/// # Errors
/// [`StoreError::Corrupt`] for a value that JSON cannot express, such as a year above 9999.
pub(crate) fn encode<T: Stored>(value: &T) -> Result<String, StoreError> {
    write(&T::Document::from(value))
}

/// Decodes the value of a document.
///
/// # Errors
/// [`Unreadable`], including for a version that this code does not support.
pub(crate) fn decode<T: Stored>(document: &str) -> Result<T, Unreadable> {
    read::<T::Document>(T::KIND, document).map(Into::into)
}

/// Serializes a document as JSON.
///
/// # Errors
/// See [`encode`].
pub(crate) fn write(document: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(StoreError::corrupt)
}

/// Parses a document from JSON.
///
/// # Errors
/// See [`decode`].
pub(crate) fn read<D: DeserializeOwned>(kind: &'static str, json: &str) -> Result<D, Unreadable> {
    serde_json::from_str(json).map_err(|source| Unreadable { kind, key: identity(json), source })
}

/// The identity in a document, because not every query reads the key beside it.
fn identity(json: &str) -> String {
    #[derive(Deserialize)]
    struct Named {
        id: Option<String>,
        handle: Option<String>,
        token_digest: Option<String>,
    }
    let named: Option<Named> = serde_json::from_str(json).ok();
    let id = named.and_then(|named| named.id.or(named.handle).or(named.token_digest));
    id.unwrap_or_else(|| "without a readable ID".to_owned())
}

/// The version of a document: the one that this code writes, and the newest that it reads. It is the first field of
/// every document, so that a newer document is rejected for its version before a changed field is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Version<const NEWEST: u32>;

impl<const NEWEST: u32> Serialize for Version<NEWEST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(NEWEST)
    }
}

impl<'de, const NEWEST: u32> Deserialize<'de> for Version<NEWEST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = u32::deserialize(deserializer)?;
        if (1..=NEWEST).contains(&version) {
            Ok(Self)
        } else {
            Err(D::Error::custom(format!("version {version} is not supported by this release (1 to {NEWEST})")))
        }
    }
}
