//! Limits on the amount of a Stripe charge: <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>, as
//! of July 2026.
//!
//! The minimum depends on the currency in which Stripe pays out. The table assumes that it is the same as the charge
//! currency, as in most shops. Where it differs, Stripe may reject slightly larger amounts, which is also reported as a
//! limit.

use shopease_shop::domain::{ChargeLimits, Currency};

use super::amount::{from_stripe, step_minor};

/// Smallest charges, in minor units of ISO 4217.
const MINIMUMS: [(&str, i64); 31] = [
    ("AED", 200),
    ("ARS", 50),
    ("AUD", 50),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("COP", 50),
    ("CZK", 1_500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("IDR", 50),
    ("ILS", 50),
    ("INR", 50),
    ("JPY", 50),
    ("KRW", 50),
    ("MXN", 1_000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PHP", 50),
    ("PLN", 200),
    ("RON", 200),
    ("RUB", 50),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1_000),
    ("USD", 50),
    ("ZAR", 50),
];

/// Upper bound of a card charge, exclusive, in Stripe's units: at most 12 digits. Some networks allow less (American
/// Express 9 digits); their cards are declined, and the shopper can pay with another card.
const ABOVE_MAXIMUM: i64 = 1_000_000_000_000;

/// The limits of a currency.
pub(super) fn of(currency: Currency) -> ChargeLimits {
    let step_minor = step_minor(currency);
    let minimum = MINIMUMS.iter().find(|(code, _)| *code == currency.code()).map_or(step_minor, |(_, minor)| *minor);
    let above = from_stripe(ABOVE_MAXIMUM, currency).map_or(i64::MAX, |money| money.amount_minor);
    ChargeLimits { minimum_minor: minimum, maximum_minor: above - step_minor, step_minor }
}

#[cfg(test)]
mod tests {
    use shopease_shop::domain::Money;

    use super::*;
    use crate::stripe::amount::to_stripe;

    #[test]
    fn amounts_within_the_limits_can_be_converted() {
        for (code, minimum, maximum, step) in [
            ("EUR", 50, 999_999_999_999, 1),
            ("GBP", 30, 999_999_999_999, 1),
            ("JPY", 50, 999_999_999_999, 1),
            ("KRW", 50, 999_999_999_999, 1),
            ("HUF", 17_500, 999_999_999_999, 1),
            ("KWD", 10, 999_999_999_990, 10),
            ("BHD", 10, 999_999_999_990, 10),
            ("JOD", 10, 999_999_999_990, 10),
            ("OMR", 10, 999_999_999_990, 10),
            ("TND", 10, 999_999_999_990, 10),
            ("LYD", 10, 9_999_999_999_990, 10),
            ("ISK", 1, 9_999_999_999, 1),
            ("UGX", 1, 9_999_999_999, 1),
            ("MGA", 100, 99_999_999_999_900, 100),
        ] {
            let currency = code.parse().expect("a currency");
            let limits = of(currency);
            let expected = ChargeLimits { minimum_minor: minimum, maximum_minor: maximum, step_minor: step };
            assert_eq!(limits, expected, "{code}");
            for amount in [minimum, maximum] {
                assert!(to_stripe(Money::new(amount, currency)).is_some(), "{code} {amount}");
            }
        }
    }

    #[test]
    fn every_minimum_has_a_valid_currency_and_can_be_charged() {
        for (code, minimum) in MINIMUMS {
            let currency: Currency = code.parse().expect("a currency");
            assert!(of(currency).divides(Money::new(minimum, currency)), "{code}");
        }
    }
}
