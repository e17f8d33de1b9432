//! Configuration of the shop, from the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::LazyLock;

use shopease_process::config::Reader;

use crate::domain::{
    Country, CountryCode, Currency, Handle, Language, RuleError, Settings, ShippingTable, Sku, TaxTable,
};

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
    /// `SHOPEASE_LANGUAGE`: language of the catalog, for search (default `en`). After a change, import the catalog again.
    pub language: Language,
    /// The settings of a new shop, from variables.
    pub settings: SettingsVariables,
    /// `SHOPEASE_CATALOG_CACHE_SECONDS`: maximum age of cached catalog reads (default 5; 0 disables the cache).
    pub catalog_cache_seconds: u64,
    /// `SHOPEASE_PUBLIC_URL`: public URL of the shop, without a trailing slash (default `http://localhost:8080`). The bank's
    /// page sends shoppers back there.
    pub public_url: String,
    /// Whether the shop sends mail: `SHOPEASE_MAIL` is set and not `off`. Then a mailed link confirms the email address of an account.
    pub sends_mail: bool,
    /// `SHOPEASE_PAYMENT_HOLD_MINUTES`: how long an unpaid order reserves stock (default 30). Then its payment is canceled
    /// at the provider, and the stock is released once the provider has confirmed that.
    pub payment_hold_minutes: u32,
    /// `SHOPEASE_BANK_ACCOUNT` and `SHOPEASE_BANK_TRANSFER_DAYS`: payment by bank transfer; not offered by default.
    pub bank_transfer: Option<BankTransfer>,
    /// The demo catalog that this process ships with: its products, each with its SKUs. Empty if it ships without one, as the functions
    /// do.
    pub demo_catalog: BTreeMap<Handle, BTreeSet<Sku>>,
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
        Self {
            language: language(reader),
            settings: SettingsVariables::read(reader),
            catalog_cache_seconds: reader.or("SHOPEASE_CATALOG_CACHE_SECONDS", 5),
            public_url: public_url(reader),
            sends_mail: reader.optional::<String>("SHOPEASE_MAIL").is_some_and(|transport| transport != "off"),
            payment_hold_minutes: reader.or("SHOPEASE_PAYMENT_HOLD_MINUTES", 30),
            demo_catalog: BTreeMap::new(),
            bank_transfer: reader
                .optional("SHOPEASE_BANK_ACCOUNT")
                .map(|account| BankTransfer { account, hold_days: reader.or("SHOPEASE_BANK_TRANSFER_DAYS", 7) }),
        }
    }
}

const NAME: &str = "SHOPEASE_NAME";
const CURRENCY: &str = "SHOPEASE_CURRENCY";
const PRICES_INCLUDE_TAX: &str = "SHOPEASE_PRICES_INCLUDE_TAX";
const TAX_RATES_JSON: &str = "SHOPEASE_TAX_RATES";
const SHIPPING_METHODS_JSON: &str = "SHOPEASE_SHIPPING_METHODS";
const COUNTRIES: &str = "SHOPEASE_COUNTRIES";
const LOW_STOCK_UNITS: &str = "SHOPEASE_LOW_STOCK_UNITS";

/// The first version of the settings, from the environment variables that configured a shop before it had settings. Once a store has
/// settings, the variables have no effect.
#[derive(Debug, Clone)]
pub struct SettingsVariables {
    /// The settings: [`Settings::starter`] with `SHOPEASE_NAME`, `SHOPEASE_CURRENCY`, `SHOPEASE_PRICES_INCLUDE_TAX`,
    /// `SHOPEASE_TAX_RATES` and `SHOPEASE_SHIPPING_METHODS` (JSON in the format of `shop/data/*.json` that replaces the built-in
    /// tables), `SHOPEASE_COUNTRIES` (comma-separated codes) and `SHOPEASE_LOW_STOCK_UNITS`.
    pub initial: Settings,
    /// The variables that are set.
    set: Vec<&'static str>,
}

impl SettingsVariables {
    fn read(reader: &mut Reader<'_>) -> Self {
        let shipping: Option<Json<ShippingTable>> = reader.optional(SHIPPING_METHODS_JSON);
        let names =
            [NAME, CURRENCY, PRICES_INCLUDE_TAX, TAX_RATES_JSON, SHIPPING_METHODS_JSON, COUNTRIES, LOW_STOCK_UNITS];
        let set = names.into_iter().filter(|name| reader.optional::<String>(name).is_some()).collect();
        let currency = currency(reader);
        let shipping = shipping.map_or_else(|| SHIPPING_METHODS.clone(), |Json(table)| table);
        let mut initial = Settings::starter(tax_rates(reader), shipping);
        initial.shop.name = reader.or(NAME, initial.shop.name);
        initial.selling.currency = currency;
        initial.selling.prices_include_tax = reader.or(PRICES_INCLUDE_TAX, initial.selling.prices_include_tax);
        initial.selling.countries = countries(reader);
        initial.selling.low_stock_units = reader.or(LOW_STOCK_UNITS, initial.selling.low_stock_units);
        let initial = initial.clone().validated().unwrap_or_else(|problems| {
            for problem in problems {
                reader.problem(variable_of(&problem), problem.to_string());
            }
            initial
        });
        Self { initial, set }
    }

    /// The variables that are set and differ from the settings.
    pub fn differing(&self, settings: &Settings) -> Vec<&'static str> {
        let (given, selling) = (&self.initial, &settings.selling);
        let differs = |name: &&&str| match **name {
            NAME => given.shop.name != settings.shop.name,
            CURRENCY => given.selling.currency != selling.currency,
            PRICES_INCLUDE_TAX => given.selling.prices_include_tax != selling.prices_include_tax,
            TAX_RATES_JSON => given.tax != settings.tax,
            SHIPPING_METHODS_JSON => given.shipping != settings.shipping,
            COUNTRIES => given.selling.countries != selling.countries,
            _ => given.selling.low_stock_units != selling.low_stock_units,
        };
        self.set.iter().filter(differs).copied().collect()
    }
}

/// The variable that a setting of a new shop comes from.
fn variable_of(problem: &RuleError) -> &'static str {
    let path = problem.field().unwrap_or_default();
    let variables = [
        ("tax", TAX_RATES_JSON),
        ("shipping", SHIPPING_METHODS_JSON),
        ("selling.countries", COUNTRIES),
        ("selling.low_stock_units", LOW_STOCK_UNITS),
    ];
    variables.iter().find(|(prefix, _)| path.starts_with(prefix)).map_or(NAME, |(_, variable)| variable)
}

fn countries(reader: &mut Reader<'_>) -> Vec<CountryCode> {
    let codes = reader.optional::<String>(COUNTRIES);
    let mut countries = Vec::new();
    for code in codes.iter().flat_map(|codes| codes.split(',')).map(str::trim).filter(|code| !code.is_empty()) {
        match code.parse().ok().and_then(Country::find) {
            Some(country) if countries.contains(&country.code) => {}
            Some(country) => countries.push(country.code),
            None => reader.problem(COUNTRIES, format!("{code:?} is not an ISO 3166-1 country code such as DE")),
        }
    }
    countries
}

fn tax_rates(reader: &mut Reader<'_>) -> TaxTable {
    let Some(Json(table)) = reader.optional::<Json<TaxTable>>(TAX_RATES_JSON) else { return TAX_RATES.clone() };
    for (country, region) in table.unknown_regions() {
        let example = Country::find(country).and_then(|country| country.regions.first());
        let hint = example.map_or(String::new(), |region| format!(" such as {}", region.code));
        reader.problem(TAX_RATES_JSON, format!("{country} has no region {region:?}; use a region code{hint}"));
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
    let Some(code) = reader.optional::<String>(CURRENCY) else { return Currency::EUR };
    code.parse().unwrap_or_else(|_| {
        reader.problem(CURRENCY, format!("{code:?} is not an ISO 4217 code such as EUR"));
        Currency::EUR
    })
}

/// Reads `SHOPEASE_PUBLIC_URL`, for every section that needs it.
pub fn public_url(reader: &mut Reader<'_>) -> String {
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
    use crate::domain::Money;
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
        let settings = ShopConfig::read(&mut reader).settings.initial;
        assert_eq!(reader.finish(), Ok(()));
        assert!(!settings.tax.rates.is_empty() && !settings.shipping.methods.is_empty());
    }

    #[test]
    fn every_country_has_shipping() {
        let shipping = ShopConfig::read(&mut Reader::new(&Vars(&[]))).settings.initial.shipping;
        for Country { code, name, .. } in Country::all() {
            let offers = shipping.offers(*code, Money::zero(Currency::EUR), 500, true);
            assert!(!offers.is_empty(), "no shipping to {name}");
        }
    }

    #[test]
    fn missing_prices_of_the_built_in_shipping_methods_are_reported() {
        let shipping = ShopConfig::read(&mut Reader::new(&Vars(&[]))).settings.initial.shipping;
        assert_eq!(shipping.gap_of(Currency::EUR), None);
        let won = shipping.gap_of("KRW".parse().expect("a currency")).expect("no price in won");
        assert!(won.contains("products that need shipping") && won.contains("/admin/settings"), "{won}");
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
