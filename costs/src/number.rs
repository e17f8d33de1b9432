//! Decimals in JSON. Numbers are written as JSON numbers, because that is what programs expect; they are read through their
//! shortest decimal text, so `0.1` is a tenth and not the nearest binary fraction.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

/// Digits after the point that are written; prices per byte-millisecond would need no more.
const DIGITS: u32 = 15;

/// Writes a decimal as a JSON number.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    let value = value.round_dp(DIGITS).normalize();
    match i64::try_from(value) {
        Ok(whole) if value.is_integer() => serializer.serialize_i64(whole),
        _ => serializer.serialize_f64(value.to_string().parse().map_err(ser::Error::custom)?),
    }
}

/// Reads a JSON number, or a text that holds one.
///
/// # Errors
/// When it is no number that a decimal can hold.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    from_json(&value).ok_or_else(|| de::Error::custom(format!("{value} is not a number")))
}

/// The decimal in a JSON number or numeric text; commas and underscores may group digits in a text.
pub fn from_json(value: &serde_json::Value) -> Option<Decimal> {
    match value {
        serde_json::Value::Number(number) => parse(&number.to_string()),
        serde_json::Value::String(text) => parse(text),
        _ => None,
    }
}

/// A decimal from text: `1234.5`, `1,234.5`, `1_234.5`, `6e9`.
pub fn parse(text: &str) -> Option<Decimal> {
    let text: String = text.trim().chars().filter(|c| !matches!(c, ',' | '_')).collect();
    if text.contains(['e', 'E']) { Decimal::from_scientific(&text).ok() } else { text.parse().ok() }
}

/// The same for a decimal that may be missing.
pub mod option {
    use super::{Decimal, Deserialize, Deserializer, Serializer, de, from_json};

    /// Writes a number or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a number, null, or nothing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
        let Some(value) = Option::<serde_json::Value>::deserialize(deserializer)? else { return Ok(None) };
        from_json(&value).map(Some).ok_or_else(|| de::Error::custom(format!("{value} is not a number")))
    }
}
