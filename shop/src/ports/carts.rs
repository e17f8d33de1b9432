//! Carts.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{KeyAnswer, StoreError};
use crate::domain::{Cart, CartOwner};

/// Carts, one per owner. From its `expires_at` on, a cart counts as absent for every command, whether or not the store has removed
/// it. A command without `now` uses the time in the data it writes (`updated_at`, `placed_at`).
#[async_trait]
pub trait CartStore: Send + Sync {
    /// The owner's cart, unless it has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_cart(&self, owner: &CartOwner, now: OffsetDateTime) -> Result<Option<Cart>, StoreError>;

    /// Writes a cart that expires at `expires_at`. Its `version` must be one more than the stored version (1 if there is no cart, or
    /// an expired one).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the store has another version.
    async fn save_cart(&self, cart: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError>;

    /// Writes a cart like [`CartStore::save_cart`] and the outcome under the command's idempotency key, both or neither, so that a
    /// repeated command finds the outcome.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the store has another version of the cart, or the key is free or already has an outcome.
    async fn save_cart_under_key(
        &self,
        cart: &Cart,
        expires_at: OffsetDateTime,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError>;

    /// Writes `merged` like [`CartStore::save_cart`] and removes the cart `source`, both or neither.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when either cart was changed or removed or has expired since it was read.
    async fn merge_carts(&self, source: &Cart, merged: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError>;
}
