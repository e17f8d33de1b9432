//! Formatting of amounts, times and problems: the filters and helper functions of the templates.

use crate::http::Problem;
use shopease_shop::domain::Money;

/// Up to this many units, pages show how many are left.
pub const FEW_UNITS: u32 = 5;

/// Returns the stable name of a problem, without its path.
pub fn problem_name(problem: &Problem) -> &str {
    problem.kind.strip_prefix("/problems/").unwrap_or(&problem.kind)
}

/// Formats an amount, with thousands separators. Currencies with an unambiguous symbol have it before the number, all others have
/// the code after it: `kr` and most uses of `$` are ambiguous.
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

/// Inserts thousands separators.
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

/// Formats a rate in parts per million as percent: 190000 is `19%`, 72500 is `7.25%`.
fn percent(rate_ppm: u32) -> String {
    let text = format!("{}.{:04}", rate_ppm / 10_000, rate_ppm % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Formats a weight: grams below one kilogram, otherwise kilograms with up to two decimals.
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
    reason = "the template engine requires this signature"
)]
pub mod filters {
    use askama::{Error, Result, Values, filter_fn};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    use time::macros::format_description;

    use shopease_shop::domain::{Money, TimeZone};

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

    /// `15 January 2026, 12:00 UTC`, in the time zone of the shop.
    #[filter_fn]
    pub fn date_time(at: &OffsetDateTime, _: &dyn Values, zone: &TimeZone) -> Result<String> {
        let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute]");
        let (local, zone) = zone.local(*at);
        local.format(&format).map(|text| format!("{text} {zone}")).map_err(Error::custom)
    }

    /// RFC 3339, for `datetime` attributes.
    #[filter_fn]
    pub fn rfc3339(at: &OffsetDateTime, _: &dyn Values) -> Result<String> {
        at.format(&Rfc3339).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_separators_and_an_unambiguous_currency() {
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
    fn rates_and_weights_drop_trailing_zeros() {
        assert_eq!([percent(190_000), percent(72_500), percent(100_000), percent(0)], ["19%", "7.25%", "10%", "0%"]);
        assert_eq!(
            [weight(780), weight(1_000), weight(1_250), weight(20_005)],
            ["780\u{a0}g", "1\u{a0}kg", "1.25\u{a0}kg", "20\u{a0}kg"]
        );
    }
}
