//! An address in a form: what was typed, and the fields that show it.

use serde::{Deserialize, Serialize};
use shopease_shop::domain::{Address, Country, CountryCode, PostalCodes, Region, fold};

use super::forms::FormErrors;

/// Names of the fields, in form order.
pub const ADDRESS_FIELDS: &[&str] = &["name", "company", "line1", "line2", "country", "region", "postal_code", "city"];

/// An address as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressForm {
    /// Name of the recipient.
    pub name: String,
    /// Company.
    pub company: String,
    /// Street and number.
    pub line1: String,
    /// Apartment or floor.
    pub line2: String,
    /// City.
    pub city: String,
    /// State or province.
    pub region: String,
    /// Postal code.
    pub postal_code: String,
    /// Country code.
    pub country: String,
}

impl From<Address> for AddressForm {
    fn from(address: Address) -> Self {
        Self {
            name: address.name,
            company: address.company.unwrap_or_default(),
            line1: address.line1,
            line2: address.line2.unwrap_or_default(),
            city: address.city,
            region: address.region.unwrap_or_default(),
            postal_code: address.postal_code,
            country: address.country.to_string(),
        }
    }
}

impl AddressForm {
    /// The address, not validated. If its country is not one of those offered, it has an unknown one.
    pub fn typed(&self, offered: &[&Country]) -> Address {
        let chosen = self.country.parse().ok().filter(|code| offered.iter().any(|country| country.code == *code));
        Address {
            name: self.name.clone(),
            company: Some(self.company.clone()),
            line1: self.line1.clone(),
            line2: Some(self.line2.clone()),
            city: self.city.clone(),
            region: Some(self.region.clone()),
            postal_code: self.postal_code.clone(),
            country: chosen.unwrap_or(CountryCode::UNKNOWN),
        }
    }
}

/// All countries, by name.
pub fn all_countries() -> Vec<&'static Country> {
    let mut countries: Vec<_> = Country::all().collect();
    countries.sort_by_cached_key(|country| fold(&country.name));
    countries
}

/// The fields of an address, for the template.
pub struct AddressInputs<'a> {
    /// Before the names of the fields.
    pub prefix: &'static str,
    /// The kind of address, for the browser's autofill.
    pub autofill: &'static str,
    /// What was typed.
    pub form: &'a AddressForm,
    /// Errors of the whole form.
    pub errors: &'a FormErrors,
    /// The countries to choose from.
    pub countries: &'a [&'static Country],
}

impl AddressInputs<'_> {
    /// The name of a field.
    pub fn id(&self, part: &str) -> String {
        format!("{}{part}", self.prefix)
    }

    /// The chosen country, if any.
    pub fn country(&self) -> Option<&'static Country> {
        let chosen = self.form.country.parse::<CountryCode>().ok()?;
        self.countries.iter().copied().find(|country| country.code == chosen)
    }

    /// Whether addresses need a postal code.
    pub fn needs_postal_code(&self) -> bool {
        self.country().is_none_or(|country| country.postal_code == PostalCodes::Required)
    }

    /// Example of a postal code.
    pub fn postal_code_example(&self) -> Option<&'static str> {
        self.country()?.postal_code_example.as_deref()
    }

    /// Whether the typed text names this region.
    pub fn is_chosen(&self, country: &Country, region: &Region) -> bool {
        country.region(&self.form.region) == Some(region)
    }

    /// The typed region if the country does not have it, so that the form can show it again.
    pub fn unknown_region(&self, country: &Country) -> Option<&str> {
        let typed = self.form.region.trim();
        (!typed.is_empty() && country.region(typed).is_none()).then_some(typed)
    }
}
