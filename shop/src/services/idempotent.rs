//! Commands under a client's idempotency key.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::LocalShop;
use crate::domain::{CartOwner, OrderId, hex};
use crate::ports::{Claim, Claimed, IdempotencyKey, IdempotencyRecord, KeyAnswer};
use crate::shop::{ShopError, ShopResult};

/// How long the first caller of a key is taken to be at work: twice the longest budget of a checkout.
const LEASE: Duration = Duration::seconds(30);

/// How long a key is kept.
const KEPT: Duration = Duration::days(30);

/// SHA-256 over the request as JSON: the same command in another spelling is the same request.
pub(super) fn request_hash(request: &impl Serialize) -> ShopResult<String> {
    let bytes = serde_json::to_vec(request).map_err(|error| ShopError::Internal(error.into()))?;
    Ok(hex(&Sha256::digest(bytes)))
}

/// A claim made now.
pub(super) fn claim(
    key: IdempotencyKey,
    request_hash: String,
    order_id: Option<OrderId>,
    now: OffsetDateTime,
) -> Claim {
    let record = IdempotencyRecord { request_hash, lease_until: now + LEASE, order_id, outcome: None };
    Claim { key, record, expires_at: now + KEPT }
}

/// What a record that someone else has written means for this request: the stored outcome, or `None` when its
/// writer is gone without one.
pub(super) fn judge(record: &IdempotencyRecord, request_hash: &str, now: OffsetDateTime) -> ShopResult<Option<String>> {
    if record.request_hash != request_hash {
        return Err(ShopError::IdempotencyKeyReused);
    }
    if record.outcome.is_none() && record.lease_until > now {
        let remaining = (record.lease_until - now).whole_seconds().clamp(1, 5);
        return Err(ShopError::IdempotencyKeyInUse { retry_after_seconds: u32::try_from(remaining).unwrap_or(1) });
    }
    Ok(record.outcome.clone())
}

impl LocalShop {
    /// Runs a command once per client key, or simply when there is no key. The command writes its answer under the key
    /// with its effect, in one step: whoever comes after a crash, however late, either finds the answer or no effect. A
    /// command that fails frees the key.
    pub(super) async fn idempotently<T, F>(
        &self,
        owner: CartOwner,
        route: &'static str,
        client_key: Option<&str>,
        request: &impl Serialize,
        run: impl FnOnce(Option<IdempotencyKey>) -> F,
    ) -> ShopResult<T>
    where
        T: DeserializeOwned,
        F: Future<Output = ShopResult<T>>,
    {
        let Some(client_key) = client_key else { return run(None).await };
        let key = IdempotencyKey::new(owner, route, client_key)?;
        let (hash, now) = (request_hash(request)?, self.clock.now());
        let claim = claim(key.clone(), hash.clone(), None, now);
        if let Claimed::Existing(record) = self.store.claim_idempotency_key(&claim, now).await?
            && let Some(outcome) = judge(&record, &hash, now)?
        {
            return replay(&outcome);
        }
        match run(Some(key.clone())).await {
            Ok(value) => Ok(value),
            Err(error) => {
                // The effect may have come about all the same: by this call, whose own answer got lost, or by another
                // that took over.
                let record = self.store.find_idempotency_record(&key, self.clock.now()).await?;
                if let Some(outcome) = record.and_then(|record| record.outcome) {
                    return replay(&outcome);
                }
                self.store.release_idempotency_key(&key).await?;
                Err(error)
            }
        }
    }
}

/// The answer that a command is kept with.
pub(super) fn answer(key: &IdempotencyKey, value: &impl Serialize) -> ShopResult<KeyAnswer> {
    let outcome = serde_json::to_string(value).map_err(|error| ShopError::Internal(error.into()))?;
    Ok(KeyAnswer { key: key.clone(), outcome })
}

/// The value that an answer holds.
pub(super) fn replay<T: DeserializeOwned>(outcome: &str) -> ShopResult<T> {
    serde_json::from_str(outcome).map_err(|error| ShopError::Internal(error.into()))
}
