//! Idempotency keys: what a client sends along so that trying again does not do it again.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::{CartOwner, Field, Format, OrderId, RuleError};

/// A client's key within its owner and route: the same text from someone else, or for something else, is another key.
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

    /// Whether a client may use this text as its key.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] unless it is 1..=255 visible ASCII characters.
    pub fn check(client_key: &str) -> Result<(), RuleError> {
        let valid =
            (1..=Self::MAX_CHARS).contains(&client_key.len()) && client_key.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(()) } else { Err(RuleError::malformed(Field::IdempotencyKey, Format::IdempotencyKey)) }
    }

    /// The store key: unambiguous, since owner and route never contain `|`.
    pub fn store_key(&self) -> String {
        format!("{}|{}|{}", self.owner.key(), self.route, self.client_key)
    }
}

/// What the store keeps under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// SHA-256 (hex) of the request, to tell a retry from a misuse.
    pub request_hash: String,
    /// Until then the first caller is taken to be at work.
    pub lease_until: OffsetDateTime,
    /// The order that was placed under the key, for checkouts.
    pub order_id: Option<OrderId>,
    /// What came of the command ([`Outcome::as_str`]), once it is done. The answer itself is made anew from what the store
    /// holds, so no release has to read another's answers.
    pub outcome: Option<String>,
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// An order was placed, and is paid or no longer waits for its payment.
    Placed,
    /// The card was declined, and the order is cancelled.
    Declined,
}

impl Outcome {
    /// The name that stores keep.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Placed => "placed",
            Self::Declined => "declined",
        }
    }
}

/// What came of a command, to be written under its key together with its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAnswer {
    /// The key, which the command has claimed.
    pub key: IdempotencyKey,
    /// What came of it.
    pub outcome: String,
}

/// Taking a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The key.
    pub key: IdempotencyKey,
    /// The record to write if the key is free; `outcome` is `None`.
    pub record: IdempotencyRecord,
    /// The key is free again from this time on.
    pub expires_at: OffsetDateTime,
}

/// What claiming a key gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The key was free: the caller goes on.
    New,
    /// Someone had it; nothing was changed.
    Existing(IdempotencyRecord),
}

/// Idempotency keys of commands that are not orders. (Orders claim their key in [`super::OrderStore::place_order`].) The
/// answer is written with the command's effect, by the port that has the effect.
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

    /// Takes a key if it is free. Of any number of callers at once exactly one gets [`Claimed::New`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn claim_idempotency_key(&self, claim: &Claim, now: OffsetDateTime) -> Result<Claimed, StoreError>;

    /// Frees a key whose command failed without effect, so that the client may try again. A key with an answer stays.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release_idempotency_key(&self, key: &IdempotencyKey) -> Result<(), StoreError>;
}
