//! The last minute of one runtime.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::Sample;
use crate::units::milliseconds;

/// Length of the window.
const LENGTH: Duration = Duration::from_mins(1);
/// Most requests kept; under higher load the window is shorter.
const MAX_SAMPLES: usize = 50_000;
/// Upper bounds of the latency classes in milliseconds; one more class is unbounded.
const CLASSES_MS: [f64; 14] = [0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 5000.0];

#[derive(Default)]
pub(super) struct Window {
    samples: VecDeque<(Instant, Duration, Option<Duration>)>,
    costs: VecDeque<(Instant, f64)>,
}

/// Statistics of the last minute.
#[derive(Serialize)]
pub(super) struct Summary {
    /// Actual length of the window.
    pub seconds: f64,
    pub requests: u32,
    #[serde(skip)]
    pub cost_usd: f64,
    /// Requests in each second, oldest first.
    per_second: Vec<u32>,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// Median init time of cold starts.
    init_p50_ms: Option<f64>,
    classes_ms: [f64; CLASSES_MS.len()],
    /// Requests in each latency class.
    histogram: [u32; CLASSES_MS.len() + 1],
}

impl Window {
    pub fn add(&mut self, now: Instant, sample: &Sample) {
        self.samples.push_back((now, sample.elapsed, sample.init));
        if self.samples.len() > MAX_SAMPLES {
            self.samples.pop_front();
        }
    }

    pub fn add_cost(&mut self, now: Instant, usd: f64) {
        self.costs.push_back((now, usd));
        if self.costs.len() > MAX_SAMPLES {
            self.costs.pop_front();
        }
    }

    pub fn summary(&mut self, now: Instant) -> Summary {
        let is_expired = |then: Instant| now.duration_since(then) > LENGTH;
        while self.samples.front().is_some_and(|(then, ..)| is_expired(*then)) {
            self.samples.pop_front();
        }
        while self.costs.front().is_some_and(|(then, _)| is_expired(*then)) {
            self.costs.pop_front();
        }
        let full = self.samples.len() == MAX_SAMPLES;
        let seconds = self.samples.front().filter(|_| full).map_or(LENGTH, |(then, ..)| now.duration_since(*then));
        let mut per_second = vec![0; usize::try_from(LENGTH.as_secs()).unwrap_or_default()];
        let mut histogram = [0; CLASSES_MS.len() + 1];
        let (mut elapsed, mut inits) = (Vec::with_capacity(self.samples.len()), Vec::new());
        for (then, time, init) in &self.samples {
            let age = usize::try_from(now.duration_since(*then).as_secs()).unwrap_or(usize::MAX);
            if let Some(second) = per_second.iter_mut().rev().nth(age) {
                *second += 1;
            }
            let time = milliseconds(*time);
            histogram[CLASSES_MS.partition_point(|end| *end < time)] += 1;
            elapsed.push(time);
            inits.extend(init.map(milliseconds));
        }
        elapsed.sort_by(f64::total_cmp);
        inits.sort_by(f64::total_cmp);
        Summary {
            seconds: seconds.as_secs_f64(),
            requests: u32::try_from(elapsed.len()).unwrap_or(u32::MAX),
            cost_usd: self.costs.iter().map(|(_, usd)| usd).sum(),
            per_second,
            p50_ms: percentile(&elapsed, 50),
            p95_ms: percentile(&elapsed, 95),
            p99_ms: percentile(&elapsed, 99),
            init_p50_ms: percentile(&inits, 50),
            classes_ms: CLASSES_MS,
            histogram,
        }
    }
}

/// The smallest value that is not exceeded by this percentage of all values (nearest rank).
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use shopease_shared::http::routes::Area;

    use super::*;
    use crate::Runtime;

    #[test]
    fn percentiles_are_observed_values() {
        let values: Vec<_> = (1..=200).map(f64::from).collect();
        assert_eq!([50, 95, 99].map(|percent| percentile(&values, percent)), [Some(100.0), Some(190.0), Some(198.0)]);
        assert_eq!((percentile(&[], 50), percentile(&[7.0], 99)), (None, Some(7.0)));
    }

    #[test]
    fn values_older_than_a_minute_are_dropped() {
        let begun = Instant::now();
        let mut window = Window::default();
        for (second, ms) in [(0, 1), (30, 2), (61, 400)] {
            let elapsed = Duration::from_millis(ms);
            let sample = Sample { runtime: Runtime::Lambda, area: Area::Cart, status: 200, elapsed, init: None };
            window.add(begun + Duration::from_secs(second), &sample);
            window.add_cost(begun + Duration::from_secs(second), 1.0);
        }
        let summary = window.summary(begun + Duration::from_secs(61));
        assert_eq!(
            (summary.requests, summary.cost_usd, summary.p50_ms, summary.p99_ms),
            (2, 2.0, Some(2.0), Some(400.0))
        );
        assert_eq!((summary.per_second[59], summary.per_second[28], summary.per_second.iter().sum::<u32>()), (1, 1, 2));
        assert_eq!(summary.histogram.iter().sum::<u32>(), 2);
    }
}
