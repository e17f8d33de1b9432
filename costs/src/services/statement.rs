//! A statement: the lines of one service and the named totals that they and their quantities add to.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Context, ServiceError, product};
use crate::line::{Known, Line};
use crate::price_book::{Confidence, ItemKey, Price, PriceError, Provenance};
use crate::tiers;

/// What a service charges.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statement {
    /// One line per price and tier.
    pub lines: Vec<Line>,
    /// USD and quantities by name.
    pub totals: BTreeMap<String, Decimal>,
    /// What to know about it.
    pub notes: Vec<String>,
}

impl Statement {
    /// Sum of the lines, USD.
    pub fn total(&self) -> Decimal {
        crate::line::total(&self.lines)
    }

    /// USD of the lines with this key.
    pub fn amount(&self, key: &str) -> Decimal {
        crate::line::total(self.lines.iter().filter(|line| line.key == key))
    }

    /// Names an intermediate quantity.
    pub fn quantity(&mut self, name: &str, quantity: Decimal) {
        self.totals.insert(name.to_owned(), quantity);
    }

    /// Something to know.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Charges `quantity` at the price of `price`, tier by tier: one line and one total `<key>_1`, `<key>_2` per tier, and `key`
    /// for all. A quantity of zero that has no price costs nothing and gives no line.
    ///
    /// # Errors
    /// When the price is missing, or the quantity beyond its tiers.
    pub fn charge<'k>(
        &mut self,
        key: &str,
        name: &str,
        price: impl Into<ItemKey<'k>>,
        quantity: Decimal,
        known: Known,
        context: &Context<'_>,
    ) -> Result<Decimal, ServiceError> {
        let price_key = price.into();
        let price = context.prices.get(price_key)?;
        let region = context.prices.region();
        let used = context.account.map_or(Decimal::ZERO, |account| account.advance(region, price_key, quantity));
        let slices = tiers::split_from(used, quantity, &price.tiers).map_err(|problem| PriceError::Unpriced {
            service: price_key.service.to_owned(),
            item: price_key.item.to_owned(),
            region: context.prices.region().to_owned(),
            unit: price_key.unit.to_owned(),
            problem,
        })?;
        let nobody = Provenance { date: String::new(), source: String::new(), confidence: Confidence::Unverified };
        let mut total = Decimal::ZERO;
        for slice in slices {
            let amount = product(&[slice.quantity, slice.price])?;
            self.lines.push(Line {
                service: price_key.service.to_owned(),
                key: key.to_owned(),
                name: tier_name(name, &price, slice.tier),
                quantity: slice.quantity,
                unit: price.unit.clone(),
                unit_price: slice.price,
                amount,
                price: price.provenance(slice.tier).unwrap_or(&nobody).clone(),
                known,
            });
            if price.tiers.len() > 1 {
                *self.totals.entry(format!("{key}_{}", slice.tier + 1)).or_default() += amount;
            }
            total += amount;
        }
        *self.totals.entry(key.to_owned()).or_default() += total;
        Ok(total)
    }

    /// Copies the tier totals of `key` to `tier_1`, `tier_2`: the service's main price.
    pub fn name_tiers(&mut self, key: &str) {
        let of_key = |name: &str| name.strip_prefix(key).and_then(|rest| rest.strip_prefix('_')).map(str::to_owned);
        let tiers: Vec<_> = self.totals.iter().filter_map(|(name, amount)| Some((of_key(name)?, *amount))).collect();
        for (tier, amount) in tiers.into_iter().filter(|(tier, _)| tier.parse::<u32>().is_ok()) {
            self.totals.insert(format!("tier_{tier}"), amount);
        }
    }

    /// An amount that the request states, USD.
    pub fn declared(&mut self, service: &str, key: &str, name: &str, amount: Decimal) {
        self.lines.push(Line {
            service: service.to_owned(),
            key: key.to_owned(),
            name: name.to_owned(),
            quantity: Decimal::ONE,
            unit: "stated amount".to_owned(),
            unit_price: amount,
            amount,
            price: Provenance {
                date: String::new(),
                source: "amount of the request".to_owned(),
                confidence: Confidence::Given,
            },
            known: Known::Declared,
        });
        *self.totals.entry(key.to_owned()).or_default() += amount;
    }
}

/// `Duration`, or `Duration, first 6000000000` / `next` / `over` of a tiered price.
fn tier_name(name: &str, price: &Price, tier: usize) -> String {
    let Some(step) = price.tiers.get(tier).filter(|_| price.tiers.len() > 1) else { return name.to_owned() };
    let (from, to) = (step.from.normalize(), step.to.map(|to| to.normalize()));
    match to {
        Some(to) if step.from.is_zero() => format!("{name}, first {to}"),
        Some(to) => format!("{name}, next {}", (to - from).normalize()),
        None => format!("{name}, over {from}"),
    }
}
