//! Amounts in Stripe's units: <https://docs.stripe.com/currencies#special-cases>, as of July 2026.

use shopease_shop::domain::{Currency, Money};

/// Currencies without decimals at Stripe. ISK and UGX have none in ISO 4217, but Stripe requires two, always 00; HUF and TWD
/// have no decimals only in payouts.
const ZERO_DECIMALS: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];

/// Currencies with three decimals at Stripe, the last of which must be 0. Stripe's page had this list until 2022
/// (<https://web.archive.org/web/20221231002856/https://stripe.com/docs/currencies>) and does not say that it has changed.
const THREE_DECIMALS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// Decimal places at Stripe: two, unless Stripe lists the currency.
fn exponent(currency: Currency) -> u32 {
    let code = currency.code();
    if ZERO_DECIMALS.contains(&code) {
        0
    } else if THREE_DECIMALS.contains(&code) {
        3
    } else {
        2
    }
}

/// Converts an amount to Stripe's units; `None` if Stripe cannot represent it.
pub(super) fn to_stripe(money: Money) -> Option<i64> {
    let (ours, theirs) = (money.currency.exponent(), exponent(money.currency));
    // For currencies with three decimals, the last digit must be zero.
    if theirs == 3 && money.amount_minor % 10 != 0 {
        return None;
    }
    rescale(money.amount_minor, ours, theirs)
}

/// Converts an amount from Stripe's units; `None` if it is not a whole number of our minor units.
pub(super) fn from_stripe(amount: i64, currency: Currency) -> Option<Money> {
    rescale(amount, exponent(currency), currency.exponent()).map(|amount_minor| Money::new(amount_minor, currency))
}

/// The smallest step of Stripe's amounts in a currency, in minor units: amounts are multiples of it.
pub(super) fn step_minor(currency: Currency) -> i64 {
    let steps = [1, 10, 100, 1_000];
    steps.into_iter().find(|step| to_stripe(Money::new(*step, currency)).is_some()).unwrap_or(1)
}

fn rescale(amount: i64, from: u32, to: u32) -> Option<i64> {
    let factor = 10_i64.checked_pow(from.abs_diff(to))?;
    if to >= from { amount.checked_mul(factor) } else { (amount % factor == 0).then_some(amount / factor) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_stripes_units() {
        for (code, ours, theirs) in [
            ("EUR", 2490, Some(2490)),
            ("JPY", 1200, Some(1200)),
            ("HUF", 12_345, Some(12_345)),
            ("TWD", 12_345, Some(12_345)),
            ("BHD", 12_340, Some(12_340)),
            ("BHD", 12_345, None),
            ("ISK", 1200, Some(120_000)),
            ("UGX", 1200, Some(120_000)),
            ("UGX", i64::MAX, None),
            ("MGA", 1200, Some(12)),
            ("MGA", 1250, None),
            ("LYD", 12_340, Some(1_234)),
            ("LYD", 12_345, None),
        ] {
            let money = Money::new(ours, code.parse().expect("a currency"));
            assert_eq!(to_stripe(money), theirs, "{money}");
            if let Some(theirs) = theirs {
                assert_eq!(from_stripe(theirs, money.currency), Some(money), "{money}");
            }
        }
    }
}
