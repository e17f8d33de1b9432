//! What a form's page shows when the form is refused.

use askama::Template;
use axum::http::{StatusCode, header};
use shopease_shop::ShopError;
use shopease_shop::domain::{Field, RuleError, Subject, ValueRule};

use super::layout::{PageError, PageResult, private_page};
use crate::http::extract::stale_form;
use crate::http::{Problem, texts};

/// The errors of a form, by field.
#[derive(Debug, Default)]
pub struct FormErrors {
    fields: Vec<(String, String)>,
}

impl FormErrors {
    /// Splits broken rules into those of the form's fields and the rest. The API's `shipping_address.city` is the form's `city`, and
    /// `billing_address.city` is `billing_city`.
    pub fn sort(rules: Vec<RuleError>, known: &[&str]) -> (Self, Vec<RuleError>) {
        let (mut fields, mut rest) = (Vec::new(), Vec::new());
        for rule in rules {
            match rule.field().map(local_name).filter(|field| known.contains(&field.as_str())) {
                Some(field) => fields.push((field, texts::rule(&rule))),
                None => rest.push(rule),
            }
        }
        fields.sort_by_key(|(field, _)| known.iter().position(|name| name == field));
        (Self { fields }, rest)
    }

    /// The same with the rest as a problem, if there is any.
    pub fn split(rules: Vec<RuleError>, known: &[&str]) -> (Self, Option<Problem>) {
        let (errors, others) = Self::sort(rules, known);
        (errors, (!others.is_empty()).then(|| ShopError::Rules(others).into()))
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

/// The refusal of a form, for its page.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    errors: FormErrors,
    problem: Option<Problem>,
}

impl Failure {
    /// Nothing was refused.
    pub fn none() -> Self {
        Self { status: StatusCode::OK, errors: FormErrors::default(), problem: None }
    }

    /// A problem that concerns no field.
    pub fn of(problem: Problem) -> Self {
        Self { status: problem.status_code(), problem: Some(problem), ..Self::none() }
    }

    /// An error, beside those of the form's fields that it concerns.
    ///
    /// # Errors
    /// Errors that no form can show.
    pub fn of_error(error: ShopError, fields: &[&str]) -> Result<Self, ShopError> {
        match error {
            ShopError::Rules(rules) => {
                let (errors, problem) = FormErrors::split(rules, fields);
                Ok(Self { status: StatusCode::UNPROCESSABLE_ENTITY, errors, problem })
            }
            ShopError::AlreadyExists { subject: Subject::Email } => {
                let taken = RuleError::invalid(Field::Email, ValueRule::Unused);
                let (errors, _) = FormErrors::sort(vec![taken], fields);
                Ok(Self { status: StatusCode::CONFLICT, errors, problem: None })
            }
            ShopError::NotFound { .. }
            | ShopError::WrongCredentials
            | ShopError::TooManyAttempts { .. }
            | ShopError::Unavailable { .. }
            | ShopError::Conflict => Ok(Self::of(error.into())),
            error => Err(error),
        }
    }

    /// Whether what the form is about does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// The page with the errors.
    ///
    /// # Errors
    /// When the template cannot be rendered.
    pub fn page<T: Template>(self, template: impl FnOnce(FormErrors, Option<Problem>) -> T) -> PageResult {
        let retry_after_seconds = self.problem.as_ref().and_then(|problem| problem.retry_after_seconds);
        let mut page = private_page(self.status, &template(self.errors, self.problem))?;
        if let Some(seconds) = retry_after_seconds {
            page.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        Ok(page)
    }
}

/// A page with a stale form; if only signed-in customers see the page and nobody is signed in, the problem alone.
///
/// # Errors
/// Those of the page.
pub fn or_stale(page: PageResult) -> PageResult {
    match page {
        Err(PageError::SignIn { .. }) => Err(stale_form().into()),
        page => page,
    }
}

fn local_name(field: &str) -> String {
    let part = field.strip_prefix("shipping_address.").or_else(|| field.strip_prefix("address."));
    part.map_or_else(|| field.replace("billing_address.", "billing_"), str::to_owned)
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
