//! How amounts, times and problems are written in pages: the filters and small functions of the templates.

use crate::http::Problem;
use shopease_shop::domain::Money;

/// From how many units on a page stops saying how few are left.
pub const FEW_UNITS: u32 = 5;

/// The stable name of a problem, without the path before it.
pub fn problem_name(problem: &Problem) -> &str {
    problem.kind.strip_prefix("/problems/").unwrap_or(&problem.kind)
}

/// An amount for people: the sign before the number for the currencies that have one of their own, else the code
/// after it; thousands in groups of three. `kr` or `$` of many countries would leave open which one is meant.
pub fn money(amount: Money) -> String {
    let decimal = amount.decimal();
    let (sign, digits) = match decimal.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", decimal.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut number = grouped(whole);
    if let Some(fraction) = fraction {
        number.push('.');
        number.push_str(fraction);
    }
    match amount.currency.code() {
        "EUR" => format!("{sign}€{number}"),
        "USD" => format!("{sign}${number}"),
        "GBP" => format!("{sign}£{number}"),
        "JPY" => format!("{sign}¥{number}"),
        code => format!("{sign}{number}\u{a0}{code}"),
    }
}

/// Digits in groups of three.
pub fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate in parts per million as percent: 190000 is `19%`, 72500 is `7.25%`.
fn percent(rate_ppm: u32) -> String {
    let text = format!("{}.{:04}", rate_ppm / 10_000, rate_ppm % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A weight for people: grams below a kilogram, else kilograms with up to two decimals.
pub fn weight(grams: u32) -> String {
    if grams < 1_000 {
        return format!("{grams}\u{a0}g");
    }
    let text = format!("{}.{:02}", grams / 1_000, grams % 1_000 / 10);
    format!("{}\u{a0}kg", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Filters of the templates.
#[expect(
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    clippy::trivially_copy_pass_by_ref,
    reason = "the template engine gives filters this shape"
)]
pub mod filters {
    use askama::{Error, Result, Values, filter_fn};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    use time::macros::format_description;

    use shopease_shop::domain::Money;

    /// See [`super::money`].
    #[filter_fn]
    pub fn money(amount: &Money, _: &dyn Values) -> Result<String> {
        Ok(super::money(*amount))
    }

    /// See [`super::percent`].
    #[filter_fn]
    pub fn percent(rate_ppm: &u32, _: &dyn Values) -> Result<String> {
        Ok(super::percent(*rate_ppm))
    }

    /// See [`super::weight`].
    #[filter_fn]
    pub fn weight(grams: &u32, _: &dyn Values) -> Result<String> {
        Ok(super::weight(*grams))
    }

    /// `15 January 2026, 12:00 UTC`.
    #[filter_fn]
    pub fn date_time(at: &OffsetDateTime, _: &dyn Values) -> Result<String> {
        let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
        at.to_offset(time::UtcOffset::UTC).format(&format).map_err(Error::custom)
    }

    /// The same for programs.
    #[filter_fn]
    pub fn rfc3339(at: &OffsetDateTime, _: &dyn Values) -> Result<String> {
        at.format(&Rfc3339).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_and_carry_an_unambiguous_mark() {
        for (minor, code, text) in [
            (2490, "EUR", "€24.90"),
            (123_456_789, "USD", "$1,234,567.89"),
            (-5, "GBP", "-£0.05"),
            (1200, "JPY", "¥1,200"),
            (123_450, "SEK", "1,234.50\u{a0}SEK"),
            (99_999, "BHD", "99.999\u{a0}BHD"),
            (100_000, "EUR", "€1,000.00"),
        ] {
            assert_eq!(money(Money::new(minor, code.parse().expect("a currency"))), text);
        }
    }

    #[test]
    fn rates_and_weights_drop_zeros_that_say_nothing() {
        assert_eq!([percent(190_000), percent(72_500), percent(100_000), percent(0)], ["19%", "7.25%", "10%", "0%"]);
        assert_eq!(
            [weight(780), weight(1_000), weight(1_250), weight(20_005)],
            ["780\u{a0}g", "1\u{a0}kg", "1.25\u{a0}kg", "20\u{a0}kg"]
        );
    }
}
