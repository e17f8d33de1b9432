//! Stock: initial levels, levels overwritten by the file, and units that move with a variant to its new SKU.

use std::collections::{HashMap, HashSet};

use super::retry::with_retries;
use super::write::Writer;
use super::{ImportedProduct, StockTarget};
use shopease_shop::domain::{Inventory, Sku, StockChange};
use shopease_shop::ports::StoreError;

/// SKUs in one read of the store; the port's limit.
const CHUNK: usize = 100;
/// Attempts to move the units of a SKU that is being sold at the same time.
const TRIES: u32 = 5;

impl Writer<'_> {
    /// Sets the initial level of SKUs without one, and overwrites the others if requested.
    pub(super) async fn write_stock(&mut self, targets: &[StockTarget]) -> Result<(), StoreError> {
        let levels = self.levels(targets.iter().map(|target| target.sku.clone()).collect()).await?;
        let first: Vec<(Sku, u32)> = targets
            .iter()
            .filter(|target| !levels.contains_key(&target.sku))
            .map(|target| (target.sku.clone(), target.units))
            .collect();
        let store = self.store();
        if !self.options.dry_run && !first.is_empty() {
            with_retries(|| store.initialize_stock(&first)).await?;
        }
        self.report.stock_initialized += first.len();
        for target in targets.iter().filter(|target| self.options.set_stock && target.is_given) {
            let differs = levels.get(&target.sku).is_some_and(|available| *available != target.units);
            if differs {
                if !self.options.dry_run {
                    with_retries(|| store.correct_stock(&target.sku, StockChange::SetAvailable(target.units))).await?;
                }
                self.report.stock_corrected += 1;
            }
        }
        Ok(())
    }

    /// Moves the units of renamed SKUs, before the product is updated: a crash in between can lose units but never
    /// sells one twice.
    pub(super) async fn move_stock(&mut self, imported: &ImportedProduct) -> Result<(), StoreError> {
        let product = &imported.product;
        for (old, new, line) in &imported.renamed {
            let is_counted = product.variant(new).is_some_and(|variant| variant.inventory == Inventory::Tracked);
            let is_sold_still = product.variant(old).is_some() || self.file.skus.line_of(old).is_some();
            let what = match (is_counted, is_sold_still) {
                (false, _) => String::new(),
                (true, true) => format!("; {old} now belongs to another variant, so each keeps its own stock"),
                (true, false) => match self.move_units(old, new).await? {
                    Some(units) => format!("; its {units} available units moved with it"),
                    None => "; its stock was not tracked before, so tracking starts now".to_owned(),
                },
            };
            self.issues.note(*line, Some(&product.handle), format!("SKU {old} was renamed to {new}{what}"));
        }
        Ok(())
    }

    /// Moves the available units of one SKU to another. `None` if the first has no level.
    async fn move_units(&mut self, old: &Sku, new: &Sku) -> Result<Option<u32>, StoreError> {
        let Some(units) = self.take_units(old).await? else { return Ok(None) };
        self.report.stock_moved += 1;
        let store = self.store();
        if self.options.dry_run {
            let existing = self.levels(HashSet::from([new.clone()])).await?.get(new).copied().unwrap_or(0);
            self.moved.extend([(new.clone(), existing + units), (old.clone(), 0)]);
            return Ok(Some(units));
        }
        let first = [(new.clone(), units)];
        if with_retries(|| store.initialize_stock(&first)).await?.is_empty() {
            // Not retried: a second attempt after a lost response would sell every unit twice.
            store.correct_stock(new, StockChange::Adjust(change(units))).await?;
        }
        Ok(Some(units))
    }

    async fn take_units(&self, sku: &Sku) -> Result<Option<u32>, StoreError> {
        let store = self.store();
        for _ in 0..TRIES {
            let level = self.levels(HashSet::from([sku.clone()])).await?.get(sku).copied();
            let Some(units) = level else { return Ok(None) };
            if self.options.dry_run || units == 0 {
                return Ok(Some(units));
            }
            match with_retries(|| store.correct_stock(sku, StockChange::Adjust(-change(units)))).await {
                Ok(_) => return Ok(Some(units)),
                // Some were sold since they were counted.
                Err(StoreError::OutOfStock { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Throttled("a SKU is being sold faster than its units can be moved".into()))
    }

    /// Available units of the SKUs that have a level.
    pub(super) async fn levels(&self, skus: HashSet<Sku>) -> Result<HashMap<Sku, u32>, StoreError> {
        let store = self.store();
        let skus: Vec<Sku> = skus.into_iter().collect();
        let mut levels = HashMap::with_capacity(skus.len());
        for chunk in skus.chunks(CHUNK) {
            let found = with_retries(|| store.find_stock_levels(chunk)).await?;
            levels.extend(found.into_iter().map(|level| (level.sku, level.available)));
        }
        let moved = skus.iter().filter_map(|sku| Some((sku.clone(), *self.moved.get(sku)?)));
        levels.extend(moved);
        Ok(levels)
    }
}

/// The units as a signed change. No level exceeds `i32`.
fn change(units: u32) -> i32 {
    i32::try_from(units).unwrap_or(i32::MAX)
}
