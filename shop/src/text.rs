//! Amounts, rates and lines as people read them, on pages and in mails.

use crate::domain::{Money, PageKind};

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

/// The title of a page that the merchant writes.
pub const fn page_title(kind: PageKind) -> &'static str {
    match kind {
        PageKind::Imprint => "Imprint",
        PageKind::Terms => "Terms and conditions",
        PageKind::Privacy => "Privacy policy",
        PageKind::Shipping => "Shipping",
        PageKind::Returns => "Withdrawal and returns",
        PageKind::Contact => "Contact",
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
pub fn percent(rate_ppm: u32) -> String {
    let text = format!("{}.{:04}", rate_ppm / 10_000, rate_ppm % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Makes one line of a text: line breaks, control characters and runs of spaces become one space.
pub fn one_line(text: &str) -> String {
    let is_space = |c: char| c.is_whitespace() || c.is_control();
    let words = text.split(is_space).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
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
    fn rates_drop_trailing_zeros() {
        assert_eq!([percent(190_000), percent(72_500), percent(100_000), percent(0)], ["19%", "7.25%", "10%", "0%"]);
    }
}
