//! English texts of rules, errors and states, for problem documents and pages alike. Codes become sentences only here; another
//! language would be another module like this one.

use shopease_shop::ShopError;
use shopease_shop::domain::{
    Country, CountryCode, DisputeState, Field, Format, FulfillmentState, MailKind, OrderState, PaymentState,
    ProductSort, ProductStatus, RefundState, RuleError, Subject, ValueRule,
};
use shopease_shop::ports::WebhookError;

use super::pages::view::{grouped, money, problem_name};
use super::problem::Problem;

/// The label of a field in a form, and its noun phrase in a sentence.
const fn label_and_noun(field: Field) -> (&'static str, &'static str) {
    match field {
        Field::Action => ("Action", "an action"),
        Field::Amount => ("Amount", "an amount"),
        Field::Address => ("Address", "an address"),
        Field::AddressCity | Field::BillingCity | Field::ShippingCity => ("City", "a city"),
        Field::AddressCompany | Field::BillingCompany | Field::ShippingCompany => ("Company", "a company"),
        Field::AddressLine1 | Field::BillingLine1 | Field::ShippingLine1 => ("Street address", "a street address"),
        Field::AddressLine2 | Field::BillingLine2 | Field::ShippingLine2 => {
            ("Apartment or floor", "an apartment or floor")
        }
        Field::AddressPostalCode | Field::BillingPostalCode | Field::ShippingPostalCode => {
            ("Postal code", "a postal code")
        }
        Field::Body => ("Body", "a body"),
        Field::Change => ("Correction", "a correction"),
        Field::Country | Field::AddressCountry | Field::BillingCountry | Field::ShippingCountry => {
            ("Country", "a country")
        }
        Field::Currency => ("Currency", "a currency"),
        Field::DeliveryNote => ("Note for the delivery", "a note"),
        Field::Email => ("Email address", "an email address"),
        Field::Fulfillment => ("Shipment", "a shipment event"),
        Field::Handle => ("Handle", "a handle"),
        Field::Id => ("ID", "an ID"),
        Field::IdempotencyKey => ("Idempotency-Key", "an idempotency key"),
        Field::Language => ("Language", "a language"),
        Field::Limit => ("Limit", "a limit"),
        Field::Name | Field::AddressName | Field::BillingName | Field::ShippingName => ("Name", "a name"),
        Field::Order => ("Order", "an order"),
        Field::OrderNumber => ("Order number", "an order number"),
        Field::NewPassword => ("New password", "a new password"),
        Field::Password => ("Password", "a password"),
        Field::PaymentMethod => ("Payment", "a payment method"),
        Field::Phone => ("Phone number", "a phone number"),
        Field::Picture => ("Picture", "a picture"),
        Field::Quantity => ("Quantity", "a quantity"),
        Field::Search => ("Search", "a search"),
        Field::Region | Field::AddressRegion | Field::BillingRegion | Field::ShippingRegion => {
            ("State or province", "a state or province")
        }
        Field::Sku => ("SKU", "a SKU"),
        Field::Sort => ("Sort order", "a sort order"),
        Field::Status => ("Status", "a status"),
        Field::Tracking => ("Tracking", "tracking"),
        Field::TrackingCarrier => ("Carrier", "a carrier"),
        Field::TrackingNumber => ("Tracking number", "a tracking number"),
        Field::TrackingUrl => ("Tracking link", "a tracking link"),
        Field::Units => ("Units", "a number of units"),
        Field::VatNumber => ("VAT number", "a VAT number"),
    }
}

/// Returns the label of a form field; `city` is the API's `address.city`, and `billing_city` its `billing_address.city`.
pub fn label(name: &str) -> &'static str {
    let find = |name: &str| Field::find(name).map(|field| label_and_noun(field).0);
    let part = name.strip_prefix("billing_").unwrap_or(name);
    find(name).or_else(|| find(&format!("address.{part}"))).unwrap_or("Field")
}

/// A path without its list positions.
fn without_positions(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    let mut in_brackets = false;
    for c in path.chars() {
        match c {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            c if !in_brackets => name.push(c),
            _ => {}
        }
    }
    name
}

fn find_path(name: &str, table: &[(&str, &'static str, &'static str)]) -> (&'static str, &'static str) {
    table.iter().find(|(known, _, _)| name == *known).map_or(("Value", "a value"), |(_, label, noun)| (label, noun))
}

/// The label of a setting in a form, and its noun phrase in a sentence. List positions and currencies in its path do not matter.
fn setting(path: &str) -> (&'static str, &'static str) {
    let name = without_positions(path);
    let is_code = |part: &str| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_uppercase());
    let name = name.rsplit_once('.').filter(|(_, last)| is_code(last)).map_or(name.as_str(), |(rest, _)| rest);
    find_path(name, SETTINGS)
}

/// The label of a value of a product in a form, and its noun phrase in a sentence.
fn product_value(path: &str) -> (&'static str, &'static str) {
    find_path(&without_positions(path), PRODUCT)
}

/// The label of a value of a product in a form.
pub fn product_label(path: &str) -> &'static str {
    product_value(path).0
}

/// Whether a form field is a value of a product.
pub fn is_product_value(path: &str) -> bool {
    let name = without_positions(path);
    PRODUCT.iter().any(|(known, _, _)| *known == name)
}

/// Path, label and noun phrase of the values of a product.
const PRODUCT: &[(&str, &str, &str)] = &[
    ("title", "Title", "a title"),
    ("handle", "Handle", "a handle"),
    ("description_html", "Description", "a description"),
    ("vendor", "Brand", "a brand"),
    ("category", "Category", "a category"),
    ("tags", "Tags", "a tag"),
    ("status", "Status", "a status"),
    ("seo_title", "Title for search engines", "a title for search engines"),
    ("seo_description", "Description for search engines", "a description for search engines"),
    ("images", "Pictures", "a picture"),
    ("images.url", "Address", "an address"),
    ("images.alt", "Description for people who cannot see it", "a description"),
    ("options", "Options", "an option"),
    ("variants", "Variants", "a variant"),
    ("variants.sku", "SKU", "a SKU"),
    ("variants.option_values", "Option values", "a combination of option values"),
    ("variants.price", "Price", "a price"),
    ("variants.compare_at_price", "Former price", "a former price"),
    ("variants.weight_grams", "Weight in grams", "a weight in grams"),
    ("variants.tax_class", "Tax class", "a tax class"),
    ("variants.barcode", "Barcode", "a barcode"),
    ("variants.requires_shipping", "It is shipped", "whether it is shipped"),
    ("variants.inventory", "Its stock is tracked", "whether its stock is tracked"),
    ("variants.initial_stock", "Stock", "a number of units"),
    ("variants.image", "Picture", "a picture"),
];

/// The label of a setting in a form.
pub fn setting_label(path: &str) -> &'static str {
    setting(path).0
}

/// Path, label and noun phrase of the settings.
const SETTINGS: &[(&str, &str, &str)] = &[
    ("shop.name", "Name of the shop", "a name"),
    ("shop.accent_color", "Accent color", "a color"),
    ("shop.logo", "Logo", "an image"),
    ("shop.icon", "Icon", "an image"),
    ("contact.email", "Email address", "an email address"),
    ("contact.phone", "Phone number", "a phone number"),
    ("contact.postal_address", "Postal address", "a postal address"),
    ("home.headline", "Headline", "a headline"),
    ("home.text", "Text", "a text"),
    ("home.image.url", "Address of an image", "an address"),
    ("home.image.alt", "Description of the image", "a description"),
    ("home.featured_categories", "Categories", "a category"),
    ("footer.text", "Text", "a text"),
    ("footer.links.title", "Text", "a text"),
    ("footer.links.url", "Address", "an address"),
    ("pages.imprint.text", "Text", "a text"),
    ("pages.terms.text", "Text", "a text"),
    ("pages.privacy.text", "Text", "a text"),
    ("pages.shipping.text", "Text", "a text"),
    ("pages.returns.text", "Text", "a text"),
    ("pages.contact.text", "Text", "a text"),
    ("selling.currency", "Currency", "a currency"),
    ("selling.time_zone", "Time zone", "a time zone"),
    ("selling.countries", "Countries that the shop sells to", "a country"),
    ("selling.low_stock_units", "Low stock from", "a number of units"),
    ("tax.rates.country", "Country", "a country"),
    ("tax.rates.region", "State or province", "a state or province of this country"),
    ("tax.rates.class", "Tax class", "a country, state and tax class"),
    ("tax.rates.rate_ppm", "Rate", "a rate"),
    ("tax.rates.title", "Name on the invoice", "a name"),
    ("shipping.methods.id", "ID", "an ID"),
    ("shipping.methods.title", "Title", "a title"),
    ("shipping.methods.delivery_estimate", "Delivery estimate", "a delivery estimate"),
    ("shipping.methods.countries", "Countries", "a country"),
    ("shipping.methods.except_countries", "Except countries", "a country"),
    ("shipping.methods.min_weight_grams", "Minimum weight in grams", "a weight in grams"),
    ("shipping.methods.free_from", "Free from", "an amount in minor units"),
    ("shipping.methods.rate.price", "Price", "an amount in minor units"),
    ("shipping.methods.rate.bands", "Prices", "a price"),
    ("shipping.methods.rate.bands.up_to_grams", "Weight limit", "a weight limit in grams, above the one before,"),
    ("shipping.methods.rate.bands.price", "Price", "an amount in minor units"),
];

/// Describes a broken rule in one or more sentences.
pub fn rule(rule: &RuleError) -> String {
    match rule {
        RuleError::InvalidValue { field, rule } => value_rule(*field, rule),
        RuleError::InvalidSetting { path, rule } => rule_of(setting(path.as_str()).1, rule),
        RuleError::InvalidProduct { path, rule } => rule_of(product_value(path.as_str()).1, rule),
        RuleError::TooManyLines { limit } => {
            format!("A cart holds at most {limit} different items. Remove one to add another.")
        }
        RuleError::EmptyCart => "Your cart is empty.".to_owned(),
        RuleError::CurrencyMismatch { cart, variant } => {
            format!("Your cart is in {cart}, but this item is priced in {variant}. Order it separately.")
        }
        RuleError::NoShipping { country } => format!("We do not ship to {}.", country_name(*country)),
        RuleError::NoShippingPrice { currency } => {
            format!("This cart cannot be shipped: there is no shipping price in {currency}. Nothing was ordered.")
        }
        RuleError::ShippingWeight { country } => {
            format!("We do not ship a cart of this weight to {}. Remove an item to continue.", country_name(*country))
        }
        RuleError::ShippingNotOffered { .. } => {
            "The chosen shipping method is not offered for this address and cart. Choose another one.".to_owned()
        }
        RuleError::NotSold { sku } => format!("SKU {sku} is not for sale."),
        RuleError::TotalChanged { expected, actual } => {
            let (expected, actual) = (money(*expected), money(*actual));
            format!(
                "The total changed from {expected} to {actual}. Nothing was ordered. Check the new total and order again."
            )
        }
        RuleError::TotalBelowMinimum { total, minimum } => {
            let (total, minimum) = (money(*total), money(*minimum));
            format!("The total is {total}, but the minimum for an order is {minimum}. Add an item to continue.")
        }
        RuleError::TotalAboveMaximum { total, maximum } => {
            let (total, maximum) = (money(*total), money(*maximum));
            format!("The total is {total}, but the maximum for an order is {maximum}. Split it into several orders.")
        }
        RuleError::TermsChanged => {
            "The terms and conditions have changed. Nothing was ordered. Read them and order again.".to_owned()
        }
        RuleError::NoMail => "This shop sends no mail, so it cannot mail you a link. Contact the shop.".to_owned(),
        RuleError::NoPictures => {
            "This shop has no storage for pictures. Configure a bucket for its assets first.".to_owned()
        }
        RuleError::AmountTooLarge => "The amount is too large for one order.".to_owned(),
        RuleError::Other { code, message, .. } if message.is_empty() => {
            format!("The request breaks a rule of the shop ({code}).")
        }
        RuleError::Other { message, .. } => message.clone(),
    }
}

/// Describes a broken rule of a setting, with the value that breaks it.
pub fn setting_rule(broken: &RuleError, value: Option<&str>) -> String {
    // Longer values are no help in a sentence, and neither are empty ones.
    let value = value.filter(|text| !text.trim().is_empty() && text.chars().count() <= 60);
    let (RuleError::InvalidSetting { path, rule: allowed }, Some(value)) = (broken, value) else { return rule(broken) };
    match allowed {
        ValueRule::Format(Format::Country) => match Country::meant_by(value) {
            Some(Country { code, name, .. }) => {
                format!("{value:?} is not the code of a country. Enter {code} for {name}.")
            }
            None => format!("{value:?} is not the code of a country. Enter two letters, for example DE."),
        },
        ValueRule::Offered if path.as_str().ends_with(".region") => {
            format!(
                "{value:?} is not a state or province of this country. Enter its code, for example CA for California."
            )
        }
        ValueRule::Format(_) | ValueRule::Range { .. } => format!("{value:?} is not valid. {}", rule(broken)),
        _ => rule(broken),
    }
}

/// The English name of a country; its code if it does not exist.
pub fn country_name(code: CountryCode) -> String {
    Country::find(code).map_or_else(|| code.to_string(), |country| country.name.clone())
}

fn value_rule(field: Field, rule: &ValueRule) -> String {
    match rule {
        ValueRule::Required | ValueRule::Offered
            if matches!(field, Field::Region | Field::AddressRegion | Field::ShippingRegion) =>
        {
            match rule {
                ValueRule::Required => "Choose a state or province: taxes depend on it.".to_owned(),
                _ => "Choose a state or province of this country: taxes depend on it.".to_owned(),
            }
        }
        ValueRule::Required if field == Field::PaymentMethod => "Choose a way to pay.".to_owned(),
        ValueRule::Required if field == Field::Email => "Enter your email address.".to_owned(),
        ValueRule::Offered if field == Field::Sort => {
            let [newest, title, price, price_descending, relevance] = SORTS.map(ProductSort::as_str);
            format!("Choose a sort order: {newest}, {title}, {price}, {price_descending} or {relevance}.")
        }
        rule => rule_of(label_and_noun(field).1, rule),
    }
}

/// Describes what a value must be; `value` is its noun phrase.
fn rule_of(value: &str, rule: &ValueRule) -> String {
    match rule {
        ValueRule::Required => format!("Enter {value}."),
        ValueRule::Length { min, max } => format!("Enter {value} of {}.", characters(*min, *max)),
        ValueRule::Line { min, max } => {
            format!("Enter {value} of {} on one line, without invisible characters.", characters(*min, *max))
        }
        ValueRule::Range { min, max } => format!("Enter {value} from {} to {}.", number(*min), number(*max)),
        ValueRule::Decimals { max: 0 } => format!("Enter {value} without decimals or thousands separators."),
        ValueRule::Decimals { max } => {
            format!("Enter {value} with at most {max} decimals and no thousands separators.")
        }
        ValueRule::Format(format) => format_rule(*format).to_owned(),
        ValueRule::Offered => format!("Choose {value} from the list."),
        ValueRule::Unknown => "This setting does not exist.".to_owned(),
        ValueRule::Unique => format!("Enter {value} that is not in the list yet."),
        ValueRule::Count { max: 1 } => "Enter one entry only.".to_owned(),
        ValueRule::Count { max } => format!("Enter at most {max} entries."),
        ValueRule::AbovePrice => format!("Enter {value} above the price, or none."),
        ValueRule::Size { max } => {
            let max = number(i64::try_from(*max).unwrap_or(i64::MAX));
            format!("These texts are too long: at most {max} bytes in total. Shorten them, or use fewer variants.")
        }
        ValueRule::Fixed => "This cannot be changed.".to_owned(),
        ValueRule::UsedBy { product } => format!("The product {product} has it already. Enter {value} that is free."),
        ValueRule::Contrast => {
            "Choose a darker color. White text on it needs a contrast of at least 4.5:1 (WCAG AA), and so does the color on \
             the background of the pages."
                .to_owned()
        }
        ValueRule::NeedsSearch => "Sorting by relevance needs a search.".to_owned(),
        ValueRule::CurrentPassword => "This is not the password of your account.".to_owned(),
        ValueRule::Uncommon => "This password is one of the most common ones. Choose another.".to_owned(),
        ValueRule::Unguessable => {
            "This password is your email address or the name of the shop. Choose another.".to_owned()
        }
        ValueRule::Unused => "This email address already has an account. Sign in instead.".to_owned(),
        ValueRule::Tracked => "The stock of this SKU is not tracked.".to_owned(),
        ValueRule::StockLimit { max } => {
            format!("Stock cannot exceed {} available units of one SKU.", number(i64::from(*max)))
        }
        ValueRule::NotCancelled => "This order is already canceled.".to_owned(),
        ValueRule::NotShipped => "This order was already shipped. Refund it instead.".to_owned(),
        ValueRule::Paid => "Only a paid order can be shipped or returned.".to_owned(),
        ValueRule::Unpaid => "This order is already paid. Contact the shop to cancel it.".to_owned(),
        ValueRule::AwaitsTransfer => "This order does not wait for a bank transfer.".to_owned(),
        ValueRule::FulfillmentStep => {
            "This step is not possible in the current state of the shipment. Reload the order and check it.".to_owned()
        }
        ValueRule::Shipment => "Only a shipment has tracking. A return does not.".to_owned(),
        ValueRule::Captured => "The payment was not captured. There is nothing to refund.".to_owned(),
        ValueRule::NoOpenRefund => {
            "Another refund of this order is in progress. Try again when it is complete.".to_owned()
        }
        ValueRule::NotDisputed => {
            "The cardholder disputes this payment, and the bank has taken the money. Respond to the dispute at the \
             payment provider. A refund would pay twice."
                .to_owned()
        }
        ValueRule::SameCurrency { currency } => format!("Enter {value} in {currency}."),
        ValueRule::MultipleOf { amount } => {
            format!("Enter {value} in steps of {}, the smallest amount that can be charged to a card.", money(*amount))
        }
        ValueRule::Positive => format!("Enter {value} above zero."),
        ValueRule::Refundable { amount } => {
            format!("Enter {value} of at most {}, the amount that can still be refunded.", money(*amount))
        }
    }
}

fn characters(min: usize, max: usize) -> String {
    if min == 0 { format!("at most {max} characters") } else { format!("{min} to {max} characters") }
}

/// Formats a whole number with thousands separators.
pub fn number(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(&value.unsigned_abs().to_string()))
}

const fn format_rule(format: Format) -> &'static str {
    match format {
        Format::Code => "Enter an ID of 1 to 40 lowercase letters, digits, hyphens and underscores.",
        Format::Color => "Enter a color as # and six hexadecimal digits, for example #9a3f1d.",
        Format::Image => {
            "Choose a complete PNG, JPEG or WebP image of at most 64 KiB and 4,096 pixels in width and height."
        }
        Format::ImageAddress => {
            "Enter an address that starts with https://, or a path of this shop such as /assets/demo/moka-pot.svg."
        }
        Format::Picture => "Choose a complete JPEG, PNG, WebP or GIF file of at most 690 KiB and 13 million pixels.",
        Format::PagesSize => "The pages are too long. All six together may have 100 KiB.",
        Format::Phone => "Enter a phone number of at least five digits, with an optional + and spaces.",
        Format::TimeZone => "Enter a time zone of the IANA database, for example Europe/Berlin.",
        Format::VatNumber => "Enter a VAT number of 4 to 20 letters and digits, for example DE123456789.",
        Format::WebAddress => {
            "Enter an address that starts with https://, http://, mailto: or tel:, or a path of this shop such as /pages/terms."
        }
        Format::Amount => "Enter an amount such as 1234.50, without thousands separators.",
        Format::Country => "Enter a country as two letters, for example DE.",
        Format::Currency => "Enter a currency as an ISO 4217 code, for example EUR.",
        Format::Email => "Enter an email address of at most 254 characters, for example name@example.com.",
        Format::Handle => "Enter a handle of 1 to 255 letters, digits and hyphens.",
        Format::HttpsAddress => "Enter a complete address that starts with https://.",
        Format::Id => "Enter an ID as the API returned it.",
        Format::IdempotencyKey => {
            "Send an Idempotency-Key header of 1 to 255 visible ASCII characters other than the comma."
        }
        Format::JsonObject => "Send the body as a JSON object.",
        Format::OrderNumber => "Enter an order number of ten letters and digits, such as 0GXB7-65C6F.",
        Format::PaymentMethod => {
            "Choose one of the ways to pay. The payment method is a token that they list, or one from the payment provider's fields."
        }
        Format::Schema => "The body does not match the schema of this request.",
        Format::Sku => "Enter a SKU of 1 to 255 printable characters.",
    }
}

const SORTS: [ProductSort; 5] = [
    ProductSort::Newest,
    ProductSort::Title,
    ProductSort::PriceAscending,
    ProductSort::PriceDescending,
    ProductSort::Relevance,
];

/// Returns the title of the problem document, the same for all errors of a type.
pub const fn title(error: &ShopError) -> &'static str {
    match error {
        ShopError::Rules(_) => "The request breaks a rule of the shop",
        ShopError::NotFound { .. } => "Not found",
        ShopError::SignInRequired => "Sign-in required",
        ShopError::WrongCredentials => "Sign-in failed",
        ShopError::TooManyAttempts { .. } => "Too many failed attempts",
        ShopError::Forbidden => "Not allowed",
        ShopError::AlreadyExists { .. } => "Already exists",
        ShopError::OutOfStock { .. } => "Not enough in stock",
        ShopError::Conflict => "Changed by another request",
        ShopError::VersionChanged => "Changed by somebody else",
        ShopError::IdempotencyKeyReused => "Idempotency key used for another request",
        ShopError::IdempotencyKeyInUse { .. } => "First request still in progress",
        ShopError::PaymentDeclined { .. } => "Card declined",
        ShopError::WebhookRefused(_) => "Webhook rejected",
        ShopError::Unavailable { .. } => "The shop is unavailable",
        ShopError::Internal(_) => "Internal error",
    }
}

/// Describes an error: what is wrong and what to do.
pub fn failure(error: &ShopError) -> String {
    match error {
        ShopError::Rules(rules) => rules.iter().map(rule).collect::<Vec<_>>().join(" "),
        ShopError::NotFound { subject } => not_found(subject).to_owned(),
        ShopError::SignInRequired => "Sign in to continue.".to_owned(),
        ShopError::WrongCredentials => "The email address or the password is wrong.".to_owned(),
        ShopError::TooManyAttempts { retry_after_seconds } => {
            format!("Too many attempts have failed. Try again in {}.", duration(*retry_after_seconds))
        }
        ShopError::Forbidden => "Only operators of the shop can do this.".to_owned(),
        ShopError::AlreadyExists { subject: Subject::Email } => "This email address already has an account.".to_owned(),
        ShopError::AlreadyExists { subject: Subject::Sku(sku) } => format!("Another product has SKU {sku}."),
        ShopError::AlreadyExists { .. } => "This already exists.".to_owned(),
        ShopError::OutOfStock { sku } => format!("There are not enough units of {sku} in stock."),
        ShopError::Conflict => {
            "This was changed at the same time, for example in another window. Reload it and try again.".to_owned()
        }
        ShopError::VersionChanged => {
            "Somebody else has changed this in the meantime. Nothing was saved. Load it again and repeat your change."
                .to_owned()
        }
        ShopError::IdempotencyKeyReused => {
            "The idempotency key was used for another request. Use a new key.".to_owned()
        }
        ShopError::IdempotencyKeyInUse { .. } => {
            "The first request with this idempotency key is still in progress. Try again in a moment.".to_owned()
        }
        ShopError::PaymentDeclined { code } => {
            let next = if is_limit(code) { "" } else { " Use another card." };
            format!("{} Nothing was ordered and the cart is unchanged.{next}", decline(code))
        }
        ShopError::WebhookRefused(WebhookError::Forged) => "Webhook signature verification failed.".to_owned(),
        ShopError::WebhookRefused(WebhookError::Stale) => {
            "The timestamp of the webhook signature is outside the tolerance.".to_owned()
        }
        ShopError::WebhookRefused(WebhookError::Unreadable(_)) => "The webhook event cannot be parsed.".to_owned(),
        ShopError::Unavailable { .. } => "The shop is temporarily unavailable. Try again in a moment.".to_owned(),
        ShopError::Internal(_) => "Something went wrong on our side. Try again later.".to_owned(),
    }
}

/// Formats a wait.
fn duration(seconds: u32) -> String {
    match seconds {
        1 => "a second".to_owned(),
        0..90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

const fn not_found(subject: &Subject) -> &'static str {
    match subject {
        Subject::Address => "Your account does not have this address.",
        Subject::Category => "This category does not exist.",
        Subject::Customer => "This account does not exist.",
        Subject::Email => "This email address has no account.",
        Subject::EmailConfirmation => {
            "This link is invalid, older than a day, or already used. Request a new one on your account page."
        }
        Subject::File => "This file does not exist.",
        Subject::LineItem => "This item is no longer in the cart.",
        Subject::Order => "This order does not exist, or it is not yours.",
        Subject::Page => "This page does not exist.",
        Subject::PasswordReset => "This link is invalid, older than one hour, or already used. Request a new one.",
        Subject::Product => "This product does not exist.",
        Subject::Session => "This session has already ended.",
        Subject::Settings => "This version of the settings does not exist.",
        Subject::Sku(_) | Subject::Variant => "This SKU does not exist.",
        Subject::OutboxMessage | Subject::Other(_) => "This does not exist.",
    }
}

/// Describes why a payment was declined, by the provider's code.
pub fn decline(code: &str) -> &'static str {
    match code {
        "insufficient_funds" => "The card has insufficient funds.",
        "expired_card" => "The card has expired.",
        "authorization_expired" => "The card authorization expired.",
        "payment_page_expired" => "The payment page expired before the order was paid.",
        "authentication_failed" | "payment_intent_authentication_failure" => {
            "The payment was not confirmed at the bank."
        }
        "amount_too_small" => "The total is below the minimum for card payments.",
        "amount_too_large" => "The total is above the maximum for card payments.",
        "amount_not_representable" => "This total cannot be charged to a card.",
        _ => "The bank declined the card.",
    }
}

/// Returns whether a code means that the total cannot be charged, so that another card does not help.
pub fn is_limit(code: &str) -> bool {
    matches!(code, "amount_too_small" | "amount_too_large" | "amount_not_representable")
}

/// What to do with a form that was opened in an earlier session.
const STALE: &str = "You signed in or out since this page was opened, so nothing was done yet. Check what you entered and press the \
    button again.";

/// Explains why units cannot be added: how many are available, and how many of them are already in the cart.
pub fn shortage(available: u32, in_cart: u32) -> String {
    match (available, in_cart) {
        (0, _) => "This item has just sold out.".to_owned(),
        (left, 0) => format!("Only {left} left. Enter {left} or less."),
        (1, _) => "Only 1 left, and it is already in your cart.".to_owned(),
        (left, held) if held >= left => format!("Only {left} left, and all of them are already in your cart."),
        (left, held) => {
            format!("Only {left} left, {held} of them already in your cart. You can add {} more.", left - held)
        }
    }
}

/// Explains why a cart line cannot have the quantity that was typed.
pub fn line_shortage(available: u32, in_cart: u32) -> String {
    match available {
        0 => "Now sold out. Remove it to continue.".to_owned(),
        left => format!("Only {left} left. Your cart still has {in_cart}. Enter {left} or less."),
    }
}

/// Describes a problem on the page where it happened. Visitors know forms and carts, not idempotency keys and requests.
pub fn on_page(problem: &Problem) -> String {
    match (problem_name(problem), &problem.sku) {
        ("out-of-stock", Some(sku)) => {
            format!("There are not enough units of {sku} in stock, including those already in your cart.")
        }
        ("stale-form", _) => STALE.to_owned(),
        ("idempotency-key-reused", _) => {
            "This form was already sent with other content. Check it and send it again.".to_owned()
        }
        ("idempotency-key-in-use", _) => "Your first request is still in progress. Try again in a moment.".to_owned(),
        _ => problem.detail.clone(),
    }
}

/// Describes a problem of a stock correction.
pub fn on_stock_page(problem: &Problem) -> String {
    match problem_name(problem) {
        "out-of-stock" => "Stock cannot go below zero. Nothing was changed.".to_owned(),
        _ => on_page(problem),
    }
}

/// A sort order.
pub const fn sort(order: ProductSort) -> &'static str {
    match order {
        ProductSort::Newest => "Newest first",
        ProductSort::Title => "Name, A to Z",
        ProductSort::PriceAscending => "Price, low to high",
        ProductSort::PriceDescending => "Price, high to low",
        ProductSort::Relevance => "Best match",
    }
}

/// The state of an order.
pub const fn order_state(state: OrderState) -> &'static str {
    match state {
        OrderState::Pending => "Awaiting payment",
        OrderState::Paid => "Confirmed",
        OrderState::Cancelled => "Canceled",
    }
}

/// The state of a payment.
pub const fn payment_state(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Pending => "Not paid yet",
        PaymentState::Unknown => "Being confirmed",
        PaymentState::Authorized => "Authorized",
        PaymentState::Captured => "Paid",
        PaymentState::Declined => "Declined",
        PaymentState::RequiresAction => "Waiting for your confirmation",
        PaymentState::PartiallyRefunded => "Partially refunded",
        PaymentState::Refunded => "Refunded",
        PaymentState::Voided => "Canceled",
    }
}

/// The status of a product.
pub const fn product_status(status: ProductStatus) -> &'static str {
    match status {
        ProductStatus::Active => "Active",
        ProductStatus::Draft => "Draft",
        ProductStatus::Archived => "Archived",
    }
}

/// The state of a refund.
pub const fn refund_state(state: RefundState) -> &'static str {
    match state {
        RefundState::Requested => "Refund pending",
        RefundState::Succeeded => "Refunded",
        RefundState::Refused => "Refund rejected by the payment provider",
        RefundState::Failed => "Refund returned by the bank",
    }
}

/// The name of a mail, as the subject of a sentence.
pub const fn mail_kind(kind: MailKind) -> &'static str {
    match kind {
        MailKind::AccountExists => "The mail about an account that exists",
        MailKind::AddressVerification => "The mail that verifies an address",
        MailKind::EmailChanged => "The mail about the new address",
        MailKind::LowStock => "The mail about low stock",
        MailKind::NewOrder => "The mail about a new order",
        MailKind::OrderCanceled => "The cancellation",
        MailKind::OrderConfirmation => "The order confirmation",
        MailKind::OrderLink => "The mail with a link to the order",
        MailKind::OrderReceived => "The mail with the account to transfer to",
        MailKind::OrderRefunded => "The mail about the refund",
        MailKind::OrderShipped => "The shipping confirmation",
        MailKind::PasswordChanged => "The mail about the new password",
        MailKind::PasswordReset => "The mail that resets the password",
        MailKind::PaymentFailed => "The mail about the failed payment",
    }
}

/// The state of a dispute.
pub const fn dispute_state(state: DisputeState) -> &'static str {
    match state {
        DisputeState::Inquiry => "Inquiry",
        DisputeState::Open => "Dispute open",
        DisputeState::Won => "Dispute won",
        DisputeState::Lost => "Dispute lost",
    }
}

/// The state of an order of which nothing is shipped.
pub const fn provision(state: FulfillmentState) -> &'static str {
    match state {
        FulfillmentState::Unfulfilled => "Not provided yet",
        FulfillmentState::Fulfilled => "Provided",
        FulfillmentState::Returned => "Returned",
    }
}

/// The state of a shipment.
pub const fn fulfillment(state: FulfillmentState) -> &'static str {
    match state {
        FulfillmentState::Unfulfilled => "Not shipped yet",
        FulfillmentState::Fulfilled => "Shipped",
        FulfillmentState::Returned => "Returned",
    }
}
