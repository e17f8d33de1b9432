//! The steady state of one function under a Poisson load, in the terms of SimFaaS (Mahmoudi and Khazaei, "SimFaaS: A Performance
//! Simulator for Serverless Computing Platforms", 2021): how often a request meets a cold start, and how many instances exist. The
//! instances are those of the simulation.

use costs::simulation::{Environments, Nanos, SECOND, Start};
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution as _, Exp1};
use serde::Deserialize;

/// Most instances at work at once.
const CONCURRENCY: usize = 1000;

/// One function and its load.
#[expect(clippy::struct_field_names, reason = "a name ends with its unit")]
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    pub arrivals_per_s: f64,
    /// Mean time that a request occupies an instance that is there; exponential.
    pub warm_s: f64,
    /// Mean time that a request occupies a new instance; exponential.
    pub cold_s: f64,
    /// How long an instance stays without a request.
    pub expiration_s: f64,
}

/// A run ends after so many cold starts (their share is then known to one over the root of this number) or requests.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub cold_starts: u64,
    pub requests: u64,
}

/// The steady state.
#[derive(Debug, Clone, PartialEq)]
pub struct SteadyState {
    pub p_cold: f64,
    pub p_cold_standard_error: f64,
    /// Mean number of instances, and of those at work.
    pub servers: f64,
    pub running: f64,
    /// Mean life of an instance that ended.
    pub mean_lifespan_s: f64,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no duration is negative or that long")]
fn nanos(seconds: f64) -> Nanos {
    (seconds * 1e9).round() as Nanos
}

#[expect(clippy::cast_precision_loss, reason = "a ratio afterwards")]
fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}

impl Function {
    /// Simulates until the figures are steady.
    #[expect(clippy::cast_precision_loss, reason = "shares and means")]
    pub fn steady_state(&self, effort: Effort) -> SteadyState {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut draw = |mean: f64| -> Nanos {
            let draw: f64 = Exp1.sample(&mut random);
            nanos(draw * mean)
        };
        let mut all = Environments::new(nanos(self.expiration_s));
        // The beginning without instances is no steady state.
        let begin = nanos(2.0 * self.expiration_s);
        let (mut now, mut counting) = (0, false);
        let (mut requests, mut cold, mut running_seconds) = (0_u64, 0_u64, 0.0);
        loop {
            now += draw(1.0 / self.arrivals_per_s);
            if !counting && now >= begin {
                counting = true;
                all.take_measures(begin);
                (requests, cold, running_seconds) = (0, 0, 0.0);
            }
            if counting && (cold >= effort.cold_starts || requests >= effort.requests) {
                break;
            }
            all.settle(now);
            let (warm_time, cold_time) = (draw(self.warm_s), draw(self.cold_s));
            requests += 1;
            match all.start(now, warm_time, cold_time) {
                Start::Warm => running_seconds += seconds(warm_time),
                Start::Cold => {
                    cold += 1;
                    running_seconds += seconds(cold_time);
                }
            }
            assert!(all.busy() <= CONCURRENCY, "{self:?} needs more than {CONCURRENCY} instances");
        }
        let time = seconds(now - begin);
        let measures = all.take_measures(now);
        SteadyState {
            p_cold: cold as f64 / requests as f64,
            p_cold_standard_error: (cold as f64).sqrt() / requests as f64,
            servers: measures.alive_seconds / time,
            running: running_seconds / time,
            mean_lifespan_s: measures.ended_lifespan_seconds / measures.ended as f64,
        }
    }
}
