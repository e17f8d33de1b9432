//! Decimals in JSON are JSON numbers, because that is what programs expect; they are read through their shortest decimal text, so `0.1`
//! is a tenth and not the nearest binary fraction.

use rust_decimal::Decimal;
use serde::{Serializer, ser};

/// Writes a whole number without a fraction, as people do.
pub(crate) fn shortest<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    match i64::try_from(*value) {
        Ok(whole) if value.is_integer() => serializer.serialize_i64(whole),
        _ => serializer.serialize_f64(value.to_string().parse().map_err(ser::Error::custom)?),
    }
}

/// The decimal in a JSON number or numeric text.
pub fn from_json(value: &serde_json::Value) -> Option<Decimal> {
    match value {
        serde_json::Value::Number(number) => parse(&number.to_string()),
        serde_json::Value::String(text) => parse(text),
        _ => None,
    }
}

/// A decimal from text: `1234.5`, `1,234.5`, `1_234.5`, `6e9`.
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    let text: String = text.trim().chars().filter(|c| !matches!(c, ',' | '_')).collect();
    if text.contains(['e', 'E']) { Decimal::from_scientific(&text).ok() } else { text.parse().ok() }
}
