//! Stock levels.

use async_trait::async_trait;
use shopease_shop::domain::{Sku, StockChange, StockLevel};
use shopease_shop::ports::{KeyAnswer, StockStore, StoreError};
use sqlx::types::Json;

use super::arguments::ReplaceStockLevel;
use super::{PostgresStore, from_bigint, retry};

/// A row of the stock table.
pub(super) struct StockRow {
    pub sku: String,
    pub available: i64,
    pub reserved: i64,
    pub sold: i64,
    pub received: i64,
}

impl TryFrom<StockRow> for StockLevel {
    type Error = StoreError;

    fn try_from(row: StockRow) -> Result<Self, StoreError> {
        Ok(Self {
            sku: row.sku.parse().map_err(StoreError::corrupt)?,
            available: from_bigint(row.available)?,
            reserved: from_bigint(row.reserved)?,
            sold: from_bigint(row.sold)?,
            received: from_bigint(row.received)?,
        })
    }
}

#[async_trait]
impl StockStore for PostgresStore {
    async fn find_stock_levels(&self, skus: &[Sku]) -> Result<Vec<StockLevel>, StoreError> {
        let skus: Vec<_> = skus.iter().map(Sku::as_str).collect();
        let read = || {
            sqlx::query_as!(
                StockRow,
                "SELECT sku, available, reserved, sold, received FROM stock_level WHERE sku = ANY ($1)",
                &skus as &[&str]
            )
            .fetch_all(&self.pool)
        };
        retry::repeatable(read).await?.into_iter().map(StockLevel::try_from).collect()
    }

    async fn initialize_stock(&self, levels: &[(Sku, u32)]) -> Result<Vec<Sku>, StoreError> {
        /// Keeps each statement well below its time limit.
        const LEVELS_PER_STATEMENT: usize = 5000;
        let mut inserted = Vec::new();
        for chunk in levels.chunks(LEVELS_PER_STATEMENT) {
            let skus: Vec<_> = chunk.iter().map(|(sku, _)| sku.as_str()).collect();
            let units: Vec<_> = chunk.iter().map(|(_, units)| i64::from(*units)).collect();
            // In sorted order, so that two callers with the same SKUs wait for each other instead of deadlocking.
            let write = || {
                sqlx::query_scalar!(
                    r#"INSERT INTO stock_level (sku, available, reserved, sold, received)
                    SELECT sku, units, 0, 0, units FROM unnest($1::text[], $2::bigint[])
                    WITH ORDINALITY AS new (sku, units, number) ORDER BY sku COLLATE "C", number
                    ON CONFLICT (sku) DO NOTHING RETURNING sku"#,
                    &skus as &[&str],
                    &units
                )
                .fetch_all(&self.pool)
            };
            for sku in retry::once(write).await? {
                inserted.push(sku.parse().map_err(StoreError::corrupt)?);
            }
        }
        Ok(inserted)
    }

    async fn correct_stock(&self, sku: &Sku, change: StockChange) -> Result<StockLevel, StoreError> {
        let row = match change {
            StockChange::SetAvailable(units) => Some(self.set_available(sku, i64::from(units)).await?),
            StockChange::Adjust(units) if units >= 0 => Some(self.add_available(sku, i64::from(units)).await?),
            StockChange::Adjust(units) => self.take_available(sku, i64::from(units.unsigned_abs())).await?,
        };
        row.ok_or_else(|| StoreError::OutOfStock { sku: sku.clone() })?.try_into()
    }

    async fn move_available(&self, from: &Sku, to: &Sku) -> Result<Option<u32>, StoreError> {
        let write =
            || sqlx::query_scalar!("SELECT move_available($1, $2)", from.as_str(), to.as_str()).fetch_one(&self.pool);
        retry::once(write).await?.map(from_bigint).transpose()
    }

    async fn replace_stock_level_under_key(
        &self,
        seen: Option<&StockLevel>,
        next: &StockLevel,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError> {
        let argument = ReplaceStockLevel::new(seen, next, answer);
        let write = || sqlx::query!("SELECT replace_stock_level($1)", Json(&argument) as _).execute(&self.pool);
        retry::once(write).await.map(|_| ())
    }
}

impl PostgresStore {
    async fn set_available(&self, sku: &Sku, units: i64) -> Result<StockRow, StoreError> {
        let write = || {
            sqlx::query_as!(
                StockRow,
                "INSERT INTO stock_level AS l (sku, available, reserved, sold, received) VALUES ($1, $2, 0, 0, $2)
                ON CONFLICT (sku) DO UPDATE SET available = excluded.available,
                    received = l.received - l.available + excluded.available
                RETURNING sku, available, reserved, sold, received",
                sku.as_str(),
                units
            )
            .fetch_one(&self.pool)
        };
        retry::once(write).await
    }

    async fn add_available(&self, sku: &Sku, units: i64) -> Result<StockRow, StoreError> {
        let write = || {
            sqlx::query_as!(
                StockRow,
                "INSERT INTO stock_level AS l (sku, available, reserved, sold, received) VALUES ($1, $2, 0, 0, $2)
                ON CONFLICT (sku) DO UPDATE SET available = l.available + excluded.available,
                    received = l.received + excluded.received
                RETURNING sku, available, reserved, sold, received",
                sku.as_str(),
                units
            )
            .fetch_one(&self.pool)
        };
        retry::once(write).await
    }

    async fn take_available(&self, sku: &Sku, units: i64) -> Result<Option<StockRow>, StoreError> {
        let write = || {
            sqlx::query_as!(
                StockRow,
                "UPDATE stock_level SET available = available - $2, received = received - $2
                WHERE sku = $1 AND available >= $2
                RETURNING sku, available, reserved, sold, received",
                sku.as_str(),
                units
            )
            .fetch_optional(&self.pool)
        };
        retry::once(write).await
    }
}
