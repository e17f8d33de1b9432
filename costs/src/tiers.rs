//! Splits a quantity into the price tiers it passes through. AWS prices tiers marginally: each unit costs what its own tier
//! says, so the total grows without a step at a bound.

use rust_decimal::Decimal;
use thiserror::Error;

/// One step of a price: `price` USD per unit for the units in `from..to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// First unit of the tier, counted from zero in a month.
    pub from: Decimal,
    /// End of the tier, exclusive; `None` is without end.
    pub to: Option<Decimal>,
    /// USD per unit.
    pub price: Decimal,
}

/// The part of a quantity that falls into one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Position of the tier, from zero.
    pub tier: usize,
    /// Units in it, zero included only when the whole quantity is zero.
    pub quantity: Decimal,
    /// USD per unit.
    pub price: Decimal,
}

/// Units without a price: the tiers end below the quantity, or leave a gap.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("its tiers have no price for {unpriced} of {quantity} units")]
pub struct Unpriced {
    /// Units that no tier covers.
    pub unpriced: Decimal,
    /// All units.
    pub quantity: Decimal,
}

/// Splits `quantity` along `tiers`, which are sorted by `from`; its units come after `used` others. A quantity of zero gives one
/// empty slice, so that its line is still shown.
///
/// With tiers of 1.00 up to 300 and 0.90 above, 1,000 units are `300 x 1.00 + 700 x 0.90`.
///
/// # Errors
/// [`Unpriced`] when a part of the quantity is in no tier: what has no price is not free.
pub fn split(used: Decimal, quantity: Decimal, tiers: &[Tier]) -> Result<Vec<Slice>, Unpriced> {
    let (mut reached, mut left) = (used, quantity);
    let mut slices: Vec<Slice> = Vec::new();
    for (tier, step) in tiers.iter().enumerate() {
        if step.from > reached || (left.is_zero() && !slices.is_empty()) {
            break;
        }
        if step.to.is_some_and(|to| to <= reached) {
            continue;
        }
        let in_tier = step.to.map_or(left, |to| left.min(to - reached));
        slices.push(Slice { tier, quantity: in_tier, price: step.price });
        left -= in_tier;
        reached = step.to.unwrap_or(reached);
    }
    if !left.is_zero() || slices.is_empty() {
        return Err(Unpriced { unpriced: left, quantity });
    }
    Ok(slices)
}
