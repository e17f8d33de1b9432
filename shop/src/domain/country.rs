//! Countries and their regions, used by quotes, orders, pages and configuration alike.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::search::fold;
use super::{Field, Format, RuleError};

/// An ISO 3166-1 alpha-2 country code, upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// A code that no country has: reserved for an unknown country.
    pub const UNKNOWN: Self = Self(*b"ZZ");

    /// The two letters.
    pub fn as_str(&self) -> &str {
        // Always ASCII letters.
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

    /// Parses two letters in any case. [`Country::find`] checks whether the country exists.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text.trim().as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
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

/// A country of ISO 3166-1, or Kosovo (`XK`).
///
/// `shop/data/countries.json` contains English names from Unicode CLDR, and postal code rules and regions (where addresses need
/// one) from the address data that Google publishes for libaddressinput (CC BY 4.0).
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Country {
    /// Country code.
    pub code: CountryCode,
    /// English name.
    pub name: String,
    /// Whether addresses have a postal code.
    pub postal_code: PostalCodes,
    /// Example of a postal code.
    #[serde(default)]
    pub postal_code_example: Option<String>,
    /// States, provinces or prefectures; empty where addresses have no region.
    #[serde(default)]
    pub regions: Vec<Region>,
}

/// Whether the addresses of a country have a postal code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostalCodes {
    /// No address has one.
    None,
    /// Not every address has one.
    Optional,
    /// Every address has one.
    Required,
}

/// A state, province or prefecture. A pair in the data file.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Region {
    /// The part of the ISO 3166-2 code after the country, such as `CA` of `US-CA`.
    pub code: String,
    /// Name in Latin letters.
    pub name: String,
}

#[expect(clippy::expect_used, reason = "embedded at compile time and checked by a test")]
static COUNTRIES: LazyLock<BTreeMap<CountryCode, Country>> = LazyLock::new(|| {
    let countries: Vec<Country> =
        serde_json::from_str(include_str!("../../data/countries.json")).expect("countries.json");
    countries.into_iter().map(|country| (country.code, country)).collect()
});

impl Country {
    /// All countries, sorted by code.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        COUNTRIES.values()
    }

    /// Returns the country with a code, if it exists.
    pub fn find(code: CountryCode) -> Option<&'static Self> {
        COUNTRIES.get(&code)
    }

    /// Finds a region by its code (`CA`, `US-CA`) or its name, ignoring case and accents.
    pub fn region(&self, text: &str) -> Option<&Region> {
        let wanted = fold(text.trim());
        let prefix = format!("{}-", fold(self.code.as_str()));
        let code = wanted.strip_prefix(&prefix).unwrap_or(&wanted);
        let by_code = self.regions.iter().find(|region| fold(&region.code) == code);
        by_code.or_else(|| self.regions.iter().find(|region| fold(&region.name) == wanted))
    }

    /// A region as the shop writes it: its code where the country has it, else the text without surrounding spaces; `None` if it is
    /// empty.
    pub fn written_region(&self, text: &str) -> Option<String> {
        let known = self.region(text).map(|region| region.code.as_str());
        Some(known.unwrap_or(text.trim()).to_owned()).filter(|region| !region.is_empty())
    }

    /// The country that was meant by a text that is no code of a country: by its English name, or by a code that others use.
    pub fn meant_by(text: &str) -> Option<&'static Self> {
        let wanted = fold(text.trim());
        let code = match wanted.as_str() {
            "uk" => "gb",
            "el" => "gr",
            wanted => return Self::all().find(|country| fold(&country.name) == wanted),
        };
        code.parse().ok().and_then(Self::find)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str) -> &'static Country {
        Country::find(code.parse().expect("two letters")).expect("a country")
    }

    #[test]
    fn existing_countries_are_known_and_others_are_not() {
        assert_eq!(Country::all().count(), 250);
        assert_eq!((country("de").name.as_str(), country("DE").postal_code), ("Germany", PostalCodes::Required));
        assert_eq!(country("HK").postal_code, PostalCodes::None);
        for code in ["UK", "EL", "XX", "EU", "ZZ"] {
            assert_eq!(Country::find(code.parse().expect("two letters")), None, "{code}");
        }
        for text in ["", "D", "DEU", "Ä", "1A", "D E"] {
            text.parse::<CountryCode>().expect_err(text);
        }
    }

    #[test]
    fn a_region_is_found_by_code_and_by_name() {
        let code = |country: &'static Country, text: &str| country.region(text).map(|region| region.code.as_str());
        for text in ["CA", "ca", " Ca ", "California", "CALIFORNIA", "US-CA", "us-ca"] {
            assert_eq!(code(country("US"), text), Some("CA"), "{text}");
        }
        assert_eq!(code(country("BR"), "sao paulo"), Some("SP"));
        assert_eq!(code(country("CA"), "Québec"), Some("QC"));
        for (of, text) in [("US", ""), ("US", "ON"), ("US", "CA-ON"), ("US", "Kalifornia"), ("DE", "BY")] {
            assert_eq!(code(country(of), text), None, "{of} {text}");
        }
    }

    #[test]
    fn other_codes_and_names_lead_to_the_code() {
        let meant = |text: &str| Country::meant_by(text).map(|country| country.code.as_str());
        assert_eq!(["UK", "el", " germany ", "UNITED STATES"].map(meant), ["GB", "GR", "DE", "US"].map(Some));
        assert_eq!(["", "Deutschland", "ZZ"].map(meant), [None; 3]);
    }

    #[test]
    fn no_two_regions_of_a_country_are_ambiguous() {
        for country in Country::all() {
            for region in &country.regions {
                for text in [&region.code, &region.name] {
                    assert_eq!(country.region(text), Some(region), "{} {text}", country.code);
                }
            }
        }
    }
}
