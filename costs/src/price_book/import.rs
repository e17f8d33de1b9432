//! Replaces rows of the price book by those of an AWS price list: the offer file in JSON (`products`, `terms.OnDemand`) or in
//! CSV (five lines of metadata, then a header). Which product is which item stands in `costs/data/imports.csv`; products that
//! are not in it are left out and counted.
//!
//! Format: AWS Price List API, "Reading an offer file".

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{BookError, Confidence, PriceBook, Row};
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

/// Why a price list cannot be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// Neither JSON nor CSV of an offer file.
    #[error("this is no AWS price list: {0}")]
    Format(String),
    /// A price or range that is no number.
    #[error("the price list has {value:?} as {what} of {sku}")]
    Number {
        /// What was expected.
        what: &'static str,
        /// What was found.
        value: String,
        /// Which product.
        sku: String,
    },
    /// Nothing in it that the price book knows.
    #[error("the price list has no product that the price book has an item for ({0} prices were read)")]
    Nothing(usize),
    /// Tiers that do not fit each other.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// Imports a price list; `name` becomes the source of the rows.
///
/// # Errors
/// [`ImportError`]; the book is then unchanged.
pub fn import(book: &mut PriceBook, text: &str, name: &str) -> Result<Imported, ImportError> {
    let offers = if text.trim_start().starts_with('{') { read_json(text)? } else { read_csv(text)? };
    let mut rows: Vec<Row> = Vec::new();
    let mut imported = Imported::default();
    for offer in &offers {
        match MAPPINGS.iter().find(|mapping| mapping.fits(offer)) {
            Some(mapping) => {
                let row = mapping.row(offer, name);
                let twin = |old: &&Row| {
                    (&old.service, &old.region, &old.item, old.tier_from)
                        == (&row.service, &row.region, &row.item, row.tier_from)
                };
                // The same price under several operations or groups.
                if rows.iter().any(|old| twin(&old) && old.price_usd == row.price_usd) {
                    continue;
                }
                rows.push(row);
            }
            None => imported.left_out += 1,
        }
    }
    if rows.is_empty() {
        return Err(ImportError::Nothing(offers.len()));
    }
    for row in &rows {
        let item = format!("{} / {} in {}", row.service, row.item, row.region);
        if !imported.items.contains(&item) {
            imported.items.push(item);
        }
    }
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

fn range(text: &str, what: &'static str, sku: &str) -> Result<Option<Decimal>, ImportError> {
    if text.is_empty() || text.eq_ignore_ascii_case("inf") {
        return Ok(None);
    }
    let wrong = || ImportError::Number { what, value: text.to_owned(), sku: sku.to_owned() };
    number::parse(text).map(Some).ok_or_else(wrong)
}

fn read_json(text: &str) -> Result<Vec<Offer>, ImportError> {
    let list: Value = serde_json::from_str(text).map_err(|error| ImportError::Format(error.to_string()))?;
    let missing = |what: &str| ImportError::Format(format!("{what} is missing"));
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let products = list.get("products").and_then(Value::as_object).ok_or_else(|| missing("products"))?;
    let terms = list.pointer("/terms/OnDemand").and_then(Value::as_object).ok_or_else(|| missing("terms.OnDemand"))?;
    let published = text(&list, "publicationDate");
    let mut offers = Vec::new();
    for (sku, terms) in terms {
        let Some(product) = products.get(sku) else { continue };
        let attributes = product.get("attributes").and_then(Value::as_object);
        let family = product.get("productFamily").map(|family| ("productFamily".to_owned(), family.clone()));
        let attributes: BTreeMap<String, String> = attributes
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain(family)
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect();
        for term in terms.as_object().into_iter().flat_map(|terms| terms.values()) {
            let from = Some(text(term, "effectiveDate")).filter(|date| !date.is_empty()).unwrap_or(published.clone());
            let dimensions = term.get("priceDimensions").and_then(Value::as_object);
            for dimension in dimensions.into_iter().flat_map(|dimensions| dimensions.values()) {
                let usd = dimension.pointer("/pricePerUnit/USD").and_then(Value::as_str).unwrap_or_default();
                let wrong = || ImportError::Number { what: "price", value: usd.to_owned(), sku: sku.clone() };
                offers.push(Offer {
                    service_code: Some(text(&list, "offerCode"))
                        .filter(|code| !code.is_empty())
                        .or_else(|| attributes.get("servicecode").cloned())
                        .unwrap_or_default(),
                    attributes: attributes.clone(),
                    begin: range(&text(dimension, "beginRange"), "beginRange", sku)?,
                    end: range(&text(dimension, "endRange"), "endRange", sku)?,
                    price: number::parse(usd).ok_or_else(wrong)?,
                    date: from.chars().take(10).collect(),
                });
            }
        }
    }
    Ok(offers)
}

/// The CSV has the columns of the JSON under names for people: `Usage Type`, `Region Code`, `StartingRange`.
fn read_csv(text: &str) -> Result<Vec<Offer>, ImportError> {
    let table = text.splitn(CSV_METADATA_LINES + 1, '\n').nth(CSV_METADATA_LINES).unwrap_or_default();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let format = |error: csv::Error| ImportError::Format(error.to_string());
    let head: Vec<String> = reader.headers().map_err(format)?.iter().map(column).collect();
    for needed in ["sku", "termtype", "priceperunit", "usagetype"] {
        if !head.iter().any(|name| name == needed) {
            return Err(ImportError::Format(format!("there is no column {needed} after five lines of metadata")));
        }
    }
    let mut offers = Vec::new();
    for record in reader.records() {
        let record = record.map_err(format)?;
        let cells: BTreeMap<String, String> = head.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        let cell = |name: &str| cells.get(name).map_or("", String::as_str);
        if cell("termtype") != "OnDemand" || (!cell("currency").is_empty() && cell("currency") != "USD") {
            continue;
        }
        let sku = cell("sku").to_owned();
        let usd = cell("priceperunit").to_owned();
        let wrong = || ImportError::Number { what: "price", value: usd.clone(), sku: sku.clone() };
        let mut attributes = cells.clone();
        for (json, csv) in ATTRIBUTES {
            attributes.insert(json.to_owned(), cell(csv).to_owned());
        }
        offers.push(Offer {
            service_code: cell("servicecode").to_owned(),
            begin: range(cell("startingrange"), "StartingRange", &sku)?,
            end: range(cell("endingrange"), "EndingRange", &sku)?,
            price: number::parse(&usd).ok_or_else(wrong)?,
            date: cell("effectivedate").chars().take(10).collect(),
            attributes,
        });
    }
    Ok(offers)
}

/// Names of attributes in JSON that differ from the column without blanks and in lower case.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("locationType", "locationtype"),
    ("productFamily", "productfamily"),
    ("regionCode", "regioncode"),
    ("instanceType", "instancetype"),
    ("databaseEngine", "databaseengine"),
    ("deploymentOption", "deploymentoption"),
    ("volumeType", "volumetype"),
];

fn column(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}
