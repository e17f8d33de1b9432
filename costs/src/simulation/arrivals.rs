//! Random instants and sizes: when the next request arrives, of which class it is, and how much it needs.

use std::fmt;
use std::str::FromStr;

use rand::Rng;
use rand_distr::{Distribution as _, Exp1, StandardNormal};
use serde::{Deserialize, Serialize};

use super::{HOUR, Nanos, RequestClass, Trace, nanos, seconds};

/// How a quantity varies around its mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// Not at all.
    Constant,
    /// Exponentially: what queueing formulas assume. Standard deviation equals mean.
    #[default]
    Exponential,
    /// Log-normally, with this coefficient of variation (standard deviation over mean).
    LogNormal(f64),
}

impl FromStr for Spread {
    type Err = String;

    /// `constant`, `exponential`, or the coefficient of variation of a log-normal distribution.
    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<f64>()) {
            ("constant", _) => Ok(Self::Constant),
            ("exponential", _) => Ok(Self::Exponential),
            (_, Ok(variation)) if variation > 0.0 && variation.is_finite() => Ok(Self::LogNormal(variation)),
            _ => {
                Err(format!("`{text}` is neither `constant`, `exponential` nor a coefficient of variation above zero"))
            }
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Exponential => f.write_str("exponential"),
            Self::LogNormal(variation) => write!(f, "log-normal, coefficient of variation {variation}"),
        }
    }
}

/// Draws numbers whose mean is one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sizes {
    Constant,
    Exponential,
    LogNormal { mu: f64, sigma: f64 },
}

impl From<Spread> for Sizes {
    fn from(spread: Spread) -> Self {
        match spread {
            Spread::Constant => Self::Constant,
            Spread::Exponential => Self::Exponential,
            Spread::LogNormal(variation) => {
                let variance = (variation * variation).ln_1p();
                Self::LogNormal { mu: -variance / 2.0, sigma: variance.sqrt() }
            }
        }
    }
}

impl Sizes {
    pub(super) fn draw(self, random: &mut impl Rng) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Exponential => Exp1.sample(random),
            Self::LogNormal { mu, sigma } => {
                let normal: f64 = StandardNormal.sample(random);
                (mu + sigma * normal).exp()
            }
        }
    }
}

/// A number from 0 up to 1, without 1.
pub(super) fn unit(random: &mut impl Rng) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let bits = (random.next_u64() >> 11) as f64;
    bits / 9_007_199_254_740_992.0
}

/// The classes, drawn by their shares: a table of 4,096 equal parts finds the class of nearly every draw at once.
#[derive(Debug)]
pub(super) struct Classes {
    bounds: Vec<f64>,
    first: Vec<usize>,
}

const PARTS: usize = 4096;

impl Classes {
    #[expect(clippy::cast_precision_loss, reason = "4,096 parts")]
    pub(super) fn new(classes: &[RequestClass]) -> Self {
        let sum: f64 = classes.iter().map(|class| class.share).sum();
        let mut bounds: Vec<f64> = classes
            .iter()
            .scan(0.0, |upto, class| {
                *upto += class.share / sum;
                Some(*upto)
            })
            .collect();
        // Rounding must not leave a gap below one, nor give it to a class of share zero.
        let last = classes.iter().rposition(|class| class.share > 0.0).unwrap_or_default();
        bounds[last..].fill(1.0);
        let first = (0..PARTS)
            .map(|part| bounds.iter().position(|bound| *bound > part as f64 / PARTS as f64).unwrap_or(last))
            .collect();
        Self { bounds, first }
    }

    pub(super) fn draw(&self, random: &mut impl Rng) -> usize {
        if self.bounds.len() == 1 {
            return 0;
        }
        let at = unit(random);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 4,096")]
        let mut class = self.first[(at * 4096.0) as usize];
        while self.bounds[class] <= at {
            class += 1;
        }
        class
    }
}

/// The arrivals of one hour in order.
#[derive(Debug)]
pub(super) enum HourOfArrivals {
    /// So many are left.
    Counted { at: f64, left: u64 },
    /// So many seconds lie between two on the mean.
    Poisson { at: f64, gap: f64 },
}

impl HourOfArrivals {
    pub(super) fn new(trace: &Trace, hour: usize) -> Self {
        match trace {
            Trace::Counted(counts) => Self::Counted { at: 0.0, left: counts[hour] },
            Trace::Poisson(rates) => Self::Poisson { at: 0.0, gap: 1.0 / rates[hour] },
        }
    }

    /// Nanoseconds since the hour began, or `None` when no more arrives in it.
    ///
    /// Of `n` instants that are uniform over what is left of an hour the first is at `1 - u^(1/n)` of it: so exactly the counted
    /// number comes, in order, without a list. A Poisson process has no memory, so that each hour may begin anew.
    #[expect(clippy::cast_precision_loss, reason = "counts of an hour")]
    pub(super) fn next(&mut self, random: &mut impl Rng) -> Option<Nanos> {
        let whole = seconds(HOUR);
        match self {
            Self::Counted { left: 0, .. } => None,
            Self::Counted { at, left } => {
                let draw: f64 = Exp1.sample(random);
                *at += (whole - *at) * -(-draw / *left as f64).exp_m1();
                *left -= 1;
                Some(nanos(*at).min(HOUR - 1))
            }
            Self::Poisson { at, gap } => {
                let draw: f64 = Exp1.sample(random);
                *at += draw * *gap;
                (*at < whole).then(|| nanos(*at).min(HOUR - 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::super::Work;
    use super::*;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn sizes_have_mean_one_and_their_variation() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        for (spread, variation) in [(Spread::Constant, 0.0), (Spread::Exponential, 1.0), (Spread::LogNormal(0.5), 0.5)]
        {
            let draws: Vec<f64> = (0..200_000).map(|_| Sizes::from(spread).draw(&mut random)).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let deviation = (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64).sqrt();
            // Five standard errors of the mean are 1.1 percent.
            assert!((mean - 1.0).abs() < 0.012 && (deviation - variation).abs() < 0.02, "{spread}: {mean} {deviation}");
        }
    }

    #[test]
    fn a_counted_hour_brings_its_count_evenly() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut hour = HourOfArrivals::new(&Trace::Counted(vec![100_000]), 0);
        let all: Vec<Nanos> = std::iter::from_fn(|| hour.next(&mut random)).collect();
        assert_eq!(all.len(), 100_000);
        assert!(all.is_sorted());
        // A quarter of a binomial count: its standard deviation is 137.
        let quarter = all.iter().filter(|at| **at < HOUR / 4).count();
        assert!(quarter.abs_diff(25_000) < 700, "{quarter}");
    }

    #[test]
    fn classes_come_by_their_shares() {
        let work = Work { cpu_ms: 1.0, wait_ms: 0.0 };
        let class = |share: f64| RequestClass {
            name: String::new(),
            share,
            function: String::new(),
            fargate: work,
            lambda: work,
        };
        let classes = Classes::new(&[class(0.0), class(3.0), class(1.0), class(0.0)]);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut counts = [0_u32; 4];
        (0..100_000).for_each(|_| counts[classes.draw(&mut random)] += 1);
        assert_eq!((counts[0], counts[3]), (0, 0));
        assert!(counts[1].abs_diff(75_000) < 700, "{counts:?}");
    }
}
