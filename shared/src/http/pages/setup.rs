//! The first run of a merchant: name, country, currency and contact of the shop on one page, and an end to the demo catalog.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::form_fields::CHECKED;
use super::forms::FormErrors;
use super::layout::{Frame, PageError, PageResult, private_page, see_other};
use crate::http::extract::{PostedForm, stale_form};
use crate::http::visitor::Visitor;
use crate::http::{App, notice, texts};
use shopease_shop::domain::{
    Country, Currency, Format, Handle, HomePage, PageLimit, ProductSummary, RuleError, Settings, ValueRule,
};
use shopease_shop::ports::{SettingsVersion, VersionedSettings};
use shopease_shop::services::{
    CurrentCustomer, LAPTOP_OPERATOR, ListProducts, RemoveDemoCatalog, UpdateSettings, ViewDemoCatalog, ViewSettings,
};
use shopease_shop::{ShopError, ShopResult};

const SETUP: &str = "/admin/setup";
/// The notice that the shop is set up.
const DONE: &str = "shop-set-up";

/// The form, and the settings that its fields come from. The country is one of the list.
const FIELDS: [(&str, &str); 4] = [
    ("name", "shop.name"),
    ("country", "selling.countries"),
    ("currency", "selling.currency"),
    ("email", "contact.email"),
];

/// What the merchant typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http) struct SetupForm {
    version: u64,
    name: String,
    country: String,
    all_countries: String,
    currency: String,
    keep_prices: String,
    email: String,
    remove_demo: String,
}

impl SetupForm {
    /// The current values. Until a shop is set up, its country is not known, and it is to sell there only.
    fn of(current: &VersionedSettings, is_new: bool) -> Self {
        let Settings { shop, contact, selling, .. } = &current.settings;
        let checked = |is_checked| if is_checked { CHECKED } else { "" }.to_owned();
        Self {
            version: current.about.version,
            name: if is_new { String::new() } else { shop.name.clone() },
            country: selling.countries.first().map(ToString::to_string).unwrap_or_default(),
            all_countries: checked(selling.countries.is_empty() && !is_new),
            currency: selling.currency.to_string(),
            keep_prices: String::new(),
            email: contact.email.as_ref().map(ToString::to_string).unwrap_or_default(),
            remove_demo: CHECKED.to_owned(),
        }
    }

    /// The chosen country.
    fn country(&self) -> Option<&'static Country> {
        self.country.parse().ok().and_then(Country::find)
    }

    /// The chosen currency.
    fn currency(&self) -> Option<Currency> {
        self.currency.parse().ok()
    }

    fn is_checked(value: &str) -> bool {
        value == CHECKED
    }

    /// The current settings with what was typed.
    fn apply(&self, mut settings: Settings) -> Result<Settings, Vec<RuleError>> {
        let mut rules = Vec::new();
        settings.shop.name.clone_from(&self.name);
        match self.country() {
            Some(_) if Self::is_checked(&self.all_countries) => settings.selling.countries.clear(),
            // The first country is the shop's.
            Some(country) => {
                settings.selling.countries.retain(|code| *code != country.code);
                settings.selling.countries.insert(0, country.code);
            }
            None => rules.push(RuleError::setting("selling.countries", ValueRule::Offered)),
        }
        match self.currency() {
            Some(currency) => settings.selling.currency = currency,
            None => rules.push(RuleError::setting("selling.currency", ValueRule::Offered)),
        }
        let email = Some(self.email.trim()).filter(|email| !email.is_empty());
        match email.map(str::parse).transpose() {
            Ok(email) => settings.contact.email = email,
            Err(_) => rules.push(RuleError::setting("contact.email", ValueRule::Format(Format::Email))),
        }
        match settings.validated() {
            Ok(settings) if rules.is_empty() => Ok(settings),
            Ok(_) => Err(rules),
            Err(others) => Err(rules.into_iter().chain(others).collect()),
        }
    }
}

#[derive(Template)]
#[template(path = "admin_setup.html")]
struct SetupPage {
    frame: Frame,
    csrf: String,
    form: SetupForm,
    errors: FormErrors,
    problem: Option<String>,
    /// Who changed the settings while the form was filled in.
    conflict: Option<SettingsVersion>,
    done: bool,
    /// Number of demo products on sale.
    demo_products: usize,
    /// Whether the operator still has the email address and password of the first start.
    has_generated_account: bool,
    /// What is missing for orders from the shop's country in its currency: sentence, title and path of the page to change.
    gaps: Vec<(String, &'static str, &'static str)>,
    /// The product whose price is in another currency than the chosen one.
    other_price: Option<ProductSummary>,
}

impl SetupPage {
    /// What was typed, if it is no currency.
    fn unknown_currency(&self) -> Option<&str> {
        Some(self.form.currency.as_str()).filter(|typed| !typed.is_empty() && self.form.currency().is_none())
    }

    /// What was typed, if it is no country.
    fn unknown_country(&self) -> Option<&str> {
        Some(self.form.country.as_str()).filter(|typed| !typed.is_empty() && self.form.country().is_none())
    }

    /// The currency of the prices that do not change.
    fn former_currency(&self) -> Option<Currency> {
        Some(self.other_price.as_ref()?.price_from?.currency)
    }
}

/// What the page shows beside the stored settings.
#[derive(Default)]
struct Attempt {
    form: Option<SetupForm>,
    errors: Vec<(String, String)>,
    problem: Option<String>,
    conflict: Option<SettingsVersion>,
    done: bool,
    other_price: Option<ProductSummary>,
}

/// Shows the form.
pub(in crate::http) async fn form(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> PageResult {
    let current = current(&app, &visitor).await?;
    let done = notice::read(&headers, &[(DONE, ())]).is_some();
    let attempt = Attempt { done, ..Attempt::default() };
    let mut response = setup_page(&app, &visitor, &current, StatusCode::OK, attempt).await?;
    if done {
        notice::clear(&mut response, &app.config);
    }
    Ok(response)
}

async fn current(app: &App, visitor: &Visitor) -> Result<VersionedSettings, PageError> {
    let current = app.services.settings.view_settings(visitor.caller(), ViewSettings).await;
    current.map_err(|error| PageError::or_sign_in(error, SETUP))
}

async fn setup_page(
    app: &App,
    visitor: &Visitor,
    current: &VersionedSettings,
    status: StatusCode,
    attempt: Attempt,
) -> PageResult {
    let customer = app.services.accounts.current_customer(visitor.caller(), CurrentCustomer).await?;
    let demo_products = demo_products(app, visitor).await?.len();
    let frame = Frame::new(app, visitor, "setup").await;
    let is_new = frame.shop.is_new();
    let Attempt { form, errors, problem, conflict, done, other_price } = attempt;
    let page = SetupPage {
        csrf: visitor.csrf(),
        form: form.unwrap_or_else(|| SetupForm::of(current, is_new)),
        errors: FormErrors::new(errors),
        problem,
        conflict,
        done,
        demo_products,
        has_generated_account: customer.email.as_str() == LAPTOP_OPERATOR,
        gaps: if is_new { Vec::new() } else { gaps(&current.settings) },
        other_price,
        frame,
    };
    private_page(status, &page)
}

async fn demo_products(app: &App, visitor: &Visitor) -> ShopResult<Vec<Handle>> {
    app.services.operations.view_demo_catalog(visitor.caller(), ViewDemoCatalog).await
}

/// What orders from the first country of the shop lack.
fn gaps(settings: &Settings) -> Vec<(String, &'static str, &'static str)> {
    let (currency, mut gaps) = (settings.selling.currency, Vec::new());
    if settings.shipping.gap_of(currency).is_some() {
        let sentence = format!("Shipping has no price in {currency} for some countries.");
        gaps.push((sentence, "Add prices", "/admin/settings/shipping"));
    }
    let Some(country) = settings.selling.countries.first().copied().and_then(Country::find) else { return gaps };
    if !settings.shipping.methods.iter().any(|method| method.delivers_to(country.code)) {
        let sentence = format!("No shipping method delivers to {}.", country.name);
        gaps.push((sentence, "Add a shipping method", "/admin/settings/shipping"));
    }
    if !settings.tax.rates.iter().any(|rate| rate.country == country.code) {
        let sentence = format!("No tax rate applies in {}, so orders from there are not taxed.", country.name);
        gaps.push((sentence, "Add a tax rate", "/admin/settings/tax"));
    }
    gaps
}

/// Saves the settings, then takes the demo catalog off sale.
pub(in crate::http) async fn save(State(app): State<App>, visitor: Visitor, form: PostedForm<SetupForm>) -> PageResult {
    let form = match form {
        PostedForm::Current(form) => form,
        PostedForm::Stale(form) => return stale(&app, &visitor, form).await,
    };
    let current = current(&app, &visitor).await?;
    let mut settings = match form.apply(current.settings.clone()) {
        Ok(settings) => settings,
        Err(rules) => {
            let attempt = rejected(form, &rules);
            return setup_page(&app, &visitor, &current, StatusCode::UNPROCESSABLE_ENTITY, attempt).await;
        }
    };
    let demo = demo_products(&app, &visitor).await?;
    let removes_demo = SetupForm::is_checked(&form.remove_demo) && !demo.is_empty();
    if settings.selling.currency != current.settings.selling.currency && !SetupForm::is_checked(&form.keep_prices) {
        let removed = if removes_demo { &*demo } else { &[] };
        if let Some(product) = product_in_another_currency(&app, removed, settings.selling.currency).await? {
            let errors = vec![("currency".to_owned(), unchanged_prices(&product, settings.selling.currency))];
            let attempt = Attempt { form: Some(form), errors, other_price: Some(product), ..Attempt::default() };
            return setup_page(&app, &visitor, &current, StatusCode::UNPROCESSABLE_ENTITY, attempt).await;
        }
    }
    if removes_demo && settings.home == HomePage::of_demo_catalog() {
        settings.home = HomePage::starter();
    }
    let command = UpdateSettings { expected_version: form.version, settings };
    match app.services.settings.update_settings(visitor.caller(), command).await {
        Ok(_) => {}
        Err(ShopError::Conflict) => return conflict_page(&app, &visitor, form).await,
        Err(error) => return Err(error.into()),
    }
    if removes_demo {
        app.services.operations.remove_demo_catalog(visitor.caller(), RemoveDemoCatalog).await?;
    }
    let mut response = see_other(SETUP);
    notice::leave(&mut response, DONE, &app.config);
    Ok(response)
}

/// The form with the broken rules beside its fields.
fn rejected(form: SetupForm, rules: &[RuleError]) -> Attempt {
    let (mut errors, mut problem) = (Vec::new(), None);
    for (field, setting) in FIELDS {
        let of_field = rules.iter().find(|rule| rule.field().is_some_and(|path| path.starts_with(setting)));
        errors.extend(of_field.map(|rule| (field.to_owned(), texts::rule(rule))));
    }
    if errors.is_empty() {
        // A stored setting that an earlier release allowed.
        problem = rules.first().map(|rule| format!("{}: {}", rule.field().unwrap_or_default(), texts::rule(rule)));
    }
    Attempt { form: Some(form), errors, problem, ..Attempt::default() }
}

/// Shows what was typed again, with the current version: saving it then replaces the other change.
async fn conflict_page(app: &App, visitor: &Visitor, form: SetupForm) -> PageResult {
    let newer = current(app, visitor).await?;
    let form = SetupForm { version: newer.about.version, ..form };
    let attempt = Attempt { form: Some(form), conflict: Some(newer.about.clone()), ..Attempt::default() };
    setup_page(app, visitor, &newer, StatusCode::CONFLICT, attempt).await
}

/// Shows a form of an earlier session again to an operator. Nothing is saved.
async fn stale(app: &App, visitor: &Visitor, form: SetupForm) -> PageResult {
    let problem = stale_form();
    let current = app.services.settings.view_settings(visitor.caller(), ViewSettings).await;
    let Ok(current) = current else { return Err(problem.into()) };
    let attempt = Attempt { form: Some(form), problem: Some(texts::on_page(&problem)), ..Attempt::default() };
    setup_page(app, visitor, &current, problem.status_code(), attempt).await
}

/// One of the newest products that stay on sale and have a price in another currency.
async fn product_in_another_currency(
    app: &App,
    removed: &[Handle],
    currency: Currency,
) -> ShopResult<Option<ProductSummary>> {
    // More rows than a demo catalog has, so that they include a product of the merchant, if there is one.
    let limit = PageLimit::new(PageLimit::MAX)?;
    let newest = ListProducts { q: None, category: None, sort: None, after: None, limit };
    let products = app.services.catalog.list_products(newest).await?.items;
    let differs = |product: &ProductSummary| product.price_from.is_some_and(|price| price.currency != currency);
    Ok(products.into_iter().find(|product| differs(product) && !removed.contains(&product.handle)))
}

fn unchanged_prices(product: &ProductSummary, currency: Currency) -> String {
    let former = product.price_from.map(|price| price.currency.to_string()).unwrap_or_default();
    format!(
        "Products on sale have prices in {former}, such as {}. They are not converted. Import the products with prices in \
         {currency}, or keep the prices in {former}.",
        product.title
    )
}
