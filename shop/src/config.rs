//! Configuration of the shop, from the environment.

use std::str::FromStr;
use std::sync::LazyLock;

use shopease_process::config::Reader;

use crate::domain::{Country, Currency, Language, PricingRules, ShippingTable, TaxTable, fold};

#[expect(clippy::expect_used, reason = "embedded at compile time and checked by a test")]
static TAX_RATES: LazyLock<TaxTable> =
    LazyLock::new(|| serde_json::from_str(include_str!("../data/tax-rates.json")).expect("tax-rates.json"));

#[expect(clippy::expect_used, reason = "embedded at compile time and checked by a test")]
static SHIPPING_METHODS: LazyLock<ShippingTable> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../data/shipping-methods.json")).expect("shipping-methods.json")
});

/// Configuration of the shop.
#[derive(Debug, Clone)]
pub struct ShopConfig {
    /// `SHOPEASE_NAME`: name of the shop (default `shopease`).
    pub name: String,
    /// `SHOPEASE_LANGUAGE`: language of the catalog, for search (default `en`). After a change, import the catalog again.
    pub language: Language,
    /// `SHOPEASE_CURRENCY`: currency of imports without a currency (default `EUR`).
    pub currency: Currency,
    /// `SHOPEASE_PRICES_INCLUDE_TAX` (default `true`), `SHOPEASE_TAX_RATES` and `SHOPEASE_SHIPPING_METHODS`: JSON
    /// in the format of `shop/data/*.json` that replaces the built-in tables. [`countries`] adds the countries that the shop sells to.
    pub pricing: PricingRules,
    /// `SHOPEASE_CATALOG_CACHE_SECONDS`: maximum age of cached catalog reads (default 5; 0 disables the cache).
    pub catalog_cache_seconds: u64,
    /// `SHOPEASE_PUBLIC_URL`: public URL of the shop, without a trailing slash (default `http://localhost:8080`). The bank's
    /// page sends shoppers back there.
    pub public_url: String,
    /// `SHOPEASE_PAYMENT_HOLD_MINUTES`: how long an unpaid order reserves stock (default 30). Then its payment is canceled
    /// at the provider, and the stock is released once the provider has confirmed that.
    pub payment_hold_minutes: u32,
    /// `SHOPEASE_BANK_ACCOUNT` and `SHOPEASE_BANK_TRANSFER_DAYS`: payment by bank transfer; not offered by default.
    pub bank_transfer: Option<BankTransfer>,
    /// `SHOPEASE_LOW_STOCK_UNITS`: an order that leaves this many units or fewer publishes `stock.low` (default 3).
    pub low_stock_units: u32,
}

/// Payment by bank transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankTransfer {
    /// The merchant's account, as shoppers read it: holder, IBAN, BIC.
    pub account: String,
    /// How many days an order waits for the transfer and reserves stock (default 7).
    pub hold_days: u32,
}

impl ShopConfig {
    /// Reads the section.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let shipping: Option<Json<ShippingTable>> = reader.optional("SHOPEASE_SHIPPING_METHODS");
        Self {
            name: reader.or("SHOPEASE_NAME", "shopease".to_owned()),
            language: language(reader),
            currency: currency(reader),
            pricing: PricingRules {
                tax: tax_rates(reader),
                shipping: match shipping {
                    Some(Json(table)) => table,
                    None => SHIPPING_METHODS.clone(),
                },
                prices_include_tax: reader.or("SHOPEASE_PRICES_INCLUDE_TAX", true),
                sells_to: countries(reader).into_iter().map(|country| country.code).collect(),
            },
            catalog_cache_seconds: reader.or("SHOPEASE_CATALOG_CACHE_SECONDS", 5),
            public_url: public_url(reader),
            payment_hold_minutes: reader.or("SHOPEASE_PAYMENT_HOLD_MINUTES", 30),
            bank_transfer: reader
                .optional("SHOPEASE_BANK_ACCOUNT")
                .map(|account| BankTransfer { account, hold_days: reader.or("SHOPEASE_BANK_TRANSFER_DAYS", 7) }),
            low_stock_units: reader.or("SHOPEASE_LOW_STOCK_UNITS", 3),
        }
    }

    /// Logs a warning if products cannot be sold because of missing shipping prices.
    pub fn warn_of_gaps(&self) {
        if let Some(gap) = self.pricing.shipping.gap_of(self.currency) {
            tracing::warn!("{gap}");
        }
    }
}

/// `SHOPEASE_COUNTRIES`: comma-separated codes of the countries that the shop sells to (default: all). Returned sorted by name.
pub fn countries(reader: &mut Reader<'_>) -> Vec<&'static Country> {
    const NAME: &str = "SHOPEASE_COUNTRIES";
    let codes = reader.optional::<String>(NAME);
    let mut countries = Vec::new();
    for code in codes.iter().flat_map(|codes| codes.split(',')).map(str::trim).filter(|code| !code.is_empty()) {
        match code.parse().ok().and_then(Country::find) {
            Some(country) => countries.push(country),
            None => reader.problem(NAME, format!("{code:?} is not an ISO 3166-1 country code such as DE")),
        }
    }
    if countries.is_empty() {
        countries.extend(Country::all());
    }
    countries.sort_by_cached_key(|country| fold(&country.name));
    countries.dedup();
    countries
}

fn tax_rates(reader: &mut Reader<'_>) -> TaxTable {
    const NAME: &str = "SHOPEASE_TAX_RATES";
    let Some(Json(table)) = reader.optional::<Json<TaxTable>>(NAME) else { return TAX_RATES.clone() };
    for (country, region) in table.unknown_regions() {
        let example = Country::find(country).and_then(|country| country.regions.first());
        let hint = example.map_or(String::new(), |region| format!(" such as {}", region.code));
        reader.problem(NAME, format!("{country} has no region {region:?}; use a region code{hint}"));
    }
    table
}

fn language(reader: &mut Reader<'_>) -> Language {
    const NAME: &str = "SHOPEASE_LANGUAGE";
    let Some(code) = reader.optional::<String>(NAME) else { return Language::English };
    code.parse().unwrap_or_else(|_| {
        let codes = Language::codes().collect::<Vec<_>>().join(", ");
        reader.problem(NAME, format!("{code:?} is not one of {codes}"));
        Language::English
    })
}

fn currency(reader: &mut Reader<'_>) -> Currency {
    const NAME: &str = "SHOPEASE_CURRENCY";
    let Some(code) = reader.optional::<String>(NAME) else { return Currency::EUR };
    code.parse().unwrap_or_else(|_| {
        reader.problem(NAME, format!("{code:?} is not an ISO 4217 code such as EUR"));
        Currency::EUR
    })
}

fn public_url(reader: &mut Reader<'_>) -> String {
    const NAME: &str = "SHOPEASE_PUBLIC_URL";
    let url = reader.or(NAME, "http://localhost:8080".to_owned());
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_address = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':'])
            && !rest.contains(['?', '#', '\\'])
            && !rest.contains(char::is_whitespace)
    });
    if !is_address {
        reader.problem(NAME, format!("{url:?} is not an http or https URL"));
    }
    url.trim_end_matches('/').to_owned()
}

/// A JSON value in a variable.
struct Json<T>(T);

impl<T: serde::de::DeserializeOwned> FromStr for Json<T> {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Env;

    struct Vars(&'static [(&'static str, &'static str)]);

    impl Env for Vars {
        fn var(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }
    }

    struct OneVar(&'static str, &'static str);

    impl Env for OneVar {
        fn var(&self, name: &str) -> Option<String> {
            (name == self.0).then(|| self.1.to_owned())
        }
    }

    #[test]
    fn the_built_in_tables_are_read() {
        let mut reader = Reader::new(&Vars(&[]));
        let pricing = ShopConfig::read(&mut reader).pricing;
        assert_eq!(reader.finish(), Ok(()));
        assert!(!pricing.tax.rates.is_empty() && !pricing.shipping.methods.is_empty());
    }

    #[test]
    fn missing_prices_of_the_built_in_shipping_methods_are_reported() {
        let shipping = ShopConfig::read(&mut Reader::new(&Vars(&[]))).pricing.shipping;
        assert_eq!(shipping.gap_of(Currency::EUR), None);
        let won = shipping.gap_of("KRW".parse().expect("a currency")).expect("no price in won");
        assert!(won.contains("products that need shipping") && won.contains("SHOPEASE_SHIPPING_METHODS"), "{won}");
    }

    #[test]
    fn countries_without_a_price_in_the_currency_are_listed() {
        let table = r#"{"methods": [
            {"id": "a", "title": "A", "delivery_estimate": "1 day", "countries": ["DE", "FR"],
             "rate": {"kind": "flat", "price": {"EUR": 100}}},
            {"id": "b", "title": "B", "delivery_estimate": "1 day", "countries": ["FR"],
             "rate": {"kind": "flat", "price": {"USD": 100}}},
            {"id": "c", "title": "C", "delivery_estimate": "1 day", "except_countries": ["US"],
             "rate": {"kind": "flat", "price": {"EUR": 100}}}]}"#;
        let table: ShippingTable = serde_json::from_str(table).expect("a table");
        assert_eq!(table.gap_of(Currency::EUR), None);
        let gap = table.gap_of("USD".parse().expect("a currency")).expect("two gaps");
        assert!(gap.contains("for DE, all other countries"), "{gap}");
    }

    #[test]
    fn the_public_url_is_http_with_a_host_and_no_query() {
        for (url, right) in [
            ("https://shop.example", true),
            ("http://localhost:8080/", true),
            ("https://example.com/shop", true),
            ("ftp://shop.example", false),
            ("https://", false),
            ("https:///x", false),
            ("https://shop.example/?a=b", false),
            ("shop.example", false),
        ] {
            let env = OneVar("SHOPEASE_PUBLIC_URL", url);
            let mut reader = Reader::new(&env);
            ShopConfig::read(&mut reader);
            assert_eq!(reader.finish().is_ok(), right, "{url}");
        }
    }

    #[test]
    fn a_rate_for_a_region_that_does_not_exist_is_rejected() {
        for (country, region, right) in [
            ("US", "CA", true),
            ("PT", "20", true),
            ("US", "California", false),
            ("US", "ca", false),
            ("UK", "X", false),
        ] {
            let rate = serde_json::json!({
                "country": country, "region": region, "class": "standard", "rate_ppm": 1, "title": "Tax"
            });
            let table = serde_json::json!({ "rates": [rate] }).to_string();
            let env = shopease_process::testing::MapEnv::new([("SHOPEASE_TAX_RATES", table.as_str())]);
            let mut reader = Reader::new(&env);
            ShopConfig::read(&mut reader);
            assert_eq!(reader.finish().is_ok(), right, "{country} {region}");
        }
    }

    #[test]
    fn every_problem_is_reported_with_its_variable() {
        let mut reader = Reader::new(&Vars(&[
            ("SHOPEASE_LANGUAGE", "xx"),
            ("SHOPEASE_CURRENCY", "ZZZ"),
            ("SHOPEASE_TAX_RATES", "{"),
            ("SHOPEASE_COUNTRIES", "DE,UK, Austria,AT"),
        ]));
        ShopConfig::read(&mut reader);
        let problems = reader.finish().expect_err("problems").problems;
        let names = [
            "SHOPEASE_LANGUAGE",
            "SHOPEASE_CURRENCY",
            "SHOPEASE_TAX_RATES",
            "SHOPEASE_COUNTRIES",
            "SHOPEASE_COUNTRIES",
        ];
        for (problem, name) in problems.iter().zip(names) {
            assert!(problem.starts_with(name), "{problem}");
        }
        assert_eq!(problems.len(), names.len());
    }
}
