//! Stock: initial levels, levels overwritten by the file, and units that move with a variant to its new SKU.

use std::collections::{HashMap, HashSet};

use super::retry::with_retries;
use super::write::Writer;
use super::{ImportedProduct, StockTarget};
use shopease_shop::domain::{Inventory, Sku, StockChange};
use shopease_shop::ports::StoreError;

/// SKUs in one read of the store; the port's limit.
const CHUNK: usize = 100;

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

    /// Moves the units of renamed SKUs, before the product is updated: after a crash in between they are under the new
    /// SKU, where the next run finds them.
    pub(super) async fn move_stock(&mut self, imported: &ImportedProduct) -> Result<(), StoreError> {
        let product = &imported.product;
        for (old, new, line) in &imported.renamed {
            let is_counted = product.variant(new).is_some_and(|variant| variant.inventory == Inventory::Tracked);
            let is_sold_still = product.variant(old).is_some() || self.file.skus.line_of(old).is_some();
            let what = match (is_counted, is_sold_still) {
                (false, _) => String::new(),
                (true, true) => format!("; {old} now belongs to another variant, so each keeps its own stock"),
                (true, false) => match self.move_units(old, new).await? {
                    Some(units) => {
                        let stay = self.reserved_units(old).await?;
                        format!("; its {units} available units moved with it{}", stay_behind(stay, old, new))
                    }
                    None => "; its stock was not tracked before, so tracking starts now".to_owned(),
                },
            };
            self.issues.note(*line, Some(&product.handle), format!("SKU {old} was renamed to {new}{what}"));
        }
        Ok(())
    }

    /// Moves the available units of one SKU to another. `None` if the first has no level.
    async fn move_units(&mut self, old: &Sku, new: &Sku) -> Result<Option<u32>, StoreError> {
        let moved = if self.options.dry_run {
            let levels = self.levels(HashSet::from([old.clone(), new.clone()])).await?;
            let units = levels.get(old).copied();
            let existing = levels.get(new).copied().unwrap_or(0);
            self.moved.extend(units.iter().flat_map(|units| [(new.clone(), existing + units), (old.clone(), 0)]));
            units
        } else {
            let store = self.store();
            with_retries(|| store.move_available(old, new)).await?
        };
        self.report.stock_moved += usize::from(moved.is_some());
        Ok(moved)
    }

    /// Units of a SKU that unpaid orders have reserved.
    async fn reserved_units(&self, sku: &Sku) -> Result<u32, StoreError> {
        let store = self.store();
        let levels = with_retries(|| store.find_stock_levels(std::slice::from_ref(sku))).await?;
        Ok(levels.first().map_or(0, |level| level.reserved))
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

/// What an operator must know of units that belong to orders with the old SKU.
fn stay_behind(reserved: u32, old: &Sku, new: &Sku) -> String {
    if reserved == 0 {
        return String::new();
    }
    format!(
        "; {reserved} more are reserved by unpaid orders: if one of them is canceled, its units return to {old}; then move them to {new}"
    )
}
