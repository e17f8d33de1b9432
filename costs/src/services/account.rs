//! What an account has used in a month: tiers and allowances are those of the account, so the second function of a bill begins in
//! the tier in which the first one ended.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::price_book::ItemKey;

/// Units that the parts of a bill have used so far.
#[derive(Debug, Default)]
pub struct Account(RefCell<BTreeMap<String, Decimal>>);

impl Account {
    /// Adds `quantity` of an item in a region, or at the edges of one; answers how much of it was used before.
    pub fn advance(&self, region: &str, key: ItemKey<'_>, quantity: Decimal) -> Decimal {
        let mut used = self.0.borrow_mut();
        let used = used.entry(format!("{region} / {} / {} / {}", key.service, key.item, key.name)).or_default();
        let before = *used;
        *used += quantity;
        before
    }
}
