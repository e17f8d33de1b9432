//! Which amounts a payment provider can charge. Known before anybody pays, so that a shop never offers a total that no card
//! can pay.

use super::{Money, MoneyError, RuleError};

/// What can be charged in one currency, in minor units of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeLimits {
    /// Smallest total, but for nothing at all.
    pub minimum_minor: i64,
    /// Largest total.
    pub maximum_minor: i64,
    /// Totals are multiples of this: 10 where a currency has three decimals and cards have two.
    pub step_minor: i64,
}

impl ChargeLimits {
    /// Every amount.
    pub const NONE: Self = Self { minimum_minor: 1, maximum_minor: i64::MAX, step_minor: 1 };

    /// Whether a total can be charged. Nothing is charged for an order that costs nothing.
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

    /// An amount as it can be part of a total: rounded half away from zero to a multiple of the step. Each price of one unit,
    /// of a shipping method and each tax that is added is rounded so, then all sums fit.
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

    /// Whether an amount is a multiple of the step.
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
