//! Errors of stores.

use crate::domain::{Sku, Subject};

/// The driver's error, for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Error of a store. Unless it is [`StoreError::Unavailable`], nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The aggregate has another version than the command expects. Load it again.
    #[error("changed by another writer")]
    Conflict,
    /// The subject to insert already exists.
    #[error("{subject} already exists")]
    AlreadyExists {
        /// What exists.
        subject: Subject,
    },
    /// Fewer units are available than requested.
    #[error("not enough of {sku} in stock")]
    OutOfStock {
        /// The first SKU without enough units, in SKU order.
        sku: Sku,
    },
    /// The store is throttling.
    #[error("store is throttling")]
    Throttled(#[source] Source),
    /// The store did not respond: the command may or may not have been executed.
    #[error("store is unavailable")]
    Unavailable(#[source] Source),
    /// A row cannot be decoded, or the engine rejected the statement: a bug or corrupt data.
    #[error("store content or statement is corrupt")]
    Corrupt(#[source] Source),
}

impl StoreError {
    /// Returns whether the same command may succeed if it is retried a moment later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Unavailable(_) => true,
            Self::Conflict | Self::AlreadyExists { .. } | Self::OutOfStock { .. } | Self::Corrupt(_) => false,
        }
    }

    /// A row or item that cannot be decoded.
    pub fn corrupt(source: impl Into<Source>) -> Self {
        Self::Corrupt(source.into())
    }
}
