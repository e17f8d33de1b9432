//! What the stores keep as JSON: the format of the data, independent of the types of the shop and of its API.
//!
//! A document outlives the release that wrote it, and two releases always run side by side. So a document only grows:
//! - a field is never removed, renamed or given another meaning, and no value of an enum either;
//! - a field that is added later has a serde default, because older documents lack it;
//! - unknown fields are ignored, because the next release may have written them.
//!
//! Each document has a version `v`. It rises only with a change that older code must not read, such as a new value of an
//! enum; a document with a higher version than this code knows is refused. `releases/*/documents` holds documents of every
//! release, which tests read.
//!
//! Older code that changes a document writes it without the fields that it does not know. What must survive that is read
//! by one release and written only by the next.

mod cart;
#[cfg(feature = "dynamodb")]
mod category;
mod customer;
mod names;
mod order;
#[cfg(feature = "dynamodb")]
mod outbox_message;
mod product;
#[cfg(feature = "dynamodb")]
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod values;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use shopease_shop::ports::StoreError;

#[cfg(feature = "dynamodb")]
pub(crate) use product::ProductSummary;

/// A value of the shop that is kept as a document.
pub(crate) trait Stored: Sized {
    /// What the document is, for errors.
    const KIND: &'static str;
    /// Its form in the store.
    type Document: Serialize + DeserializeOwned + for<'a> From<&'a Self> + Into<Self>;
}

/// A document that does not read as what it should be.
#[derive(Debug, thiserror::Error)]
#[error("stored {kind} {key} does not read")]
pub(crate) struct Unreadable {
    kind: &'static str,
    key: String,
    source: serde_json::Error,
}

impl Unreadable {
    /// The same under the key of its row or item, instead of what the document itself says that it is.
    pub(crate) fn at(self, key: impl Into<String>) -> Self {
        Self { key: key.into(), ..self }
    }
}

impl From<Unreadable> for StoreError {
    fn from(error: Unreadable) -> Self {
        Self::corrupt(error)
    }
}

/// The document of a value.
///
/// # Errors
/// [`StoreError::Corrupt`] for a value that JSON cannot express, such as a year above 9999.
pub(crate) fn encode<T: Stored>(value: &T) -> Result<String, StoreError> {
    write(&T::Document::from(value))
}

/// The value of a document.
///
/// # Errors
/// [`Unreadable`], also for a version that this code does not know.
pub(crate) fn decode<T: Stored>(document: &str) -> Result<T, Unreadable> {
    read::<T::Document>(T::KIND, document).map(Into::into)
}

/// JSON of a document.
///
/// # Errors
/// As [`encode`].
pub(crate) fn write(document: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(StoreError::corrupt)
}

/// A document from its JSON.
///
/// # Errors
/// As [`decode`].
pub(crate) fn read<D: DeserializeOwned>(kind: &'static str, json: &str) -> Result<D, Unreadable> {
    serde_json::from_str(json).map_err(|source| Unreadable { kind, key: identity(json), source })
}

/// What a document says that it is: not every query reads the key next to it.
fn identity(json: &str) -> String {
    #[derive(Deserialize)]
    struct Named {
        id: Option<String>,
        handle: Option<String>,
        token_digest: Option<String>,
    }
    let named: Option<Named> = serde_json::from_str(json).ok();
    let id = named.and_then(|named| named.id.or(named.handle).or(named.token_digest));
    id.unwrap_or_else(|| "without a readable id".to_owned())
}

/// The version of a document: what this code writes, and the newest that it reads. The first field of every document, so
/// that a newer document is refused for its version before a field that has changed is met.
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
            Err(D::Error::custom(format!("version {version} is not one that this release knows (1 to {NEWEST})")))
        }
    }
}
