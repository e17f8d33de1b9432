//! Errors of form fields.

use shopease_shop::domain::RuleError;

use crate::http::texts;

/// The errors of a form, by field.
#[derive(Debug, Default)]
pub struct FormErrors {
    fields: Vec<(String, String)>,
}

impl FormErrors {
    /// Splits broken rules into those of the form's fields and the rest. The API's `shipping_address.city` is the form's `city`.
    pub fn sort(rules: Vec<RuleError>, known: &[&str]) -> (Self, Vec<RuleError>) {
        let (mut fields, mut rest) = (Vec::new(), Vec::new());
        for rule in rules {
            match rule.field().map(local_name).filter(|field| known.contains(field)) {
                Some(field) => fields.push((field.to_owned(), texts::rule(&rule))),
                None => rest.push(rule),
            }
        }
        fields.sort_by_key(|(field, _)| known.iter().position(|name| name == field));
        (Self { fields }, rest)
    }

    /// Errors of fields, as sentences.
    pub const fn new(fields: Vec<(String, String)>) -> Self {
        Self { fields }
    }

    /// Returns whether no field has an error.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// All fields with errors, in form order.
    pub fn all(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The error of a field, as a sentence.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, sentence)| sentence.as_str())
    }
}

fn local_name(field: &str) -> &str {
    field.strip_prefix("shipping_address.").unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use shopease_shop::domain::{Field, Format, ValueRule};

    use super::*;

    #[test]
    fn rules_are_sorted_by_field_in_form_order_and_the_rest_is_returned() {
        let rules = vec![
            RuleError::invalid(Field::ShippingCity, ValueRule::Required),
            RuleError::EmptyCart,
            RuleError::malformed(Field::Email, Format::Email),
            RuleError::invalid(Field::Units, ValueRule::Required),
        ];
        let (errors, rest) = FormErrors::sort(rules, &["email", "city"]);
        assert_eq!(errors.all().iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["email", "city"]);
        assert_eq!(errors.of("city"), Some("Enter a city."));
        assert_eq!(rest, [RuleError::EmptyCart, RuleError::invalid(Field::Units, ValueRule::Required)]);
    }
}
