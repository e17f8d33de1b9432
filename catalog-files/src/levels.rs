//! Stock: first levels, levels set to the file's, and units that move with a variant to another SKU.

use std::collections::{HashMap, HashSet};

use super::retry::with_retries;
use super::write::Writer;
use super::{ImportedProduct, StockTarget};
use shopease_shop::domain::{Inventory, Sku, StockChange};
use shopease_shop::ports::StoreError;

/// SKUs in one read of the store; the port takes no more.
const CHUNK: usize = 100;
/// Tries to take the units of a SKU that is sold at the same time.
const TRIES: u32 = 5;

impl Writer<'_> {
    /// Gives the SKUs without a level their first one, and sets the others if that is wanted.
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
        for target in targets.iter().filter(|target| self.options.set_stock && target.is_told) {
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

    /// Moves the units of SKUs that are called otherwise now, before the product says so: a crash in between may lose
    /// units, but never sells one twice.
    pub(super) async fn carry_over(&mut self, imported: &ImportedProduct) -> Result<(), StoreError> {
        let product = &imported.product;
        for (old, new, line) in &imported.renamed {
            let is_counted = product.variant(new).is_some_and(|variant| variant.inventory == Inventory::Tracked);
            let is_sold_still = product.variant(old).is_some() || self.file.skus.line_of(old).is_some();
            let what = match (is_counted, is_sold_still) {
                (false, _) => String::new(),
                (true, true) => format!("; {old} is another variant's now, so each keeps its own count"),
                (true, false) => match self.move_units(old, new).await? {
                    Some(units) => format!("; its {units} available units moved with it"),
                    None => "; it was not counted before, so a count starts anew".to_owned(),
                },
            };
            self.issues.note(*line, Some(&product.handle), format!("SKU {old} is {new} from now on{what}"));
        }
        Ok(())
    }

    /// Takes what is available of one SKU and gives it to another. `None` when the first has no level.
    async fn move_units(&mut self, old: &Sku, new: &Sku) -> Result<Option<u32>, StoreError> {
        let Some(units) = self.take_units(old).await? else { return Ok(None) };
        self.report.stock_moved += 1;
        let store = self.store();
        if self.options.dry_run {
            let known = self.levels(HashSet::from([new.clone()])).await?.get(new).copied().unwrap_or(0);
            self.moved.extend([(new.clone(), known + units), (old.clone(), 0)]);
            return Ok(Some(units));
        }
        let first = [(new.clone(), units)];
        if with_retries(|| store.initialize_stock(&first)).await?.is_empty() {
            // Once: a second try after a lost answer would sell every unit twice.
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
        Err(StoreError::Throttled("a SKU is sold faster than its units can be moved".into()))
    }

    /// What is available of SKUs, of those that have a level.
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

/// So many units as a change. No level has more than `i32` holds.
fn change(units: u32) -> i32 {
    i32::try_from(units).unwrap_or(i32::MAX)
}
