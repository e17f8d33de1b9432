//! Reads a request: its parts under any of their names, options wherever they stand, a published example as its base.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::phrase::Measures;
use super::{EvaluateError, wrong};
use crate::number;
use crate::price_book::TierBounds;
use crate::services::{Gigabyte, MONTH_HOURS, closest};

/// Published set-ups that a request may build on.
const BASES: &str = include_str!("../../data/bases.json");

/// Parts of a request that describe an example and are not read.
const REMARKS: [&str; 12] = [
    "id",
    "name",
    "kind",
    "source",
    "expected",
    "tolerance_usd",
    "superseded_prices",
    "check",
    "recomputed_keys",
    "note",
    "notes",
    "description",
];

const PARTS: [(&str, &[&str]); 7] = [
    ("service", &[]),
    ("region", &[]),
    ("usage", &["inputs", "input"]),
    ("prices", &["assumed_prices", "price_overrides", "overrides", "unit_prices"]),
    ("options", &["conventions"]),
    ("components", &["parts"]),
    ("base", &[]),
];

/// Conventions of a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// Whether monthly allowances are taken off.
    pub free_tier: bool,
    /// Hours of a month.
    pub month_hours: Option<Decimal>,
    /// How KB become GB.
    pub gigabyte: Gigabyte,
    /// How `[[units, price], ...]` is meant.
    pub tier_bounds: TierBounds,
    /// Region whose prices stand in for missing ones.
    pub fallback_region: Option<String>,
    /// Share added to the total as tax.
    pub tax_rate: Option<Decimal>,
    /// Whether the total adds lines that are rounded to cents.
    pub round_lines: bool,
}

const OPTIONS: [(&str, &[&str]); 7] = [
    ("apply_free_tier", &["free_tier", "include_free_tier", "with_free_tier"]),
    ("month_hours", &["hours_per_month", "hours_in_month"]),
    ("gigabyte", &["gb", "gb_convention"]),
    ("tier_bounds", &[]),
    ("fallback_region", &[]),
    ("tax_rate", &[]),
    ("round_lines", &[]),
];

/// A request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// As given.
    pub service: String,
    /// Without remarks: `us-west-2 (as us-east-1)` is `us-west-2`.
    pub region: String,
    /// Usage without options.
    pub usage: Map<String, Value>,
    /// Given prices.
    pub prices: BTreeMap<String, Value>,
    /// Conventions.
    pub options: Options,
    /// Parts of a bill that name their services themselves.
    pub components: Vec<Value>,
}

impl Options {
    /// What quantities in other units are converted by.
    pub fn measures(&self) -> Measures {
        Measures { gigabyte: self.gigabyte, month_hours: self.month_hours.unwrap_or(MONTH_HOURS) }
    }
}

impl Request {
    /// Reads JSON.
    ///
    /// # Errors
    /// [`EvaluateError::Request`] for a part or option that is not known.
    pub fn read(request: &Value) -> Result<Self, EvaluateError> {
        let Value::Object(fields) = request else { return Err(wrong("a request is a JSON object")) };
        let mut parts = parts(fields)?;
        let mut usage = object(parts.remove("usage"), "usage")?;
        let mut prices = object(parts.remove("prices"), "prices")?;
        let base = parts.remove("base").or_else(|| usage.remove("base"));
        let mut service = text(parts.remove("service"), "service")?;
        if let Some(base) = base {
            let base = find_base(&base)?;
            service = service.or_else(|| base.get("service").and_then(Value::as_str).map(str::to_owned));
            for (target, part) in [(&mut usage, "usage"), (&mut prices, "prices")] {
                for (name, value) in base.get(part).and_then(Value::as_object).into_iter().flatten() {
                    target.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
        let mut options = object(parts.remove("options"), "options")?;
        for (name, also) in &OPTIONS {
            // "gb" in usage is an amount of memory or data, never the convention.
            let names = std::iter::once(*name).chain(also.iter().copied()).filter(|name| *name != "gb");
            for name in names {
                if let Some(value) = usage.remove(name) {
                    options.insert(name.to_owned(), value);
                }
            }
        }
        usage.retain(|name, value| !(matches!(name.as_str(), "note" | "notes" | "comment") && value.is_string()));
        prices.retain(|name, value| !(matches!(name.as_str(), "note" | "rule" | "comment") && value.is_string()));
        let components = match parts.remove("components") {
            None => Vec::new(),
            Some(Value::Array(components)) => components,
            Some(_) => return Err(wrong("\"components\" is a list")),
        };
        let service = service.or_else(|| (!components.is_empty()).then(|| "bill".to_owned()));
        let region = text(parts.remove("region"), "region")?.unwrap_or_else(|| "us-east-1".to_owned());
        Ok(Self {
            service: service.ok_or_else(|| wrong("\"service\" is missing"))?,
            region: region_code(&region),
            usage,
            prices: prices.into_iter().map(|(name, value)| (price_name(name), value)).collect(),
            options: read_options(options)?,
            components,
        })
    }
}

/// Regions as the pricing pages write them.
const REGIONS: [(&str, &str); 6] = [
    ("virginia", "us-east-1"),
    ("ohio", "us-east-2"),
    ("oregon", "us-west-2"),
    ("ireland", "eu-west-1"),
    ("frankfurt", "eu-central-1"),
    ("london", "eu-west-2"),
];

/// The code of a region: of `US East (N. Virginia)`, of `eu-west-1`, of `us-west-2 (as us-east-1)`.
fn region_code(text: &str) -> String {
    let code = text.split_whitespace().next().unwrap_or("us-east-1").to_lowercase();
    let is_code = code.chars().any(|c| c.is_ascii_digit()) || !text.contains(' ');
    let place = REGIONS.iter().find(|(place, _)| text.to_lowercase().contains(place) && !code.contains('-'));
    match place {
        Some((_, region)) => (*region).to_owned(),
        None if is_code => code,
        None => text.to_owned(),
    }
}

/// Prices of an instance class are known by the class elsewhere: `rds_t4g_micro_hour` is the hour of the instance.
fn price_name(name: String) -> String {
    let class = name.strip_prefix("rds_").and_then(|rest| rest.strip_suffix("_hour"));
    match class {
        Some(class) if class.contains('_') => "instance_hour".to_owned(),
        _ => name,
    }
}

fn parts(fields: &Map<String, Value>) -> Result<BTreeMap<&'static str, Value>, EvaluateError> {
    let mut parts = BTreeMap::new();
    for (name, value) in fields {
        let known = PARTS.iter().find(|(part, also)| part == name || also.contains(&name.as_str()));
        match known {
            Some((part, _)) if parts.insert(*part, value.clone()).is_some() => {
                return Err(wrong(format!("{part:?} is given twice")));
            }
            Some(_) => {}
            None if REMARKS.contains(&name.as_str()) => {}
            None => {
                let known: Vec<_> = PARTS.iter().map(|(part, _)| *part).collect();
                return Err(wrong(format!("a request has no {name:?}{}", closest(name, &known))));
            }
        }
    }
    Ok(parts)
}

fn object(value: Option<Value>, name: &str) -> Result<Map<String, Value>, EvaluateError> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields),
        Some(_) => Err(wrong(format!("{name:?} is an object"))),
    }
}

fn text(value: Option<Value>, name: &str) -> Result<Option<String>, EvaluateError> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
        Some(_) => Err(wrong(format!("{name:?} is a text"))),
    }
}

/// The base whose name is, or begins with, what is given.
fn find_base(name: &Value) -> Result<Value, EvaluateError> {
    let bases: Map<String, Value> = serde_json::from_str(BASES)?;
    let name = name.as_str().ok_or_else(|| wrong("\"base\" is a text"))?;
    let known: Vec<&str> = bases.keys().map(String::as_str).collect();
    bases.get(name).cloned().ok_or_else(|| wrong(format!("there is no base {name:?}{}", closest(name, &known))))
}

fn read_options(given: Map<String, Value>) -> Result<Options, EvaluateError> {
    let mut options = Options::default();
    for (name, value) in given {
        let known = OPTIONS.iter().find(|(option, also)| *option == name || also.contains(&name.as_str()));
        let Some((option, _)) = known else {
            let known: Vec<_> = OPTIONS.iter().map(|(option, _)| *option).collect();
            return Err(wrong(format!("there is no option {name:?}{}", closest(&name, &known))));
        };
        let bad = || wrong(format!("option {option:?}: {value} is not understood"));
        let number = |most: i64| {
            number::from_json(&value).filter(|n| *n >= Decimal::ZERO && *n <= Decimal::from(most)).ok_or_else(bad)
        };
        match *option {
            "apply_free_tier" => options.free_tier = value.as_bool().ok_or_else(bad)?,
            "round_lines" => options.round_lines = value.as_bool().ok_or_else(bad)?,
            "month_hours" => {
                options.month_hours = Some(number(10_000)?).filter(|hours| !hours.is_zero());
                options.month_hours.ok_or_else(bad)?;
            }
            "tax_rate" => options.tax_rate = Some(number(10)?),
            "gigabyte" => options.gigabyte = serde_json::from_value(value.clone()).map_err(|_| bad())?,
            "tier_bounds" => options.tier_bounds = serde_json::from_value(value.clone()).map_err(|_| bad())?,
            _ => options.fallback_region = Some(value.as_str().ok_or_else(bad)?.to_owned()),
        }
    }
    Ok(options)
}
