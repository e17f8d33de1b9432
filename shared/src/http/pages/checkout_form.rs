//! The checkout form, and the cookie that keeps it between pages.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::http::visitor::{Visitor, append_cookie};
use crate::http::{App, Problem, sealed};

use shopease_shop::domain::{
    Address, Country, CountryCode, Currency, EmailAddress, Field, Money, RuleError, ValueRule,
};
use shopease_shop::services::{OrderView, PlaceOrder, QuoteCart};

/// Fields of the first step, in order.
pub const DETAIL_FIELDS: &[&str] = &["email", "name", "line1", "line2", "country", "region", "postal_code", "city"];

/// Name of the cookie that keeps a checkout.
const COOKIE: &str = "shopease_checkout";

/// The form as typed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckoutForm {
    /// Which button was pressed.
    #[serde(skip_serializing)]
    pub action: String,
    /// Email address.
    pub email: String,
    /// Name of the recipient.
    pub name: String,
    /// Street and number.
    pub line1: String,
    /// Apartment, floor or company.
    pub line2: String,
    /// City.
    pub city: String,
    /// State or province.
    pub region: String,
    /// Postal code.
    pub postal_code: String,
    /// Country code.
    pub country: String,
    /// ID of the chosen shipping method; empty before the review.
    pub shipping_method: String,
    /// Token of the chosen card; empty before the review.
    pub payment_method: String,
    /// The total that the review showed, as `2490 EUR`.
    #[serde(skip_serializing)]
    pub expected_total: String,
    /// Version of the settings whose terms the review linked to.
    #[serde(skip_serializing)]
    pub terms_version: String,
    /// Created with each review: identifies one attempt.
    #[serde(skip_serializing)]
    pub idempotency_key: String,
}

/// The checkout as kept in an encrypted cookie, for pages shown by GET and to prefill a later order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct KeptCheckout {
    /// Details and choices.
    pub form: CheckoutForm,
    /// Why the last attempt failed: shown once.
    pub refusal: Option<Problem>,
    /// Link to the order that was placed with these details.
    pub order: Option<String>,
}

impl KeptCheckout {
    /// Reads the cookie; empty if the visitor has signed in or out since.
    pub fn read(headers: &HeaderMap, visitor: &Visitor) -> Self {
        sealed::open(headers, COOKIE, &visitor.caller().token).unwrap_or_default()
    }

    /// Sets the cookie. `false` if it is larger than browsers accept.
    #[must_use]
    pub fn keep(&self, app: &App, visitor: &Visitor, response: &mut Response) -> bool {
        let cookie = sealed::seal(COOKIE, "/checkout", self, &visitor.caller().token, &app.config);
        cookie.as_ref().map(|cookie| append_cookie(response.headers_mut(), cookie)).is_some()
    }
}

/// The validated details of the first step.
#[derive(Debug)]
pub struct Details {
    /// Contact address for the order.
    pub email: EmailAddress,
    /// The shipping address.
    pub address: Address,
}

impl CheckoutForm {
    /// The details of an order, for another attempt. Card and idempotency key are left empty.
    pub fn of(order: &OrderView) -> Self {
        let address = order.shipping_address.clone();
        Self {
            email: order.email.to_string(),
            name: address.name,
            line1: address.line1,
            line2: address.line2.unwrap_or_default(),
            city: address.city,
            region: address.region.unwrap_or_default(),
            postal_code: address.postal_code,
            country: address.country.to_string(),
            shipping_method: order.shipping.id.clone(),
            ..Self::default()
        }
    }

    /// Validates all fields of the first step.
    ///
    /// # Errors
    /// All rules that the fields break.
    pub fn details(&self, countries: &[&Country]) -> Result<Details, Vec<RuleError>> {
        let mut rules = Vec::new();
        let email = self.email.parse::<EmailAddress>().map_err(|rule| rules.push(rule)).ok();
        let offered = countries.iter().map(|country| country.code);
        let chosen = self.country.parse().ok().filter(|code| offered.clone().any(|country| country == *code));
        if chosen.is_none() {
            rules.push(RuleError::invalid(Field::ShippingCountry, ValueRule::Offered));
        }
        // Without a country, the other fields are checked with any country, so that all errors are shown at once.
        let address = chosen.or_else(|| offered.clone().next()).map(|country| self.address(country).validated());
        match (email, address) {
            (Some(email), Some(Ok(address))) if rules.is_empty() => Ok(Details { email, address }),
            (_, Some(Err(broken))) => Err(rules.into_iter().chain(broken).collect()),
            _ => Err(rules),
        }
    }

    fn address(&self, country: CountryCode) -> Address {
        Address {
            name: self.name.clone(),
            line1: self.line1.clone(),
            line2: Some(self.line2.clone()),
            city: self.city.clone(),
            region: Some(self.region.clone()),
            postal_code: self.postal_code.clone(),
            country,
        }
    }

    /// The command that quotes the cart with a shipping method, or with the first offered.
    pub fn quote_request(details: &Details, shipping_method: Option<String>) -> QuoteCart {
        QuoteCart { country: details.address.country, region: details.address.region.clone(), shipping_method }
    }

    /// The chosen shipping method, if any.
    pub fn chosen_shipping(&self) -> Option<String> {
        Some(self.shipping_method.clone()).filter(|method| !method.is_empty())
    }

    /// The command that places the order, if the review has filled in everything it needs.
    pub fn order(&self, details: Details) -> Option<PlaceOrder> {
        let complete =
            !self.shipping_method.is_empty() && !self.payment_method.is_empty() && !self.idempotency_key.is_empty();
        let expected_total = read_total(&self.expected_total)?;
        complete.then(|| PlaceOrder {
            email: details.email,
            shipping_address: details.address,
            shipping_method: self.shipping_method.clone(),
            payment_method: self.payment_method.clone(),
            expected_total: Some(expected_total),
            terms_version: self.terms_version.parse().ok(),
            client_key: self.idempotency_key.clone(),
        })
    }
}

/// Formats a total for the hidden field.
pub fn write_total(total: Money) -> String {
    format!("{} {}", total.amount_minor, total.currency)
}

fn read_total(text: &str) -> Option<Money> {
    let (amount, currency) = text.split_once(' ')?;
    Some(Money::new(amount.parse().ok()?, currency.parse::<Currency>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn countries() -> Vec<&'static Country> {
        vec![Country::find("DE".parse().expect("a code")).expect("a country")]
    }

    fn filled() -> CheckoutForm {
        let text = |text: &str| text.to_owned();
        CheckoutForm {
            email: text("Ada@Example.org "),
            name: text("Ada"),
            line1: text("Street 1"),
            city: text("Town"),
            postal_code: text("12345"),
            country: text("DE"),
            ..CheckoutForm::default()
        }
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let rules = CheckoutForm { country: "XX".to_owned(), ..CheckoutForm::default() }.details(&countries());
        let rules = rules.expect_err("an empty form is wrong");
        let fields: Vec<String> =
            rules.iter().filter_map(|rule| Some(rule.field()?.replace("shipping_address.", ""))).collect();
        assert_eq!(fields, ["email", "country", "name", "line1", "city", "postal_code"]);
    }

    #[test]
    fn a_complete_form_places_an_order_only_after_the_review() {
        let details = filled().details(&countries()).expect("a filled form");
        assert_eq!((details.email.as_str(), details.address.line2.as_deref()), ("ada@example.org", None));
        assert!(filled().order(details).is_none());
        let reviewed = CheckoutForm {
            shipping_method: "standard".to_owned(),
            payment_method: "card_approved".to_owned(),
            expected_total: write_total(Money::new(2490, Currency::EUR)),
            idempotency_key: "key".to_owned(),
            ..filled()
        };
        let order = reviewed.order(reviewed.details(&countries()).expect("a filled form")).expect("an order");
        assert_eq!(order.expected_total, Some(Money::new(2490, Currency::EUR)));
        let unseen = CheckoutForm { expected_total: "2490".to_owned(), ..reviewed };
        assert!(unseen.order(unseen.details(&countries()).expect("a filled form")).is_none());
    }
}
