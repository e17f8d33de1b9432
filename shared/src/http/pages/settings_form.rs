//! The sections of the settings as forms: from the settings to fields, and from what was typed back to the settings. Fields are named
//! like the paths of their settings.

use std::collections::BTreeMap;

use super::form_fields::{CHECKED, FieldGroup, FormField, Input, Typed};
use crate::http::api::settings::{
    FooterLink, PageText, SettingsDocument, ShippingMethod, ShippingRate, TaxRate, WeightBand, value_at,
};
use crate::http::api::wire::{Image, Out};
use crate::http::texts;
use shopease_shop::domain::{Category, Currency, MAX_PAGE_CHARS, Money, PageKind, RuleError, TaxClass, TimeZone};
use shopease_shop::text::page_title;

/// Part of the settings that has a page of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Name and appearance.
    Shop,
    /// How to reach the merchant.
    Contact,
    /// The home page.
    Home,
    /// The footer.
    Footer,
    /// Currency, countries and limits.
    Selling,
    /// Tax rates.
    Tax,
    /// Shipping methods.
    Shipping,
    /// A page that the merchant writes.
    Page(PageKind),
}

impl Section {
    /// All sections in the order of the menu.
    pub fn all() -> impl Iterator<Item = Self> {
        let first = [Self::Shop, Self::Contact, Self::Home, Self::Footer, Self::Selling, Self::Tax, Self::Shipping];
        first.into_iter().chain(PageKind::ALL.iter().map(|kind| Self::Page(*kind)))
    }

    /// The section with a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|section| section.name() == name)
    }

    /// Name in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Contact => "contact",
            Self::Home => "home",
            Self::Footer => "footer",
            Self::Selling => "selling",
            Self::Tax => "tax",
            Self::Shipping => "shipping",
            Self::Page(PageKind::Imprint) => "page-imprint",
            Self::Page(PageKind::Terms) => "page-terms",
            Self::Page(PageKind::Privacy) => "page-privacy",
            Self::Page(PageKind::Shipping) => "page-shipping",
            Self::Page(PageKind::Returns) => "page-returns",
            Self::Page(PageKind::Contact) => "page-contact",
        }
    }

    /// Title of its page.
    pub fn title(self) -> String {
        let title = match self {
            Self::Shop => "Name and appearance",
            Self::Contact => "Contact details",
            Self::Home => "Home page",
            Self::Footer => "Footer",
            Self::Selling => "Selling",
            Self::Tax => "Tax rates",
            Self::Shipping => "Shipping methods",
            Self::Page(kind) => return format!("Page: {}", page_title(kind)),
        };
        title.to_owned()
    }

    /// Name of the section in [`shopease_shop::domain::Settings::changed_sections`].
    pub fn path(self) -> String {
        match self {
            Self::Page(kind) => format!("pages.{}", kind.as_str()),
            other => other.name().to_owned(),
        }
    }

    /// Where the section can be seen.
    pub fn public_path(self) -> String {
        match self {
            Self::Page(kind) => format!("/pages/{}", kind.as_str()),
            _ => "/".to_owned(),
        }
    }
}

impl FormField {
    /// A field with the value of a setting.
    fn setting(name: impl Into<String>, input: Input, value: impl Into<String>) -> Self {
        let name = name.into();
        Self::new(texts::setting_label(&name), name, input, value)
    }
}

/// Empty rows for new links.
const NEW_LINKS: usize = 2;

/// The result of reading a form: which row or line of the form each entry of the settings came from, and the problems of values
/// that have no place in the settings, as path and sentence.
#[derive(Debug, Default)]
pub struct Applied {
    rows: Vec<usize>,
    problems: Vec<(String, String)>,
}

impl Applied {
    fn refuse(&mut self, path: impl Into<String>, sentence: impl Into<String>) {
        self.problems.push((path.into(), sentence.into()));
    }

    /// The problems of the form and of the settings that it made, as sentences by field, and those of other sections.
    pub fn errors(
        self,
        groups: &[FieldGroup],
        settings: &SettingsDocument,
        rules: &[RuleError],
    ) -> (Vec<(String, String)>, Vec<String>) {
        let (mut errors, mut others) = (Vec::new(), Vec::new());
        let names: Vec<&str> = groups.iter().flat_map(|group| &group.fields).map(|field| field.name.as_str()).collect();
        let values = serde_json::json!(settings);
        let of_settings = rules.iter().map(|rule| {
            let path = rule.field().unwrap_or_default();
            (path.to_owned(), texts::setting_rule(rule, value_at(&values, path).as_deref()))
        });
        for (path, sentence) in self.problems.iter().cloned().chain(of_settings) {
            let (line, path) = self.position(&path);
            let is_at = |name: &&&str| {
                path.strip_prefix(**name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            match names.iter().filter(is_at).max_by_key(|name| name.len()) {
                Some(name) => {
                    let sentence = match line.filter(|_| *name == TAX_RATES) {
                        Some(line) => format!("Line {}: {sentence}", line + 1),
                        None => sentence,
                    };
                    errors.push(((*name).to_owned(), sentence));
                }
                None => others.push(format!("{path}: {sentence}")),
            }
        }
        errors.sort_by_key(|(field, _)| names.iter().position(|name| name == field));
        (errors, others)
    }

    /// The row of a path and the path in the form, whose rows are counted with the empty ones.
    fn position(&self, path: &str) -> (Option<usize>, String) {
        let found = path.split_once('[').and_then(|(list, rest)| {
            let (number, rest) = rest.split_once(']')?;
            let row = *self.rows.get(number.parse::<usize>().ok()?)?;
            Some((row, format!("{list}[{row}]{rest}")))
        });
        found.map_or_else(|| (None, path.to_owned()), |(row, path)| (Some(row), path))
    }
}

const TAX_RATES: &str = "tax.rates";

impl Section {
    /// The fields of the section.
    pub fn groups(self, settings: &SettingsDocument, categories: &[Category]) -> Vec<FieldGroup> {
        let fields = match self {
            Self::Shop => vec![
                FormField::setting("shop.name", Input::Line, &settings.shop.name),
                FormField::setting("shop.accent_color", Input::Color, &settings.shop.accent_color)
                    .hint("Color of buttons and links. White text on it must be readable."),
            ],
            Self::Contact => {
                let contact = &settings.contact;
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                vec![
                    FormField::setting("contact.email", Input::Line, text(&contact.email)).optional(),
                    FormField::setting("contact.phone", Input::Line, text(&contact.phone)).optional(),
                    FormField::setting("contact.postal_address", Input::Area(5), text(&contact.postal_address)).optional(),
                ]
            }
            Self::Home => home_fields(settings, categories),
            Self::Footer => return footer_groups(settings, settings.footer.links.len() + NEW_LINKS),
            Self::Selling => selling_fields(settings),
            Self::Tax => vec![
                FormField::setting(TAX_RATES, Input::Area(24), tax_lines(&settings.tax.rates)).label("Tax rates").hint(
                    "One rate per line: country, class (standard, reduced or exempt), percentage, name on the invoice. For a \
                     state or province, add its code to the country: US-CA standard 7.25 Sales tax. Shoppers must then choose \
                     one. No tax is charged where no rate is listed.",
                ),
            ],
            Self::Shipping => return shipping_groups(settings, settings.shipping.methods.len() + 1),
            Self::Page(kind) => {
                let PageText { text, is_draft } = page_of(&mut settings.clone(), kind).clone();
                let most = texts::number(i64::try_from(MAX_PAGE_CHARS).unwrap_or(i64::MAX));
                let path = format!("pages.{}", kind.as_str());
                vec![
                    FormField::setting(format!("{path}.text"), Input::Area(24), text).hint(format!(
                        "Markdown, at most {most} characters: # heading, **bold**, - list, [link](https://example.com). HTML is shown \
                         as text."
                    )),
                    FormField::setting(format!("{path}.is_draft"), Input::Check, if is_draft { CHECKED } else { "" })
                        .label("This page is a draft")
                        .hint("Shoppers see that the page is not finished."),
                ]
            }
        };
        vec![FieldGroup { legend: None, class: "", fields }]
    }

    /// The fields with what was typed instead of the settings.
    pub fn typed_groups(self, settings: &SettingsDocument, categories: &[Category], typed: &Typed) -> Vec<FieldGroup> {
        let mut groups = match self {
            Self::Footer => footer_groups(settings, typed.rows()),
            Self::Shipping => shipping_groups(settings, typed.rows()),
            _ => self.groups(settings, categories),
        };
        for field in groups.iter_mut().flat_map(|group| &mut group.fields) {
            field.values = match field.input {
                Input::Choices(_) => typed.all(&field.name),
                _ => vec![typed.text(&field.name)],
            };
        }
        groups
    }

    /// Puts what was typed into the settings.
    pub fn apply(self, typed: &Typed, settings: &mut SettingsDocument) -> Applied {
        let mut applied = Applied::default();
        match self {
            Self::Shop => {
                settings.shop.name = typed.text("shop.name");
                settings.shop.accent_color = typed.text("shop.accent_color");
            }
            Self::Contact => {
                settings.contact.email = typed.optional("contact.email");
                settings.contact.phone = typed.optional("contact.phone");
                settings.contact.postal_address = typed.optional("contact.postal_address");
            }
            Self::Home => {
                let (url, alt) = (typed.text("home.image.url"), typed.text("home.image.alt"));
                settings.home.headline = typed.text("home.headline");
                settings.home.text = typed.text("home.text");
                settings.home.image = (!url.trim().is_empty()).then_some(Image { url, alt });
                settings.home.featured_categories = typed.all("home.featured_categories");
            }
            Self::Footer => {
                settings.footer.text = typed.text("footer.text");
                settings.footer.links.clear();
                for row in 0..typed.rows() {
                    let field = |name: &str| typed.text(&format!("footer.links[{row}].{name}"));
                    let (title, url) = (field("title"), field("url"));
                    if !title.trim().is_empty() || !url.trim().is_empty() {
                        settings.footer.links.push(FooterLink { title, url });
                        applied.rows.push(row);
                    }
                }
            }
            Self::Selling => {
                let selling = &mut settings.selling;
                selling.currency = typed.text("selling.currency").trim().to_uppercase();
                selling.time_zone = typed.text("selling.time_zone");
                selling.prices_include_tax = typed.is_checked("selling.prices_include_tax");
                selling.countries = codes(typed.get("selling.countries"));
                let units = typed.get("selling.low_stock_units").trim();
                if let Ok(units) = units.parse() {
                    selling.low_stock_units = units;
                } else {
                    let sentence = format!("{units:?} is not a number of units. Enter one from 0 to 1,000,000.");
                    applied.refuse("selling.low_stock_units", sentence);
                }
            }
            Self::Tax => settings.tax.rates = read_tax_lines(typed.get(TAX_RATES), &mut applied),
            Self::Shipping => {
                settings.shipping.methods.clear();
                for row in 0..typed.rows() {
                    if let Some(method) = read_method(typed, row, settings.shipping.methods.len(), &mut applied) {
                        settings.shipping.methods.push(method);
                        applied.rows.push(row);
                    }
                }
            }
            Self::Page(kind) => {
                let path = format!("pages.{}", kind.as_str());
                let page = page_of(settings, kind);
                page.text = typed.text(&format!("{path}.text"));
                page.is_draft = typed.is_checked(&format!("{path}.is_draft"));
            }
        }
        applied
    }
}

fn page_of(settings: &mut SettingsDocument, kind: PageKind) -> &mut PageText {
    let pages = &mut settings.pages;
    match kind {
        PageKind::Imprint => &mut pages.imprint,
        PageKind::Terms => &mut pages.terms,
        PageKind::Privacy => &mut pages.privacy,
        PageKind::Shipping => &mut pages.shipping,
        PageKind::Returns => &mut pages.returns,
        PageKind::Contact => &mut pages.contact,
    }
}

fn home_fields(settings: &SettingsDocument, categories: &[Category]) -> Vec<FormField> {
    let home = &settings.home;
    let (url, alt) = home.image.as_ref().map_or(("", ""), |image| (&image.url, &image.alt));
    // Chosen categories first, in their order. Those that do not exist now stay until they are unchecked.
    let title_of = |handle: &str| {
        let found = categories.iter().find(|category| category.handle.as_str() == handle);
        found.map_or_else(|| format!("{handle} (does not exist)"), |category| category.title.clone())
    };
    let mut choices: Vec<_> =
        home.featured_categories.iter().map(|handle| (handle.clone(), title_of(handle))).collect();
    for category in categories {
        if !choices.iter().any(|(handle, _)| handle == category.handle.as_str()) {
            choices.push((category.handle.to_string(), category.title.clone()));
        }
    }
    let featured = FormField::setting("home.featured_categories", Input::Choices(choices), "")
        .optional()
        .hint("Without any, the home page shows all categories.");
    vec![
        FormField::setting("home.headline", Input::Line, &home.headline),
        FormField::setting("home.text", Input::Area(4), &home.text).optional(),
        FormField::setting("home.image.url", Input::Line, url)
            .optional()
            .hint("https://... or a path of this shop. Without an image, images of products are shown."),
        FormField::setting("home.image.alt", Input::Line, alt)
            .optional()
            .hint("For shoppers who cannot see the image."),
        FormField { values: home.featured_categories.clone(), ..featured },
    ]
}

fn footer_groups(settings: &SettingsDocument, rows: usize) -> Vec<FieldGroup> {
    let text = FormField::setting("footer.text", Input::Area(3), &settings.footer.text).optional();
    let mut groups = vec![FieldGroup { legend: None, class: "", fields: vec![text] }];
    for row in 0..rows {
        let link = settings.footer.links.get(row);
        let (title, url) = link.map_or(("", ""), |link| (&link.title, &link.url));
        groups.push(FieldGroup {
            legend: Some(if link.is_some() { format!("Link {}", row + 1) } else { "New link".to_owned() }),
            class: "",
            fields: vec![
                FormField::setting(format!("footer.links[{row}].title"), Input::Line, title).optional(),
                FormField::setting(format!("footer.links[{row}].url"), Input::Line, url).optional(),
            ],
        });
    }
    groups
}

fn selling_fields(settings: &SettingsDocument) -> Vec<FormField> {
    let selling = &settings.selling;
    vec![
        FormField::setting("selling.currency", Input::Line, &selling.currency)
            .hint("ISO 4217 code, such as EUR. Imports without a currency use it."),
        FormField::setting("selling.time_zone", Input::Suggested(TimeZone::names()), &selling.time_zone)
            .hint("IANA name, such as Europe/Berlin. Times on pages are in this zone."),
        FormField::setting(
            "selling.prices_include_tax",
            Input::Check,
            if selling.prices_include_tax { CHECKED } else { "" },
        )
        .label("Prices include tax")
        .hint("Applies to prices of products and of shipping. Prices are not converted."),
        FormField::setting("selling.countries", Input::Area(3), selling.countries.join(", "))
            .optional()
            .hint("Two-letter codes, such as DE, AT, CH. Without any, the shop sells to all countries."),
        FormField::setting("selling.low_stock_units", Input::Number, selling.low_stock_units.to_string())
            .hint("An order that leaves this many units or fewer of a SKU reports low stock."),
    ]
}

fn codes(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace());
    parts.filter(|code| !code.is_empty()).map(str::to_owned).collect()
}

fn tax_lines(rates: &[TaxRate]) -> String {
    let line = |rate: &TaxRate| {
        let region = rate.region.as_ref().map_or(String::new(), |region| format!("-{region}"));
        let class = rate.class.value().as_str();
        format!("{}{region} {class} {} {}", rate.country, percent(rate.rate_ppm), rate.title)
    };
    rates.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn read_tax_lines(text: &str, applied: &mut Applied) -> Vec<TaxRate> {
    let mut rates = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match read_tax_line(line) {
            Ok(rate) => {
                applied.rows.push(number);
                rates.push(rate);
            }
            Err(sentence) => applied.refuse(TAX_RATES, format!("Line {}: {sentence}", number + 1)),
        }
    }
    rates
}

/// `US-CA standard 7.25 Sales tax` as a rate, or what is wrong. Whether the country exists is checked with all settings.
fn read_tax_line(line: &str) -> Result<TaxRate, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let class_at = |(number, word): (usize, &&str)| Some((number, Out::of(TaxClass::find(word)?)));
    let found = words.iter().enumerate().find_map(class_at);
    // Names of regions can have several words.
    let (place, class, rate, title) = match (found, &words[..]) {
        (Some((number, class)), words) if number > 0 && number + 1 < words.len() => {
            (words[..number].join(" "), class, words[number + 1], &words[number + 2..])
        }
        (None, [_, other, _, ..]) => {
            return Err(format!("{other:?} is not a tax class. Enter standard, reduced or exempt."));
        }
        _ => {
            let parts = "country, class (standard, reduced or exempt), percentage and name";
            return Err(format!("Enter {parts}, for example DE standard 19 VAT."));
        }
    };
    let (country, region) = match place.split_once('-') {
        Some((country, region)) => (country.to_owned(), Some(region.to_owned())),
        None => (place, None),
    };
    let (rate, title) = match title {
        ["%", title @ ..] => (format!("{rate}%"), title),
        title => (rate.to_owned(), title),
    };
    Ok(TaxRate { country, region, class, rate_ppm: read_percent(&rate)?, title: title.join(" ") })
}

/// A rate in parts per million as percent, as [`read_percent`] reads it.
fn percent(rate_ppm: u32) -> String {
    let text = shopease_shop::text::percent(rate_ppm);
    if is_below_one_percent(rate_ppm) { text } else { text.trim_end_matches('%').to_owned() }
}

const fn is_below_one_percent(rate_ppm: u32) -> bool {
    0 < rate_ppm && rate_ppm < 10_000
}

/// `19`, `7.25`, `7,25%` in parts per million, or what is wrong. A number below one might be meant as a fraction, so it needs the sign.
fn read_percent(typed: &str) -> Result<u32, String> {
    let text = typed.trim_end_matches('%').replace(',', ".");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && whole.len() <= 3 && decimals.len() <= 4 && digits(whole) && digits(decimals);
    let rate_ppm = is_number.then(|| format!("{whole}{decimals:0<4}").parse::<u32>().ok()).flatten();
    match rate_ppm.filter(|rate_ppm| *rate_ppm <= 1_000_000) {
        Some(rate_ppm) if is_below_one_percent(rate_ppm) && !typed.ends_with('%') => {
            let (less, meant) = (percent(rate_ppm), percent(rate_ppm * 100));
            let number = meant.trim_end_matches('%');
            Err(format!(
                "{typed:?} is less than one percent. Enter {meant} for {number} percent, or {less} with the sign."
            ))
        }
        Some(rate_ppm) => Ok(rate_ppm),
        None => Err(format!(
            "{typed:?} is not a percentage. Enter a number from 0 to 100 with at most four decimals, for example 19 or 7.25."
        )),
    }
}

fn shipping_groups(settings: &SettingsDocument, rows: usize) -> Vec<FieldGroup> {
    let group = |row: usize| {
        let method = settings.shipping.methods.get(row);
        let name = |field: &str| format!("shipping.methods[{row}].{field}");
        let text = |read: fn(&ShippingMethod) -> String| method.map(read).unwrap_or_default();
        let fields = vec![
            FormField::setting(name("id"), Input::Line, text(|method| method.id.clone()))
                .hint("Identifies the method in orders, such as standard. Clear ID and title to delete the method."),
            FormField::setting(name("title"), Input::Line, text(|method| method.title.clone())),
            FormField::setting(name("delivery_estimate"), Input::Line, text(|method| method.delivery_estimate.clone()))
                .hint("Such as 3 to 5 business days."),
            FormField::setting(name("countries"), Input::Area(3), text(|method| method.countries.join(", ")))
                .optional()
                .hint("Two-letter codes. Without any, the method delivers to all countries."),
            FormField::setting(name("except_countries"), Input::Line, text(|method| method.except_countries.join(", ")))
                .optional(),
            FormField::setting(name("rate"), Input::Area(4), text(|method| rate_text(&method.rate)))
                .label("Price")
                .hint(
                    "One price for all shipments, such as 4.90 EUR, 5.40 USD, or a weight limit with prices per line, such as \
                     2000 g: 4.90 EUR.",
                ),
            FormField::setting(name("free_from"), Input::Line, text(|method| prices_text(&method.free_from)))
                .optional()
                .hint("Orders of this value ship free, such as 75.00 EUR."),
            FormField::setting(name("min_weight_grams"), Input::Number, text(|method| method.min_weight_grams.to_string()))
                .optional(),
        ];
        FieldGroup {
            legend: Some(method.map_or_else(|| "New method".to_owned(), |method| method.title.clone())),
            class: "",
            fields,
        }
    };
    (0..rows).map(group).collect()
}

fn read_method(typed: &Typed, row: usize, number: usize, applied: &mut Applied) -> Option<ShippingMethod> {
    let field = |name: &str| typed.get(&format!("shipping.methods[{row}].{name}")).trim();
    if field("id").is_empty() && field("title").is_empty() {
        return None;
    }
    let path = format!("shipping.methods[{number}]");
    let rate = read_rate(field("rate")).unwrap_or_else(|sentence| {
        applied.refuse(format!("{path}.rate"), sentence);
        // Has no problem of its own.
        ShippingRate::Flat { price: BTreeMap::new() }
    });
    let free_from = read_prices(field("free_from")).unwrap_or_else(|sentence| {
        applied.refuse(format!("{path}.free_from"), sentence);
        BTreeMap::new()
    });
    let weight = Some(field("min_weight_grams")).filter(|text| !text.is_empty()).unwrap_or("0");
    let min_weight_grams = weight.parse().unwrap_or_else(|_| {
        let most = texts::number(u32::MAX.into());
        let sentence = format!("{weight:?} is not a weight. Enter whole grams from 0 to {most}.");
        applied.refuse(format!("{path}.min_weight_grams"), sentence);
        0
    });
    Some(ShippingMethod {
        id: field("id").to_owned(),
        title: field("title").to_owned(),
        delivery_estimate: field("delivery_estimate").to_owned(),
        countries: codes(field("countries")),
        except_countries: codes(field("except_countries")),
        min_weight_grams,
        rate,
        free_from,
    })
}

fn rate_text(rate: &ShippingRate) -> String {
    match rate {
        ShippingRate::Flat { price } => prices_text(price),
        ShippingRate::ByWeight { bands } => {
            let line = |band: &WeightBand| format!("{} g: {}", band.up_to_grams, prices_text(&band.price));
            bands.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    }
}

fn read_rate(text: &str) -> Result<ShippingRate, String> {
    if !text.contains(':') {
        let price = read_prices(text)?;
        let missing = || "Enter a price, for example 4.90 EUR, or a weight limit with prices per line.".to_owned();
        return if price.is_empty() { Err(missing()) } else { Ok(ShippingRate::Flat { price }) };
    }
    let band = |line: &str| {
        let limit = line.split_once(':').and_then(|(weight, prices)| Some((read_grams(weight.trim())?, prices)));
        let (up_to_grams, prices) = limit.ok_or_else(|| {
            let line = line.trim();
            format!("{line:?} does not start with a weight limit. Enter one per line, for example 2000 g: 4.90 EUR, 5.40 USD.")
        })?;
        Ok(WeightBand { up_to_grams, price: read_prices(prices)? })
    };
    let bands = text.lines().filter(|line| !line.trim().is_empty()).map(band).collect::<Result<_, String>>()?;
    Ok(ShippingRate::ByWeight { bands })
}

/// `2000`, `2000 g` or `2 kg` in grams.
fn read_grams(text: &str) -> Option<u64> {
    let (digits, factor) = match text.strip_suffix("kg") {
        Some(digits) => (digits, 1_000),
        None => (text.strip_suffix('g').unwrap_or(text), 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(factor)
}

fn prices_text(prices: &BTreeMap<String, i64>) -> String {
    let text = |(code, amount): (&String, &i64)| {
        let amount = code.parse().map(|currency: Currency| Money::new(*amount, currency).decimal());
        format!("{} {code}", amount.unwrap_or_default())
    };
    prices.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// `4.90 EUR, 5.40 USD` as minor units by currency, or what is wrong.
fn read_prices(text: &str) -> Result<BTreeMap<String, i64>, String> {
    let text = text.trim();
    let is_decimal_comma =
        |bytes: &[u8]| matches!(bytes, [before, b',', after] if before.is_ascii_digit() && after.is_ascii_digit());
    if text.as_bytes().windows(3).any(is_decimal_comma) {
        return Err(format!(
            "{text:?} has a comma in an amount. Write a point before the decimals, and commas only between prices: 4.90 EUR, 5.40 USD."
        ));
    }
    let mut prices = BTreeMap::new();
    for part in text.split([',', ';', '\n']).map(str::trim).filter(|part| !part.is_empty()) {
        let price = read_price(part).ok_or_else(|| {
            format!("{part:?} is not a price. Enter amounts with their currencies, for example 4.90 EUR, 5.40 USD.")
        })?;
        if prices.insert(price.currency.to_string(), price.amount_minor).is_some() {
            return Err(format!("{text:?} has two prices in {}. Enter one.", price.currency));
        }
    }
    Ok(prices)
}

fn read_price(text: &str) -> Option<Money> {
    let (amount, code) = text.split_once(char::is_whitespace)?;
    Money::parse_decimal(amount, code.trim().to_uppercase().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use shopease_process::config::Reader;
    use shopease_process::testing::MapEnv;
    use shopease_shop::config::ShopConfig;

    use super::*;

    fn starter() -> SettingsDocument {
        let env = MapEnv::default();
        ShopConfig::read(&mut Reader::new(&env)).settings.initial.into()
    }

    fn typed(groups: &[FieldGroup]) -> Typed {
        let fields = groups.iter().flat_map(|group| &group.fields);
        let values = fields.flat_map(|field| field.values.iter().map(|value| (field.name.clone(), value.clone())));
        let rows = groups.iter().filter(|group| group.legend.is_some()).count();
        Typed(values.chain([("rows".to_owned(), rows.to_string())]).collect())
    }

    #[test]
    fn a_form_sent_back_unchanged_changes_nothing() {
        for section in Section::all() {
            let (before, mut after) = (starter(), starter());
            let applied = section.apply(&typed(&section.groups(&before, &[])), &mut after);
            assert!(applied.problems.is_empty(), "{section:?}: {:?}", applied.problems);
            assert_eq!(after.read(), before.read(), "{section:?}");
        }
    }

    #[test]
    fn percentages_have_at_most_four_decimals() {
        let read = ["19", "19,5", "7.25", "7,25%", "0", "100", "0.0001%"].map(read_percent);
        assert_eq!(read, [190_000, 195_000, 72_500, 72_500, 0, 1_000_000, 1].map(Ok));
        for text in ["", "-1", "1.00001", "x", ".5", "1e2", "+1", "1.2.3", "9999", "101"] {
            let sentence = read_percent(text).expect_err(text);
            assert!(sentence.starts_with(&format!("{text:?} is not a percentage.")), "{sentence}");
        }
        let fraction = "\"0,195\" is less than one percent. Enter 19.5 for 19.5 percent, or 0.195% with the sign.";
        assert_eq!(read_percent("0,195"), Err(fraction.to_owned()));
        assert_eq!([percent(72_500), percent(0), percent(1), percent(1_000_000)], ["7.25", "0", "0.0001%", "100"]);
    }

    #[test]
    fn the_place_of_a_tax_rate_can_have_several_words() {
        let place = |line: &str| read_tax_line(line).map(|rate| (rate.country, rate.region, rate.title));
        let (region, title) = (Some("São Miguel".to_owned()), "IVA 16 %".to_owned());
        assert_eq!(place("PT-São Miguel standard 16 IVA 16 %"), Ok(("PT".to_owned(), region, title)));
        let title = "VAT standard".to_owned();
        assert_eq!(place("United Kingdom standard 20 % VAT standard"), Ok(("United Kingdom".to_owned(), None, title)));
        for line in ["DE", "DE standard", "standard 19 VAT", "DE VAT"] {
            assert!(place(line).expect_err(line).starts_with("Enter country, class"), "{line}");
        }
    }

    #[test]
    fn prices_have_an_amount_and_a_currency() {
        let prices = |entries: &[(&str, i64)]| {
            Ok(entries.iter().map(|(code, amount)| ((*code).to_owned(), *amount)).collect::<BTreeMap<_, _>>())
        };
        assert_eq!(read_prices(" 4.90 EUR,5 usd; 780 JPY "), prices(&[("EUR", 490), ("USD", 500), ("JPY", 780)]));
        assert_eq!(read_prices(""), prices(&[]));
        for (text, sentence) in [
            ("4.90", "\"4.90\" is not a price."),
            ("3 EUR, 4.901 EUR", "\"4.901 EUR\" is not a price."),
            ("1 XXX", "\"1 XXX\" is not a price."),
            ("1 EUR 2", "\"1 EUR 2\" is not a price."),
            ("4,90 EUR", "\"4,90 EUR\" has a comma in an amount."),
            ("1 EUR, 2 EUR", "\"1 EUR, 2 EUR\" has two prices in EUR."),
        ] {
            let found = read_prices(text).expect_err(text);
            assert!(found.starts_with(sentence), "{found}");
        }
        let heavy = WeightBand { up_to_grams: 2_000, price: prices(&[("EUR", 490)]).expect("prices") };
        assert_eq!(read_rate("2 kg: 4.90 EUR\n\n"), Ok(ShippingRate::ByWeight { bands: vec![heavy] }));
        let error = |text: &str| read_rate(text).expect_err(text);
        assert!(error("heavy: 4.90 EUR").starts_with("\"heavy: 4.90 EUR\" does not start with a weight limit."));
        assert!(error("2 kg: 4,90 EUR").starts_with("\"4,90 EUR\" has a comma"));
        assert!(error("").starts_with("Enter a price"));
    }

    #[test]
    fn an_error_is_at_the_row_that_was_typed() {
        let mut settings = starter();
        let fields = [
            ("rows", "3"),
            ("footer.links[1].title", "A"),
            ("footer.links[1].url", "javascript:alert(1)"),
            ("footer.links[2].url", "/b"),
        ];
        let typed = Typed(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let applied = Section::Footer.apply(&typed, &mut settings);
        let groups = Section::Footer.typed_groups(&settings, &[], &typed);
        let rules = settings.clone().read().expect_err("two problems");
        let (errors, others) = applied.errors(&groups, &settings, &rules);
        let fields: Vec<_> = errors.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["footer.links[1].url", "footer.links[2].title"]);
        assert!(others.is_empty(), "{others:?}");
    }

    #[test]
    fn an_error_of_a_tax_rate_names_its_line() {
        let mut settings = starter();
        let text = "DE standard 19 VAT\n\nUK standard 5 VAT\nAT luxury 5 VAT\nUS-ZZ standard 5 % Sales tax";
        let typed = Typed(vec![(TAX_RATES.to_owned(), text.to_owned())]);
        let applied = Section::Tax.apply(&typed, &mut settings);
        let groups = Section::Tax.typed_groups(&settings, &[], &typed);
        let rules = settings.clone().read().expect_err("two problems");
        let (errors, _) = applied.errors(&groups, &settings, &rules);
        let sentences: Vec<_> =
            errors.iter().filter_map(|(_, sentence)| sentence.split_inclusive('.').next()).collect();
        let expected = [
            "Line 4: \"luxury\" is not a tax class.",
            "Line 3: \"UK\" is not the code of a country.",
            "Line 5: \"ZZ\" is not a state or province of this country.",
        ];
        assert_eq!(sentences, expected);
    }
}
