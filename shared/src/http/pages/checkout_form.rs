//! The checkout form, and the cookie that keeps it between pages.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::address_form::{AddressForm, all_countries};
use crate::http::visitor::{Visitor, append_cookie};
use crate::http::{App, Problem, sealed};

use shopease_shop::domain::{Country, Currency, EmailAddress, Money, OrderDetails, RuleError};
use shopease_shop::services::{OrderView, PlaceOrder, QuoteCart};

/// Fields of the first step, in order.
pub const DETAIL_FIELDS: &[&str] = &[
    "email",
    "name",
    "company",
    "line1",
    "line2",
    "country",
    "region",
    "postal_code",
    "city",
    "phone",
    "delivery_note",
    "billing_name",
    "billing_company",
    "billing_line1",
    "billing_line2",
    "billing_country",
    "billing_region",
    "billing_postal_code",
    "billing_city",
    "vat_number",
];

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
    /// Delivery address.
    #[serde(flatten)]
    pub shipping: AddressForm,
    /// Phone number.
    pub phone: String,
    /// Note for the delivery.
    pub delivery_note: String,
    /// Not empty if the billing address is another one.
    pub billing_other: String,
    /// Billing address.
    #[serde(flatten, with = "billing")]
    pub billing: AddressForm,
    /// VAT number.
    pub vat_number: String,
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
#[derive(Debug, Clone)]
pub struct Details {
    /// Contact address for the order.
    pub email: EmailAddress,
    /// Addresses, and what else was entered.
    pub order: OrderDetails,
}

serde_with::with_prefix!(billing "billing_");

impl CheckoutForm {
    /// The details of an order, for another attempt. Card and idempotency key are left empty.
    pub fn of(order: &OrderView) -> Self {
        let text = |detail: &Option<String>| detail.clone().unwrap_or_default();
        Self {
            email: order.email.to_string(),
            shipping: order.shipping_address.clone().into(),
            phone: text(&order.phone),
            delivery_note: text(&order.delivery_note),
            billing_other: order.billing_address.as_ref().map(|_| "on".to_owned()).unwrap_or_default(),
            billing: order.billing_address.clone().map(AddressForm::from).unwrap_or_default(),
            vat_number: text(&order.vat_number),
            shipping_method: order.shipping.id.clone(),
            ..Self::default()
        }
    }

    /// Name and value of each field of the first step, for a form that does not show them.
    pub fn detail_fields(&self) -> Vec<(String, String)> {
        let form = serde_json::to_value(self).unwrap_or_default();
        let fields = form.as_object().into_iter().flatten();
        let texts = fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        texts.filter(|(name, _)| name != "shipping_method" && name != "payment_method").collect()
    }

    /// Validates all fields of the first step.
    ///
    /// # Errors
    /// All rules that the fields break.
    pub fn details(&self, countries: &[&Country]) -> Result<Details, Vec<RuleError>> {
        let email = self.email.parse::<EmailAddress>();
        let other = Some(&self.billing).filter(|_| !self.billing_other.is_empty());
        let entered = OrderDetails {
            shipping_address: self.shipping.typed(countries),
            billing_address: other.map(|form| form.typed(&all_countries())),
            vat_number: Some(self.vat_number.clone()),
            phone: Some(self.phone.clone()),
            delivery_note: Some(self.delivery_note.clone()),
        };
        match (email, entered.validated()) {
            (Ok(email), Ok(order)) => Ok(Details { email, order }),
            (email, order) => Err(email.err().into_iter().chain(order.err().into_iter().flatten()).collect()),
        }
    }

    /// The command that quotes the cart with a shipping method, or with the first offered.
    pub fn quote_request(details: &Details, shipping_method: Option<String>) -> QuoteCart {
        let address = &details.order.shipping_address;
        QuoteCart { country: address.country, region: address.region.clone(), shipping_method }
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
            details: details.order,
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
            shipping: AddressForm {
                name: text("Ada"),
                line1: text("Street 1"),
                city: text("Town"),
                postal_code: text("12345"),
                country: text("DE"),
                ..AddressForm::default()
            },
            ..CheckoutForm::default()
        }
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let shipping = AddressForm { country: "XX".to_owned(), ..AddressForm::default() };
        let rules = CheckoutForm { shipping, ..CheckoutForm::default() }.details(&countries());
        let rules = rules.expect_err("an empty form is wrong");
        let fields: Vec<String> =
            rules.iter().filter_map(|rule| Some(rule.field()?.replace("shipping_address.", ""))).collect();
        assert_eq!(fields, ["email", "country", "name", "line1", "city", "postal_code"]);
    }

    #[test]
    fn a_form_is_decoded_with_both_addresses() {
        let typed =
            "email=a%40b.example&name=Ada&city=Town&billing_other=on&billing_name=Bob&billing_city=City&phone=12345";
        let form: CheckoutForm = serde_urlencoded::from_str(typed).expect("a form");
        assert_eq!((form.shipping.name.as_str(), form.shipping.city.as_str()), ("Ada", "Town"));
        assert_eq!((form.billing.name.as_str(), form.billing.city.as_str()), ("Bob", "City"));
        let again = form.detail_fields();
        let again: CheckoutForm =
            serde_urlencoded::from_str(&serde_urlencoded::to_string(&again).expect("a form")).expect("a form");
        assert_eq!(format!("{again:?}"), format!("{form:?}"));
    }

    #[test]
    fn a_billing_address_counts_only_if_it_is_chosen() {
        let billing = AddressForm { name: "Bob".to_owned(), ..AddressForm::default() };
        let form = CheckoutForm { billing, vat_number: "DE 1".to_owned(), ..filled() };
        let fields = |form: &CheckoutForm| -> Vec<_> {
            let rules = form.details(&countries()).expect_err("wrong");
            rules.iter().filter_map(|rule| rule.field().map(str::to_owned)).collect()
        };
        assert_eq!(fields(&form), ["vat_number"]);
        let form = CheckoutForm { billing_other: "on".to_owned(), ..form };
        let billing = ["country", "line1", "city", "postal_code"].map(|part| format!("billing_address.{part}"));
        assert_eq!(fields(&form), [&billing[..], &["vat_number".to_owned()]].concat());
    }

    #[test]
    fn a_complete_form_places_an_order_only_after_the_review() {
        let details = filled().details(&countries()).expect("a filled form");
        assert_eq!(
            (details.email.as_str(), details.order.shipping_address.line2.as_deref()),
            ("ada@example.org", None)
        );
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
