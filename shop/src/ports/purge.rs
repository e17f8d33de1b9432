//! Deletes expired rows, which no query returns any more.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;

/// Numbers of rows that a purge has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Expired idempotency keys.
    pub idempotency_keys: u64,
    /// Expired carts, deleted up to a day late.
    pub carts: u64,
    /// Expired sessions.
    pub sessions: u64,
    /// Expired counts of failed attempts.
    pub attempts: u64,
    /// Messages delivered longer than [`OutboxMessage::KEPT`](super::OutboxMessage::KEPT) ago.
    pub messages: u64,
}

impl Purged {
    /// Total number of rows.
    pub fn rows(self) -> u64 {
        self.idempotency_keys + self.carts + self.sessions + self.attempts + self.messages
    }

    /// Returns whether any kind of row has reached the limit of one purge, so that there may be more.
    pub fn may_be_more(self) -> bool {
        [self.idempotency_keys, self.carts, self.sessions, self.attempts, self.messages].contains(&PURGE_ROWS)
    }
}

/// Maximum rows of each kind per purge, so that it locks few rows for a short time.
pub const PURGE_ROWS: u64 = 500;

/// Deletes expired rows.
#[async_trait]
pub trait PurgeStore: Send + Sync {
    /// Deletes rows that have expired at `now`, at most [`PURGE_ROWS`] of each kind. This has no visible effect, because expired rows
    /// already count as absent. It does not wait for locks; locked rows are left for the next purge. A store whose engine deletes
    /// expired rows itself does nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&self, now: OffsetDateTime) -> Result<Purged, StoreError>;
}
