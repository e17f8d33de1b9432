//! Stock levels of tracked variants.

use async_trait::async_trait;

use super::{KeyAnswer, StoreError};
use crate::domain::{Sku, StockChange, StockLevel};

/// Stock levels. Orders change them only through [`super::OrderStore`].
#[async_trait]
pub trait StockStore: Send + Sync {
    /// The existing levels of these SKUs, in any order. At most 100 SKUs.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_stock_levels(&self, skus: &[Sku]) -> Result<Vec<StockLevel>, StoreError>;

    /// Inserts the levels of SKUs that have none (as `StockLevel::initial`) and leaves the others unchanged. Returns the inserted SKUs.
    /// Any number of levels.
    ///
    /// # Errors
    /// [`StoreError`]; some levels may have been inserted.
    async fn initialize_stock(&self, levels: &[(Sku, u32)]) -> Result<Vec<Sku>, StoreError>;

    /// Corrects the available units of a SKU (0 if it has no level yet), and `received` by the same number, atomically with respect to
    /// concurrent orders. Returns the new level.
    ///
    /// # Errors
    /// [`StoreError::OutOfStock`] when fewer than 0 units would be available. Then nothing is changed.
    async fn correct_stock(&self, sku: &Sku, change: StockChange) -> Result<StockLevel, StoreError>;

    /// Moves all available units of one SKU, and as many units of its `received`, to another SKU, whose level is created if
    /// needed: both or neither, atomically with concurrent orders. Returns the number of units, `None` if the first SKU has
    /// no level. Repeating the call moves the units that have become available since, so no unit is counted twice.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn move_available(&self, from: &Sku, to: &Sku) -> Result<Option<u32>, StoreError>;

    /// Replaces the level `seen` (`None` if there was none) by a level that differs only in `available` and `received`, and writes the
    /// outcome under the command's idempotency key, both or neither.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the level has changed, or the key is free or already has an outcome.
    async fn replace_stock_level_under_key(
        &self,
        seen: Option<&StockLevel>,
        next: &StockLevel,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError>;
}
