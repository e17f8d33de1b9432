//! Replaces rows of the price book by those of an AWS price list: the offer file in JSON (`products`, `terms.OnDemand`) or in
//! CSV (five lines of metadata, then a header). Which product is which item stands in `costs/data/imports.csv`; products that
//! are not in it are left out and counted.
//!
//! Format: AWS Price List API, "Reading an offer file".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use anyhow::{Context as _, ensure};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Confidence, PriceBook, Row};
use crate::number;

/// Which products are which items.
#[expect(clippy::expect_used, reason = "tests read the file that is compiled in")]
static MAPPINGS: LazyLock<Vec<Mapping>> = LazyLock::new(|| {
    let rows = csv::Reader::from_reader(&include_bytes!("../../data/imports.csv")[..]).into_deserialize();
    rows.collect::<Result<_, _>>().expect("the built-in mappings of imports")
});

/// Lines before the header of a CSV offer file.
const CSV_METADATA_LINES: usize = 5;

/// A product of a price list that is an item of the price book.
#[derive(Debug, Clone, Deserialize)]
struct Mapping {
    /// `offerCode` or `serviceCode` in the list.
    service_code: String,
    /// End of the usage type, the region's prefix taken off: `Lambda-GB-Second`.
    usage_type: String,
    /// `operation` of the product; empty fits all.
    operation: String,
    /// An attribute and its value that the product must have, as in `databaseEngine=PostgreSQL`; `&` joins several.
    attributes: String,
    /// Service of the price book.
    service: String,
    /// Item of the price book; `{attribute}` is replaced by the product's.
    item: String,
    /// Unit of the price book.
    unit: String,
}

/// One price of the list, whichever its format.
#[derive(Debug, Default, Clone)]
struct Offer {
    service_code: String,
    attributes: BTreeMap<String, String>,
    begin: Option<Decimal>,
    end: Option<Decimal>,
    price: Decimal,
    date: String,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Imported {
    /// Items that were replaced or added, as `service / item in region`.
    pub items: Vec<String>,
    /// On-demand prices in the list that the price book has no item for.
    pub left_out: usize,
}

/// Imports a price list; `name` becomes the source of the rows.
///
/// # Errors
/// When it is no price list, or nothing in it has an item; the book is then unchanged.
pub fn import(book: &mut PriceBook, text: &str, name: &str) -> anyhow::Result<Imported> {
    let offers = if text.trim_start().starts_with('{') { read_json(text)? } else { read_csv(text)? };
    let mut rows: Vec<Row> = Vec::new();
    let mut imported = Imported::default();
    for offer in &offers {
        let Some(mapping) = MAPPINGS.iter().find(|mapping| mapping.fits(offer)) else {
            imported.left_out += 1;
            continue;
        };
        let row = mapping.row(offer, name);
        let name = |row: &Row| (row.service.clone(), row.region.clone(), row.item.clone(), row.tier_from);
        // The same price may stand under several operations or groups.
        if !rows.iter().any(|old| name(old) == name(&row) && old.price_usd == row.price_usd) {
            rows.push(row);
        }
    }
    let read = offers.len();
    ensure!(
        !rows.is_empty(),
        "the price list has no product that the price book has an item for ({read} prices were read)"
    );
    let item = |row: &Row| format!("{} / {} in {}", row.service, row.item, row.region);
    imported.items = rows.iter().map(item).collect::<BTreeSet<_>>().into_iter().collect();
    book.replace(rows)?;
    Ok(imported)
}

impl Mapping {
    fn fits(&self, offer: &Offer) -> bool {
        let attribute = |name: &str| offer.attributes.get(name).map_or("", String::as_str);
        let usage = attribute("usagetype");
        // Usage types of us-east-1 have no prefix, others have one like USW2- or EU-.
        // Those of KMS begin with the region itself.
        let region = attribute("regionCode");
        let after_region = usage.strip_prefix(region).and_then(|rest| rest.strip_prefix('-'));
        let plain = after_region.filter(|_| !region.is_empty()).unwrap_or_else(|| {
            usage.split_once('-').filter(|(prefix, _)| is_region_prefix(prefix)).map_or(usage, |(_, rest)| rest)
        });
        // Premises of customers, local zones and the like have other prices under the same names.
        let place = attribute("locationType");
        let is_region = place.is_empty() || place == "AWS Region";
        let wanted = self.attributes.split('&').filter(|pair| !pair.is_empty());
        is_region
            && self.service_code == offer.service_code
            && (self.usage_type.is_empty() || self.usage_type == plain)
            && (self.operation.is_empty() || self.operation == attribute("operation"))
            && wanted.filter_map(|pair| pair.split_once('=')).all(|(name, value)| attribute(name) == value)
    }

    fn row(&self, offer: &Offer, name: &str) -> Row {
        let mut item = self.item.clone();
        for (attribute, value) in &offer.attributes {
            item = item.replace(&format!("{{{attribute}}}"), value);
        }
        let region = offer.attributes.get("regionCode").filter(|region| !region.is_empty());
        Row {
            service: self.service.clone(),
            region: region.cloned().unwrap_or_else(|| "global".to_owned()),
            item,
            unit: self.unit.clone(),
            price_usd: Some(offer.price),
            tier_from: offer.begin.filter(|begin| !begin.is_zero() || offer.end.is_some()),
            tier_to: offer.end,
            value: None,
            date: offer.date.clone(),
            confidence: Confidence::High,
            source: format!("AWS price list {name}"),
            note: String::new(),
        }
    }
}

/// `USE1`, `USW2`, `EU`, `EUW1`, `APN1`: capital letters and perhaps a digit.
fn is_region_prefix(prefix: &str) -> bool {
    let letters = prefix.trim_end_matches(|c: char| c.is_ascii_digit());
    (2..=4).contains(&letters.len())
        && letters.chars().all(|c| c.is_ascii_uppercase())
        && ["US", "EU", "AP", "CA", "SA", "ME", "AF", "IL", "UG", "MX"].iter().any(|area| letters.starts_with(area))
}

/// The end of a range; none is without end.
fn range(text: &str, sku: &str) -> anyhow::Result<Option<Decimal>> {
    if text.is_empty() || text.eq_ignore_ascii_case("inf") { Ok(None) } else { amount(text, sku).map(Some) }
}

fn amount(text: &str, sku: &str) -> anyhow::Result<Decimal> {
    number::parse(text).with_context(|| format!("the price list has {text:?} as a number of {sku}"))
}

fn read_json(text: &str) -> anyhow::Result<Vec<Offer>> {
    let list: Value = serde_json::from_str(text).context("this is no AWS price list")?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let products = list.get("products").context("this is no AWS price list: products is missing")?;
    let terms = list.pointer("/terms/OnDemand").context("this is no AWS price list: terms.OnDemand is missing")?;
    let (code, published) = (text(&list, "offerCode"), text(&list, "publicationDate"));
    let mut offers = Vec::new();
    for (sku, terms) in fields(terms) {
        let Some(product) = products.get(&sku) else { continue };
        let family = ("productFamily".to_owned(), product["productFamily"].clone());
        let attributes = fields(&product["attributes"]).into_iter().chain([family]);
        let attributes: BTreeMap<String, String> =
            attributes.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
        for (_, term) in fields(&terms) {
            let from = Some(text(&term, "effectiveDate")).filter(|date| !date.is_empty()).unwrap_or(published.clone());
            for (_, dimension) in fields(&term["priceDimensions"]) {
                offers.push(Offer {
                    service_code: if code.is_empty() {
                        text(&product["attributes"], "servicecode")
                    } else {
                        code.clone()
                    },
                    attributes: attributes.clone(),
                    begin: range(&text(&dimension, "beginRange"), &sku)?,
                    end: range(&text(&dimension, "endRange"), &sku)?,
                    price: amount(&text(&dimension["pricePerUnit"], "USD"), &sku)?,
                    date: from.chars().take(10).collect(),
                });
            }
        }
    }
    Ok(offers)
}

/// The CSV has the columns of the JSON under names for people: `Usage Type`, `Region Code`, `StartingRange`.
fn read_csv(text: &str) -> anyhow::Result<Vec<Offer>> {
    let table = text.splitn(CSV_METADATA_LINES + 1, '\n').nth(CSV_METADATA_LINES).unwrap_or_default();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let head: Vec<String> = reader.headers().context("this is no AWS price list")?.iter().map(column).collect();
    for needed in ["sku", "termtype", "priceperunit", "usagetype"] {
        let found = head.iter().any(|name| name == needed);
        ensure!(found, "this is no AWS price list: there is no column {needed} after five lines of metadata");
    }
    let mut offers = Vec::new();
    for record in reader.records() {
        let record = record.context("this is no AWS price list")?;
        let cells: BTreeMap<String, String> = head.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        let cell = |name: &str| cells.get(name).map_or("", String::as_str);
        if cell("termtype") != "OnDemand" || (!cell("currency").is_empty() && cell("currency") != "USD") {
            continue;
        }
        let mut attributes = cells.clone();
        for json in ATTRIBUTES {
            attributes.insert(json.to_owned(), cell(&json.to_lowercase()).to_owned());
        }
        offers.push(Offer {
            service_code: cell("servicecode").to_owned(),
            begin: range(cell("startingrange"), cell("sku"))?,
            end: range(cell("endingrange"), cell("sku"))?,
            price: amount(cell("priceperunit"), cell("sku"))?,
            date: cell("effectivedate").chars().take(10).collect(),
            attributes,
        });
    }
    Ok(offers)
}

/// Names of attributes in JSON that have capital letters; columns are compared in lower case and without blanks.
const ATTRIBUTES: [&str; 7] =
    ["locationType", "productFamily", "regionCode", "instanceType", "databaseEngine", "deploymentOption", "volumeType"];

fn column(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}
