//! Random instants and sizes: when the next request arrives, and how much it needs.

use rand::Rng;
use rand_distr::{Distribution as _, Exp1, StandardNormal};
use serde::Serialize;

use super::{HOUR, Nanos, nanos, seconds};

/// How a quantity varies around its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// Not at all.
    Constant,
    /// Exponentially: what queueing formulas assume. The standard deviation equals the mean.
    #[default]
    Exponential,
    /// Log-normally, with a standard deviation of twice the mean.
    Wide,
}

impl Spread {
    /// Draws a number whose mean is one.
    pub(super) fn draw(self, random: &mut impl Rng) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Exponential => Exp1.sample(random),
            Self::Wide => {
                let (normal, variance): (f64, f64) = (StandardNormal.sample(random), 5_f64.ln());
                (normal * variance.sqrt() - variance / 2.0).exp()
            }
        }
    }
}

/// The arrivals of one hour in order: a Poisson process. It has no memory, so that each hour may begin anew.
#[derive(Debug)]
pub(super) struct HourOfArrivals {
    /// Seconds since the hour began, and between two arrivals on the mean.
    at: f64,
    gap: f64,
}

impl HourOfArrivals {
    pub(super) fn new(per_second: f64) -> Self {
        Self { at: 0.0, gap: 1.0 / per_second }
    }

    /// Nanoseconds since the hour began, or `None` when no more arrives in it.
    pub(super) fn next(&mut self, random: &mut impl Rng) -> Option<Nanos> {
        let draw: f64 = Exp1.sample(random);
        self.at += draw * self.gap;
        (self.at < seconds(HOUR)).then(|| nanos(self.at).min(HOUR - 1))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn sizes_have_mean_one_and_their_variation() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        for (spread, variation) in [(Spread::Constant, 0.0), (Spread::Exponential, 1.0), (Spread::Wide, 2.0)] {
            let draws: Vec<f64> = (0..1_000_000).map(|_| spread.draw(&mut random)).collect();
            let mean = draws.iter().sum::<f64>() / 1e6;
            let deviation = (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 1e6).sqrt();
            // Five standard errors of the mean are 1 percent.
            assert!((mean - 1.0).abs() < 0.01 && (deviation - variation).abs() < 0.1, "{spread:?}: {mean} {deviation}");
        }
    }

    #[test]
    fn an_hour_brings_its_rate_evenly_and_in_order() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut hour = HourOfArrivals::new(100_000.0 / 3600.0);
        let all: Vec<Nanos> = std::iter::from_fn(|| hour.next(&mut random)).collect();
        // The standard deviation of a Poisson count is the root of its mean, 316 and 158.
        assert!(all.len().abs_diff(100_000) < 1_600 && all.is_sorted(), "{}", all.len());
        let quarter = all.iter().filter(|at| **at < HOUR / 4).count();
        assert!(quarter.abs_diff(25_000) < 800, "{quarter}");
    }
}
