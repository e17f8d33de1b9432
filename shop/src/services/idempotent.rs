//! Commands under a client's idempotency key.

use std::fmt::Display;

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::LocalShop;
use crate::domain::{CartOwner, OrderId, hex};
use crate::ports::{Claim, Claimed, IdempotencyKey, IdempotencyRecord, KeyAnswer, Outcome};
use crate::{ShopError, ShopResult};

/// How long the first caller of a key is taken to be at work: twice the longest budget of a checkout.
const LEASE: Duration = Duration::seconds(30);

/// How long a key is kept.
const KEPT: Duration = Duration::days(30);

/// What makes two requests the same: the names and values of their fields, not their spelling. A field that a later release
/// adds is optional and leaves no trace while it is absent, so that both releases agree on today's requests.
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Of a request without fields.
    pub fn new() -> Self {
        Self(Sha256::new())
    }

    /// Adds a field.
    pub fn field(mut self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        // Lengths first, so that no two lists of fields read alike.
        self.0.update(format!("{}:{name}{}:{value}", name.len(), value.len()));
        self
    }

    /// Adds a field that the request may lack.
    pub fn optional(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// SHA-256 in hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
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

/// What a record that someone else has written means for this request: whether its command is done. If not, its writer has
/// stopped, and this request takes over.
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
    /// Runs a command once per client key, or simply when there is no key. The command writes under the key that it is done,
    /// together with its effect, in one step: whoever comes after a crash, however late, either finds the outcome or no
    /// effect. A repeated request is answered by `again`. A command that fails frees the key.
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
                // The effect may have come about all the same: by this call, whose own answer got lost, or by another
                // that took over.
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

/// The outcome that a command leaves under its key.
pub(super) fn answer(key: &IdempotencyKey, outcome: Outcome) -> KeyAnswer {
    KeyAnswer { key: key.clone(), outcome: outcome.as_str().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn fields_are_told_apart_and_an_absent_one_leaves_no_trace() {
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
