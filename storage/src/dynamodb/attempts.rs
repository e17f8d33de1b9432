//! Counters of failed attempts: one item per key, which the table deletes after it has expired.

use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use shopease_shop::ports::{AttemptKey, AttemptStore, FailedAttempts, StoreError};
use time::OffsetDateTime;

use super::actions::Action;
use super::items::{EXPIRES_MS, Item, NewItem, TTL, bad, is_live, millis, number, read_number, read_text};
use super::keys::PARTITION;
use super::reads::Consistency;
use super::writes::WriteError;
use super::{DynamoDbStore, keys};

/// Attempts to add to or restart a counter. An attempt fails only if another caller restarted the counter, or if it
/// expired in between.
const MAX_TRIES: u32 = 4;

#[async_trait]
impl AttemptStore for DynamoDbStore {
    async fn find_failed_attempts(
        &self,
        keys: &[AttemptKey],
        now: OffsetDateTime,
    ) -> Result<Vec<Option<FailedAttempts>>, StoreError> {
        let items = self.get_many(keys.iter().map(keys::failed_attempts), Consistency::Strong).await?;
        let mut found = HashMap::new();
        for item in items {
            if is_live(&item, now)? {
                found.insert(read_text(&item, PARTITION)?.to_owned(), failed_attempts(&item)?);
            }
        }
        Ok(keys.iter().map(|key| found.get(&keys::failed_attempts(key).pk).copied()).collect())
    }

    async fn count_failed_attempt(
        &self,
        keys: &[AttemptKey],
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        try_join_all(keys.iter().map(|key| self.count_one(key, now, expires_at))).await.map(drop)
    }
}

impl DynamoDbStore {
    async fn count_one(
        &self,
        key: &AttemptKey,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        for attempt in 0..MAX_TRIES {
            let action = if attempt % 2 == 0 { increment(key, now, expires_at) } else { start(key, now, expires_at) };
            match self.write(action).await {
                Ok(()) => return Ok(()),
                Err(WriteError::Conditions(_)) => {}
                Err(WriteError::Failed(error)) => return Err(error),
            }
        }
        Err(StoreError::Throttled("a counter of failed attempts is changing too often".into()))
    }
}

/// Increments a counter that has not expired.
fn increment(key: &AttemptKey, now: OffsetDateTime, expires_at: OffsetDateTime) -> Action {
    let change = format!("SET failures = failures + :one, last_ms = :now, {TTL} = :ttl, {EXPIRES_MS} = :end");
    let end = millis(expires_at);
    Action::update(&keys::failed_attempts(key), change)
        .only_if(format!("{EXPIRES_MS} > :now"))
        .value(":one", number(1))
        .value(":now", number(millis(now)))
        .value(":ttl", number(end.div_euclid(1000) + 1))
        .value(":end", number(end))
}

/// Starts a new counter.
fn start(key: &AttemptKey, now: OffsetDateTime, expires_at: OffsetDateTime) -> Action {
    let item = NewItem::new(&keys::failed_attempts(key)).number("failures", 1).number("last_ms", millis(now));
    Action::put(item.expires(expires_at).build())
        .only_if(format!("attribute_not_exists(pk) OR {EXPIRES_MS} <= :now"))
        .value(":now", number(millis(now)))
}

fn failed_attempts(item: &Item) -> Result<FailedAttempts, StoreError> {
    let last_at = OffsetDateTime::from_unix_timestamp_nanos(read_number::<i128>(item, "last_ms")? * 1_000_000);
    Ok(FailedAttempts { failures: read_number(item, "failures")?, last_at: last_at.map_err(|_| bad(item, "last_ms"))? })
}
