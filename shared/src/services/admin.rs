//! The operator's use cases.

use super::LocalShop;
use crate::domain::{CartOwner, Handle, Inventory, Product, RuleError, StockChange, StockLevel};
use crate::shop::{Caller, CorrectStock, ShopError, ShopResult, VariantStock};

impl LocalShop {
    pub(super) async fn product_stock_impl(&self, caller: &Caller, handle: &Handle) -> ShopResult<Vec<VariantStock>> {
        self.require_operator(caller).await?;
        let found = self.store.find_products(std::slice::from_ref(handle)).await?.pop();
        let product = found.ok_or_else(|| ShopError::NotFound { what: "product".to_owned() })?;
        let mut levels = self.stock_levels_of(&product).await?;
        let stock = product.variants.iter().map(|variant| VariantStock {
            title: variant.title(),
            level: match variant.inventory {
                Inventory::Tracked => {
                    Some(levels.remove(&variant.sku).unwrap_or_else(|| StockLevel::initial(variant.sku.clone(), 0)))
                }
                Inventory::Untracked => None,
            },
            sku: variant.sku.clone(),
        });
        Ok(stock.collect())
    }

    pub(super) async fn correct_stock_impl(
        &self,
        caller: &Caller,
        command: CorrectStock,
        client_key: Option<&str>,
    ) -> ShopResult<StockLevel> {
        let operator = self.require_operator(caller).await?;
        if let StockChange::SetAvailable(units) = command.change
            && units > StockLevel::MAX_UNITS
        {
            return Err(too_many());
        }
        let found = self.store.find_products_by_sku(std::slice::from_ref(&command.sku)).await?.pop();
        let product: Product = found.ok_or_else(|| ShopError::NotFound { what: "article".to_owned() })?;
        let tracked = product.variant(&command.sku).is_some_and(|variant| variant.inventory == Inventory::Tracked);
        if !tracked {
            return Err(RuleError::invalid("sku", "is not counted").into());
        }
        if let StockChange::Adjust(units) = command.change {
            let level = self.stock_levels_of(&product).await?.remove(&command.sku);
            let after = i64::from(level.map_or(0, |level| level.available)) + i64::from(units);
            if after > i64::from(StockLevel::MAX_UNITS) {
                return Err(too_many());
            }
        }
        let change = async { Ok(self.store.correct_stock(&command.sku, command.change).await?) };
        let owner = CartOwner::customer(&operator);
        let level = self.idempotently(owner, "stock-corrections", client_key, &command, change).await?;
        self.cache.forget_product(&product.handle).await;
        Ok(level)
    }
}

fn too_many() -> ShopError {
    RuleError::invalid("units", format!("must leave at most {} available", StockLevel::MAX_UNITS)).into()
}
