//! Configuration: read once at start from `SHOPEASE_*`, every problem reported together.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::domain::{CountryCode, Currency, Language, PricingRules, ShippingTable, TaxTable};
use crate::ports::Env;

/// Every problem of a configuration, one a line, each with the variable's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The problems.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem(s):", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Reads variables and collects what is wrong with them.
pub struct Reader<'a> {
    env: &'a dyn Env,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader without problems yet.
    pub fn new(env: &'a dyn Env) -> Self {
        Self { env, problems: Vec::new() }
    }

    /// The value of a variable that may be missing.
    pub fn optional<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.env.var(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let found = match self.env.origin(name) {
                    Some(origin) => format!("in {origin}"),
                    None => format!("found {text:?}"),
                };
                self.problems.push(format!("{name}: {error} ({found})"));
                None
            }
        }
    }

    /// The value of a variable, or a default when it is missing.
    pub fn or<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: T) -> T {
        self.optional(name).unwrap_or(default)
    }

    /// The value of a variable that must be there, if it is.
    pub fn required<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        if self.env.var(name).is_none() {
            self.problems.push(format!("{name}: is required"));
        }
        self.optional(name)
    }

    /// Notes a problem of a value that could be read.
    pub fn problem(&mut self, name: &str, reason: impl fmt::Display) {
        let origin = self.env.origin(name).map(|origin| format!(" (in {origin})")).unwrap_or_default();
        self.problems.push(format!("{name}: {reason}{origin}"));
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem found.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.problems }) }
    }
}

/// How the shop shows itself.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `SHOPEASE_NAME`: name of the shop (default `shopease`).
    pub shop_name: String,
    /// `SHOPEASE_INSECURE_COOKIES`: cookies without `Secure` and `__Host-`, for plain http on a host that the
    /// browser does not trust (Safari on localhost, a phone in the same network). Never in production.
    pub insecure_cookies: bool,
    /// Countries that the checkout form offers, by name.
    pub countries: Vec<(CountryCode, String)>,
    /// Cards that the checkout form offers, as the provider's tokens with labels. Whoever opens the provider fills them in.
    pub test_cards: Vec<(String, String)>,
    /// What one process takes on.
    pub limits: Limits,
    /// `SHOPEASE_MEASURE`: every answer tells what it used, in the header `x-shopease-usage`. Not for the public.
    pub measure: bool,
}

impl HttpConfig {
    /// Name of the cookie that holds the visitor's or session's token.
    pub fn cookie_name(&self) -> &'static str {
        if self.insecure_cookies { "shopease_token" } else { "__Host-shopease_token" }
    }

    /// Reads the section.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            shop_name: reader.or("SHOPEASE_NAME", "shopease".to_owned()),
            insecure_cookies: reader.or("SHOPEASE_INSECURE_COOKIES", false),
            countries: data(reader, "countries.json", include_str!("../data/countries.json")),
            test_cards: Vec::new(),
            limits: Limits::read(reader),
            measure: reader.or("SHOPEASE_MEASURE", false),
        }
    }
}

/// What one process takes on, and how long a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `SHOPEASE_REQUEST_TIMEOUT_MS`: budget of a page or API request (default 10,000).
    pub request_timeout: Duration,
    /// `SHOPEASE_CHECKOUT_TIMEOUT_MS`: budget of placing an order, which waits for the payment provider (default 28,000:
    /// API Gateway waits 29 s, a load balancer 60 s).
    pub checkout_timeout: Duration,
    /// `SHOPEASE_READ_TIMEOUT_MS`: longest wait for the header of a connection's first request, and for each body
    /// (default 10,000).
    pub read_timeout: Duration,
    /// `SHOPEASE_REQUESTS_IN_FLIGHT`: requests at work at once, orders aside (default 128).
    pub requests_in_flight: usize,
    /// `SHOPEASE_CHECKOUTS_IN_FLIGHT`: orders at work at once (default 64), so that a slow payment provider does not
    /// take the catalog's places.
    pub checkouts_in_flight: usize,
    /// `SHOPEASE_QUEUE_TIMEOUT_MS`: longest wait for a place before 503 (default 100).
    pub queue_timeout: Duration,
}

impl Limits {
    /// Reads the section.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let mut positive = |name: &str, default: u32| match reader.or(name, default) {
            0 => {
                reader.problem(name, "must be more than 0");
                default
            }
            value => value,
        };
        let mut milliseconds = |name: &str, default| Duration::from_millis(positive(name, default).into());
        let (request_timeout, checkout_timeout) =
            (milliseconds("SHOPEASE_REQUEST_TIMEOUT_MS", 10_000), milliseconds("SHOPEASE_CHECKOUT_TIMEOUT_MS", 28_000));
        let (read_timeout, queue_timeout) =
            (milliseconds("SHOPEASE_READ_TIMEOUT_MS", 10_000), milliseconds("SHOPEASE_QUEUE_TIMEOUT_MS", 100));
        Self {
            request_timeout,
            checkout_timeout,
            read_timeout,
            requests_in_flight: positive("SHOPEASE_REQUESTS_IN_FLIGHT", 128) as usize,
            checkouts_in_flight: positive("SHOPEASE_CHECKOUTS_IN_FLIGHT", 64) as usize,
            queue_timeout,
        }
    }
}

/// How the shop sells.
#[derive(Debug, Clone)]
pub struct ShopConfig {
    /// `SHOPEASE_LANGUAGE`: language of the catalog, for search (default `en`). Changing it needs a new import.
    pub language: Language,
    /// `SHOPEASE_CURRENCY`: currency of imports that name none (default `EUR`).
    pub currency: Currency,
    /// `SHOPEASE_PRICES_INCLUDE_TAX` (default `true`), `SHOPEASE_TAX_RATES` and `SHOPEASE_SHIPPING_METHODS`: JSON
    /// in the form of `shared/data/*.json` that replaces the built-in tables.
    pub pricing: PricingRules,
    /// `SHOPEASE_CATALOG_CACHE_SECONDS`: how long catalog reads may be old (default 5, 0 switches the cache off).
    pub catalog_cache_seconds: u64,
    /// `SHOPEASE_PUBLIC_URL`: where browsers find the shop, without a slash at the end (default
    /// `http://localhost:8080`). The bank's page sends shoppers back there.
    pub public_url: String,
    /// `SHOPEASE_PAYMENT_HOLD_MINUTES`: how long an unpaid order keeps its stock (default 30). Then its payment is
    /// called off at the provider, and only when that is done the stock is free.
    pub payment_hold_minutes: u32,
    /// `SHOPEASE_LOW_STOCK_UNITS`: an order that leaves so many units or fewer tells so (`stock.low`, default 3).
    pub low_stock_units: u32,
}

impl ShopConfig {
    /// Reads the section.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let tax: Option<Json<TaxTable>> = reader.optional("SHOPEASE_TAX_RATES");
        let shipping: Option<Json<ShippingTable>> = reader.optional("SHOPEASE_SHIPPING_METHODS");
        Self {
            language: reader.or("SHOPEASE_LANGUAGE", Language::English),
            currency: reader.or("SHOPEASE_CURRENCY", Currency::EUR),
            pricing: PricingRules {
                tax: match tax {
                    Some(Json(table)) => table,
                    None => data(reader, "tax-rates.json", include_str!("../data/tax-rates.json")),
                },
                shipping: match shipping {
                    Some(Json(table)) => table,
                    None => data(reader, "shipping-methods.json", include_str!("../data/shipping-methods.json")),
                },
                prices_include_tax: reader.or("SHOPEASE_PRICES_INCLUDE_TAX", true),
            },
            catalog_cache_seconds: reader.or("SHOPEASE_CATALOG_CACHE_SECONDS", 5),
            public_url: public_url(reader),
            payment_hold_minutes: reader.or("SHOPEASE_PAYMENT_HOLD_MINUTES", 30),
            low_stock_units: reader.or("SHOPEASE_LOW_STOCK_UNITS", 3),
        }
    }
}

fn public_url(reader: &mut Reader<'_>) -> String {
    const NAME: &str = "SHOPEASE_PUBLIC_URL";
    let url = reader.or(NAME, "http://localhost:8080".to_owned());
    let is_origin = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    });
    if !is_origin {
        reader.problem(NAME, format!("{url:?} is not an http or https address"));
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

/// Built-in data. A test reads every file, so the fallback is never seen.
fn data<T: serde::de::DeserializeOwned + EmptyData>(reader: &mut Reader<'_>, file: &str, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| {
        reader.problem(file, error);
        T::empty()
    })
}

trait EmptyData {
    fn empty() -> Self;
}

impl EmptyData for TaxTable {
    fn empty() -> Self {
        Self { rates: Vec::new() }
    }
}

impl EmptyData for ShippingTable {
    fn empty() -> Self {
        Self { methods: Vec::new() }
    }
}

impl EmptyData for Vec<(CountryCode, String)> {
    fn empty() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Vars(&'static [(&'static str, &'static str)]);

    impl Env for Vars {
        fn var(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn the_built_in_data_reads_and_covers_every_country_of_the_form() {
        let mut reader = Reader::new(&Vars(&[]));
        let (http, shop) = (HttpConfig::read(&mut reader), ShopConfig::read(&mut reader));
        assert_eq!(reader.finish(), Ok(()));
        for (country, name) in http.countries {
            let offers = shop.pricing.shipping.offers(country, crate::domain::Money::zero(Currency::EUR), 500, true);
            assert!(!offers.is_empty(), "no shipping to {name}");
        }
    }

    #[test]
    fn every_problem_is_reported_with_its_variable() {
        let mut reader = Reader::new(&Vars(&[
            ("SHOPEASE_LANGUAGE", "xx"),
            ("SHOPEASE_CURRENCY", "ZZZ"),
            ("SHOPEASE_TAX_RATES", "{"),
        ]));
        ShopConfig::read(&mut reader);
        let problems = reader.finish().expect_err("three problems").problems;
        for (problem, name) in problems.iter().zip(["SHOPEASE_TAX_RATES", "SHOPEASE_LANGUAGE", "SHOPEASE_CURRENCY"]) {
            assert!(problem.starts_with(name), "{problem}");
        }
        assert_eq!(problems.len(), 3);
    }
}
