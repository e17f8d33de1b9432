//! An amount that is billed, and how it is known. Whatever is computed from several quantities is known as well as the least
//! certain of them.

use std::borrow::Cow;
use std::ops::{Add, Div};

use anyhow::Context as _;
use rust_decimal::{Decimal, dec};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::line::Known;
use crate::number;

/// Most that a single field of a request may hold.
const MOST: Decimal = dec!(1_000_000_000_000_000);

/// Most that any product may be: far above any bill, far below what the arithmetic holds.
const MOST_PRODUCT: Decimal = dec!(1_000_000_000_000_000_000_000_000);

/// Zero or more of something. In a request it is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    pub value: Decimal,
    pub known: Known,
}

impl Quantity {
    pub fn new(value: impl Into<Decimal>, known: Known) -> Self {
        Self { value: value.into(), known }
    }

    /// An amount of a profile or a request.
    pub fn declared(value: impl Into<Decimal>) -> Self {
        Self::new(value, Known::Declared)
    }

    pub fn derived(value: impl Into<Decimal>) -> Self {
        Self::new(value, Known::Derived)
    }

    /// An amount that nobody measured or declared.
    pub fn assumed(value: impl Into<Decimal>) -> Self {
        Self::new(value, Known::Assumed)
    }

    /// The product with another quantity, or with a number.
    pub fn times(self, other: impl Into<Self>) -> anyhow::Result<Self> {
        let other = other.into();
        let value = self.value.checked_mul(other.value).filter(|product| *product <= MOST_PRODUCT);
        let value =
            value.with_context(|| format!("a quantity is larger than 10^24: {} x {}", self.value, other.value))?;
        Ok(Self { value, known: self.known.max(other.known) })
    }

    #[must_use]
    pub fn map(self, change: impl FnOnce(Decimal) -> Decimal) -> Self {
        Self { value: change(self.value), ..self }
    }

    /// Steps that it is metered in, at least one.
    #[must_use]
    pub fn steps(self, step: Decimal) -> Self {
        self.map(|size| (size / step).ceil().max(Decimal::ONE))
    }

    /// What is above `included`.
    #[must_use]
    pub fn above(self, included: Decimal) -> Self {
        self.map(|value| (value - included).max(Decimal::ZERO))
    }

    pub fn is_zero(self) -> bool {
        self.value.is_zero()
    }
}

/// A constant: it makes nothing less certain.
impl From<Decimal> for Quantity {
    fn from(value: Decimal) -> Self {
        Self { value, known: Known::Measured }
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, known: self.known.max(other.known) }
    }
}

impl Div<Decimal> for Quantity {
    type Output = Self;

    fn div(self, by: Decimal) -> Self {
        self.map(|value| value / by)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = serde_json::Value::deserialize(deserializer)?;
        let number = given.is_number().then(|| number::from_json(&given)).flatten();
        match number {
            None => Err(de::Error::custom(format!("{given} is not a number"))),
            Some(number) if number < Decimal::ZERO => Err(de::Error::custom(format!("{given} is negative"))),
            Some(number) if number > MOST => Err(de::Error::custom(format!("{given} is more than 10^15"))),
            Some(number) => Ok(Self::declared(number)),
        }
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0, "maximum": 1e15})
    }
}
