//! Counters of failed attempts.

use std::collections::HashMap;

use async_trait::async_trait;
use shopease_shop::ports::{AttemptKey, AttemptStore, FailedAttempts, StoreError};
use time::OffsetDateTime;

use super::{PostgresStore, retry};

#[async_trait]
impl AttemptStore for PostgresStore {
    async fn find_failed_attempts(
        &self,
        keys: &[AttemptKey],
        now: OffsetDateTime,
    ) -> Result<Vec<Option<FailedAttempts>>, StoreError> {
        let texts = texts(keys);
        // failed_attempt_pkey.
        let read = || {
            sqlx::query!(
                "SELECT key, failures, last_at FROM failed_attempt WHERE key = ANY ($1) AND expires_at > $2",
                &texts,
                now
            )
            .fetch_all(&self.pool)
        };
        let mut found = HashMap::new();
        for row in retry::repeatable(read).await? {
            let failures = u32::try_from(row.failures).map_err(StoreError::corrupt)?;
            found.insert(row.key, FailedAttempts { failures, last_at: row.last_at });
        }
        Ok(keys.iter().map(|key| found.get(key.as_str()).copied()).collect())
    }

    async fn count_failed_attempt(
        &self,
        keys: &[AttemptKey],
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        // Rows are locked in a fixed order, so that two callers cannot deadlock.
        let mut counted = texts(keys);
        counted.sort_unstable();
        let write = || {
            sqlx::query!(
                "INSERT INTO failed_attempt AS kept (key, failures, last_at, expires_at)
                SELECT key, 1, $2, $3 FROM unnest($1::text[]) AS counted (key)
                ON CONFLICT (key) DO UPDATE SET
                    failures = CASE WHEN kept.expires_at <= $2 THEN 1 ELSE least(kept.failures, 1000000) + 1 END,
                    last_at = excluded.last_at,
                    expires_at = excluded.expires_at",
                &counted,
                now,
                expires_at
            )
            .execute(&self.pool)
        };
        retry::once(write).await.map(drop)
    }
}

fn texts(keys: &[AttemptKey]) -> Vec<String> {
    keys.iter().map(|key| key.as_str().to_owned()).collect()
}
