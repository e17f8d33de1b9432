//! Money: integer minor units with their ISO 4217 currency, checked arithmetic, one rounding rule.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Field, Format, RuleError};

/// An ISO 4217 currency with minor units, which excludes `XXX` and precious metals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The euro, the default of a new shop.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);

    /// All currencies, sorted by code.
    pub fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<Currency>> = LazyLock::new(|| {
            // `iso_currency` lists its currencies only with another dependency, but finds each by its code.
            let letters = 'A'..='Z';
            let pairs = letters.clone().flat_map(|a| ('A'..='Z').map(move |b| (a, b)));
            let codes = pairs.flat_map(|(a, b)| letters.clone().map(move |c| [a, b, c].iter().collect::<String>()));
            codes.filter_map(|code| code.parse().ok()).collect()
        });
        &ALL
    }

    /// English name: `Euro`.
    pub fn name(self) -> String {
        self.0.name().to_owned()
    }

    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Number of decimal places of the minor unit (ISO 4217: EUR 2, JPY 0, BHD 3).
    pub fn exponent(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }

    /// Symbol of the currency: `€`, `kr.`, `$`.
    pub fn symbol(self) -> String {
        self.0.symbol().to_string()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        iso_currency::Currency::from_code(text)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or(RuleError::malformed(Field::Currency, Format::Currency))
    }
}

impl TryFrom<String> for Currency {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

/// An arithmetic error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The result is outside the range of `i64` minor units.
    #[error("amount out of range")]
    Overflow,
    /// The operands are in different currencies.
    #[error("amounts in different currencies")]
    CurrencyMismatch,
}

/// Why a text is not a valid decimal amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It contains a comma, which is ambiguous: a decimal or a thousands separator.
    #[error("comma in an amount")]
    Comma,
    /// It contains a sign, spaces, an exponent or other characters.
    #[error("malformed amount")]
    Malformed,
    /// It has more decimals than the currency.
    #[error("more than {max} decimals in an amount")]
    Decimals {
        /// Decimals of the currency.
        max: u32,
    },
    /// It is outside the range of `i64` minor units.
    #[error("amount out of range")]
    TooLarge,
}

/// An amount of money in minor units (cents for EUR) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Amount in minor units of the currency: 2490 is 24.90 EUR.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: Currency,
}

impl Money {
    /// An amount of `amount_minor` minor units.
    pub const fn new(amount_minor: i64, currency: Currency) -> Self {
        Self { amount_minor, currency }
    }

    /// Zero in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Parses a decimal amount with a point, such as `24.90`. More decimals than the currency has are allowed only if they are
    /// zeros, and not exactly three: `1.000` may be meant as a thousand.
    ///
    /// # Errors
    /// [`AmountError`] for commas, signs, exponents, spaces, too many decimals or digits.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Self, AmountError> {
        if text.contains(',') {
            return Err(AmountError::Comma);
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(AmountError::Malformed);
        }
        let exponent = currency.exponent() as usize;
        let (kept, rest) = fraction.split_at(fraction.len().min(exponent));
        if rest.bytes().any(|byte| byte != b'0') || (fraction.len() == 3 && !rest.is_empty()) {
            return Err(AmountError::Decimals { max: currency.exponent() });
        }
        format!("{whole}{kept:0<exponent$}")
            .parse()
            .map(|amount_minor| Self::new(amount_minor, currency))
            .map_err(|_| AmountError::TooLarge)
    }

    /// Whether the amount is higher than another one of the same currency.
    pub fn is_above(self, other: Self) -> bool {
        self.currency == other.currency && self.amount_minor > other.amount_minor
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    /// [`MoneyError`] on overflow or different currencies.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        let sum = self.amount_minor.checked_add(other.amount_minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(sum, self.currency))
    }

    /// The amount multiplied by `factor`.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn checked_mul(self, factor: u32) -> Result<Self, MoneyError> {
        let product = self.amount_minor.checked_mul(i64::from(factor)).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(product, self.currency))
    }

    /// `self * numerator / denominator`, rounded half away from zero: the one rounding rule of the shop.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`], also for a denominator of zero.
    pub fn checked_ratio(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        if denominator <= 0 {
            return Err(MoneyError::Overflow);
        }
        let product = i128::from(self.amount_minor) * i128::from(numerator);
        let denominator = i128::from(denominator);
        let half = if product < 0 { -denominator / 2 } else { denominator / 2 };
        let rounded = (product + half) / denominator;
        i64::try_from(rounded)
            .map(|amount_minor| Self::new(amount_minor, self.currency))
            .map_err(|_| MoneyError::Overflow)
    }

    /// The amount in major units without a currency: `24.90`, `-0.05`, `1200`.
    pub fn decimal(self) -> String {
        let exponent = self.currency.exponent();
        let unit = 10_u64.pow(exponent);
        let absolute = self.amount_minor.unsigned_abs();
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        let (whole, fraction) = (absolute / unit, absolute % unit);
        if exponent == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction:0width$}", width = exponent as usize)
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("a known currency")
    }

    #[test]
    fn decimals_follow_the_currency() {
        for (text, code, minor) in [
            ("24.9", "EUR", 2490),
            ("24.90", "EUR", 2490),
            ("24.9000", "EUR", 2490),
            ("1200", "JPY", 1200),
            ("1200.00", "JPY", 1200),
            ("1.234", "BHD", 1234),
            ("0", "EUR", 0),
        ] {
            assert_eq!(
                Money::parse_decimal(text, currency(code)),
                Ok(Money::new(minor, currency(code))),
                "{text} {code}"
            );
        }
    }

    #[test]
    fn invalid_amounts_are_rejected() {
        for text in [
            "",
            " 1",
            "1,50",
            "1.234,50",
            "-1",
            "+1",
            "1e3",
            "NaN",
            ".5",
            "1.005",
            "1.000",
            "99999999999999999999",
            "١",
        ] {
            assert!(Money::parse_decimal(text, Currency::EUR).is_err(), "{text}");
        }
    }

    #[test]
    fn halves_round_away_from_zero() {
        for (amount, expected) in [(25, 3), (24, 2), (-25, -3), (-24, -2), (5, 1)] {
            assert_eq!(Money::new(amount, Currency::EUR).checked_ratio(1, 10), Ok(Money::new(expected, Currency::EUR)));
        }
    }

    #[test]
    fn codes_that_are_not_currencies_are_rejected() {
        for code in ["XXX", "XAU", "eur", "", "EURO"] {
            assert!(code.parse::<Currency>().is_err(), "{code}");
        }
    }

    proptest! {
        #[test]
        fn decimal_and_parse_are_inverse(amount in 0_i64..=i64::MAX, code in prop::sample::select(vec!["EUR", "JPY", "BHD", "SEK"])) {
            let money = Money::new(amount, currency(code));
            prop_assert_eq!(Money::parse_decimal(&money.decimal(), money.currency), Ok(money));
        }
    }
}
