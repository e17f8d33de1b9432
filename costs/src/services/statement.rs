//! A statement: the lines of one service, and the quantities that explain them.

use std::collections::BTreeMap;

use anyhow::anyhow;
use rust_decimal::Decimal;

use super::{Context, Quantity, Service};
use crate::line::Line;
use crate::price_book::{Key, Price};
use crate::tiers;

/// What a service charges.
#[derive(Debug)]
pub struct Statement<'a> {
    pub context: &'a Context<'a>,
    /// One line per price and tier.
    pub lines: Vec<Line>,
    /// Quantities that lead to those of the lines.
    pub figures: BTreeMap<&'static str, Decimal>,
    /// What is left out, and what decides.
    pub notes: Vec<String>,
}

impl<'a> Statement<'a> {
    pub fn of(usage: &dyn Service, context: &'a Context<'a>) -> anyhow::Result<Self> {
        let mut statement = Self { context, lines: Vec::new(), figures: BTreeMap::new(), notes: Vec::new() };
        usage.bill(&mut statement)?;
        Ok(statement)
    }

    /// Charges a quantity at its price, one line per tier; nothing when there is no quantity. A quantity of zero has a line.
    pub fn charge(
        &mut self,
        key: &'static str,
        name: &str,
        price: Key<'_>,
        quantity: impl Into<Option<Quantity>>,
    ) -> anyhow::Result<()> {
        self.charge_in(self.context.prices.region(), key, name, price, quantity)
    }

    /// The same at a price of another region, or price class of an edge.
    pub fn charge_in(
        &mut self,
        region: &str,
        key: &'static str,
        name: &str,
        price_key: Key<'_>,
        quantity: impl Into<Option<Quantity>>,
    ) -> anyhow::Result<()> {
        let Some(Quantity { value, known }) = quantity.into() else { return Ok(()) };
        let price = self.context.prices.at(region).get(price_key)?;
        let used = self.context.account.advance(region, price_key, value);
        let slices = tiers::split(used, value, &price.tiers)
            .map_err(|problem| anyhow!("{} in {region} (per {}): {problem}", price_key.name(), price.unit))?;
        for slice in slices {
            self.lines.push(Line {
                service: price_key.service.to_owned(),
                key: key.to_owned(),
                name: tier_name(name, &price, slice.tier),
                quantity: slice.quantity,
                unit: price.unit.clone(),
                unit_price: slice.price,
                amount: Quantity::new(slice.quantity, known).times(slice.price)?.value,
                price: price.provenances[slice.tier].clone(),
                known,
            });
        }
        Ok(())
    }

    /// Charges what the free tier leaves of a quantity.
    pub fn charge_after(
        &mut self,
        allowance: Key<'_>,
        key: &'static str,
        name: &str,
        price: Key<'_>,
        quantity: impl Into<Option<Quantity>>,
    ) -> anyhow::Result<()> {
        let Some(quantity) = quantity.into() else { return Ok(()) };
        let billed = self.context.after_allowance(quantity, allowance)?;
        self.charge(key, name, price, billed)
    }

    pub fn figure(&mut self, name: &'static str, quantity: Quantity) {
        self.figures.insert(name, quantity.value);
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
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
