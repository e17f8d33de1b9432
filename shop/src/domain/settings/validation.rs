//! The rules of the settings. All problems are reported, each with the path of its value in the settings file, such as
//! `shipping.methods[0].free_from.EUR`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Branding, Contact, Footer, HomePage, LegalPages, PageKind, Selling, Settings};
use crate::domain::{
    Color, Country, CountryCode, Currency, Format, Image, RuleError, ShippingMethod, ShippingOffer, ShippingRate,
    ShippingTable, TaxTable, ValueRule, fold, is_unprintable, line, lines,
};

/// Longest page in characters.
pub const MAX_PAGE_CHARS: usize = 30_000;
/// Largest sum of all pages in bytes: the whole document must fit into a request.
const MAX_PAGES_BYTES: usize = 100 * 1024;
/// Longest URL in characters.
const MAX_URL_CHARS: usize = 2_000;
/// Longest text of one line in characters.
const MAX_LINE_CHARS: usize = 120;
/// Longest text of several lines, other than a page, in characters.
const MAX_TEXT_CHARS: usize = 1_000;
/// Most footer links, and most featured categories.
const MAX_LINKS: usize = 20;
/// Most tax rates.
const MAX_RATES: usize = 500;
/// Most shipping methods, and most weight bands of one.
const MAX_METHODS: usize = 30;
/// Highest price or threshold in minor units.
const MAX_PRICE_MINOR: i64 = 99_999_999;
/// The background on which links have the least contrast in the light theme.
const TINTED_PAPER: Color = Color::new([0xf3, 0xeb, 0xdf]);

/// Path of a value in the settings file or in a product, such as `variants[0].price`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValuePath(String);

impl ValuePath {
    /// The path of a value.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Settings {
    /// Trims texts and drops empty optional ones.
    ///
    /// # Errors
    /// All problems of the settings.
    pub fn validated(mut self) -> Result<Self, Vec<RuleError>> {
        let mut check = Check::default();
        check.branding(&mut self.shop);
        check.contact(&mut self.contact);
        check.home(&mut self.home);
        check.footer(&mut self.footer);
        check.pages(&mut self.pages);
        check.selling(&mut self.selling);
        check.tax(&mut self.tax);
        check.shipping(&mut self.shipping);
        if check.problems.is_empty() { Ok(self) } else { Err(check.problems) }
    }
}

/// Collects problems.
#[derive(Debug, Default)]
struct Check {
    problems: Vec<RuleError>,
}

impl Check {
    fn refuse(&mut self, path: impl Into<String>, rule: ValueRule) {
        self.problems.push(RuleError::setting(path, rule));
    }

    /// A text of one line.
    fn line(&mut self, path: &str, text: &mut String, min: usize, max: usize) {
        match line(text, min, max) {
            Ok(line) => *text = line,
            Err(rule) => self.refuse(path, rule),
        }
    }

    /// A text of several lines.
    fn text(&mut self, path: &str, text: &mut String, max: usize) {
        *text = lines(text);
        let is_allowed = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
        if text.chars().count() > max || !text.chars().all(is_allowed) {
            self.refuse(path, ValueRule::Length { min: 0, max });
        }
    }

    fn optional(text: &mut Option<String>, check: impl FnOnce(&mut String)) {
        if let Some(found) = text {
            check(found);
        }
        text.take_if(|text| text.is_empty());
    }

    fn count(&mut self, path: &str, count: usize, max: usize) {
        if count > max {
            self.refuse(path, ValueRule::Count { max });
        }
    }

    fn range(&mut self, path: impl Into<String>, value: i64, min: i64, max: i64) {
        if !(min..=max).contains(&value) {
            self.refuse(path, ValueRule::Range { min, max });
        }
    }

    fn branding(&mut self, shop: &mut Branding) {
        self.line("shop.name", &mut shop.name, 1, 60);
        if ![Color::WHITE, TINTED_PAPER].iter().all(|background| shop.accent_color.is_readable_on(*background)) {
            self.refuse("shop.accent_color", ValueRule::Contrast);
        }
        for (path, image) in [("shop.logo", &shop.logo), ("shop.icon", &shop.icon)] {
            if image.as_ref().is_some_and(|image| !image.is_usable()) {
                self.refuse(path, ValueRule::Format(Format::Image));
            }
        }
    }

    fn contact(&mut self, contact: &mut Contact) {
        Self::optional(&mut contact.phone, |text| self.line("contact.phone", text, 0, 40));
        Self::optional(&mut contact.postal_address, |text| self.text("contact.postal_address", text, MAX_TEXT_CHARS));
    }

    fn home(&mut self, home: &mut HomePage) {
        self.line("home.headline", &mut home.headline, 1, MAX_LINE_CHARS);
        self.text("home.text", &mut home.text, MAX_TEXT_CHARS);
        if let Some(Image { url, alt }) = &mut home.image {
            self.line("home.image.alt", alt, 0, MAX_LINE_CHARS);
            *url = url.trim().to_owned();
            if !is_web_address(url, &["https:"]) {
                self.refuse("home.image.url", ValueRule::Format(Format::ImageAddress));
            }
        }
        self.count("home.featured_categories", home.featured_categories.len(), MAX_LINKS);
        let mut seen = BTreeSet::new();
        for (number, handle) in home.featured_categories.iter().enumerate() {
            if !seen.insert(handle) {
                self.refuse(format!("home.featured_categories[{number}]"), ValueRule::Unique);
            }
        }
    }

    fn footer(&mut self, footer: &mut Footer) {
        self.text("footer.text", &mut footer.text, MAX_TEXT_CHARS);
        self.count("footer.links", footer.links.len(), MAX_LINKS);
        for (number, link) in footer.links.iter_mut().enumerate() {
            self.line(&format!("footer.links[{number}].title"), &mut link.title, 1, MAX_LINE_CHARS);
            link.url = link.url.trim().to_owned();
            if !is_web_address(&link.url, &["https:", "http:", "mailto:", "tel:"]) {
                self.refuse(format!("footer.links[{number}].url"), ValueRule::Format(Format::WebAddress));
            }
        }
    }

    fn pages(&mut self, pages: &mut LegalPages) {
        let mut size_bytes = 0;
        for kind in PageKind::ALL {
            let (page, path) = (pages.get_mut(*kind), format!("pages.{}.text", kind.as_str()));
            self.text(&path, &mut page.text, MAX_PAGE_CHARS);
            if !page.is_draft && page.text.is_empty() {
                self.refuse(&path, ValueRule::Required);
            }
            let before = size_bytes;
            size_bytes += page.text.len();
            if before <= MAX_PAGES_BYTES && size_bytes > MAX_PAGES_BYTES {
                self.refuse(path, ValueRule::Format(Format::PagesSize));
            }
        }
    }

    fn selling(&mut self, selling: &mut Selling) {
        self.countries(&selling.countries, |number| format!("selling.countries[{number}]"));
        self.range("selling.low_stock_units", selling.low_stock_units.into(), 0, 1_000_000);
    }

    fn countries(&mut self, countries: &[CountryCode], path: impl Fn(usize) -> String) {
        let mut seen = BTreeSet::new();
        for (number, country) in countries.iter().enumerate() {
            if Country::find(*country).is_none() {
                self.refuse(path(number), ValueRule::Format(Format::Country));
            } else if !seen.insert(country) {
                self.refuse(path(number), ValueRule::Unique);
            }
        }
    }

    fn tax(&mut self, tax: &mut TaxTable) {
        self.count("tax.rates", tax.rates.len(), MAX_RATES);
        let mut seen = BTreeSet::new();
        for (number, rate) in tax.rates.iter_mut().enumerate() {
            let at = |field: &str| format!("tax.rates[{number}].{field}");
            self.line(&at("title"), &mut rate.title, 1, MAX_LINE_CHARS);
            self.range(at("rate_ppm"), rate.rate_ppm.into(), 0, 1_000_000);
            match Country::find(rate.country) {
                None => self.refuse(at("country"), ValueRule::Format(Format::Country)),
                Some(country) => {
                    rate.region = rate.region.as_deref().and_then(|text| country.written_region(text));
                    let is_known = |region: &String| country.regions.is_empty() || country.region(region).is_some();
                    match &mut rate.region {
                        Some(region) if is_known(region) => self.line(&at("region"), region, 1, MAX_LINE_CHARS),
                        Some(_) => self.refuse(at("region"), ValueRule::Offered),
                        None => {}
                    }
                }
            }
            // Regions that differ only in case or accents are the same place.
            if !seen.insert((rate.country, rate.region.as_deref().map(fold), rate.class)) {
                self.refuse(at("class"), ValueRule::Unique);
            }
        }
    }

    fn shipping(&mut self, shipping: &mut ShippingTable) {
        self.count("shipping.methods", shipping.methods.len(), MAX_METHODS);
        let mut seen = BTreeSet::from([ShippingOffer::NO_SHIPPING.to_owned()]);
        for (number, method) in shipping.methods.iter_mut().enumerate() {
            let path = format!("shipping.methods[{number}]");
            if !is_code(&method.id) {
                self.refuse(format!("{path}.id"), ValueRule::Format(Format::Code));
            } else if !seen.insert(method.id.clone()) {
                self.refuse(format!("{path}.id"), ValueRule::Unique);
            }
            self.method(&path, method);
        }
    }

    fn method(&mut self, path: &str, method: &mut ShippingMethod) {
        self.line(&format!("{path}.title"), &mut method.title, 1, MAX_LINE_CHARS);
        self.line(&format!("{path}.delivery_estimate"), &mut method.delivery_estimate, 1, MAX_LINE_CHARS);
        self.countries(&method.countries, |number| format!("{path}.countries[{number}]"));
        self.countries(&method.except_countries, |number| format!("{path}.except_countries[{number}]"));
        let grams = i64::from(u32::MAX);
        self.range(format!("{path}.min_weight_grams"), of_unsigned(method.min_weight_grams), 0, grams);
        self.prices(&format!("{path}.free_from"), &method.free_from);
        match &method.rate {
            ShippingRate::Flat { price } => self.prices(&format!("{path}.rate.price"), price),
            ShippingRate::ByWeight { bands } => {
                let path = format!("{path}.rate.bands");
                if bands.is_empty() {
                    self.refuse(&path, ValueRule::Required);
                }
                self.count(&path, bands.len(), MAX_METHODS);
                let mut lightest = 1;
                for (number, band) in bands.iter().enumerate() {
                    let up_to = of_unsigned(band.up_to_grams);
                    self.range(format!("{path}[{number}].up_to_grams"), up_to, lightest, grams);
                    self.prices(&format!("{path}[{number}].price"), &band.price);
                    lightest = up_to.saturating_add(1).clamp(1, grams);
                }
            }
        }
    }

    fn prices(&mut self, path: &str, prices: &BTreeMap<Currency, i64>) {
        for (currency, amount) in prices {
            self.range(format!("{path}.{currency}"), *amount, 0, MAX_PRICE_MINOR);
        }
    }
}

/// A number for a range; larger ones are outside every range.
fn of_unsigned(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn is_code(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=40).contains(&text.len()) && text.bytes().all(is_part)
}

/// Returns whether a text is a path of the shop or a URL with one of these schemes. Browsers ignore tabs and line breaks in URLs,
/// and read `//host` and `/\host` as another host.
pub fn is_web_address(text: &str, schemes: &[&str]) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !is_unprintable(c) && c != '\\';
    if text.chars().count() > MAX_URL_CHARS || !text.chars().all(is_plain) {
        return false;
    }
    if let Some(rest) = text.strip_prefix('/') {
        return !rest.starts_with('/');
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_http = scheme.to_ascii_lowercase().starts_with("http");
    let has_target = match rest.strip_prefix("//") {
        Some(host) => is_http && !host.is_empty() && !host.starts_with(['/', ':', '?', '#']),
        None => !is_http && !rest.is_empty(),
    };
    has_target && schemes.iter().any(|allowed| allowed.trim_end_matches(':').eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_and_paths_of_the_shop_are_links() {
        let all = ["https:", "http:", "mailto:", "tel:"];
        let good =
            ["/", "/pages/terms", "https://example.com/a?b#c", "HTTP://example.com", "mailto:a@b.example", "tel:+4930"];
        for url in good {
            assert!(is_web_address(url, &all), "{url}");
        }
        let bad = [
            "",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\tscript:alert(1)",
            "javascript://%0aalert(1)",
            "data:text/html,x",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "example.com",
            "https:",
            "https://",
            "https:///x",
            "https:example.com",
            "mailto:",
            "vbscript:x",
            "ftp://example.com",
            " https://example.com",
            "https://a b",
        ];
        for url in bad {
            assert!(!is_web_address(url, &all), "{url}");
        }
        assert!(!is_web_address("http://example.com", &["https:"]));
    }
}
