//! Every rule survives the round trip through JSON and has a text. The lists are chains of exhaustive matches, so a new rule does
//! not compile until it is added.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn eur(amount_minor: i64) -> Money {
    Money::new(amount_minor, Currency::EUR)
}

fn value_rule_after(rule: &ValueRule) -> Option<ValueRule> {
    Some(match rule {
        ValueRule::Required => ValueRule::Length { min: 8, max: 256 },
        ValueRule::Length { .. } => ValueRule::Line { min: 0, max: 120 },
        ValueRule::Line { .. } => ValueRule::Range { min: -1_000_000_000, max: 1_000_000_000 },
        ValueRule::Range { .. } => ValueRule::Decimals { max: 2 },
        ValueRule::Decimals { .. } => ValueRule::Format(Format::Email),
        ValueRule::Format(_) => ValueRule::Offered,
        ValueRule::Offered => ValueRule::Unknown,
        ValueRule::Unknown => ValueRule::Unique,
        ValueRule::Unique => ValueRule::Count { max: 20 },
        ValueRule::Count { .. } => ValueRule::Contrast,
        ValueRule::Contrast => ValueRule::NeedsSearch,
        ValueRule::NeedsSearch => ValueRule::Unused,
        ValueRule::Unused => ValueRule::CurrentPassword,
        ValueRule::CurrentPassword => ValueRule::Uncommon,
        ValueRule::Uncommon => ValueRule::Unguessable,
        ValueRule::Unguessable => ValueRule::Tracked,
        ValueRule::Tracked => ValueRule::StockLimit { max: u32::MAX },
        ValueRule::StockLimit { .. } => ValueRule::NotCancelled,
        ValueRule::NotCancelled => ValueRule::NotShipped,
        ValueRule::NotShipped => ValueRule::Paid,
        ValueRule::Paid => ValueRule::Unpaid,
        ValueRule::Unpaid => ValueRule::AwaitsTransfer,
        ValueRule::AwaitsTransfer => ValueRule::FulfillmentStep,
        ValueRule::FulfillmentStep => ValueRule::Shipment,
        ValueRule::Shipment => ValueRule::Captured,
        ValueRule::Captured => ValueRule::NoOpenRefund,
        ValueRule::NoOpenRefund => ValueRule::NotDisputed,
        ValueRule::NotDisputed => ValueRule::SameCurrency { currency: Currency::EUR },
        ValueRule::SameCurrency { .. } => ValueRule::MultipleOf { amount: eur(10) },
        ValueRule::MultipleOf { .. } => ValueRule::Positive,
        ValueRule::Positive => ValueRule::Refundable { amount: eur(i64::MAX) },
        ValueRule::Refundable { .. } => ValueRule::AbovePrice,
        ValueRule::AbovePrice => ValueRule::Size { max: 7_000 },
        ValueRule::Size { .. } => ValueRule::Fixed,
        ValueRule::Fixed => ValueRule::UsedBy { product: "växel-9".parse().expect("a handle") },
        ValueRule::UsedBy { .. } => return None,
    })
}

fn rule_after(rule: &RuleError) -> Option<RuleError> {
    Some(match rule {
        RuleError::InvalidValue { .. } => RuleError::setting("tax.rates[3].country", ValueRule::Unique),
        RuleError::InvalidSetting { .. } => RuleError::product("variants[2].price", ValueRule::AbovePrice),
        RuleError::InvalidProduct { .. } => RuleError::TooManyLines { limit: 50 },
        RuleError::TooManyLines { .. } => RuleError::EmptyCart,
        RuleError::EmptyCart => {
            RuleError::CurrencyMismatch { cart: Currency::EUR, variant: "SEK".parse().expect("a currency") }
        }
        RuleError::CurrencyMismatch { .. } => RuleError::NoShipping { country: "FR".parse().expect("a country") },
        RuleError::NoShipping { .. } => RuleError::NoShippingPrice { currency: Currency::EUR },
        RuleError::NoShippingPrice { .. } => RuleError::ShippingWeight { country: "FR".parse().expect("a country") },
        RuleError::ShippingWeight { .. } => RuleError::ShippingNotOffered { method: "ëxpress \"1\"".to_owned() },
        RuleError::ShippingNotOffered { .. } => RuleError::NotSold { sku: "KÄT/1".parse().expect("a SKU") },
        RuleError::NotSold { .. } => RuleError::TotalChanged { expected: eur(i64::MIN), actual: eur(i64::MAX) },
        RuleError::TotalChanged { .. } => RuleError::TotalBelowMinimum { total: eur(1), minimum: eur(50) },
        RuleError::TotalBelowMinimum { .. } => RuleError::TotalAboveMaximum { total: eur(100), maximum: eur(99) },
        RuleError::TotalAboveMaximum { .. } => RuleError::TermsChanged,
        RuleError::TermsChanged => RuleError::NoMail,
        RuleError::NoMail => RuleError::NoPictures,
        RuleError::NoPictures => RuleError::AmountTooLarge,
        RuleError::AmountTooLarge => RuleError::Other {
            code: "full_moon".to_owned(),
            field: Some("mōon".to_owned()),
            rule: Some("dark".to_owned()),
            message: "Wait for the new moon.".to_owned(),
        },
        RuleError::Other { .. } => return None,
    })
}

/// Every rule, every field with every value rule, every format.
fn all_rules() -> Vec<RuleError> {
    let first = RuleError::invalid(Field::Name, ValueRule::Required);
    let rules = std::iter::successors(Some(first), rule_after);
    let values = Field::ALL.iter().flat_map(|field| {
        let rules = std::iter::successors(Some(ValueRule::Required), value_rule_after);
        rules.map(|rule| RuleError::invalid(*field, rule))
    });
    let formats = Format::ALL.iter().map(|format| RuleError::malformed(Field::Body, *format));
    rules.chain(values).chain(formats).collect()
}

#[test]
fn every_rule_arrives_as_it_was_sent() {
    for rule in all_rules() {
        let sent = BrokenRule::from(&rule);
        let text = serde_json::to_string(&sent).expect("JSON");
        let received: BrokenRule = serde_json::from_str(&text).expect(&text);
        assert_eq!(received, sent);
        let known = RuleError::from(received);
        assert_eq!(known, rule, "{text}");
        assert_eq!(BrokenRule::from(&known), sent);
    }
}

#[test]
fn every_rule_has_a_sentence() {
    let mut texts = BTreeSet::new();
    for rule in all_rules() {
        let text = texts::rule(&rule);
        assert!(text.starts_with(char::is_uppercase) && text.ends_with('.') && !text.contains(['{', '_']), "{text}");
        texts.insert(text);
    }
    for expected in [
        "Enter a name.",
        "Enter a password of 8 to 256 characters.",
        "Enter a city of at most 120 characters on one line, without invisible characters.",
        "Enter a number of units from -1,000,000,000 to 1,000,000,000.",
        "Choose a country from the list.",
        "Choose a sort order: newest, title, price, -price or relevance.",
        "SKU KÄT/1 is not for sale.",
    ] {
        assert!(texts.contains(expected), "{expected}: {texts:#?}");
    }
}

fn received(sent: Value) -> RuleError {
    serde_json::from_value::<BrokenRule>(sent).expect("a rule").into()
}

#[test]
fn rules_of_a_newer_release_keep_their_code_and_sentence() {
    let message = "Wait for the new moon.";
    for (sent, field, rule) in [
        (json!({"code": "full_moon", "message": message, "phase": {"day": 3}}), None, None),
        (
            json!({"code": "invalid_value", "field": "moon", "rule": "required", "message": message}),
            Some("moon"),
            Some("required"),
        ),
        (
            json!({"code": "invalid_value", "field": "name", "rule": "dark", "message": message}),
            Some("name"),
            Some("dark"),
        ),
        (
            json!({"code": "invalid_value", "field": "name", "rule": "length", "max": 3, "message": message}),
            Some("name"),
            Some("length"),
        ),
        (json!({"code": "too_many_lines", "message": message}), None, None),
        (json!({"code": "no_shipping", "country": "EUROPE", "message": message}), None, None),
    ] {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let code = sent["code"].as_str().expect("a code").to_owned();
        let found = received(sent);
        assert_eq!(
            found,
            RuleError::Other { code, field: owned(field), rule: owned(rule), message: message.to_owned() }
        );
        assert_eq!(texts::rule(&found), message);
    }
}

#[test]
fn rules_of_the_first_release_are_read() {
    let reason = "must be 1 to 120 characters on one line";
    assert_eq!(
        texts::rule(&received(json!({"code": "invalid_value", "field": "name", "reason": reason}))),
        reason,
        "it has no parameters to make a sentence from"
    );
    assert_eq!(
        received(json!({"code": "currency_mismatch", "cart": "EUR", "variant": "SEK"})),
        RuleError::CurrencyMismatch { cart: Currency::EUR, variant: "SEK".parse().expect("a currency") }
    );
    assert_eq!(received(json!({"code": "too_many_lines", "limit": 50})), RuleError::TooManyLines { limit: 50 });
    assert_eq!(received(json!({"code": "empty_cart"})), RuleError::EmptyCart);
}

/// Members that clients of the first release require for each rule.
fn required_by_the_first_release(code: &str) -> &'static [&'static str] {
    match code {
        "invalid_value" => &["field", "reason"],
        "too_many_lines" => &["limit"],
        "currency_mismatch" => &["cart", "variant"],
        "no_shipping" => &["country"],
        "shipping_not_offered" => &["method"],
        "not_sold" => &["sku"],
        "total_changed" => &["expected", "actual"],
        _ => &[],
    }
}

#[test]
fn clients_of_the_first_release_find_every_member_they_require() {
    for rule in all_rules() {
        let sent = serde_json::to_value(BrokenRule::from(&rule)).expect("JSON");
        for member in required_by_the_first_release(rule.code()) {
            assert!(!sent[member].is_null(), "{member} of {sent}");
        }
    }
}
