//! Commands under a client's idempotency key.

use std::fmt::Display;

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::LocalShop;
use crate::domain::{CartOwner, OrderId, hex};
use crate::ports::{Claim, Claimed, IdempotencyKey, IdempotencyRecord, KeyAnswer, Outcome};
use crate::{ShopError, ShopResult};

/// How long the first request with a key is assumed to be in progress: longer than the time limit of a checkout.
const LEASE: Duration = Duration::seconds(30);

/// How long a key is kept.
const KEPT: Duration = Duration::days(30);

/// Fingerprint by which a repeated request is recognized: the names and values of its fields, independent of their JSON form. Fields
/// added by later releases are optional and have no effect while absent, so that both releases agree on existing requests.
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// The fingerprint of a request without fields.
    pub fn new() -> Self {
        Self(Sha256::new())
    }

    /// Adds a field.
    pub fn field(mut self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        // With length prefixes, so that different lists of fields never have the same text.
        self.0.update(format!("{}:{name}{}:{value}", name.len(), value.len()));
        self
    }

    /// Adds an optional field.
    pub fn optional(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// SHA-256 in hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// A claim of a key at `now`.
pub(super) fn claim(
    key: IdempotencyKey,
    request_hash: String,
    order_id: Option<OrderId>,
    now: OffsetDateTime,
) -> Claim {
    let record = IdempotencyRecord { request_hash, lease_until: now + LEASE, order_id, outcome: None };
    Claim { key, record, expires_at: now + KEPT }
}

/// Returns whether the command of an existing record is done. If not, the first request has stopped, and this request takes over.
pub(super) fn is_done(record: &IdempotencyRecord, request_hash: &str, now: OffsetDateTime) -> ShopResult<bool> {
    if record.request_hash != request_hash {
        return Err(ShopError::IdempotencyKeyReused);
    }
    if record.outcome.is_none() && record.lease_until > now {
        let remaining = (record.lease_until - now).whole_seconds().clamp(1, 5);
        return Err(ShopError::IdempotencyKeyInUse { retry_after_seconds: u32::try_from(remaining).unwrap_or(1) });
    }
    Ok(record.outcome.is_some())
}

impl LocalShop {
    /// Runs a command once per client key, or unconditionally without a key. The command writes its outcome under the key together with
    /// its effect, so that after a crash there is either an outcome or no effect. `again` responds to a repeated request. A failed
    /// command frees the key.
    pub(super) async fn idempotently<T>(
        &self,
        owner: &CartOwner,
        route: &'static str,
        client_key: Option<&str>,
        request: Fingerprint,
        run: impl AsyncFnOnce(Option<&IdempotencyKey>) -> ShopResult<T>,
        again: impl AsyncFnOnce() -> ShopResult<T>,
    ) -> ShopResult<T> {
        let Some(client_key) = client_key else { return run(None).await };
        let key = IdempotencyKey::new(owner.clone(), route, client_key)?;
        let (hash, now) = (request.finish(), self.clock.now());
        let claim = claim(key.clone(), hash.clone(), None, now);
        if let Claimed::Existing(record) = self.store.claim_idempotency_key(&claim, now).await?
            && is_done(&record, &hash, now)?
        {
            return again().await;
        }
        match run(Some(&key)).await {
            Ok(value) => Ok(value),
            Err(error) => {
                // The effect may exist nevertheless: from this call, if its response was lost, or from another that took over.
                let record = self.store.find_idempotency_record(&key, self.clock.now()).await?;
                if record.is_some_and(|record| record.outcome.is_some()) {
                    return again().await;
                }
                self.store.release_idempotency_key(&key).await?;
                Err(error)
            }
        }
    }
}

/// The outcome to write under a key.
pub(super) fn key_answer(key: &IdempotencyKey, outcome: Outcome) -> KeyAnswer {
    KeyAnswer { key: key.clone(), outcome: outcome.as_str().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn fields_are_distinguished_and_absent_ones_have_no_effect() {
        let print = |fields: &[(&str, &str)]| {
            let fields = fields.iter().fold(Fingerprint::new(), |print, (name, value)| print.field(name, value));
            fields.finish()
        };
        let one = print(&[("sku", "A"), ("quantity", "12")]);
        for other in [
            &[("sku", "A"), ("quantity", "1")][..],
            &[("sku", "A"), ("quantity", "12"), ("note", "")],
            &[("quantity", "12"), ("sku", "A")],
            &[("sku", "A1:quantity2:12")],
        ] {
            assert_ne!(print(other), one, "{other:?}");
        }
        let absent = Fingerprint::new().field("sku", "A").optional("note", None::<&str>).field("quantity", 12);
        assert_eq!(absent.finish(), one);
    }
}
