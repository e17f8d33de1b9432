//! Counts of failed attempts, such as wrong passwords.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;

/// Whose failed attempts are counted together: a digest, so that a store holds neither addresses of clients nor which
/// accounts are tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey(String);

impl AttemptKey {
    /// The key of a digest: at most 64 visible ASCII characters.
    pub const fn from_digest(digest: String) -> Self {
        Self(digest)
    }

    /// The digest.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The failed attempts of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedAttempts {
    /// How many; at least one.
    pub failures: u32,
    /// When the last one was.
    pub last_at: OffsetDateTime,
}

/// Counts of failed attempts.
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// The counts of these keys, each in its place, unless a count has expired: from its `expires_at` on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_failed_attempts(
        &self,
        keys: &[AttemptKey],
        now: OffsetDateTime,
    ) -> Result<Vec<Option<FailedAttempts>>, StoreError>;

    /// Adds a failed attempt at `now` to the count of each of these different keys, and lets the count expire at `expires_at`.
    /// A count that has expired begins anew. Of any number of callers none is lost.
    ///
    /// # Errors
    /// [`StoreError`]; then some of the keys may have been counted.
    async fn count_failed_attempt(
        &self,
        keys: &[AttemptKey],
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError>;
}
