//! The settings of the shop: administration, and the public part. [`SettingsDocument`] is also the format of the file that
//! `shopease settings export` writes.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shopease_shop::domain::{self, BrandImage, Format, PageKind, RuleError, ValueRule};
use shopease_shop::ports;
use shopease_shop::services::{self, FindPage, FindSettings, ListSettingsVersions, PageView, ShopView, ViewSettings};
use shopease_shop::{ShopError, ShopResult};
use time::OffsetDateTime;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::endpoint::{endpoints, ok};
use super::parts::{
    BodyPart, Json, Named, NoBody, NoQuery, Parts, PathPart, RequestBody, Wire, json_body, without_body,
};
use super::text;
use super::wire::{Image, Out, mirror, states};
use crate::http::App;
use crate::http::extract::read_json;
use crate::http::problem::Problem;

/// All settings of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsDocument {
    /// Name and appearance.
    pub shop: BrandingSettings,
    /// How to reach the merchant.
    #[serde(default)]
    pub contact: ContactDetails,
    /// The home page.
    pub home: HomeSettings,
    /// The footer of every page.
    #[serde(default)]
    pub footer: FooterSettings,
    /// Legal and other pages.
    pub pages: PageSettings,
    /// Currency, countries and limits.
    pub selling: SellingSettings,
    /// Tax rates.
    pub tax: TaxSettings,
    /// Shipping methods.
    pub shipping: ShippingSettings,
}

/// Name and appearance of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrandingSettings {
    /// Name of the shop.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Color of buttons and links. White text on it must be readable (WCAG AA).
    #[schema(example = "#9a3f1d", pattern = "^#[0-9A-Fa-f]{6}$")]
    pub accent_color: String,
    /// Logo, shown instead of the name in the header.
    #[serde(default)]
    pub logo: Option<ImageFile>,
    /// Icon in browser tabs and on home screens, instead of the first letter of the name.
    #[serde(default)]
    pub icon: Option<ImageFile>,
}

/// A complete PNG, JPEG or WebP file of at most 64 KiB and 4,096 pixels in width and height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageFile {
    /// Content in Base64.
    pub base64: String,
}

impl ImageFile {
    fn of(image: &domain::UploadedImage) -> Self {
        Self { base64: STANDARD.encode(&image.bytes) }
    }
}

/// How to reach the merchant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactDetails {
    /// Email address.
    #[serde(default)]
    pub email: Option<String>,
    /// Telephone number.
    #[serde(default)]
    pub phone: Option<String>,
    /// Postal address, several lines.
    #[serde(default)]
    pub postal_address: Option<String>,
}

/// The home page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeSettings {
    /// Headline.
    #[schema(min_length = 1, max_length = 120)]
    pub headline: String,
    /// Text below it.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub text: String,
    /// Image beside it: an `https` URL or a path of the shop. Without one, images of products are shown.
    #[serde(default)]
    pub image: Option<Image>,
    /// Handles of the categories to show, in this order; all if empty. Those that do not exist are left out.
    #[serde(default)]
    pub featured_categories: Vec<String>,
}

/// The footer of every page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FooterSettings {
    /// A short text about the shop.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub text: String,
    /// Further links, at most 20.
    #[serde(default)]
    pub links: Vec<FooterLink>,
}

/// A link in the footer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FooterLink {
    /// Text of the link.
    pub title: String,
    /// `https`, `http`, `mailto` or `tel` URL, or a path of the shop.
    pub url: String,
}
mirror!(FooterLink of domain::FooterLink { title, url });

/// The pages that the merchant writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PageSettings {
    /// Who runs the shop.
    pub imprint: PageText,
    /// Terms and conditions.
    pub terms: PageText,
    /// Privacy policy.
    pub privacy: PageText,
    /// Shipping: costs and times.
    pub shipping: PageText,
    /// Withdrawal and returns.
    pub returns: PageText,
    /// Contact.
    pub contact: PageText,
}
mirror!(PageSettings of domain::LegalPages { imprint, terms, privacy, shipping, returns, contact });

/// A page that the merchant writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PageText {
    /// The text in Markdown; HTML is shown as text.
    #[schema(max_length = 30000)]
    pub text: String,
    /// Whether it is not finished. The page says so, and the start of a process warns.
    pub is_draft: bool,
}
mirror!(PageText of domain::LegalPage { text, is_draft });

/// Currency, countries and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SellingSettings {
    /// ISO 4217 code: the currency of imports that name none.
    #[schema(value_type = text::Currency)]
    pub currency: String,
    /// IANA name of the time zone of the times on pages.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// Whether catalog and shipping prices include tax.
    pub prices_include_tax: bool,
    /// ISO 3166-1 alpha-2 codes of the countries that the shop sells to; all if empty.
    #[serde(default)]
    #[schema(value_type = Vec<text::Country>)]
    pub countries: Vec<String>,
    /// An order that leaves this many units or fewer publishes `stock.low`.
    pub low_stock_units: u32,
}

/// The tax rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxSettings {
    /// The rates, in no particular order, at most 500.
    pub rates: Vec<TaxRate>,
}

states! {
    /// Tax class of a variant.
    TaxClass of domain::TaxClass {
        /// The standard rate.
        Standard,
        /// The reduced rate.
        Reduced,
        /// No tax.
        Exempt,
    }
}

/// A tax rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxRate {
    /// ISO 3166-1 alpha-2 code of the country.
    #[schema(value_type = text::Country)]
    pub country: String,
    /// Code of the state or province; its rate replaces the country's.
    #[serde(default)]
    pub region: Option<String>,
    /// Tax class.
    pub class: TaxClass,
    /// Rate in parts per million: 190000 is 19%.
    #[schema(maximum = 1_000_000)]
    pub rate_ppm: u32,
    /// Name on the invoice, for example `VAT`.
    pub title: String,
}

/// The shipping methods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippingSettings {
    /// The methods in display order, at most 30.
    pub methods: Vec<ShippingMethod>,
}

/// A shipping method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippingMethod {
    /// Stable ID, for example `standard`.
    pub id: String,
    /// Title.
    #[schema(value_type = text::Line)]
    pub title: String,
    /// Delivery estimate, for people.
    #[schema(value_type = text::Line)]
    pub delivery_estimate: String,
    /// Codes of the countries that it delivers to; all if empty.
    #[serde(default)]
    #[schema(value_type = Vec<text::Country>)]
    pub countries: Vec<String>,
    /// Codes of the countries that it does not deliver to.
    #[serde(default)]
    #[schema(value_type = Vec<text::Country>)]
    pub except_countries: Vec<String>,
    /// Minimum weight in grams.
    #[serde(default)]
    pub min_weight_grams: u64,
    /// Price.
    pub rate: ShippingRate,
    /// Minimum order value for free shipping, in minor units by currency.
    #[serde(default)]
    pub free_from: BTreeMap<String, i64>,
}

/// The price of a shipping method, in minor units by currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ShippingRate {
    /// The same price for every shipment.
    Flat {
        /// Price.
        price: BTreeMap<String, i64>,
    },
    /// By weight: the first band that covers the weight.
    ByWeight {
        /// Bands in ascending order of weight.
        bands: Vec<WeightBand>,
    },
}

/// A weight band.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeightBand {
    /// Maximum weight of the band in grams.
    pub up_to_grams: u64,
    /// Price.
    pub price: BTreeMap<String, i64>,
}

impl From<domain::Settings> for SettingsDocument {
    fn from(settings: domain::Settings) -> Self {
        let domain::Settings { shop, contact, home, footer, pages, selling, tax, shipping } = settings;
        let rate = |rate: domain::TaxRate| TaxRate {
            country: rate.country.to_string(),
            region: rate.region,
            class: Out::of(rate.class),
            rate_ppm: rate.rate_ppm,
            title: rate.title,
        };
        Self {
            shop: BrandingSettings {
                name: shop.name,
                accent_color: shop.accent_color.to_string(),
                logo: shop.logo.as_ref().map(ImageFile::of),
                icon: shop.icon.as_ref().map(ImageFile::of),
            },
            contact: ContactDetails {
                email: contact.email.map(|email| email.to_string()),
                phone: contact.phone,
                postal_address: contact.postal_address,
            },
            home: HomeSettings {
                headline: home.headline,
                text: home.text,
                image: Out::of(home.image),
                featured_categories: texts(&home.featured_categories),
            },
            footer: FooterSettings { text: footer.text, links: Out::of(footer.links) },
            pages: Out::of(pages),
            selling: SellingSettings {
                currency: selling.currency.to_string(),
                time_zone: selling.time_zone.to_string(),
                prices_include_tax: selling.prices_include_tax,
                countries: texts(&selling.countries),
                low_stock_units: selling.low_stock_units,
            },
            tax: TaxSettings { rates: tax.rates.into_iter().map(rate).collect() },
            shipping: ShippingSettings { methods: shipping.methods.into_iter().map(ShippingMethod::from).collect() },
        }
    }
}

impl From<domain::ShippingMethod> for ShippingMethod {
    fn from(method: domain::ShippingMethod) -> Self {
        let prices = |prices: BTreeMap<domain::Currency, i64>| -> BTreeMap<String, i64> {
            prices.into_iter().map(|(currency, amount)| (currency.to_string(), amount)).collect()
        };
        let rate = match method.rate {
            domain::ShippingRate::Flat { price } => ShippingRate::Flat { price: prices(price) },
            domain::ShippingRate::ByWeight { bands } => {
                let band =
                    |band: domain::WeightBand| WeightBand { up_to_grams: band.up_to_grams, price: prices(band.price) };
                ShippingRate::ByWeight { bands: bands.into_iter().map(band).collect() }
            }
        };
        Self {
            id: method.id,
            title: method.title,
            delivery_estimate: method.delivery_estimate,
            countries: texts(&method.countries),
            except_countries: texts(&method.except_countries),
            min_weight_grams: method.min_weight_grams,
            rate,
            free_from: prices(method.free_from),
        }
    }
}

fn texts<T: Display>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// Parses values, and collects the problems of those that cannot be parsed.
#[derive(Debug, Default)]
struct Parser {
    problems: Vec<RuleError>,
}

impl Parser {
    fn parse<T: FromStr>(&mut self, path: impl Into<String>, text: &str, format: Format) -> Option<T> {
        let parsed = text.trim().parse().ok();
        if parsed.is_none() {
            self.problems.push(RuleError::setting(path, ValueRule::Format(format)));
        }
        parsed
    }

    /// Countries; the rules of the settings reject those that do not exist.
    fn countries(codes: &[String]) -> Vec<domain::CountryCode> {
        codes.iter().map(|code| country(code)).collect()
    }

    fn prices(&mut self, path: &str, prices: BTreeMap<String, i64>) -> BTreeMap<domain::Currency, i64> {
        let prices = prices.into_iter();
        prices
            .filter_map(|(code, amount)| Some((self.parse(format!("{path}.{code}"), &code, Format::Currency)?, amount)))
            .collect()
    }

    fn image(&mut self, path: &str, file: &ImageFile) -> Option<domain::UploadedImage> {
        let bytes = STANDARD.decode(file.base64.trim()).ok();
        let image = bytes.and_then(|bytes| domain::UploadedImage::new(bytes.into()));
        if image.is_none() {
            self.problems.push(RuleError::setting(path, ValueRule::Format(Format::Image)));
        }
        image
    }

    fn method(&mut self, number: usize, method: ShippingMethod) -> domain::ShippingMethod {
        let path = format!("shipping.methods[{number}]");
        let rate = match method.rate {
            ShippingRate::Flat { price } => {
                domain::ShippingRate::Flat { price: self.prices(&format!("{path}.rate.price"), price) }
            }
            ShippingRate::ByWeight { bands } => {
                let bands = bands.into_iter().enumerate().map(|(band, WeightBand { up_to_grams, price })| {
                    let price = self.prices(&format!("{path}.rate.bands[{band}].price"), price);
                    domain::WeightBand { up_to_grams, price }
                });
                domain::ShippingRate::ByWeight { bands: bands.collect() }
            }
        };
        domain::ShippingMethod {
            id: method.id.trim().to_owned(),
            title: method.title,
            delivery_estimate: method.delivery_estimate,
            countries: Self::countries(&method.countries),
            except_countries: Self::countries(&method.except_countries),
            min_weight_grams: method.min_weight_grams,
            rate,
            free_from: self.prices(&format!("{path}.free_from"), method.free_from),
        }
    }
}

/// The country with a code; one that does not exist if it is malformed.
fn country(code: &str) -> domain::CountryCode {
    code.parse().unwrap_or(domain::CountryCode::UNKNOWN)
}

impl SettingsDocument {
    /// Parses and validates the settings.
    ///
    /// # Errors
    /// Every problem, with the path of its value.
    pub fn read(self) -> Result<domain::Settings, Vec<RuleError>> {
        let (settings, problems) = self.parse();
        match settings.validated() {
            Ok(settings) if problems.is_empty() => Ok(settings),
            Ok(_) => Err(problems),
            Err(others) => Err(problems.into_iter().chain(others).collect()),
        }
    }

    /// Parses the settings, with placeholders for values that cannot be parsed.
    fn parse(self) -> (domain::Settings, Vec<RuleError>) {
        let mut parser = Parser::default();
        let Self { shop, contact, home, footer, pages, selling, tax, shipping } = self;
        let black = domain::Color::new([0, 0, 0]);
        let settings = domain::Settings {
            shop: domain::Branding {
                name: shop.name,
                accent_color: parser.parse("shop.accent_color", &shop.accent_color, Format::Color).unwrap_or(black),
                logo: shop.logo.and_then(|file| parser.image("shop.logo", &file)),
                icon: shop.icon.and_then(|file| parser.image("shop.icon", &file)),
            },
            contact: domain::Contact {
                email: contact
                    .email
                    .filter(|email| !email.trim().is_empty())
                    .and_then(|email| parser.parse("contact.email", &email, Format::Email)),
                phone: contact.phone,
                postal_address: contact.postal_address,
            },
            home: domain::HomePage {
                headline: home.headline,
                text: home.text,
                image: home.image.value(),
                featured_categories: home
                    .featured_categories
                    .iter()
                    .enumerate()
                    .filter_map(|(number, handle)| {
                        parser.parse(format!("home.featured_categories[{number}]"), handle, Format::Handle)
                    })
                    .collect(),
            },
            footer: domain::Footer { text: footer.text, links: footer.links.value() },
            pages: pages.value(),
            selling: domain::Selling {
                currency: parser
                    .parse("selling.currency", &selling.currency, Format::Currency)
                    .unwrap_or(domain::Currency::EUR),
                time_zone: parser
                    .parse("selling.time_zone", &selling.time_zone, Format::TimeZone)
                    .unwrap_or(domain::TimeZone::UTC),
                prices_include_tax: selling.prices_include_tax,
                countries: Parser::countries(&selling.countries),
                low_stock_units: selling.low_stock_units,
            },
            tax: domain::TaxTable {
                rates: tax
                    .rates
                    .into_iter()
                    .map(|rate| domain::TaxRate {
                        country: country(&rate.country),
                        region: rate.region,
                        class: rate.class.value(),
                        rate_ppm: rate.rate_ppm,
                        title: rate.title,
                    })
                    .collect(),
            },
            shipping: domain::ShippingTable {
                methods: shipping
                    .methods
                    .into_iter()
                    .enumerate()
                    .map(|(number, method)| parser.method(number, method))
                    .collect(),
            },
        };
        (settings, parser.problems)
    }

    /// Reads the JSON of a document. Unknown members are problems, so that a misspelled setting is not silently ignored.
    ///
    /// # Errors
    /// Every problem, with the path of its value; only the first one if a member is missing or has another JSON type.
    pub fn read_json(json: &Value) -> Result<domain::Settings, Vec<RuleError>> {
        let document: Self = serde_path_to_error::deserialize(json).map_err(|error| vec![schema_error(&error)])?;
        let mut problems = Vec::new();
        find_unknown("", json, &serde_json::json!(document), &mut problems);
        match document.read() {
            Ok(settings) if problems.is_empty() => Ok(settings),
            Ok(_) => Err(problems),
            Err(others) => Err(problems.into_iter().chain(others).collect()),
        }
    }
}

/// The text or number at a path of a document, such as `tax.rates[0].country`.
pub fn value_at(document: &Value, path: &str) -> Option<String> {
    let mut found = document;
    for part in path.split(['.', '[']) {
        let part = part.trim_end_matches(']');
        found = match found {
            Value::Array(values) => values.get(part.parse::<usize>().ok()?)?,
            value => value.get(part)?,
        };
    }
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The problem of a JSON value of another type, or of a missing member.
fn schema_error(error: &serde_path_to_error::Error<serde_json::Error>) -> RuleError {
    let (path, message) = (error.path().to_string(), error.inner().to_string());
    let parent = Some(path.as_str()).filter(|path| *path != ".").unwrap_or_default();
    // The only place where the parser names a missing member is its message.
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
    match missing {
        Some(name) => RuleError::setting(member(parent, name), ValueRule::Required),
        None => RuleError::setting(parent, ValueRule::Format(Format::Schema)),
    }
}

fn member(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// Finds the members that were not read.
fn find_unknown(path: &str, given: &Value, read: &Value, problems: &mut Vec<RuleError>) {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            for (name, value) in given {
                match read.get(name) {
                    Some(read) => find_unknown(&member(path, name), value, read, problems),
                    None => problems.push(RuleError::setting(member(path, name), ValueRule::Unknown)),
                }
            }
        }
        (Value::Array(given), Value::Array(read)) => {
            for (number, (given, read)) in given.iter().zip(read).enumerate() {
                find_unknown(&format!("{path}[{number}]"), given, read, problems);
            }
        }
        _ => {}
    }
}

/// A difference between two settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// Path of the value.
    pub path: String,
    /// The former value as JSON; `None` if it is new.
    pub from: Option<String>,
    /// The new value as JSON; `None` if it was removed.
    pub to: Option<String>,
}

impl SettingChange {
    /// The differences between two settings, in the order of the document.
    pub fn between(before: &domain::Settings, after: &domain::Settings) -> Vec<Self> {
        let json = |settings: &domain::Settings| serde_json::json!(SettingsDocument::from(settings.clone()));
        let mut changes = Vec::new();
        compare("", Some(&json(before)), Some(&json(after)), &mut changes);
        changes
    }
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<SettingChange>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
                compare(&member(path, name), before.get(name), after.get(name), changes);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for number in 0..before.len().max(after.len()) {
                compare(&format!("{path}[{number}]"), before.get(number), after.get(number), changes);
            }
        }
        (before, after) => {
            let text = |value: Option<&Value>| value.map(ToString::to_string);
            changes.push(SettingChange { path: path.to_owned(), from: text(before), to: text(after) });
        }
    }
}

/// A version of the settings in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsVersion {
    /// Number of the version; the first is 1.
    pub version: u64,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub changed_at: OffsetDateTime,
    /// Email address of the operator, or the kind of process.
    pub changed_by: String,
    /// Sections that differ from the version before.
    pub sections: Vec<String>,
}
mirror!(SettingsVersion of ports::SettingsVersion { version, changed_at, changed_by, sections });

/// The last versions of the settings.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SettingsVersions {
    /// The versions, newest first.
    pub items: Vec<SettingsVersion>,
}

impl Out for SettingsVersions {
    type Value = Vec<ports::SettingsVersion>;

    fn of(items: Self::Value) -> Self {
        Self { items: Out::of(items) }
    }

    fn value(self) -> Self::Value {
        self.items.value()
    }
}

/// A version of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionedSettings {
    /// When and by whom it was written.
    #[serde(flatten)]
    pub about: SettingsVersion,
    /// The settings.
    pub settings: SettingsDocument,
}

impl super::endpoint::Answer for VersionedSettings {
    type Value = ports::VersionedSettings;

    fn of_value(value: Self::Value, _: &str) -> Self {
        Self { about: Out::of(value.about), settings: value.settings.into() }
    }

    fn read(body: &[u8]) -> Result<Self::Value, serde_json::Error> {
        let Self { about, settings } = serde_json::from_slice(body)?;
        // Not validated: they are stored, perhaps under the rules of another release.
        match settings.parse() {
            (settings, problems) if problems.is_empty() => {
                Ok(ports::VersionedSettings { about: about.value(), settings })
            }
            (_, problems) => Err(serde::de::Error::custom(ShopError::Rules(problems))),
        }
    }

    fn schema() -> Option<Named> {
        Some(Named::of::<Self>())
    }
}

/// Replaces the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateSettings {
    /// The version that the change is based on. If the current version is another one, nothing is changed (409).
    pub expected_version: u64,
    /// All settings. Unknown members are rejected.
    pub settings: SettingsDocument,
}

/// The body of an update: already validated.
pub struct UpdateBody(services::UpdateSettings);

impl BodyPart for UpdateBody {
    async fn read(request: Request, app: &App) -> Result<Self, Problem> {
        let body: Value = read_json(request, app).await?;
        let expected_version = body.get("expected_version").and_then(Value::as_u64);
        let missing = |name: &str| Problem::from(ShopError::from(RuleError::setting(name, ValueRule::Required)));
        let settings = body.get("settings").ok_or_else(|| missing("settings"))?;
        let settings = SettingsDocument::read_json(settings).map_err(ShopError::from)?;
        let expected_version = expected_version.ok_or_else(|| missing("expected_version"))?;
        Ok(Self(services::UpdateSettings { expected_version, settings }))
    }

    fn write(self) -> ShopResult<RequestBody> {
        let services::UpdateSettings { expected_version, settings } = self.0;
        Json(UpdateSettings { expected_version, settings: settings.into() }).write()
    }

    fn schema() -> Option<Named> {
        Some(Named::of::<UpdateSettings>())
    }
}

impl Wire for services::UpdateSettings {
    type Path = ();
    type Query = NoQuery;
    type Body = UpdateBody;

    fn read(Parts { body: UpdateBody(command), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(command)
    }

    fn write(self) -> Parts<Self> {
        Parts::of_body(UpdateBody(self))
    }
}

/// Restores an earlier version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoreSettings {
    /// The version to restore.
    pub version: u64,
    /// The current version. If it is another one, nothing is changed (409).
    pub expected_version: u64,
}

json_body!(services::RestoreSettings as RestoreSettings { version, expected_version });

/// Number of a version of the settings; the first one is 1.
pub struct SettingsNumber;

impl ToSchema for SettingsNumber {}

impl PartialSchema for SettingsNumber {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer);
        schema.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64))).minimum(Some(1)).into()
    }
}

impl PathPart for u64 {
    const DESCRIPTION: Option<&'static str> = Some("Version of the settings.");

    fn schema() -> Named {
        Named::of::<SettingsNumber>()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

without_body!(ViewSettings);
without_body!(ListSettingsVersions);
without_body!(FindSettings, version: u64);

endpoints! {
    ShopSettings in settings, area Admin, tag "admin";

    /// Get the settings of the shop.
    get "/api/v1/admin/settings" => view_settings(ViewSettings) for caller -> VersionedSettings {
        Ordinary, ok, [(200, "The current version.")]
    }

    /// Replace the settings of the shop. They are in force within five seconds.
    put "/api/v1/admin/settings" => update_settings(services::UpdateSettings) for caller -> VersionedSettings {
        Ordinary, ok, [
            (200, "The new version, or the current one if nothing differs."),
            (409, "The current version is not the expected one. Nothing was changed."),
            (422, "The settings have problems, each with the path of its value. Nothing was changed."),
        ]
    }

    /// List the last 50 versions of the settings, newest first.
    get "/api/v1/admin/settings/versions" => list_settings_versions(ListSettingsVersions) for caller -> SettingsVersions {
        Ordinary, ok, [(200, "The versions.")]
    }

    /// Get a version of the settings.
    get "/api/v1/admin/settings/versions/{version}" => find_settings(FindSettings) for caller -> VersionedSettings {
        Ordinary, ok, [(200, "The version."), (404, "The version does not exist.")]
    }

    /// Restore an earlier version of the settings, as a new version.
    post "/api/v1/admin/settings/restorations" => restore_settings(services::RestoreSettings) for caller -> VersionedSettings {
        Ordinary, ok, [
            (200, "The new version, or the current one if nothing differs."),
            (404, "The version does not exist."),
            (409, "The current version is not the expected one. Nothing was changed."),
        ]
    }
}

states! {
    /// A page that the merchant writes.
    PageName of domain::PageKind {
        /// Who runs the shop.
        Imprint,
        /// Terms and conditions.
        Terms,
        /// Privacy policy.
        Privacy,
        /// Shipping: costs and times.
        Shipping,
        /// Withdrawal and returns.
        Returns,
        /// Contact.
        Contact,
    }
}

/// The public part of the contact details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicContact {
    /// Email address.
    #[schema(value_type = Option<String>)]
    pub email: Option<domain::EmailAddress>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Postal address, several lines.
    pub postal_address: Option<String>,
}
mirror!(PublicContact of domain::Contact { email, phone, postal_address });

/// The home page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicHome {
    /// Headline.
    pub headline: String,
    /// Text below it.
    pub text: String,
    /// Image beside it.
    pub image: Option<Image>,
    /// Categories to show, in this order; all if empty.
    #[schema(value_type = Vec<String>)]
    pub featured_categories: Vec<domain::Handle>,
}
mirror!(PublicHome of domain::HomePage { headline, text, image, featured_categories });

/// The footer of every page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicFooter {
    /// A short text about the shop.
    pub text: String,
    /// Further links.
    pub links: Vec<FooterLink>,
}
mirror!(PublicFooter of domain::Footer { text, links });

/// The public part of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shop {
    /// Version of the settings.
    pub version: u64,
    /// Name of the shop.
    pub name: String,
    /// Color of buttons and links.
    #[schema(value_type = String, example = "#9a3f1d")]
    pub accent_color: domain::Color,
    /// Digest of the logo, if there is one.
    pub logo_digest: Option<String>,
    /// Digest of the uploaded icon, if there is one.
    #[serde(default)]
    pub icon_digest: Option<String>,
    /// How to reach the merchant.
    pub contact: PublicContact,
    /// The home page.
    pub home: PublicHome,
    /// The footer of every page.
    pub footer: PublicFooter,
    /// Pages that are not finished.
    pub drafts: Vec<PageName>,
    /// Currency of the shop.
    #[schema(value_type = String, example = "EUR")]
    pub currency: domain::Currency,
    /// IANA name of the time zone of the times on pages.
    #[schema(value_type = String, example = "Europe/Berlin")]
    pub time_zone: domain::TimeZone,
    /// Countries that the shop sells to; all if empty.
    #[schema(value_type = Vec<String>)]
    pub countries: Vec<domain::CountryCode>,
    /// Countries whose addresses need a region because taxes depend on it, and whose regions only the tax rates name.
    #[serde(default)]
    pub tax_regions: Vec<TaxRegions>,
}
mirror!(Shop of ShopView {
    version, name, accent_color, logo_digest, icon_digest, contact, home, footer, drafts, currency, time_zone, countries, tax_regions,
});

/// A country, and its regions with tax rates of their own. If the country has a rate, too, other regions are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxRegions {
    /// The country.
    #[schema(value_type = text::Country)]
    pub country: domain::CountryCode,
    /// The regions, as tax rates name them.
    pub regions: Vec<String>,
}
mirror!(TaxRegions of services::TaxRegions { country, regions });

/// A page that the merchant writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// The text in Markdown; HTML in it is text.
    pub text: String,
    /// Whether it is not finished.
    pub is_draft: bool,
    /// Version of the settings.
    pub version: u64,
}
mirror!(Page of PageView { text, is_draft, version });

/// Query parameters of a page.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Version of the settings; by default the current one. The order names the version that its shopper accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

impl PathPart for PageKind {
    const DESCRIPTION: Option<&'static str> = Some("Name of the page.");

    fn schema() -> Named {
        Named::of::<PageName>()
    }

    fn read(text: &str) -> Option<Self> {
        Self::find(text)
    }

    fn write(&self) -> Option<String> {
        Some(self.as_str().to_owned())
    }
}

impl Wire for FindPage {
    type Path = PageKind;
    type Query = PageQuery;
    type Body = NoBody;

    fn read(Parts { path, query, .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { kind: path, version: query.version })
    }

    fn write(self) -> Parts<Self> {
        Parts { path: self.kind, query: PageQuery { version: self.version }, body: NoBody, key: None }
    }
}

/// Name of an image that the merchant uploads for all pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrandImageName {
    /// The logo.
    Logo,
    /// The icon.
    Icon,
}

impl PathPart for BrandImage {
    const DESCRIPTION: Option<&'static str> = Some("Name of the image.");

    fn schema() -> Named {
        Named::of::<BrandImageName>()
    }

    fn read(text: &str) -> Option<Self> {
        Self::find(text)
    }

    fn write(&self) -> Option<String> {
        Some(self.as_str().to_owned())
    }
}

/// The logo or the icon of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrandImageContent {
    /// Content type.
    #[schema(example = "image/png")]
    pub content_type: String,
    /// Content in Base64.
    pub base64: String,
}

impl super::endpoint::Answer for BrandImageContent {
    type Value = domain::UploadedImage;

    fn of_value(value: Self::Value, _: &str) -> Self {
        Self { content_type: value.format.content_type().to_owned(), base64: STANDARD.encode(&value.bytes) }
    }

    fn read(body: &[u8]) -> Result<Self::Value, serde_json::Error> {
        let image: Self = serde_json::from_slice(body)?;
        let bytes = STANDARD.decode(image.base64).map_err(serde::de::Error::custom)?;
        domain::UploadedImage::new(bytes.into()).ok_or_else(|| serde::de::Error::custom("it is not an image"))
    }

    fn schema() -> Option<Named> {
        Some(Named::of::<Self>())
    }
}
