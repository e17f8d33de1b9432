//! A change of the prices of a product by a percentage.

use super::{Money, ProductDraft};

/// Prices in parts per million of what they are now.
const ONE: i128 = 1_000_000;

/// A change of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceChange {
    /// The change in parts per million: -100,000 is 10 percent less.
    ppm: i64,
    /// Whether a lower price is shown together with the former one.
    shows_former: bool,
}

impl PriceChange {
    /// The smallest and the largest change in parts per million: 99.99 percent less, and ten times as much more.
    const RANGE: std::ops::RangeInclusive<i64> = -999_900..=10_000_000;

    /// A change by parts per million; `None` for no change, and outside -99.99 to 1,000 percent.
    pub fn new(ppm: i64, shows_former: bool) -> Option<Self> {
        (ppm != 0 && Self::RANGE.contains(&ppm)).then_some(Self { ppm, shows_former })
    }

    /// Changes a price. Halves of the smallest unit are rounded up.
    fn of(self, price: Money) -> Money {
        let changed = i128::from(price.amount_minor) * (ONE + i128::from(self.ppm));
        let rounded = (changed + ONE / 2).div_euclid(ONE);
        Money::new(i64::try_from(rounded).unwrap_or(i64::MAX), price.currency)
    }

    /// Changes the prices of all variants. A former price stays as long as it is higher than the new price; with `shows_former`, a
    /// variant without one gets its price until now.
    pub fn apply(self, draft: &mut ProductDraft) {
        for variant in &mut draft.variants {
            let (until_now, price) = (variant.price, self.of(variant.price));
            let former = variant.compare_at_price.or(self.shows_former.then_some(until_now));
            variant.price = price;
            variant.compare_at_price = former.filter(|former| former.is_above(price));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures::{self, eur};

    fn changed(ppm: i64, shows_former: bool, price: i64, former: Option<i64>) -> (i64, Option<i64>) {
        let mut product = fixtures::product("kettle").price(price).build();
        product.variants[0].compare_at_price = former.map(eur);
        let mut draft = ProductDraft::of(&product);
        PriceChange::new(ppm, shows_former).expect("a change").apply(&mut draft);
        let variant = &draft.variants[0];
        (variant.price.amount_minor, variant.compare_at_price.map(|former| former.amount_minor))
    }

    #[test]
    fn prices_are_rounded_and_former_prices_stay_above_them() {
        assert_eq!(changed(-100_000, false, 1_990, None), (1_791, None));
        assert_eq!(changed(-100_000, true, 1_990, None), (1_791, Some(1_990)));
        assert_eq!(changed(-100_000, true, 1_990, Some(2_500)), (1_791, Some(2_500)));
        assert_eq!(changed(72_500, false, 1_990, Some(2_000)), (2_134, None), "19.90 and 7.25 percent are 21.34275");
        assert_eq!(changed(72_500, true, 1_990, Some(2_500)), (2_134, Some(2_500)));
        assert_eq!(changed(50_000, true, 10, None), (11, None), "10.5 is rounded up");
        assert_eq!(changed(-50_000, true, 10, None), (10, None), "9.5 is rounded up: nothing is reduced");
        assert_eq!(changed(-999_900, true, 10, None), (0, Some(10)));
    }

    #[test]
    fn a_change_is_more_than_nothing_and_leaves_a_price() {
        assert!([0, -1_000_000, -999_901, 10_000_001].iter().all(|ppm| PriceChange::new(*ppm, false).is_none()));
        assert!([1, -1, -999_900, 10_000_000].iter().all(|ppm| PriceChange::new(*ppm, false).is_some()));
    }
}
