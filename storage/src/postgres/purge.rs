//! Deletes expired rows, a batch of each table in one statement.

use async_trait::async_trait;
use shopease_shop::ports::{OutboxMessage, PURGE_ROWS, PurgeStore, Purged, StoreError};
use time::{OffsetDateTime, UtcOffset};

use super::{PostgresStore, retry, to_bigint};

/// Number of rows deleted from each table.
struct PurgedRow {
    idempotency_keys: i64,
    carts: i64,
    sessions: i64,
    attempts: i64,
    messages: i64,
}

impl TryFrom<PurgedRow> for Purged {
    type Error = StoreError;

    fn try_from(row: PurgedRow) -> Result<Self, StoreError> {
        let count = |rows: i64| u64::try_from(rows).map_err(StoreError::corrupt);
        Ok(Self {
            idempotency_keys: count(row.idempotency_keys)?,
            carts: count(row.carts)?,
            sessions: count(row.sessions)?,
            attempts: count(row.attempts)?,
            messages: count(row.messages)?,
        })
    }
}

#[async_trait]
impl PurgeStore for PostgresStore {
    async fn purge(&self, now: OffsetDateTime) -> Result<Purged, StoreError> {
        let (today, limit) = (now.to_offset(UtcOffset::UTC).date(), to_bigint(PURGE_ROWS)?);
        let delivered_until = now - OutboxMessage::KEPT;
        // Rows are found by idempotency_key_expiry, cart_expiry, session_expiry, failed_attempt_expiry and
        // outbox_delivered, then deleted by ctid, which is safe because they are locked. Rows locked by others are
        // skipped.
        let write = || {
            sqlx::query_as!(
                PurgedRow,
                r#"WITH keys AS (
                    DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY(
                        SELECT ctid FROM idempotency_key WHERE expires_at <= $1
                        ORDER BY expires_at LIMIT $4 FOR UPDATE SKIP LOCKED
                    )) RETURNING 1
                ), carts AS (
                    DELETE FROM cart WHERE ctid = ANY (ARRAY(
                        SELECT ctid FROM cart WHERE expires_on < $2
                        ORDER BY expires_on LIMIT $4 FOR UPDATE SKIP LOCKED
                    )) RETURNING 1
                ), sessions AS (
                    DELETE FROM session WHERE ctid = ANY (ARRAY(
                        SELECT ctid FROM session WHERE expires_at <= $1
                        ORDER BY expires_at LIMIT $4 FOR UPDATE SKIP LOCKED
                    )) RETURNING 1
                ), attempts AS (
                    DELETE FROM failed_attempt WHERE ctid = ANY (ARRAY(
                        SELECT ctid FROM failed_attempt WHERE expires_at <= $1
                        ORDER BY expires_at LIMIT $4 FOR UPDATE SKIP LOCKED
                    )) RETURNING 1
                ), messages AS (
                    DELETE FROM outbox WHERE ctid = ANY (ARRAY(
                        SELECT ctid FROM outbox WHERE delivered_at <= $3
                        ORDER BY delivered_at LIMIT $4 FOR UPDATE SKIP LOCKED
                    )) RETURNING 1
                )
                SELECT (SELECT count(*) FROM keys) AS "idempotency_keys!", (SELECT count(*) FROM carts) AS "carts!",
                    (SELECT count(*) FROM sessions) AS "sessions!", (SELECT count(*) FROM attempts) AS "attempts!",
                    (SELECT count(*) FROM messages) AS "messages!""#,
                now,
                today,
                delivered_until,
                limit
            )
            .fetch_one(&self.pool)
        };
        retry::repeatable(write).await?.try_into()
    }
}
