//! Tax rates by country, region and tax class, configured as data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Country, CountryCode, Destination, ValueRule, fold};

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

impl TaxClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Reduced, Self::Exempt];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Reduced => "reduced",
            Self::Exempt => "exempt",
        }
    }

    /// Returns the class with a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
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
    /// Reads the region of an address as checkout and address book do. Where some region of the country has its own rate, the tax of an
    /// address without region is unknown, so it is required and must exist. Of the countries whose regions are not known otherwise,
    /// the table knows those with a rate; any other place of the country is taxed only if the country has a rate, too.
    ///
    /// # Errors
    /// [`ValueRule::Required`] and [`ValueRule::Offered`].
    pub fn region(&self, country: &Country, typed: Option<&str>) -> Result<Option<String>, ValueRule> {
        let written = typed.and_then(|text| country.written_region(text));
        let taxed = self.regions(country.code);
        if taxed.is_empty() {
            return Ok(written);
        }
        let written = written.ok_or(ValueRule::Required)?;
        if !country.regions.is_empty() {
            let exists = country.regions.iter().any(|region| region.code == written);
            return if exists { Ok(Some(written)) } else { Err(ValueRule::Offered) };
        }
        let wanted = fold(&written);
        let code = wanted.strip_prefix(&format!("{}-", fold(country.code.as_str()))).unwrap_or(&wanted);
        match taxed.into_iter().find(|region| [code, &wanted].contains(&fold(region).as_str())) {
            Some(region) => Ok(Some(region)),
            None if self.has_national_rate(country.code) => Ok(Some(written)),
            None => Err(ValueRule::Offered),
        }
    }

    /// The regions of a country that have their own rates, sorted.
    fn regions(&self, country: CountryCode) -> Vec<String> {
        let rates = self.rates.iter().filter(|rate| rate.country == country);
        let regions: BTreeSet<&String> = rates.filter_map(|rate| rate.region.as_ref()).collect();
        regions.into_iter().cloned().collect()
    }

    /// Regions with rates of their own in countries whose regions are not known, by country.
    pub fn unlisted_regions(&self) -> BTreeMap<CountryCode, BTreeSet<&str>> {
        let mut found: BTreeMap<CountryCode, BTreeSet<&str>> = BTreeMap::new();
        for rate in &self.rates {
            let is_unlisted = Country::find(rate.country).is_some_and(|country| country.regions.is_empty());
            if let Some(region) = rate.region.as_deref().filter(|_| is_unlisted) {
                found.entry(rate.country).or_default().insert(region);
            }
        }
        found
    }

    fn has_national_rate(&self, country: CountryCode) -> bool {
        self.rates.iter().any(|rate| rate.country == country && rate.region.is_none())
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
