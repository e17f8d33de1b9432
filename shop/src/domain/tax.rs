//! Tax rates by country, region and tax class: data, not code.

use serde::{Deserialize, Serialize};

use super::{Country, CountryCode, Destination};

/// What kind of goods the tax office sees in a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxClass {
    /// The normal rate.
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
    /// Where it applies.
    pub country: CountryCode,
    /// Only in this state or province, by its code; a region's rate replaces the country's.
    #[serde(default)]
    pub region: Option<String>,
    /// To what it applies.
    pub class: TaxClass,
    /// Rate in parts per million: 190000 is 19 %.
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
    /// Whether some region of a country has a rate of its own: then a place without region has no known tax.
    pub fn differs_by_region(&self, country: CountryCode) -> bool {
        self.rates.iter().any(|rate| rate.country == country && rate.region.is_some())
    }

    /// Regions of rates that no address can have, with their countries.
    pub fn unknown_regions(&self) -> impl Iterator<Item = (CountryCode, &str)> {
        self.rates.iter().filter_map(|rate| {
            let (region, country) = (rate.region.as_deref()?, Country::find(rate.country));
            let is_known = |country: &Country| {
                country.regions.is_empty() || country.regions.iter().any(|known| known.code == region)
            };
            (!country.is_some_and(is_known)).then_some((rate.country, region))
        })
    }

    /// The rate for a class of goods delivered to a place; `None` means no tax is charged there.
    pub fn rate(&self, place: &Destination, class: TaxClass) -> Option<&TaxRate> {
        let here = |rate: &&TaxRate| rate.country == place.country() && rate.class == class;
        let in_region = |rate: &&TaxRate| rate.region.is_some() && rate.region.as_deref() == place.region();
        let mut national = self.rates.iter().filter(here).filter(|rate| rate.region.is_none());
        self.rates.iter().filter(here).find(in_region).or_else(|| national.next())
    }
}
