//! Postal addresses.

use super::{Country, CountryCode, Field, PostalCodes, RuleError, ValueRule};

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name of the recipient.
    pub name: String,
    /// Street and number.
    pub line1: String,
    /// Apartment, floor or company.
    pub line2: Option<String>,
    /// City.
    pub city: String,
    /// State or province: the code of [`Country::regions`] where it is known, for example `CA`.
    pub region: Option<String>,
    /// Postal code in the country's format; may be empty where some addresses have none.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: CountryCode,
}

impl Address {
    /// Longest part of an address in characters.
    pub const MAX_CHARS: usize = 120;

    /// Trims spaces, drops empty optional parts and replaces the region by its code.
    ///
    /// # Errors
    /// Every part that is missing, too long or has control characters, and a country that does not exist.
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
        let country = Country::find(self.country);
        let needs_postal_code = country.is_none_or(|country| country.postal_code == PostalCodes::Required);
        let code = |text: String| match country.and_then(|country| country.region(&text)) {
            Some(region) => region.code.clone(),
            None => text,
        };
        let address = Self {
            name: part(Field::ShippingName, self.name, true),
            line1: part(Field::ShippingLine1, self.line1, true),
            line2: self.line2.map(|text| part(Field::ShippingLine2, text, false)).filter(|text| !text.is_empty()),
            city: part(Field::ShippingCity, self.city, true),
            region: self
                .region
                .map(|text| code(part(Field::ShippingRegion, text, false)))
                .filter(|text| !text.is_empty()),
            postal_code: part(Field::ShippingPostalCode, self.postal_code, needs_postal_code),
            country: self.country,
        };
        if country.is_none() {
            problems.push(RuleError::invalid(Field::ShippingCountry, ValueRule::Offered));
        }
        if problems.is_empty() { Ok(address) } else { Err(problems) }
    }
}
