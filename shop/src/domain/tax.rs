//! Tax rates by country, region and tax class, configured as data.

use serde::{Deserialize, Serialize};

use super::{Country, CountryCode, Destination};

/// Tax class of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxClass {
    /// The standard rate.
    Standard,
    /// The reduced rate, for example books and food.
    Reduced,
    /// No tax.
    Exempt,
}

/// One rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxRate {
    /// Country where it applies.
    pub country: CountryCode,
    /// Code of the state or province where it applies; a region's rate replaces the country's.
    #[serde(default)]
    pub region: Option<String>,
    /// Tax class that it applies to.
    pub class: TaxClass,
    /// Rate in parts per million: 190000 is 19%.
    pub rate_ppm: u32,
    /// Name on the invoice, for example `VAT`.
    pub title: String,
}

/// All rates of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxTable {
    /// The rates, in no particular order.
    pub rates: Vec<TaxRate>,
}

impl TaxTable {
    /// Returns whether some region of a country has its own rate. Then the tax of a destination without region is unknown.
    pub fn differs_by_region(&self, country: CountryCode) -> bool {
        self.rates.iter().any(|rate| rate.country == country && rate.region.is_some())
    }

    /// Regions in the table that do not exist, with their countries.
    pub fn unknown_regions(&self) -> impl Iterator<Item = (CountryCode, &str)> {
        self.rates.iter().filter_map(|rate| {
            let (region, country) = (rate.region.as_deref()?, Country::find(rate.country));
            let is_known = |country: &Country| {
                country.regions.is_empty() || country.regions.iter().any(|known| known.code == region)
            };
            (!country.is_some_and(is_known)).then_some((rate.country, region))
        })
    }

    /// The rate for a tax class and destination; `None` means that no tax is charged. Where the table has no
    /// reduced rate, the standard rate applies; a rate of 0 must be in the table.
    pub fn rate(&self, place: &Destination, class: TaxClass) -> Option<&TaxRate> {
        let standard = || self.rate_of(place, TaxClass::Standard).filter(|_| class == TaxClass::Reduced);
        self.rate_of(place, class).or_else(standard)
    }

    fn rate_of(&self, place: &Destination, class: TaxClass) -> Option<&TaxRate> {
        let here = |rate: &&TaxRate| rate.country == place.country() && rate.class == class;
        let in_region = |rate: &&TaxRate| rate.region.is_some() && rate.region.as_deref() == place.region();
        let mut national = self.rates.iter().filter(here).filter(|rate| rate.region.is_none());
        self.rates.iter().filter(here).find(in_region).or_else(|| national.next())
    }
}
