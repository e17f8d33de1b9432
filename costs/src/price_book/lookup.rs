//! Which price a service gets: one given with the request, else the book's for the region, else the book's global one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::dec;
use serde_json::Value;

use super::{Confidence, Price, PriceBook, PriceError, Provenance};
use crate::number;
use crate::tiers::Tier;

/// Most that a price may be, USD per unit: larger numbers are mistakes and would not fit the arithmetic.
const MOST: Decimal = dec!(1_000_000);

/// Name of a price in requests, and where the price book has it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Name in requests.
    pub name: &'static str,
    /// Other names of the same price.
    pub also: &'static [&'static str],
    /// Service of the price book.
    pub service: &'static str,
    /// Item of the price book.
    pub item: &'static str,
    /// What one unit is.
    pub unit: &'static str,
}

impl Key {
    /// This price under another item of the book: an instance class, a storage class.
    pub fn of<'a>(&self, item: &'a str) -> ItemKey<'a> {
        ItemKey { name: self.name, also: self.also, service: self.service, item, unit: self.unit }
    }
}

/// A [`Key`] whose item is known only at run time.
#[derive(Debug, Clone, Copy)]
pub struct ItemKey<'a> {
    /// Name in requests.
    pub name: &'static str,
    /// Other names of the same price.
    pub also: &'static [&'static str],
    /// Service of the price book.
    pub service: &'static str,
    /// Item of the price book.
    pub item: &'a str,
    /// What one unit is.
    pub unit: &'static str,
}

impl From<&'static Key> for ItemKey<'static> {
    fn from(key: &'static Key) -> Self {
        key.of(key.item)
    }
}

/// How the tiers of a request are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TierBounds {
    /// `[300000000, p]` is the next 300 million units.
    #[default]
    Width,
    /// `[300000000, p]` is up to unit 300 million.
    Upper,
}

/// Prices for one region, with those that the request gives.
#[derive(Debug)]
pub struct Prices<'a> {
    book: &'a PriceBook,
    region: &'a str,
    fallback: Option<&'a str>,
    given: BTreeMap<String, Value>,
    bounds: TierBounds,
    used: Rc<RefCell<BTreeSet<String>>>,
}

/// Endings of a given name, and what turns its price into that of the name without it.
const PER: [(&str, Decimal); 5] = [
    ("_per_million", dec!(0.000_001)),
    ("_million", dec!(0.000_001)),
    ("_per_thousand", dec!(0.001)),
    ("_per_1000", dec!(0.001)),
    ("_per_10000", dec!(0.000_1)),
];

/// Endings that say the unit's time, in seconds.
const TIMES: [(&str, Decimal); 6] = [
    ("_ms", dec!(0.001)),
    ("_s", dec!(1)),
    ("_second", dec!(1)),
    ("_minute", dec!(60)),
    ("_hour", dec!(3600)),
    ("_day", dec!(86_400)),
];

/// Whether a given price `name` is one that `known` stands for, and the factor that turns it into that price.
fn factor(name: &str, known: &str) -> Option<Decimal> {
    if name == known {
        return Some(Decimal::ONE);
    }
    if let Some((_, factor)) = PER.iter().find(|(end, _)| name.strip_suffix(end) == Some(known)) {
        return Some(*factor);
    }
    let split = |name: &str| {
        TIMES.iter().find_map(|(end, seconds)| name.strip_suffix(end).map(|stem| (stem.to_owned(), *seconds)))
    };
    let ((stem, given), (known_stem, wanted)) = (split(name)?, split(known)?);
    (stem == known_stem).then(|| wanted / given)
}

fn is_exact(name: &str, key: &ItemKey<'_>) -> bool {
    names(key.name, key.also).any(|known| known == name)
}

/// Whether a given price `name` is `known`, perhaps per another time or per million.
pub fn names_same(name: &str, known: &str) -> bool {
    factor(name, known).is_some()
}

/// Whether `name` is a name of one of `keys`.
pub fn is_price_name(name: &str, keys: &[Key]) -> bool {
    keys.iter().any(|key| names(key.name, key.also).any(|known| factor(name, known).is_some()))
}

fn names(name: &'static str, also: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    std::iter::once(name).chain(also.iter().copied())
}

impl<'a> Prices<'a> {
    /// Prices of the book alone.
    pub fn of(book: &'a PriceBook, region: &'a str) -> Self {
        Self {
            book,
            region,
            fallback: None,
            given: BTreeMap::new(),
            bounds: TierBounds::default(),
            used: Rc::default(),
        }
    }

    /// Takes these prices before those of the book.
    #[must_use]
    pub fn with_given(mut self, given: BTreeMap<String, Value>, bounds: TierBounds) -> Self {
        (self.given, self.bounds) = (given, bounds);
        self
    }

    /// Takes the price of another region when the book has none for this; such a price is unverified.
    #[must_use]
    pub fn with_fallback(mut self, region: Option<&'a str>) -> Self {
        self.fallback = region;
        self
    }

    /// The same for another region, or price class of an edge.
    #[must_use]
    pub fn at(&self, region: &'a str) -> Self {
        Self { region, given: self.given.clone(), used: Rc::clone(&self.used), ..*self }
    }

    /// The region asked for.
    pub fn region(&self) -> &str {
        self.region
    }

    /// Given prices that nothing has asked for.
    pub fn unused(&self) -> Vec<&str> {
        self.given.keys().filter(|name| !self.used.borrow().contains(*name)).map(String::as_str).collect()
    }

    /// The price.
    ///
    /// # Errors
    /// [`PriceError::Missing`] with service, item, region and unit; [`PriceError::Override`] for a given price that is none.
    pub fn get<'k>(&self, key: impl Into<ItemKey<'k>>) -> Result<Arc<Price>, PriceError> {
        let key = key.into();
        if let Some(price) = self.given(&key)? {
            return Ok(Arc::new(price));
        }
        let of_region = |region| self.book.price(key.service, region, key.item);
        if let Some(price) = of_region(self.region).or_else(|| of_region("global")) {
            return Ok(price);
        }
        if let Some((region, price)) = self.fallback.and_then(|region| Some((region, of_region(region)?))) {
            let mut price = Price::clone(&price);
            for provenance in &mut price.provenances {
                provenance.source = format!("price of {region}, as there is none of {}", self.region);
                provenance.confidence = Confidence::Unverified;
            }
            return Ok(Arc::new(price));
        }
        Err(self.missing(&key))
    }

    /// A price given with the request, `None` when it gives none: for amounts that have no row in the book.
    ///
    /// # Errors
    /// [`PriceError::Override`] for a given price that is none.
    pub fn given(&self, key: &ItemKey<'_>) -> Result<Option<Price>, PriceError> {
        // A price under its own name goes before one that has to be converted.
        for exact in [true, false] {
            let of_key = |name: &&str| names(key.name, key.also).find_map(|known| factor(name, known));
            for (name, value) in self.given.iter().filter(|(name, _)| exact == is_exact(name, key)) {
                let Some(factor) = of_key(&name.as_str()) else { continue };
                self.used.borrow_mut().insert(name.clone());
                let tiers = self.tiers(name, value, factor, key)?;
                let provenance = Provenance {
                    date: String::new(),
                    source: format!("\"{name}\" of the request"),
                    confidence: Confidence::Given,
                };
                return Ok(Some(Price { tiers, unit: key.unit.to_owned(), provenances: vec![provenance] }));
            }
        }
        Ok(None)
    }

    /// The units that the free tier gives: a number of the request under the key's name, else the end of the book's free row.
    ///
    /// # Errors
    /// [`PriceError::Missing`] when nobody says how much is free.
    pub fn allowance(&self, key: &'static Key) -> Result<Decimal, PriceError> {
        let given = names(key.name, key.also).find_map(|name| self.given.get_key_value(name));
        if let Some((name, value)) = given {
            self.used.borrow_mut().insert(name.clone());
            return number::from_json(value).filter(|units| *units >= Decimal::ZERO).ok_or_else(|| {
                PriceError::Override { name: name.clone(), problem: format!("{value} is not a number of free units") }
            });
        }
        let of_region = |region| self.book.price(key.service, region, key.item);
        let free = of_region(self.region).or_else(|| of_region("global"));
        free.and_then(|free| free.tiers.first()?.to).ok_or_else(|| self.missing(&key.into()))
    }

    fn missing(&self, key: &ItemKey<'_>) -> PriceError {
        let regions = self.book.regions(key.service, key.item);
        let only = |regions: Vec<&str>| format!(", only in {}", regions.join(", "));
        let hint = if regions.is_empty() { String::new() } else { only(regions.into_iter().collect()) };
        PriceError::Missing {
            service: key.service.to_owned(),
            item: key.item.to_owned(),
            region: self.region.to_owned(),
            unit: key.unit.to_owned(),
            name: key.name.to_owned(),
            hint,
        }
    }

    /// `0.09`, `[[10240, 0.09], [null, 0.085]]`, `[{"up_to": 10240, "price": 0.09}, {"price": 0.085}]`, or prices alone,
    /// `[0.4, 0.2]`, for the tiers that the book knows.
    fn tiers(&self, name: &str, value: &Value, factor: Decimal, key: &ItemKey<'_>) -> Result<Vec<Tier>, PriceError> {
        let wrong = |problem: String| PriceError::Override { name: name.to_owned(), problem };
        let price = |value: &Value| {
            let price = number::from_json(value).ok_or_else(|| wrong(format!("{value} is not a number")))?;
            if price < Decimal::ZERO || price > MOST {
                return Err(wrong(format!("{price} is not between 0 and {MOST} USD")));
            }
            Ok(price * factor)
        };
        let Value::Array(steps) = value else {
            return Ok(vec![Tier { from: Decimal::ZERO, to: None, price: price(value)? }]);
        };
        if !steps.is_empty() && steps.iter().all(|step| number::from_json(step).is_some()) {
            return self.known_bounds(steps, key, &price).ok_or_else(|| {
                wrong("prices alone need tiers that the price book knows; write [[units, price], ...]".to_owned())
            })?;
        }
        let mut tiers: Vec<Tier> = Vec::new();
        for step in steps {
            let from = match tiers.last() {
                None => Decimal::ZERO,
                Some(last) => last.to.ok_or_else(|| wrong("a tier follows one without end".to_owned()))?,
            };
            let (bound, is_width, value) = step_of(step, self.bounds).ok_or_else(|| {
                wrong(format!("{step} is not [units, price], nor {{\"up_to\" or \"width\", \"price\"}}"))
            })?;
            let to = bound.map(|bound| if is_width { from + bound } else { bound });
            if to.is_some_and(|to| to <= from) {
                return Err(wrong(format!("the tier {step} ends before it begins")));
            }
            tiers.push(Tier { from, to, price: price(value)? });
        }
        if tiers.is_empty() {
            return Err(wrong("a list of tiers is empty".to_owned()));
        }
        Ok(tiers)
    }

    fn known_bounds(
        &self,
        prices: &[Value],
        key: &ItemKey<'_>,
        price: &impl Fn(&Value) -> Result<Decimal, PriceError>,
    ) -> Option<Result<Vec<Tier>, PriceError>> {
        let region = |region| self.book.price(key.service, region, key.item);
        let known = region(self.region).or_else(|| region("global")).or_else(|| region("us-east-1"))?;
        let tier = |(tier, value): (&Tier, &Value)| Ok(Tier { price: price(value)?, ..tier.clone() });
        (known.tiers.len() == prices.len()).then(|| known.tiers.iter().zip(prices).map(tier).collect())
    }
}

/// Bound (none for the last tier), whether it is a width, and the price.
fn step_of(step: &Value, bounds: TierBounds) -> Option<(Option<Decimal>, bool, &Value)> {
    let bound = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(None),
        Some(value) => number::from_json(value).filter(|units| *units > Decimal::ZERO && *units < dec!(1e18)).map(Some),
    };
    match step {
        Value::Array(pair) if pair.len() == 2 => {
            Some((bound(pair.first())?, bounds == TierBounds::Width, pair.get(1)?))
        }
        Value::Object(fields) => {
            let known = ["up_to", "to", "width", "price", "price_usd", "from"];
            if fields.keys().any(|name| !known.contains(&name.as_str())) {
                return None;
            }
            let price = fields.get("price").or_else(|| fields.get("price_usd"))?;
            match fields.get("width") {
                Some(width) => Some((bound(Some(width))?, true, price)),
                None => Some((bound(fields.get("up_to").or_else(|| fields.get("to")))?, false, price)),
            }
        }
        _ => None,
    }
}
