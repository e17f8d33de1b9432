//! Amounts that a payment provider can charge. They are checked before payment, so that the shop never quotes a total that cannot
//! be charged.

use super::{Money, MoneyError, RuleError};

/// Limits of charges in one currency, in ISO 4217 minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeLimits {
    /// Smallest total, apart from zero.
    pub minimum_minor: i64,
    /// Largest total.
    pub maximum_minor: i64,
    /// Totals are multiples of this: 10 if the currency has three decimals but card payments have two.
    pub step_minor: i64,
}

impl ChargeLimits {
    /// No limits.
    pub const NONE: Self = Self { minimum_minor: 1, maximum_minor: i64::MAX, step_minor: 1 };

    /// Checks that a total can be charged. Zero is always allowed: a free order is not charged.
    ///
    /// # Errors
    /// [`RuleError::TotalBelowMinimum`], [`RuleError::TotalAboveMaximum`].
    pub fn check(&self, total: Money) -> Result<(), RuleError> {
        let limit = |amount_minor| Money::new(amount_minor, total.currency);
        match total.amount_minor {
            0 => Ok(()),
            minor if minor < self.minimum_minor => {
                Err(RuleError::TotalBelowMinimum { total, minimum: limit(self.minimum_minor) })
            }
            minor if minor > self.maximum_minor => {
                Err(RuleError::TotalAboveMaximum { total, maximum: limit(self.maximum_minor) })
            }
            _ => Ok(()),
        }
    }

    /// Rounds an amount half away from zero to a multiple of the step. Unit prices, shipping prices and added taxes are all rounded,
    /// so that their sums are multiples too.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn round(&self, amount: Money) -> Result<Money, MoneyError> {
        if self.step_minor <= 1 {
            return Ok(amount);
        }
        let steps = amount.checked_ratio(1, self.step_minor)?;
        let amount_minor = steps.amount_minor.checked_mul(self.step_minor).ok_or(MoneyError::Overflow)?;
        Ok(Money::new(amount_minor, amount.currency))
    }

    /// Returns whether an amount is a multiple of the step.
    pub fn divides(&self, amount: Money) -> bool {
        amount.amount_minor % self.step_minor.max(1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dinar(amount_minor: i64) -> Money {
        Money::new(amount_minor, "KWD".parse().expect("a currency"))
    }

    #[test]
    fn amounts_are_rounded_to_what_can_be_charged() {
        let limits = ChargeLimits { step_minor: 10, ..ChargeLimits::NONE };
        for (amount, rounded) in [(5_124, 5_120), (5_125, 5_130), (0, 0), (-5, -10), (4, 0)] {
            assert_eq!(limits.round(dinar(amount)), Ok(dinar(rounded)), "{amount}");
        }
        assert_eq!(limits.round(dinar(i64::MAX)), Err(MoneyError::Overflow));
        assert!(limits.divides(dinar(5_120)) && !limits.divides(dinar(5_121)));
        assert_eq!(ChargeLimits::NONE.round(dinar(5_124)), Ok(dinar(5_124)));
    }

    #[test]
    fn totals_are_between_the_limits_or_nothing() {
        let limits = ChargeLimits { minimum_minor: 50, maximum_minor: 99, step_minor: 1 };
        for (amount, fits) in [(0, true), (1, false), (49, false), (50, true), (99, true), (100, false)] {
            assert_eq!(limits.check(dinar(amount)).is_ok(), fits, "{amount}");
        }
    }
}
