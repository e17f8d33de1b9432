//! How stores fail.

use crate::domain::{Sku, Subject};

/// The driver's own error, kept for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A store did not do what it was asked to. Unless it is [`StoreError::Unavailable`], nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The aggregate has another version than the command expects: load it again.
    #[error("changed by someone else meanwhile")]
    Conflict,
    /// What should be inserted is there already.
    #[error("{subject} exists already")]
    AlreadyExists {
        /// What exists.
        subject: Subject,
    },
    /// Fewer units are available than asked for.
    #[error("not enough of {sku} in stock")]
    OutOfStock {
        /// The first SKU, by rising SKU, that is short.
        sku: Sku,
    },
    /// The store asks for less load.
    #[error("store is throttling")]
    Throttled(#[source] Source),
    /// The store did not answer: the command may or may not have been carried out.
    #[error("store is unavailable")]
    Unavailable(#[source] Source),
    /// A row cannot be read as what it should be, or the engine refused the statement: a defect.
    #[error("store content or statement is corrupt")]
    Corrupt(#[source] Source),
}

impl StoreError {
    /// Whether the same command may succeed a moment later without anybody doing anything.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Unavailable(_) => true,
            Self::Conflict | Self::AlreadyExists { .. } | Self::OutOfStock { .. } | Self::Corrupt(_) => false,
        }
    }

    /// A row or item that does not read.
    pub fn corrupt(source: impl Into<Source>) -> Self {
        Self::Corrupt(source.into())
    }
}
