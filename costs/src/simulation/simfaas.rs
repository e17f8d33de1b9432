//! The steady state of one function under a Poisson load, in the terms of SimFaaS (Mahmoudi and Khazaei, "SimFaaS: A Performance
//! Simulator for Serverless Computing Platforms", 2021): how often a request meets a cold start, and how many instances exist.

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution as _, Exp1};

use super::{Environments, Nanos, Start, nanos, seconds};

/// One function and its load.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Requests a second.
    pub arrival_rate: f64,
    /// Mean time that a request occupies an instance that is there, seconds. Exponential.
    pub warm_service_s: f64,
    /// Mean time that a request occupies a new instance, seconds. Exponential.
    pub cold_service_s: f64,
    /// How long an instance stays without a request, seconds.
    pub expiration_s: f64,
    /// Most instances at work at once.
    pub maximum_concurrency: u32,
}

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Gives the same run again.
    pub seed: u64,
    /// It ends after so many cold starts: their share is then known to one over the root of this number ...
    pub cold_starts: u64,
    /// ... or after so many requests.
    pub requests: u64,
}

impl Default for Effort {
    /// A percent, or some seconds.
    fn default() -> Self {
        Self { seed: 1, cold_starts: 10_000, requests: 60_000_000 }
    }
}

/// The steady state.
#[derive(Debug, Clone, PartialEq)]
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
}

impl Function {
    /// What the share of cold starts is under a rare load, where one instance is enough: the chance that no request comes before
    /// it expires.
    pub fn rare_load_p_cold(&self) -> f64 {
        (-self.arrival_rate * self.expiration_s).exp()
    }

    /// Simulates until the figures are steady.
    ///
    /// # Errors
    /// When a field makes no sense, with its name.
    pub fn steady_state(&self, effort: Effort) -> Result<SteadyState, String> {
        for (name, value) in [
            ("arrival_rate", self.arrival_rate),
            ("warm_service_s", self.warm_service_s),
            ("cold_service_s", self.cold_service_s),
            ("expiration_s", self.expiration_s),
            ("maximum_concurrency", f64::from(self.maximum_concurrency)),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(format!("{name} must be more than zero"));
            }
        }
        Ok(self.run(effort))
    }

    #[expect(clippy::cast_precision_loss, reason = "shares and means")]
    fn run(&self, effort: Effort) -> SteadyState {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(effort.seed);
        let mut draw = |mean: f64| -> Nanos {
            let draw: f64 = Exp1.sample(&mut random);
            nanos(draw * mean)
        };
        let mut all = Environments::new(nanos(self.expiration_s), Some(self.maximum_concurrency), None);
        // The beginning without instances is no steady state.
        let begin = nanos(2.0 * self.expiration_s);
        let (mut now, mut counting) = (0, false);
        let (mut requests, mut cold, mut throttled, mut running_seconds) = (0_u64, 0_u64, 0_u64, 0.0);
        loop {
            now += draw(1.0 / self.arrival_rate);
            if !counting && now >= begin {
                counting = true;
                all.take_measures(begin);
                (requests, cold, throttled, running_seconds) = (0, 0, 0, 0.0);
            }
            if counting && (cold >= effort.cold_starts || requests >= effort.requests) {
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
        let time = seconds(now - begin);
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
        }
    }
}
