//! Stock levels of tracked variants.

use async_trait::async_trait;

use super::{KeyAnswer, StoreError};
use crate::domain::{Sku, StockChange, StockLevel};

/// Stock levels. Orders change them through [`super::OrderStore`] only.
#[async_trait]
pub trait StockStore: Send + Sync {
    /// The levels of these SKUs that exist, in any order. At most 100 SKUs.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_stock_levels(&self, skus: &[Sku]) -> Result<Vec<StockLevel>, StoreError>;

    /// Inserts each level whose SKU has none yet (as `StockLevel::initial`); leaves the others as they are. Returns
    /// the SKUs inserted. Any number of pairs.
    ///
    /// # Errors
    /// [`StoreError`]; some pairs may have been inserted.
    async fn initialize_stock(&self, levels: &[(Sku, u32)]) -> Result<Vec<Sku>, StoreError>;

    /// Corrects what is available of a SKU (0 if it has no level yet) and `received` by the same number, atomically
    /// with orders that run meanwhile. Returns the new level.
    ///
    /// # Errors
    /// [`StoreError::OutOfStock`] when fewer than 0 would be available; nothing is changed then.
    async fn correct_stock(&self, sku: &Sku, change: StockChange) -> Result<StockLevel, StoreError>;

    /// Moves everything that is available of one SKU, and as many units of its `received`, to another SKU, which gets a
    /// level if it has none: both or neither, atomically with orders that run meanwhile. Returns the units, `None` when the
    /// first SKU has no level. Repeating the call moves what has become available since, so nothing is counted twice.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn move_available(&self, from: &Sku, to: &Sku) -> Result<Option<u32>, StoreError>;

    /// Writes a level in place of the one that was seen (`None`: there was none), of which it differs in `available`
    /// and `received` only, and the answer under the key that the command runs under, both or neither.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the level is another by now, or the key is free or has an answer.
    async fn replace_stock_level_under_key(
        &self,
        seen: Option<&StockLevel>,
        next: &StockLevel,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError>;
}
