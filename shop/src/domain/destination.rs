//! The destination of a cart, as far as its price depends on it. Quotes and orders use the same validation.

use super::{Country, CountryCode, Field, PricingRules, RuleError, ValueRule};

/// A place that the shop sells to, with the region where taxes depend on it. Created only by [`PricingRules::destination`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    country: CountryCode,
    region: Option<String>,
}

impl Destination {
    /// The country.
    pub fn country(&self) -> CountryCode {
        self.country
    }

    /// State or province, as its code where it is known.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

/// The request fields of country and region, for error messages.
#[derive(Debug, Clone, Copy)]
pub struct DestinationFields {
    /// Field of the country.
    pub country: Field,
    /// Field of the region.
    pub region: Field,
}

impl PricingRules {
    /// Validates a country and a region as typed.
    ///
    /// # Errors
    /// A country that does not exist or that the shop does not sell to; where rates differ by region, a region that is
    /// missing or does not exist.
    pub fn destination(
        &self,
        country: CountryCode,
        region: Option<&str>,
        fields: DestinationFields,
    ) -> Result<Destination, RuleError> {
        let is_sold_to = self.sells_to.is_empty() || self.sells_to.contains(&country);
        let known = Country::find(country).filter(|_| is_sold_to);
        let known = known.ok_or_else(|| RuleError::invalid(fields.country, ValueRule::Offered))?;
        let region = self.tax.region(known, region).map_err(|rule| RuleError::invalid(fields.region, rule))?;
        Ok(Destination { country, region })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ShippingTable, TaxTable};

    const FIELDS: DestinationFields = DestinationFields { country: Field::Country, region: Field::Region };

    fn rules(sells_to: &[&str]) -> PricingRules {
        let rates = r#"{"rates": [
            {"country": "US", "region": "CA", "class": "standard", "rate_ppm": 72500, "title": "Sales tax"},
            {"country": "PT", "region": "20", "class": "standard", "rate_ppm": 160000, "title": "VAT"},
            {"country": "FR", "class": "standard", "rate_ppm": 200000, "title": "TVA"},
            {"country": "FR", "region": "Réunion", "class": "standard", "rate_ppm": 85000, "title": "TVA"},
            {"country": "DE", "class": "standard", "rate_ppm": 190000, "title": "VAT"}]}"#;
        let tax: TaxTable = serde_json::from_str(rates).expect("a tax table");
        let sells_to = sells_to.iter().map(|code| code.parse().expect("a code")).collect();
        PricingRules { tax, shipping: ShippingTable { methods: Vec::new() }, prices_include_tax: false, sells_to }
    }

    fn read(rules: &PricingRules, country: &str, region: Option<&str>) -> Result<Option<String>, RuleError> {
        rules.destination(country.parse()?, region, FIELDS).map(|destination| destination.region)
    }

    #[test]
    fn the_name_and_code_of_a_region_give_the_same_destination() {
        for text in ["CA", "ca", "California", " california ", "US-CA"] {
            assert_eq!(read(&rules(&[]), "US", Some(text)), Ok(Some("CA".to_owned())), "{text}");
        }
        assert_eq!(read(&rules(&[]), "us", Some("oregon")), Ok(Some("OR".to_owned())));
    }

    #[test]
    fn where_rates_differ_the_region_is_required_and_must_exist() {
        let region = |rule| Err(RuleError::invalid(Field::Region, rule));
        for nothing in [None, Some(""), Some("  ")] {
            assert_eq!(read(&rules(&[]), "US", nothing), region(ValueRule::Required));
            assert_eq!(read(&rules(&[]), "DE", nothing), Ok(None));
        }
        for unknown in ["ZZ", "Ontario", "CA-ON", "Kalifornia"] {
            assert_eq!(read(&rules(&[]), "US", Some(unknown)), region(ValueRule::Offered), "{unknown}");
        }
        // Taxes do not depend on the region, or the country's regions are not known: kept as typed.
        assert_eq!(read(&rules(&[]), "DE", Some("Bayern")), Ok(Some("Bayern".to_owned())));
        assert_eq!(read(&rules(&[]), "AU", Some("Somewhere")), Ok(Some("Somewhere".to_owned())));
    }

    #[test]
    fn where_only_the_tax_table_knows_regions_one_of_them_or_the_national_rate_must_apply() {
        let (region, read) = (
            |rule| Err(RuleError::invalid(Field::Region, rule)),
            |country: &str, typed: &str| read(&rules(&[]), country, Some(typed)),
        );
        let found = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!([read("PT", "20"), read("PT", "pt-20")], [found("20"), found("20")]);
        assert_eq!(read("PT", "Lisboa"), region(ValueRule::Offered), "nothing is taxed at an unknown rate");
        for reunion in ["Réunion", "reunion", " RÉUNION "] {
            assert_eq!(read("FR", reunion), found("Réunion"), "{reunion}");
        }
        assert_eq!(read("FR", "Bretagne"), found("Bretagne"), "the national rate applies");
        assert_eq!([read("PT", " "), read("FR", "")], [region(ValueRule::Required), region(ValueRule::Required)]);
    }

    #[test]
    fn only_existing_countries_that_the_shop_sells_to_are_allowed() {
        let refused = Err(RuleError::invalid(Field::Country, ValueRule::Offered));
        assert_eq!(read(&rules(&[]), "UK", None), refused);
        assert_eq!(read(&rules(&["DE"]), "DE", None), Ok(None));
        assert_eq!(read(&rules(&["DE"]), "FR", None), refused);
    }
}
