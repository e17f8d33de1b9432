//! Records of idempotency keys: one item per key. The outcome is an attribute, so that the first one can be kept.

use async_trait::async_trait;
use shopease_process::retry::TryError;
use shopease_shop::ports::{
    Claim, Claimed, IdempotencyKey, IdempotencyRecord, IdempotencyStore, KeyAnswer, StoreError,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::actions::Action;
use super::items::{EXPIRES_MS, Item, NewItem, bad, find_text, is_live, millis, number, parse_text, read_text, text};
use super::retry::CLASHES;
use super::writes::WriteError;
use super::{DynamoDbStore, keys};

/// Identifies the writer of a record: a caller whose first response was lost must recognize its own write.
const CLAIMED_BY: &str = "claimed_by";

/// The item of a record.
pub(super) struct RecordRow(pub Item);

impl TryFrom<RecordRow> for IdempotencyRecord {
    type Error = StoreError;

    fn try_from(RecordRow(item): RecordRow) -> Result<Self, StoreError> {
        let lease_until = OffsetDateTime::parse(read_text(&item, "lease_until")?, &Rfc3339);
        let has_order = item.contains_key("order_id");
        Ok(Self {
            request_hash: read_text(&item, "request_hash")?.to_owned(),
            lease_until: lease_until.map_err(|_| bad(&item, "lease_until"))?,
            order_id: has_order.then(|| parse_text(&item, "order_id")).transpose()?,
            outcome: find_text(&item, "outcome").map(str::to_owned),
        })
    }
}

impl RecordRow {
    /// The result of a claim in the name of `me` that found this record.
    pub fn found_by(self, me: &str) -> Result<Claimed, StoreError> {
        if find_text(&self.0, CLAIMED_BY) == Some(me) {
            Ok(Claimed::New)
        } else {
            self.try_into().map(Claimed::Existing)
        }
    }
}

/// The key is taken, but its record could not be read.
pub(super) fn unread_record() -> StoreError {
    StoreError::Throttled("the record of a key could not be read".into())
}

/// Claims a key that is free at `now`, in the name of `claimed_by`.
pub(super) fn take(claim: &Claim, now: OffsetDateTime, claimed_by: &str) -> Result<Action, StoreError> {
    let record = &claim.record;
    let lease_until = record.lease_until.format(&Rfc3339).map_err(StoreError::corrupt)?;
    let mut item = NewItem::new(&keys::idempotency(&claim.key))
        .text("request_hash", &record.request_hash)
        .text("lease_until", lease_until)
        .text(CLAIMED_BY, claimed_by)
        .expires(claim.expires_at);
    if let Some(order_id) = &record.order_id {
        item = item.text("order_id", order_id.as_str());
    }
    if let Some(outcome) = &record.outcome {
        item = item.text("outcome", outcome);
    }
    Ok(Action::put(item.build())
        .only_if(format!("attribute_not_exists(pk) OR {EXPIRES_MS} <= :now"))
        .value(":now", number(millis(now))))
}

/// Sets the outcome of a claimed key, unless it has one.
pub(super) fn complete(answer: &KeyAnswer) -> Action {
    Action::update(&keys::idempotency(&answer.key), "SET outcome = if_not_exists(outcome, :outcome)")
        .only_if("attribute_exists(pk)")
        .value(":outcome", text(&answer.outcome))
}

/// Sets the outcome of a claimed key that must not have one.
pub(super) fn set_outcome(answer: &KeyAnswer) -> Action {
    Action::update(&keys::idempotency(&answer.key), "SET outcome = :outcome")
        .only_if("attribute_exists(pk) AND attribute_not_exists(outcome)")
        .value(":outcome", text(&answer.outcome))
}

#[async_trait]
impl IdempotencyStore for DynamoDbStore {
    async fn find_idempotency_record(
        &self,
        key: &IdempotencyKey,
        now: OffsetDateTime,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let Some(item) = self.get(&keys::idempotency(key)).await? else { return Ok(None) };
        if is_live(&item, now)? { RecordRow(item).try_into().map(Some) } else { Ok(None) }
    }

    async fn claim_idempotency_key(&self, claim: &Claim, now: OffsetDateTime) -> Result<Claimed, StoreError> {
        let me = self.ids.ulid().to_string();
        let claim_once = async || {
            let found = match self.write(take(claim, now, &me)?).await {
                Ok(()) => return Ok(Claimed::New),
                Err(WriteError::Failed(error)) => return Err(error.into()),
                Err(WriteError::Conditions(found)) => found.into_values().flatten().next(),
            };
            match found {
                Some(item) => Ok(RecordRow(item).found_by(&me)?),
                // Some engines do not return the existing item: the next attempt finds it, or the key is free by then.
                None => Err(TryError::Transient(unread_record())),
            }
        };
        CLASHES.run(&*self.ids, claim_once).await
    }

    async fn release_idempotency_key(&self, key: &IdempotencyKey) -> Result<(), StoreError> {
        let unanswered = Action::delete(&keys::idempotency(key)).only_if("attribute_not_exists(outcome)");
        match self.write(unanswered).await {
            // A key with an outcome has taken effect, and is kept.
            Ok(()) | Err(WriteError::Conditions(_)) => Ok(()),
            Err(WriteError::Failed(error)) => Err(error),
        }
    }
}
