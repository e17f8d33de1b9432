//! Quantities that follow from others: requests a second over a month, requests of a user times users.

use rust_decimal::{Decimal, dec};
use serde_json::{Map, Value};

use super::phrase::{Measures, Phrase};
use super::{EvaluateError, vocabulary, wrong};
use crate::number;
use crate::services::{Kind, Service, product};

/// What rates are per, in hours, under the names that people give it.
const TIMES: [(&[&str], Decimal); 4] = [
    (&["s", "sec", "second"], dec!(3600)),
    (&["min", "minute"], dec!(60)),
    (&["h", "hr", "hour"], dec!(1)),
    (&["d", "day"], dec!(0.041666666666666666666667)),
];

/// Rates that have a name of their own.
const NAMED: [(&str, &str); 8] = [
    ("rps", "requests_per_s"),
    ("qps", "requests_per_s"),
    ("tps", "requests_per_s"),
    ("rpm", "requests_per_minute"),
    ("rph", "requests_per_hour"),
    ("rpd", "requests_per_day"),
    ("requests_daily", "requests_per_day"),
    ("requests_hourly", "requests_per_hour"),
];

/// Puts what `service` counts in the place of rates and of amounts per something that is given, too.
///
/// # Errors
/// For rates that are no numbers, and quantities that are given twice.
pub fn expand(
    usage: &mut Map<String, Value>,
    service: &'static Service,
    measures: Measures,
) -> Result<(), EvaluateError> {
    // Each round settles one name; a chain (requests of a session, sessions of a user) is as long as there are names.
    for _ in 0..=usage.len() {
        let unknown = |name: &&String| vocabulary::field(service, name, measures).is_none();
        let names: Vec<String> = usage.keys().filter(unknown).cloned().collect();
        let mut settled = false;
        for name in names {
            settled |= over_time(usage, &name, service, measures)? || times(usage, &name, service, measures)?;
        }
        if !settled {
            break;
        }
    }
    Ok(())
}

/// Turns `requests_per_minute` with `hours` or `days`, else the month, into `requests`.
fn over_time(
    usage: &mut Map<String, Value>,
    name: &str,
    service: &'static Service,
    measures: Measures,
) -> Result<bool, EvaluateError> {
    let Some((base, per_hour)) = rate(name) else { return Ok(false) };
    if !counts(service, &base, measures) {
        return Ok(false);
    }
    let given = |name: &str| usage.get(name).and_then(number::from_json);
    let hours = given("hours").or(given("days").map(|days| days * dec!(24))).unwrap_or(measures.month_hours);
    replace(usage, name, base, product(&[hours, per_hour])?)?;
    for length in ["hours", "days"] {
        if vocabulary::field(service, length, measures).is_none() {
            usage.remove(length);
        }
    }
    Ok(true)
}

/// Turns `requests_per_order` with `orders` into `requests`.
fn times(
    usage: &mut Map<String, Value>,
    name: &str,
    service: &'static Service,
    measures: Measures,
) -> Result<bool, EvaluateError> {
    let Some((base, thing)) = name.rsplit_once("_per_") else { return Ok(false) };
    let thing = Phrase::of(thing);
    let is_thing = |name: &&String| !thing.is_empty() && !name.contains("_per_") && Phrase::of(name) == thing;
    let Some(things) = usage.keys().find(is_thing).and_then(|name| usage.get(name)).and_then(number::from_json) else {
        return Ok(false);
    };
    let base_phrase = Phrase::of(base);
    let is_needed =
        usage.keys().any(|other| other.rsplit_once("_per_").is_some_and(|(_, per)| Phrase::of(per) == base_phrase));
    // What has a unit is a size of each already, as the KB of a response are.
    let sized =
        base_phrase.has_units() || vocabulary::field(service, base, measures).is_some_and(|(_, f)| !f.is_integer());
    if (sized || !counts(service, base, measures)) && !is_needed {
        return Ok(false);
    }
    replace(usage, name, base.to_owned(), things)?;
    Ok(true)
}

/// Whether `service` has a number of this name.
fn counts(service: &'static Service, name: &str, measures: Measures) -> bool {
    vocabulary::field(service, name, measures).is_some_and(|(field, _)| field.kind == Kind::Number)
}

fn replace(usage: &mut Map<String, Value>, name: &str, base: String, factor: Decimal) -> Result<(), EvaluateError> {
    let Some(value) = usage.remove(name) else { return Ok(()) };
    let text = value.as_str().and_then(super::words::quantity).filter(|(_, rest)| rest.is_empty());
    let number = text.map(|(number, _)| number).or_else(|| number::from_json(&value));
    let number = number.filter(|number| *number >= Decimal::ZERO);
    let number = number.ok_or_else(|| wrong(format!("{name:?}: {value} is not a number of zero or more")))?;
    if usage.contains_key(&base) {
        return Err(wrong(format!("{name:?} and {base:?} are both given")));
    }
    usage.insert(base, Value::String(product(&[number, factor])?.normalize().to_string()));
    Ok(())
}

/// The counted name in a rate, and how often an hour: `requests_per_minute`, `rps`, `daily_requests`.
fn rate(name: &str) -> Option<(String, Decimal)> {
    let name = NAMED.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long);
    let of = |unit: &str| TIMES.iter().find(|(names, _)| names.contains(&unit)).map(|(_, hours)| *hours);
    if let Some((base, unit)) = name.rsplit_once("_per_") {
        return Some((base.to_owned(), of(unit)?));
    }
    let daily = name.strip_prefix("daily_").map(|base| (base, "day"));
    let (base, unit) = daily.or_else(|| name.strip_prefix("hourly_").map(|base| (base, "hour")))?;
    Some((base.to_owned(), of(unit)?))
}
