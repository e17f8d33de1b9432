//! Carts.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{KeyAnswer, StoreError};
use crate::domain::{Cart, CartOwner};

/// Carts, one per owner. From its `expires_at` on a cart counts as none, for every command, whether or not the store
/// has removed it; a command that has no `now` goes by the time in what it writes (`updated_at`, `placed_at`).
#[async_trait]
pub trait CartStore: Send + Sync {
    /// The owner's cart, unless it has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_cart(&self, owner: &CartOwner, now: OffsetDateTime) -> Result<Option<Cart>, StoreError>;

    /// Writes a cart whose `version` is one more than what the store has (1: the store has none, or an expired one),
    /// kept until `expires_at`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the store has another version.
    async fn save_cart(&self, cart: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError>;

    /// Writes a cart as [`CartStore::save_cart`] does, and the answer under the key that the command runs under, both or
    /// neither: whoever runs it again finds the answer.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the store has another version of the cart, or the key is free or has an answer.
    async fn save_cart_under_key(
        &self,
        cart: &Cart,
        expires_at: OffsetDateTime,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError>;

    /// Writes `merged` as [`CartStore::save_cart`] does and removes the cart of `source`, both or neither.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when either cart has changed, expired or gone since it was read.
    async fn merge_carts(&self, source: &Cart, merged: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError>;
}
