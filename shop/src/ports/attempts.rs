//! Counts of failed attempts, such as wrong passwords.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;

/// Key of a count of failed attempts: a digest, so that the store reveals neither client addresses nor the accounts under attack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey(String);

impl AttemptKey {
    /// The key with a digest of at most 64 visible ASCII characters.
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
    /// Number of failures, at least one.
    pub failures: u32,
    /// Time of the last failure.
    pub last_at: OffsetDateTime,
}

/// Counts of failed attempts.
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// The counts of these keys in the same order; `None` for counts that do not exist or have expired. A count expires at its
    /// `expires_at`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_failed_attempts(
        &self,
        keys: &[AttemptKey],
        now: OffsetDateTime,
    ) -> Result<Vec<Option<FailedAttempts>>, StoreError>;

    /// Adds a failed attempt at `now` to the counts of these distinct keys, and sets their expiry to `expires_at`. An expired count
    /// restarts. No attempt of any number of concurrent callers is lost.
    ///
    /// # Errors
    /// [`StoreError`]; some of the keys may have been counted.
    async fn count_failed_attempt(
        &self,
        keys: &[AttemptKey],
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError>;
}
