//! The steady state of one function under a Poisson load, in the terms of SimFaaS (Mahmoudi and Khazaei, "SimFaaS: A Performance
//! Simulator for Serverless Computing Platforms", 2021): how often a request meets a cold start, and how many instances exist.

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution as _, Exp1};
use serde::{Deserialize, Serialize};

use super::{Environments, Nanos, Start, nanos, seconds};

/// Runs end when the cold starts are known to about a percent (one over the root of their number) ...
const COLD_STARTS: u64 = 10_000;
/// ... or after so many requests.
const MOST_REQUESTS: u64 = 60_000_000;

/// One function and its load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Requests a second.
    pub arrival_rate: f64,
    /// Mean time that a request occupies an instance that is there, seconds. Exponential.
    pub warm_service_s: f64,
    /// Mean time that a request occupies a new instance, seconds. Exponential.
    pub cold_service_s: f64,
    /// How long an instance stays without a request, seconds.
    pub expiration_s: f64,
    /// Simulated time, seconds; `None` is as long as the figures need.
    #[serde(default)]
    pub max_time_s: Option<f64>,
    /// Most instances at work at once.
    #[serde(default = "default_concurrency")]
    pub maximum_concurrency: u32,
    /// Gives the same run again.
    #[serde(default = "default_seed")]
    pub seed: u64,
}

fn default_concurrency() -> u32 {
    1_000
}
fn default_seed() -> u64 {
    1
}

/// The steady state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SteadyState {
    /// Cold starts of all answered requests.
    pub p_cold: f64,
    /// Standard error of `p_cold`.
    pub p_cold_standard_error: f64,
    /// Requests of all that a limit refused.
    pub p_throttled: f64,
    /// Mean number of instances.
    pub servers: f64,
    /// Mean number of those at work.
    pub running: f64,
    /// Mean number of those without a request.
    pub idle: f64,
    /// Mean life of an instance that ended; `None` when none did.
    pub mean_lifespan_s: Option<f64>,
    /// Requests that were counted, after two expirations had passed.
    pub requests: u64,
    /// Cold starts among them.
    pub cold: u64,
    /// What `p_cold` is for a rare load, where one instance is enough: the chance that no request comes before it expires.
    pub approximation_exp_minus_lambda_t: f64,
    /// Seed of the run.
    pub seed: u64,
}

impl Function {
    /// Simulates until the figures are steady.
    ///
    /// # Errors
    /// When a field makes no sense, with its name.
    pub fn steady_state(&self) -> Result<SteadyState, String> {
        for (name, value) in [
            ("arrival_rate", self.arrival_rate),
            ("warm_service_s", self.warm_service_s),
            ("cold_service_s", self.cold_service_s),
            ("expiration_s", self.expiration_s),
            ("max_time_s", self.max_time_s.unwrap_or(1.0)),
            ("maximum_concurrency", f64::from(self.maximum_concurrency)),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(format!("{name} must be more than zero"));
            }
        }
        Ok(self.run())
    }

    #[expect(clippy::cast_precision_loss, reason = "shares and means")]
    fn run(&self) -> SteadyState {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut draw = |mean: f64| -> Nanos {
            let draw: f64 = Exp1.sample(&mut random);
            nanos(draw * mean)
        };
        let mut all = Environments::new(nanos(self.expiration_s), Some(self.maximum_concurrency), None);
        // The beginning without instances is no steady state.
        let begin = nanos(2.0 * self.expiration_s);
        let end = self.max_time_s.map_or(Nanos::MAX, |time| begin.saturating_add(nanos(time)));
        let (mut now, mut counting) = (0, false);
        let (mut requests, mut cold, mut throttled, mut running_seconds) = (0_u64, 0_u64, 0_u64, 0.0);
        loop {
            now += draw(1.0 / self.arrival_rate);
            if !counting && now >= begin {
                counting = true;
                all.take_measures(begin);
                (requests, cold, throttled, running_seconds) = (0, 0, 0, 0.0);
            }
            let enough = cold >= COLD_STARTS || requests >= MOST_REQUESTS;
            if now >= end || (counting && self.max_time_s.is_none() && enough) {
                break;
            }
            all.settle(now);
            let (warm_time, cold_time) = (draw(self.warm_service_s), draw(self.cold_service_s));
            requests += 1;
            match all.start(now, warm_time, cold_time) {
                Start::Warm => running_seconds += seconds(warm_time),
                Start::Cold => {
                    cold += 1;
                    running_seconds += seconds(cold_time);
                }
                Start::Throttled => throttled += 1,
            }
        }
        let now = now.min(end);
        let time = seconds(now - begin.min(now));
        let measures = all.take_measures(now);
        let answered = (requests - throttled).max(1) as f64;
        let (servers, running) = (measures.alive_seconds / time, running_seconds / time);
        SteadyState {
            p_cold: cold as f64 / answered,
            p_cold_standard_error: (cold as f64).sqrt() / answered,
            p_throttled: throttled as f64 / requests.max(1) as f64,
            servers,
            running,
            idle: servers - running,
            mean_lifespan_s: (measures.ended > 0).then(|| measures.ended_lifespan_seconds / measures.ended as f64),
            requests,
            cold,
            approximation_exp_minus_lambda_t: (-self.arrival_rate * self.expiration_s).exp(),
            seed: self.seed,
        }
    }
}
