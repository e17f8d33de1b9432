//! The price book: dated unit prices with their source and how far they are to be trusted. The built-in rows are
//! `costs/data/prices.csv`; AWS price lists replace rows of it ([`import`]). A price that is not there is an error, never zero.

pub mod import;
mod lookup;

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::{Arc, LazyLock};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use lookup::{GivenPrice, GivenTier, Key, Prices};

use crate::tiers::Tier;

/// The rows that come with the program.
#[expect(clippy::expect_used, reason = "tests read the file that is compiled in")]
static BUILT_IN: LazyLock<PriceBook> = LazyLock::new(|| {
    PriceBook::from_csv(&include_bytes!("../../data/prices.csv")[..]).expect("the built-in price file")
});

/// Columns of the price file.
const COLUMNS: [&str; 12] = [
    "service",
    "region",
    "item",
    "unit",
    "price_usd",
    "tier_from",
    "tier_to",
    "value",
    "date",
    "confidence",
    "source",
    "note",
];

/// How far a price is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Given with the request.
    Given,
    /// Quoted from a price list, with its date.
    High,
    /// Quoted by somebody who quotes a price list, or old.
    Medium,
    /// One source, or sources that disagree.
    Low,
    /// Computed from prices of other regions or items, as the source says.
    Derived,
    /// Nobody compared it with a price list.
    Unverified,
}

impl Confidence {
    /// The word in tables and in the price file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Derived => "derived",
            Self::Unverified => "unverified",
        }
    }
}

/// Where a price is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// Day, month or year the price was valid, ISO 8601; empty when nobody knows.
    pub date: String,
    /// Who says so.
    pub source: String,
    /// How far to trust it.
    pub confidence: Confidence,
}

/// One row of the price file: a price, one tier of a price, or a constant of a price rule (`value`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// `Lambda`, `RDS PostgreSQL`.
    pub service: String,
    /// AWS Region, `global`, or a price class of CloudFront: `edge-us`, `edge-eu`.
    pub region: String,
    /// What is sold: `duration arm64`.
    pub item: String,
    /// What one unit is: `GB-second`.
    pub unit: String,
    /// USD per unit; empty on rows that state a rule.
    #[serde(with = "crate::number::option")]
    pub price_usd: Option<Decimal>,
    /// First unit of the tier.
    #[serde(with = "crate::number::option")]
    pub tier_from: Option<Decimal>,
    /// End of the tier, exclusive.
    #[serde(with = "crate::number::option")]
    pub tier_to: Option<Decimal>,
    /// The number in a rule: an LCU divisor, a share.
    #[serde(with = "crate::number::option")]
    pub value: Option<Decimal>,
    /// ISO 8601 day, month or year.
    pub date: String,
    /// How far to trust it.
    pub confidence: Confidence,
    /// Who says so.
    pub source: String,
    /// What else to know.
    pub note: String,
}

impl Row {
    /// Where the price is from.
    pub fn provenance(&self) -> Provenance {
        Provenance { date: self.date.clone(), source: self.source.clone(), confidence: self.confidence }
    }
}

/// A price as it is used: its tiers, and where they are from.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// Sorted, from zero.
    pub tiers: Vec<Tier>,
    /// What one unit is.
    pub unit: String,
    /// Where each tier is from.
    pub provenances: Vec<Provenance>,
}

impl Price {
    /// Where a tier is from; of the first tier when there are fewer.
    pub fn provenance(&self, tier: usize) -> Option<&Provenance> {
        self.provenances.get(tier).or(self.provenances.first())
    }
}

/// Why there is no price.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PriceError {
    /// No row has it.
    #[error(
        "no price for {name} in {region} (per {unit}){hint}; give \"{name}\" in \"prices\", or import a price list"
    )]
    Missing {
        /// Service and item of the price book.
        name: String,
        /// The region asked for.
        region: String,
        /// What one unit would be.
        unit: String,
        /// Regions that have it.
        hint: String,
    },
    /// The tiers do not cover the quantity.
    #[error("{name} in {region} (per {unit}): {problem}")]
    Unpriced {
        /// Service and item of the price book.
        name: String,
        /// The region asked for.
        region: String,
        /// What one unit is.
        unit: String,
        /// What is not covered.
        problem: crate::tiers::Unpriced,
    },
    /// An override that is no price.
    #[error("price \"{name}\": {problem}")]
    Override {
        /// As given.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Why a price file cannot be read.
#[derive(Debug, Error)]
pub enum BookError {
    /// Not CSV, or not with these columns.
    #[error("the price file cannot be read")]
    Csv(#[from] csv::Error),
    /// Tiers that overlap, leave a gap, or do not begin at zero.
    #[error("{service} / {item} in {region}: {problem}")]
    Tiers {
        /// Service of the row.
        service: String,
        /// Item of the row.
        item: String,
        /// Region of the row.
        region: String,
        /// What is wrong.
        problem: String,
    },
}

/// All rows, and the prices that they make.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceBook {
    rows: Vec<Row>,
    prices: HashMap<String, Arc<Price>>,
}

/// Key of a price in the index.
fn index_key(service: &str, region: &str, item: &str) -> String {
    [service, region, item].join("\n")
}

impl PriceBook {
    /// The rows that come with the program.
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// Reads a price file.
    ///
    /// # Errors
    /// [`BookError`] for what is not a price file, and for tiers that overlap or leave a gap.
    pub fn from_csv(file: impl Read) -> Result<Self, BookError> {
        let rows = csv::Reader::from_reader(file).deserialize().collect::<Result<Vec<Row>, _>>()?;
        Self::of(rows)
    }

    fn of(rows: Vec<Row>) -> Result<Self, BookError> {
        let mut book = Self { rows, prices: HashMap::new() };
        book.check()?;
        let names: BTreeSet<_> = book.rows.iter().map(|row| (&*row.service, &*row.region, &*row.item)).collect();
        let price = |(service, region, item)| {
            Some((index_key(service, region, item), Arc::new(book.assemble(service, region, item)?)))
        };
        let prices = names.into_iter().filter_map(price).collect();
        book.prices = prices;
        Ok(book)
    }

    /// Writes the price file.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn to_csv(&self) -> Result<String, BookError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(COLUMNS)?;
        for row in &self.rows {
            let number = |number: Option<Decimal>| number.map(|n| n.normalize().to_string()).unwrap_or_default();
            let [price, from, to, value] = [row.price_usd, row.tier_from, row.tier_to, row.value].map(number);
            let names: [&str; 4] = [&row.service, &row.region, &row.item, &row.unit];
            let numbers: [&str; 4] = [&price, &from, &to, &value];
            let origin: [&str; 4] = [&row.date, row.confidence.word(), &row.source, &row.note];
            writer.write_record([names, numbers, origin].concat())?;
        }
        let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// All rows, in the order of the file.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Rows in which every word of `words` occurs somewhere.
    pub fn search<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| {
            let text = format!("{} {} {} {} {}", row.service, row.region, row.item, row.unit, row.note).to_lowercase();
            words.iter().all(|word| text.contains(&word.to_lowercase()))
        })
    }

    /// Regions that have this item.
    pub fn regions(&self, service: &str, item: &str) -> BTreeSet<&str> {
        self.rows.iter().filter(|row| row.service == service && row.item == item).map(|row| &*row.region).collect()
    }

    /// The price of an item in exactly this region.
    pub fn price(&self, service: &str, region: &str, item: &str) -> Option<Arc<Price>> {
        self.prices.get(&index_key(service, region, item)).cloned()
    }

    fn assemble(&self, service: &str, region: &str, item: &str) -> Option<Price> {
        let mut rows: Vec<_> = self.priced(service, region, item).collect();
        rows.sort_by_key(|row| row.tier_from);
        let unit = rows.first()?.unit.clone();
        let provenances = rows.iter().map(|row| row.provenance()).collect();
        let tier =
            |row: &&Row| Some(Tier { from: row.tier_from.unwrap_or_default(), to: row.tier_to, price: row.price_usd? });
        let tiers = rows.iter().filter_map(tier).collect();
        Some(Price { tiers, unit, provenances })
    }

    /// Puts `rows` in the place of those with the same service, region and item.
    ///
    /// # Errors
    /// [`BookError::Tiers`] when the new rows do not fit each other; the book is then unchanged.
    pub fn replace(&mut self, rows: Vec<Row>) -> Result<(), BookError> {
        let same =
            |old: &Row, new: &Row| old.service == new.service && old.region == new.region && old.item == new.item;
        let mut next = self.rows.clone();
        next.retain(|old| !rows.iter().any(|new| same(old, new)));
        next.extend(rows);
        *self = Self::of(next)?;
        Ok(())
    }

    fn priced<'a>(&'a self, service: &'a str, region: &'a str, item: &'a str) -> impl Iterator<Item = &'a Row> {
        let same = move |row: &&Row| row.service == service && row.region == region && row.item == item;
        self.rows.iter().filter(same).filter(|row| row.price_usd.is_some())
    }

    /// Tiers begin at zero and follow each other; a single price is one row.
    fn check(&self) -> Result<(), BookError> {
        let names: BTreeSet<_> = self.rows.iter().map(|row| (&*row.service, &*row.region, &*row.item)).collect();
        for (service, region, item) in names {
            let mut rows: Vec<_> = self.priced(service, region, item).collect();
            rows.sort_by_key(|row| row.tier_from);
            let mut end = Some(Decimal::ZERO);
            for row in rows {
                let negative = row.price_usd.is_some_and(|price| price < Decimal::ZERO);
                let follows = end == Some(row.tier_from.unwrap_or_default());
                let problem = match (negative, follows) {
                    (true, _) => "a price is negative",
                    (_, false) => "its tiers overlap or leave a gap",
                    (false, true) => "",
                };
                if !problem.is_empty() {
                    let (service, region, item) = (service.to_owned(), region.to_owned(), item.to_owned());
                    return Err(BookError::Tiers { service, region, item, problem: problem.to_owned() });
                }
                end = row.tier_to;
            }
        }
        Ok(())
    }
}
