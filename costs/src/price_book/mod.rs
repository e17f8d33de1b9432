//! The price book: dated unit prices with their source and how far they are to be trusted. The built-in rows are
//! `costs/data/prices.csv`; AWS price lists replace rows of it ([`import`]). A price that is not there is an error, never zero.

pub mod import;
mod lookup;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::sync::{Arc, LazyLock};

use anyhow::{Context as _, bail, ensure};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub(crate) use lookup::{GivenPrice, Key, Prices};

use crate::tiers::Tier;

/// The rows that come with the program.
#[expect(clippy::expect_used, reason = "tests read the file that is compiled in")]
static BUILT_IN: LazyLock<PriceBook> = LazyLock::new(|| {
    PriceBook::from_csv(&include_bytes!("../../data/prices.csv")[..]).expect("the built-in price file")
});

/// Columns of the price file.
const COLUMNS: &str = "service,region,item,unit,price_usd,tier_from,tier_to,value,date,confidence,source,note";

words! {
    /// How far a price is to be trusted.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    Confidence {
        /// Given with the request.
        Given = "given",
        /// Quoted from a price list, with its date.
        High = "high",
        /// Quoted by somebody who quotes a price list, or old.
        Medium = "medium",
        /// One source, or sources that disagree.
        Low = "low",
        /// Computed from prices of other regions or items, as the source says.
        Derived = "derived",
        /// Nobody compared it with a price list.
        Unverified = "unverified",
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
    pub price_usd: Option<Decimal>,
    /// First unit of the tier.
    pub tier_from: Option<Decimal>,
    /// End of the tier, exclusive.
    pub tier_to: Option<Decimal>,
    /// The number in a rule: an LCU divisor, a share.
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

/// All rows, and the prices that they make.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceBook {
    rows: Vec<Row>,
    prices: HashMap<String, Arc<Price>>,
}

impl PriceBook {
    /// The rows that come with the program.
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// Reads a price file.
    ///
    /// # Errors
    /// For what is not a price file, and for tiers that overlap or leave a gap.
    pub fn from_csv(file: impl Read) -> anyhow::Result<Self> {
        let mut reader = csv::Reader::from_reader(file);
        let columns = reader.headers().context("the price file cannot be read")?.iter().collect::<Vec<_>>().join(",");
        ensure!(columns == COLUMNS, "the columns of a price file are {COLUMNS}, not {columns}");
        let rows = reader.deserialize().collect::<Result<Vec<Row>, _>>();
        Self::of(rows.context("the price file cannot be read")?)
    }

    fn of(rows: Vec<Row>) -> anyhow::Result<Self> {
        let mut by_name: BTreeMap<[&str; 3], Vec<&Row>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.price_usd.is_some()) {
            by_name.entry([&row.service, &row.region, &row.item]).or_default().push(row);
        }
        let mut prices = HashMap::new();
        for (name @ [service, region, item], rows) in by_name {
            let price = assemble(rows).with_context(|| format!("{service} / {item} in {region}"))?;
            prices.insert(name.join("\n"), Arc::new(price));
        }
        Ok(Self { rows, prices })
    }

    /// Writes the price file.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn to_csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(COLUMNS.split(','))?;
        for row in &self.rows {
            let number = |number: Option<Decimal>| number.map(|n| n.normalize().to_string()).unwrap_or_default();
            let [price, from, to, value] = [row.price_usd, row.tier_from, row.tier_to, row.value].map(number);
            let names: [&str; 4] = [&row.service, &row.region, &row.item, &row.unit];
            let numbers: [&str; 4] = [&price, &from, &to, &value];
            let origin: [&str; 4] = [&row.date, row.confidence.word(), &row.source, &row.note];
            writer.write_record([names, numbers, origin].concat())?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
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
        self.prices.get(&[service, region, item].join("\n")).cloned()
    }

    /// Puts `rows` in the place of those with the same service, region and item.
    ///
    /// # Errors
    /// When the new rows do not fit each other; the book is then unchanged.
    pub fn replace(&mut self, rows: Vec<Row>) -> anyhow::Result<()> {
        let same =
            |old: &Row, new: &Row| old.service == new.service && old.region == new.region && old.item == new.item;
        let mut next = self.rows.clone();
        next.retain(|old| !rows.iter().any(|new| same(old, new)));
        next.extend(rows);
        *self = Self::of(next)?;
        Ok(())
    }
}

/// The price that some rows make: tiers begin at zero and follow each other, a single price is one row.
fn assemble(mut rows: Vec<&Row>) -> anyhow::Result<Price> {
    rows.sort_by_key(|row| row.tier_from);
    let mut tiers: Vec<Tier> = Vec::new();
    for row in &rows {
        let (from, price) = (row.tier_from.unwrap_or_default(), row.price_usd.unwrap_or_default());
        if price < Decimal::ZERO {
            bail!("a price is negative");
        }
        if tiers.last().map_or(Some(Decimal::ZERO), |last| last.to) != Some(from) {
            bail!("its tiers overlap or leave a gap");
        }
        tiers.push(Tier { from, to: row.tier_to, price });
    }
    let unit = rows.first().map(|row| row.unit.clone()).unwrap_or_default();
    Ok(Price { tiers, unit, provenances: rows.into_iter().map(Row::provenance).collect() })
}
