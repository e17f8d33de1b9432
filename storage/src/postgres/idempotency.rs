//! Idempotency keys.

use async_trait::async_trait;
use shopease_shop::ports::{Claim, Claimed, IdempotencyKey, IdempotencyRecord, IdempotencyStore, StoreError};
use sqlx::types::Json;
use time::OffsetDateTime;

use super::arguments::ClaimKey;
use super::{PostgresStore, retry};

/// A row of the key table.
pub(super) struct KeyRow {
    pub request_hash: String,
    pub lease_until: OffsetDateTime,
    pub order_id: Option<String>,
    pub outcome: Option<String>,
}

impl TryFrom<KeyRow> for IdempotencyRecord {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let order_id = row.order_id.map(|id| id.parse()).transpose().map_err(StoreError::corrupt)?;
        Ok(Self { request_hash: row.request_hash, lease_until: row.lease_until, order_id, outcome: row.outcome })
    }
}

/// No row means that the key was free.
pub(super) fn claimed(row: Option<KeyRow>) -> Result<Claimed, StoreError> {
    row.map_or(Ok(Claimed::New), |row| row.try_into().map(Claimed::Existing))
}

#[async_trait]
impl IdempotencyStore for PostgresStore {
    async fn find_idempotency_record(
        &self,
        key: &IdempotencyKey,
        now: OffsetDateTime,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let read = || {
            sqlx::query_as!(
                KeyRow,
                "SELECT request_hash, lease_until, order_id, outcome FROM idempotency_key
                WHERE key = $1 AND expires_at > $2",
                key.store_key(),
                now
            )
            .fetch_optional(&self.pool)
        };
        retry::repeatable(read).await?.map(IdempotencyRecord::try_from).transpose()
    }

    async fn claim_idempotency_key(&self, claim: &Claim, now: OffsetDateTime) -> Result<Claimed, StoreError> {
        let argument = ClaimKey::new(claim, now);
        let write = || {
            sqlx::query_as!(
                KeyRow,
                r#"SELECT request_hash AS "request_hash!", lease_until AS "lease_until!", order_id, outcome
                FROM claim_idempotency_key($1)"#,
                Json(&argument) as _
            )
            .fetch_optional(&self.pool)
        };
        claimed(retry::once(write).await?)
    }

    async fn release_idempotency_key(&self, key: &IdempotencyKey) -> Result<(), StoreError> {
        // A key with an outcome has taken effect, and is kept.
        let write = || {
            sqlx::query!("DELETE FROM idempotency_key WHERE key = $1 AND outcome IS NULL", key.store_key())
                .execute(&self.pool)
        };
        retry::repeatable(write).await.map(|_| ())
    }
}
