//! Stock levels of tracked variants.

use async_trait::async_trait;

use super::StoreError;
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
}
