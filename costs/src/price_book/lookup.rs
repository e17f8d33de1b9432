//! Which price a service gets: one given with the request, else the book's for the region, else the book's global one.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail, ensure};
use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Confidence, Price, PriceBook, Provenance};
use crate::services::Quantity;
use crate::tiers::Tier;

/// Most that a price may be, USD per unit: larger numbers are mistakes and would not fit the arithmetic.
const MOST: Decimal = dec!(1_000_000);

/// Where the price book has a price.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    pub service: &'static str,
    pub item: &'a str,
    pub unit: &'static str,
}

impl<'a> Key<'a> {
    pub const fn new(service: &'static str, item: &'a str, unit: &'static str) -> Self {
        Self { service, item, unit }
    }

    /// Its name in requests: `Lambda / duration arm64`.
    pub fn name(self) -> String {
        format!("{} / {}", self.service, self.item)
    }
}

/// A price of a request: USD per unit, or tiers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a price is a number of USD, or a list of tiers {\"up_to\": units, \"usd\": price}")]
pub enum GivenPrice {
    /// USD per unit.
    Usd(Quantity),
    /// Tiers, each with the end of the units that it covers.
    Tiers(Vec<GivenTier>),
}

/// A tier of a price.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenTier {
    /// Units of the month at which it ends; the last tier may have no end.
    pub up_to: Option<Quantity>,
    /// USD per unit.
    pub usd: Quantity,
}

impl GivenPrice {
    /// The price under its name.
    pub(crate) fn price(&self, name: &str) -> anyhow::Result<Price> {
        let given = match self {
            Self::Usd(usd) => &[GivenTier { up_to: None, usd: *usd }][..],
            Self::Tiers(tiers) => tiers,
        };
        let mut tiers: Vec<Tier> = Vec::new();
        for tier in given {
            let from = tiers.last().map_or(Some(Decimal::ZERO), |last| last.to);
            let from = from.with_context(|| format!("price \"{name}\": a tier follows one without end"))?;
            let to = tier.up_to.map(|end| end.value);
            ensure!(to.is_none_or(|to| to > from), "price \"{name}\": a tier ends before it begins");
            ensure!(tier.usd.value <= MOST, "price \"{name}\": it is more than 1,000,000 USD");
            tiers.push(Tier { from, to, price: tier.usd.value });
        }
        ensure!(!tiers.is_empty(), "price \"{name}\": a list of tiers is empty");
        let source = format!("\"{name}\" of the request");
        let provenance = Provenance { date: String::new(), source, confidence: Confidence::Given };
        let provenances = vec![provenance; tiers.len()];
        Ok(Price { tiers, unit: String::new(), provenances })
    }
}

/// Prices for one region, with those that the request gives.
#[derive(Debug, Clone, Copy)]
pub struct Prices<'a> {
    book: &'a PriceBook,
    region: &'a str,
    fallback: Option<&'a str>,
    given: Option<&'a BTreeMap<String, Price>>,
}

impl<'a> Prices<'a> {
    /// Prices of the book alone.
    pub fn of(book: &'a PriceBook, region: &'a str) -> Self {
        Self { book, region, fallback: None, given: None }
    }

    /// Takes these prices, by the names of their keys, before those of the book.
    #[must_use]
    pub fn with_given(self, given: &'a BTreeMap<String, Price>) -> Self {
        Self { given: Some(given), ..self }
    }

    /// Takes the price of another region when the book has none for this; such a price is unverified.
    #[must_use]
    pub fn with_fallback(self, region: Option<&'a str>) -> Self {
        Self { fallback: region, ..self }
    }

    /// The same for another region, or price class of an edge.
    #[must_use]
    pub fn at<'b>(&self, region: &'b str) -> Prices<'b>
    where
        'a: 'b,
    {
        Prices { region, ..*self }
    }

    pub fn region(&self) -> &'a str {
        self.region
    }

    /// The price; one that nobody has is an error.
    pub(crate) fn get(&self, key: Key<'_>) -> anyhow::Result<Arc<Price>> {
        if let Some(given) = self.given.and_then(|given| given.get(&key.name())) {
            return Ok(Arc::new(Price { unit: key.unit.to_owned(), ..given.clone() }));
        }
        let of_region = |region| self.book.price(key.service, region, key.item);
        if let Some(price) = of_region(self.region).or_else(|| of_region("global")) {
            return Ok(price);
        }
        if let Some((region, price)) = self.fallback.and_then(|region| Some((region, of_region(region)?))) {
            let mut price = Price::clone(&price);
            for provenance in &mut price.provenances {
                provenance.source = format!("price of {region}, because {} has no price", self.region);
                provenance.confidence = Confidence::Unverified;
            }
            return Ok(Arc::new(price));
        }
        let (name, unit, region) = (key.name(), key.unit, self.region);
        let regions: Vec<&str> = self.book.regions(key.service, key.item).into_iter().collect();
        let only = if regions.is_empty() { String::new() } else { format!(", only in {}", regions.join(", ")) };
        bail!(
            "no price for {name} in {region} (per {unit}){only}; give \"{name}\" in \"prices\", or import a price list"
        );
    }

    /// The units that the free tier gives: the end of the first tier of the allowance.
    pub(crate) fn allowance(&self, key: Key<'_>) -> anyhow::Result<Decimal> {
        let end = self.get(key)?.tiers.first().and_then(|tier| tier.to);
        end.ok_or_else(|| anyhow!("price \"{}\": an allowance is a list of one tier with an end", key.name()))
    }
}
