//! Removing what is over: rows that no read finds any more.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;

/// How many rows a purge has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Idempotency keys that have run out.
    pub idempotency_keys: u64,
    /// Carts that have expired, up to a day late.
    pub carts: u64,
    /// Sessions that have ended.
    pub sessions: u64,
    /// Counts of failed attempts that have expired.
    pub attempts: u64,
    /// Messages that were delivered [`OutboxMessage::KEPT`](super::OutboxMessage::KEPT) ago.
    pub messages: u64,
}

impl Purged {
    /// All rows.
    pub fn rows(self) -> u64 {
        self.idempotency_keys + self.carts + self.sessions + self.attempts + self.messages
    }

    /// Whether any kind of row was removed as often as one purge may: then there may be more.
    pub fn may_be_more(self) -> bool {
        [self.idempotency_keys, self.carts, self.sessions, self.attempts, self.messages].contains(&PURGE_ROWS)
    }
}

/// Most rows of a kind that one purge removes, so that it locks few rows, and those not for long.
pub const PURGE_ROWS: u64 = 500;

/// Removes what is over.
#[async_trait]
pub trait PurgeStore: Send + Sync {
    /// Removes what is over at `now`, at most [`PURGE_ROWS`] of each kind. No read and no write tells whether it ran: what
    /// has expired counts as absent before. It waits for nobody; what somebody else is writing is left for the next time.
    /// A store whose engine removes expired rows by itself does nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&self, now: OffsetDateTime) -> Result<Purged, StoreError>;
}
