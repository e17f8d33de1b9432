//! Idempotency keys, with which clients can safely repeat a request.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::{CartOwner, Field, Format, OrderId, RuleError};

/// A client's key, scoped to its owner and route: the same text of another owner or for another route is a different key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    owner: CartOwner,
    route: &'static str,
    client_key: String,
}

impl IdempotencyKey {
    /// Longest client key in characters.
    pub const MAX_CHARS: usize = 255;

    /// A key for `route` (a stable name such as `checkout`).
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] unless the client's key is 1..=255 visible ASCII characters.
    pub fn new(owner: CartOwner, route: &'static str, client_key: &str) -> Result<Self, RuleError> {
        Self::check(client_key)?;
        Ok(Self { owner, route, client_key: client_key.to_owned() })
    }

    /// Checks that a client may use this text as a key.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] unless it is 1..=255 visible ASCII characters.
    pub fn check(client_key: &str) -> Result<(), RuleError> {
        let valid =
            (1..=Self::MAX_CHARS).contains(&client_key.len()) && client_key.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(()) } else { Err(RuleError::malformed(Field::IdempotencyKey, Format::IdempotencyKey)) }
    }

    /// The store key: unambiguous, because owner and route never contain `|`.
    pub fn store_key(&self) -> String {
        format!("{}|{}|{}", self.owner.key(), self.route, self.client_key)
    }
}

/// The record stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// SHA-256 of the request in hexadecimal, to distinguish a retry from another request with the same key.
    pub request_hash: String,
    /// Until then, the first request is assumed to be in progress.
    pub lease_until: OffsetDateTime,
    /// The order that was placed with the key, for checkouts.
    pub order_id: Option<OrderId>,
    /// Outcome of the command ([`Outcome::as_str`]), once it is done. The response itself is rebuilt from the stored data, so that no
    /// release has to read responses of another release.
    pub outcome: Option<String>,
}

/// Outcome of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The command was executed.
    Done,
    /// An order was placed, and its payment is no longer pending.
    Placed,
    /// The card was declined, and the order is canceled.
    Declined,
}

impl Outcome {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Placed => "placed",
            Self::Declined => "declined",
        }
    }
}

/// The outcome of a command, to be written under its key together with the command's effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAnswer {
    /// The key, which the command has claimed.
    pub key: IdempotencyKey,
    /// The outcome.
    pub outcome: String,
}

/// Claims a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The key.
    pub key: IdempotencyKey,
    /// The record to write if the key is free; `outcome` stays `None`.
    pub record: IdempotencyRecord,
    /// The key is free again from then on.
    pub expires_at: OffsetDateTime,
}

/// The result of claiming a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The key was free. The caller executes the command.
    New,
    /// The key was taken; nothing was changed.
    Existing(IdempotencyRecord),
}

/// Idempotency keys of commands other than placing orders, which claim their key in [`super::OrderStore::place_order`]. The outcome
/// is written together with the command's effect, by the port that writes the effect.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// The record under a key, unless it has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_idempotency_record(
        &self,
        key: &IdempotencyKey,
        now: OffsetDateTime,
    ) -> Result<Option<IdempotencyRecord>, StoreError>;

    /// Claims a key if it is free. Of any number of concurrent callers, exactly one gets [`Claimed::New`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim_idempotency_key(&self, claim: &Claim, now: OffsetDateTime) -> Result<Claimed, StoreError>;

    /// Frees a key whose command failed without effect, so that the client can try again. A key with an outcome is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release_idempotency_key(&self, key: &IdempotencyKey) -> Result<(), StoreError>;
}
