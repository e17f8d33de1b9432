//! The operator's use cases.

use super::LocalShop;
use super::idempotent::answer;
use crate::domain::{CartOwner, Handle, Inventory, Product, RuleError, StockChange, StockLevel};
use crate::ports::{IdempotencyKey, StoreError};
use crate::shop::{Caller, CorrectStock, ShopError, ShopResult, VariantStock};

/// How often a correction that met an order is tried again on what is there now.
const MAX_TRIES: usize = 8;

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
        let owner = CartOwner::customer(&operator);
        let correct = |key: Option<IdempotencyKey>| {
            let command = &command;
            async move { self.replace_level(command, key.as_ref()).await }
        };
        let level = self.idempotently(owner, "stock-corrections", client_key, &command, correct).await?;
        self.cache.forget_product(&product.handle).await;
        Ok(level)
    }

    /// Corrects a level; under a key, the answer is written with it.
    async fn replace_level(&self, command: &CorrectStock, key: Option<&IdempotencyKey>) -> ShopResult<StockLevel> {
        for _ in 0..MAX_TRIES {
            let seen = self.store.find_stock_levels(std::slice::from_ref(&command.sku)).await?.pop();
            let next = corrected(seen.as_ref(), command)?;
            let Some(key) = key else { return Ok(self.store.correct_stock(&command.sku, command.change).await?) };
            let answer = answer(key, &next)?;
            match self.store.replace_stock_level_under_key(seen.as_ref(), &next, &answer).await {
                Ok(()) => return Ok(next),
                // An order was faster, or the key has an answer by now: the caller finds that.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ShopError::Conflict)
    }
}

/// The level after a correction.
fn corrected(seen: Option<&StockLevel>, command: &CorrectStock) -> ShopResult<StockLevel> {
    let seen = seen.cloned().unwrap_or_else(|| StockLevel::initial(command.sku.clone(), 0));
    let available = match command.change {
        StockChange::SetAvailable(units) => i64::from(units),
        StockChange::Adjust(units) => i64::from(seen.available) + i64::from(units),
    };
    if available > i64::from(StockLevel::MAX_UNITS) {
        return Err(too_many());
    }
    let short = || ShopError::OutOfStock { sku: command.sku.clone() };
    let available = u32::try_from(available).map_err(|_| short())?;
    let received = i64::from(seen.received) - i64::from(seen.available) + i64::from(available);
    Ok(StockLevel { available, received: u32::try_from(received).map_err(|_| too_many())?, ..seen })
}

fn too_many() -> ShopError {
    RuleError::invalid("units", format!("must leave at most {} available", StockLevel::MAX_UNITS)).into()
}
