//! Where an order goes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Field, Format, RuleError, ValueRule};

/// An ISO 3166-1 alpha-2 country code, upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// The two letters.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters get in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CountryCode {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(RuleError::malformed(Field::Country, Format::Country)),
        }
    }
}

impl TryFrom<String> for CountryCode {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<CountryCode> for String {
    fn from(code: CountryCode) -> Self {
        code.as_str().to_owned()
    }
}

/// A postal address as the parcel service needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Who receives the parcel.
    pub name: String,
    /// Street and number.
    pub line1: String,
    /// Flat, floor, company.
    pub line2: Option<String>,
    /// Town.
    pub city: String,
    /// State, province or region code where taxes depend on it, for example `CA`.
    pub region: Option<String>,
    /// Postal code as written in the country.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: CountryCode,
}

impl Address {
    /// Longest part of an address in characters.
    pub const MAX_CHARS: usize = 120;

    /// The address with blanks trimmed and empty optional parts dropped.
    ///
    /// # Errors
    /// Every part that is missing, too long or has control characters.
    pub fn validated(self) -> Result<Self, Vec<RuleError>> {
        let mut problems = Vec::new();
        let mut part = |field: Field, text: String, required: bool| {
            let text = text.trim().to_owned();
            if required && text.is_empty() {
                problems.push(RuleError::invalid(field, ValueRule::Required));
            } else if text.chars().count() > Self::MAX_CHARS || text.chars().any(char::is_control) {
                let rule = ValueRule::Line { min: usize::from(required), max: Self::MAX_CHARS };
                problems.push(RuleError::invalid(field, rule));
            }
            text
        };
        let address = Self {
            name: part(Field::ShippingName, self.name, true),
            line1: part(Field::ShippingLine1, self.line1, true),
            line2: self.line2.map(|text| part(Field::ShippingLine2, text, false)).filter(|text| !text.is_empty()),
            city: part(Field::ShippingCity, self.city, true),
            region: self
                .region
                .map(|text| part(Field::ShippingRegion, text, false).to_uppercase())
                .filter(|text| !text.is_empty()),
            postal_code: part(Field::ShippingPostalCode, self.postal_code, true),
            country: self.country,
        };
        if problems.is_empty() { Ok(address) } else { Err(problems) }
    }
}
