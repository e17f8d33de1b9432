//! The number of requests at which a bill that grows with them reaches one that does not.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};
use serde_json::{Map, Value, json};

use super::bill;
use super::component::Component;
use super::parts::Parts;
use super::request::Request;
use super::{EvaluateError, Evaluation, wrong};
use crate::price_book::PriceBook;
use crate::services::{HOUR_SECONDS, closest};

/// Beyond so many requests a month nobody breaks even.
const MOST: u64 = 1_000_000_000_000_000;

/// Requests at which one request's cost is read off.
const SAMPLE: u64 = 1_000_000;

/// Fields that say what one request of a function is; a bill that has them and no number of requests grows with it.
const OF_A_REQUEST: [&str; 3] = ["duration_ms", "memory_mb", "memory_gb"];

/// Answers a request with the parts `fixed` and `per_request`, each the usage of a bill, or with a usage in which some parts grow
/// with requests and others do not. Without a part that stands still it is the bill of the requests that are given.
///
/// # Errors
/// When a part is missing, a bill cannot be made, or the second never reaches the first.
pub fn evaluate(request: &Request, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    let known = ["fixed", "per_request"];
    let sides = if known.iter().any(|name| request.usage.contains_key(*name)) {
        if let Some(name) = request.usage.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(wrong(format!("break-even has no usage field {name:?}{}", closest(name, &known))));
        }
        let part = |name: &str| match request.usage.get(name) {
            Some(Value::Object(usage)) => Ok(usage.clone()),
            _ => Err(wrong(format!("break-even: {name:?} is needed, the usage of a bill: {{\"lambda\": {{...}}}}"))),
        };
        Some(Sides { fixed: part("fixed")?, growing: part("per_request")? })
    } else {
        Sides::told_apart(request)?
    };
    if let Some(sides) = sides {
        return sides.meet(request, book);
    }
    let mut evaluation = bill::evaluate_part(&bill_of(request, request.usage.clone()), book)?;
    evaluation.service.clone_from(&request.service);
    Ok(evaluation)
}

fn bill_of(request: &Request, usage: Map<String, Value>) -> Request {
    Request { service: "bill".to_owned(), usage, components: Vec::new(), ..request.clone() }
}

/// Usages of the two bills.
struct Sides {
    fixed: Map<String, Value>,
    growing: Map<String, Value>,
}

impl Sides {
    /// Tells which part of a usage grows with requests: a function described by one request, or what has a price for a request
    /// and nothing else. None when the requests are given and nothing stands against them.
    fn told_apart(request: &Request) -> Result<Option<Self>, EvaluateError> {
        let mut fixed = request.usage.clone();
        let mut growing = Map::new();
        let describes = |name: &String| {
            OF_A_REQUEST.contains(&name.as_str()) || (name == "arch" && request.usage.contains_key("duration_ms"))
        };
        if fixed.keys().any(|name| name == "duration_ms" || name == "gb_seconds") {
            let names: Vec<_> = fixed.keys().filter(|name| describes(name)).cloned().collect();
            let function: Map<_, _> = names.into_iter().filter_map(|name| fixed.remove_entry(&name)).collect();
            growing.insert("lambda".to_owned(), Value::Object(function));
        }
        let names: Vec<_> =
            fixed.iter().filter(|(name, usage)| grows(name, usage)).map(|(name, _)| name.clone()).collect();
        growing.extend(names.into_iter().filter_map(|name| fixed.remove_entry(&name)));
        let stands = bill_of(request, fixed.clone());
        let parts = Parts::read(&stands);
        let has_fixed = parts.as_ref().is_ok_and(|parts| !parts.components.is_empty() || !parts.declared.is_empty());
        if !has_fixed {
            return Ok(None);
        }
        if growing.is_empty() {
            for name in parts?.foreign_prices(&request.prices) {
                if let [service] = Parts::services_with_price(&name).as_slice() {
                    growing.entry(service.name).or_insert_with(|| json!({}));
                }
            }
        }
        if growing.is_empty() {
            let hint = "\"per_request\" is needed: a part that grows with requests, as in {\"lambda\": {...}}";
            return Err(wrong(format!("break-even: {hint}")));
        }
        Ok(Some(Self { fixed, growing }))
    }

    fn meet(self, request: &Request, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
        let Self { fixed, growing } = self;
        let at_one = with_requests(&growing, 1);
        let sides = [bill_of(request, fixed.clone()), bill_of(request, at_one)];
        let parts = [Parts::read(&sides[0])?, Parts::read(&sides[1])?];
        // A price is for either side or for both; one that neither knows is an error.
        let foreign = parts.each_ref().map(|parts| parts.foreign_prices(&request.prices));
        let of = |usage: Map<String, Value>, foreign: &[String], elsewhere: &[String]| {
            let mut part = bill_of(request, usage);
            part.prices.retain(|name, _| !foreign.contains(name) || elsewhere.contains(name));
            bill::evaluate_part(&part, book)
        };
        let fixed = of(fixed, &foreign[0], &foreign[1])?;
        let at = |requests: u64| of(with_requests(&growing, requests), &foreign[1], &foreign[0]);
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
        let (nothing, sample) = (at(0)?, at(SAMPLE)?);
        let each = |name: &str| {
            let of = |evaluation: &Evaluation| evaluation.totals.get(name).copied().unwrap_or_default();
            (of(&sample) - of(&nothing)) / Decimal::from(SAMPLE)
        };
        let seconds = request.options.measures().month_hours * HOUR_SECONDS;
        let mut totals: BTreeMap<String, Decimal> = [
            ("fixed_month", target),
            ("per_request", each("total")),
            ("requests", below.into()),
            ("requests_millions", Decimal::from(below) / dec!(1_000_000)),
            ("requests_per_s", Decimal::from(below) / seconds),
        ]
        .map(|(name, number)| (name.to_owned(), number))
        .into();
        let [fixed_parts, growing_parts] = parts;
        for Component { name, .. } in &fixed_parts.components {
            let month = fixed.totals.get(name).copied().unwrap_or_default();
            totals.extend([(format!("{name}_month"), month), (format!("{name}_floor"), month)]);
        }
        totals.extend(
            growing_parts.components.iter().map(|part| (format!("{}_per_request", part.name), each(&part.name))),
        );
        for (name, number) in &fixed.totals {
            totals.entry(format!("fixed_{name}")).or_insert(*number);
        }
        let service = request.service.clone();
        Ok(Evaluation { service, region: request.region.clone(), totals, lines: fixed.lines, notes: fixed.notes })
    }
}

/// Whether a part of a usage is described by its request alone: a function with a duration and no number of requests.
fn grows(name: &str, usage: &Value) -> bool {
    let Some(service) = crate::services::find(name) else { return false };
    let counts = service.fields.iter().any(|field| field.is("requests"));
    let said = |wanted: &str| usage.get(wanted).is_some();
    counts
        && matches!(service.name, "lambda" | "api-gateway")
        && usage.is_object()
        && !said("requests")
        && !said("invocations")
}

fn with_requests(usage: &Map<String, Value>, requests: u64) -> Map<String, Value> {
    let mut usage = usage.clone();
    usage.insert("requests".to_owned(), requests.into());
    usage
}

fn total(evaluation: &Evaluation) -> Decimal {
    evaluation.totals.get("total").copied().unwrap_or_default()
}
