//! Tax rates by country, region and tax class: data, not code.

use serde::{Deserialize, Serialize};

use super::CountryCode;

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
    /// Only in this state or province; a region's rate replaces the country's.
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
    /// The rate for a class of goods delivered to a place; `None` means no tax is charged there.
    pub fn rate(&self, country: CountryCode, region: Option<&str>, class: TaxClass) -> Option<&TaxRate> {
        let here = |rate: &&TaxRate| rate.country == country && rate.class == class;
        let in_region = |rate: &&TaxRate| rate.region.is_some() && rate.region.as_deref() == region;
        let mut national = self.rates.iter().filter(here).filter(|rate| rate.region.is_none());
        self.rates.iter().filter(here).find(in_region).or_else(|| national.next())
    }
}
