//! What a new password must be, as NIST SP 800-63B recommends: long, not among the most common ones, and not what everybody knows about the
//! account and the shop. Which characters it has does not matter.

use super::password::normalized;
use crate::domain::{EmailAddress, Field, RuleError, ValueRule};

/// Shortest password in characters.
const MIN_CHARS: usize = 8;
/// Longest password in characters.
pub(super) const MAX_CHARS: usize = 256;

/// The most common passwords, in lower case, without shorter ones than allowed and without broken text: the list of Django 5.2 (its license
/// is `common_passwords.license.txt`), which Royce Williams made from leaked passwords.
const COMMON: &str = include_str!("../../data/common_passwords.txt");

/// What is wrong with a new password in a field, for an account with an email address. The name of the shop is given once it has one.
pub(super) fn password_problem(
    password: &str,
    field: Field,
    email: &EmailAddress,
    shop_name: Option<&str>,
) -> Option<RuleError> {
    let password = normalized(password);
    let length = password.chars().count();
    let password = password.to_lowercase();
    let mailbox = email.as_str().split('@').next();
    let mut guessable = mailbox.into_iter().chain([email.as_str()]).chain(shop_name);
    let rule = if !(MIN_CHARS..=MAX_CHARS).contains(&length) {
        ValueRule::Length { min: MIN_CHARS, max: MAX_CHARS }
    } else if COMMON.lines().any(|common| common == password) {
        ValueRule::Uncommon
    } else if guessable.any(|word| normalized(word).to_lowercase() == password) {
        ValueRule::Unguessable
    } else {
        return None;
    };
    Some(RuleError::invalid(field, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_and_guessable_passwords_are_refused_in_any_case() {
        let email: EmailAddress = "ada.lovelace@example.com".parse().expect("an address");
        let rule = |password: &str| match password_problem(password, Field::Password, &email, Some("Kettles & Co")) {
            Some(RuleError::InvalidValue { rule, .. }) => Some(rule),
            _ => None,
        };
        let length = Some(ValueRule::Length { min: 8, max: 256 });
        for (password, expected) in [
            ("sevench", length.clone()),
            (&*"x".repeat(257), length),
            ("password1", Some(ValueRule::Uncommon)),
            ("Password1", Some(ValueRule::Uncommon)),
            ("ILOVEYOU", Some(ValueRule::Uncommon)),
            ("ada.lovelace@example.com", Some(ValueRule::Unguessable)),
            ("Ada.Lovelace", Some(ValueRule::Unguessable)),
            ("kettles\u{a0}& co", Some(ValueRule::Unguessable)),
            ("password1 password1", None),
            ("correct horse battery", None),
        ] {
            assert_eq!(rule(password), expected, "{password}");
        }
    }

    #[test]
    fn the_list_contains_only_what_can_match() {
        for common in COMMON.lines() {
            assert!(common.chars().count() >= MIN_CHARS && normalized(common).to_lowercase() == common, "{common}");
        }
        assert!(COMMON.lines().count() > 8_000);
    }
}
