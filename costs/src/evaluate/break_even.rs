//! The number of requests at which a bill that grows with them reaches one that does not.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};
use serde_json::{Map, Value};

use super::bill;
use super::request::Request;
use super::{EvaluateError, Evaluation, wrong};
use crate::price_book::PriceBook;
use crate::services::closest;

/// Beyond so many requests a month nobody breaks even.
const MOST: u64 = 1_000_000_000_000_000;

/// Requests at which one request's cost is read off.
const SAMPLE: u64 = 1_000_000;

/// Answers a request with the parts `fixed` and `per_request`, each the usage of a bill.
///
/// # Errors
/// When a part is missing, a bill cannot be made, or the second never reaches the first.
pub fn evaluate(request: &Request, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    let known = ["fixed", "per_request"];
    if let Some(name) = request.usage.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(wrong(format!("break-even has no usage field {name:?}{}", closest(name, &known))));
    }
    let part = |name: &str| match request.usage.get(name) {
        Some(Value::Object(usage)) => Ok(usage.clone()),
        _ => Err(wrong(format!("break-even: {name:?} is needed, the usage of a bill: {{\"lambda\": {{...}}}}"))),
    };
    let (fixed, growing) = (part("fixed")?, part("per_request")?);
    let bill_of = |usage: Map<String, Value>| Request {
        service: "bill".to_owned(),
        usage,
        components: Vec::new(),
        ..request.clone()
    };
    // A price is for either side or for both; one that neither knows is an error.
    let foreign = [bill::foreign_prices(&bill_of(fixed.clone()))?, bill::foreign_prices(&bill_of(growing.clone()))?];
    let of = |usage: Map<String, Value>, foreign: &[String], elsewhere: &[String]| {
        let mut part = bill_of(usage);
        part.prices.retain(|name, _| !foreign.contains(name) || elsewhere.contains(name));
        bill::evaluate_part(&part, book)
    };
    let fixed = of(fixed, &foreign[0], &foreign[1])?;
    let at = |requests: u64| {
        let mut usage = growing.clone();
        usage.insert("requests".to_owned(), requests.into());
        of(usage, &foreign[1], &foreign[0])
    };
    let target = total(&fixed);
    let (mut below, mut above) = (0, MOST);
    if total(&at(above)?) < target {
        return Err(wrong(format!("break-even: even {MOST} requests cost less than {target} USD")));
    }
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if total(&at(middle)?) <= target {
            below = middle;
        } else {
            above = middle;
        }
    }
    let nothing = total(&at(0)?);
    let mut totals: BTreeMap<String, Decimal> = [
        ("fixed_month", target),
        ("per_request", (total(&at(SAMPLE)?) - nothing) / Decimal::from(SAMPLE)),
        ("requests", below.into()),
        ("requests_millions", Decimal::from(below) / dec!(1_000_000)),
    ]
    .map(|(name, number)| (name.to_owned(), number))
    .into();
    for (name, number) in &fixed.totals {
        totals.entry(format!("fixed_{name}")).or_insert(*number);
    }
    let service = request.service.clone();
    Ok(Evaluation { service, region: request.region.clone(), totals, lines: fixed.lines, notes: fixed.notes })
}

fn total(evaluation: &Evaluation) -> Decimal {
    evaluation.totals.get("total").copied().unwrap_or_default()
}
