//! What an account has used in a month: tiers and allowances are those of the account, so the second function of a bill begins in
//! the tier in which the first one ended.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::price_book::Key;

/// Units that the parts of a bill have used so far, by region, price and unit.
#[derive(Debug, Default)]
pub struct Account(RefCell<BTreeMap<(String, String, &'static str), Decimal>>);

impl Account {
    /// Adds `quantity` of an item in a region, or at the edges of one; returns how much of it was used before.
    pub fn advance(&self, region: &str, key: Key<'_>, quantity: Decimal) -> Decimal {
        let mut used = self.0.borrow_mut();
        let used = used.entry((region.to_owned(), key.name(), key.unit)).or_default();
        let before = *used;
        *used += quantity;
        before
    }

    /// Names of the prices and allowances that were used.
    pub fn prices(&self) -> Vec<String> {
        self.0.borrow().keys().map(|(_, name, _)| name.clone()).collect()
    }
}
