//! The outcome of a simulation: totals and percentiles.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Nanos;

/// Latency of answered requests, milliseconds. Percentiles are exact to three digits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Arithmetic mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 95 of 100 are faster.
    pub p95_ms: f64,
    /// 99 of 100 are faster.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// Everything of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Gives the same run again.
    pub seed: u64,
    /// Simulated hours.
    pub hours: usize,
    /// Requests that arrived, on each path the same ones.
    pub requests: u64,
    /// Lambda.
    pub lambda: LambdaOutcome,
    /// Fargate.
    pub fargate: FargateOutcome,
}

/// Lambda over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LambdaOutcome {
    /// Answered requests; `None` without any.
    pub latency: Option<Latency>,
    /// Those that started a new environment.
    pub cold_latency: Option<Latency>,
    /// Answered requests that started a new environment.
    pub cold_starts: u64,
    /// Cold starts of the answered requests; `None` without any.
    pub cold_start_share: Option<f64>,
    /// Billed duration with INIT, each invocation rounded up to a millisecond, times memory.
    pub gb_seconds: f64,
    /// Mean number of environments, all functions together.
    pub environments: f64,
    /// Most that worked at once, all functions together, each at its own peak.
    pub peak_busy: usize,
}

/// Fargate over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FargateOutcome {
    /// Answered requests; `None` without any.
    pub latency: Option<Latency>,
    /// Requests without a place in time: 503.
    pub refused: u64,
    /// Its services.
    pub services: Vec<ServiceOutcome>,
}

/// One ECS service over the whole run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ServiceOutcome {
    /// Its name.
    pub name: String,
    /// vCPU of a task.
    pub vcpu: f64,
    /// Memory of a task, GB.
    pub memory_gb: f64,
    /// Mean number of tasks that are billed.
    pub tasks: f64,
    /// Most tasks at once.
    pub peak_tasks: usize,
    /// CPU that was used, of that of the tasks that serve.
    pub utilization: f64,
    /// Minutes in which the CPU was in use for 95 percent or more.
    pub saturated_minutes: u32,
    /// Requests that waited for a place, of all.
    pub waited_share: f64,
    /// Mean wait for a place over all requests, milliseconds.
    pub mean_wait_ms: f64,
}

/// Collects latencies, in microseconds up to an hour; what is longer counts as an hour.
#[derive(Debug)]
pub(super) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the crate accepts")]
        Self(Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds of a histogram"))
    }

    pub(super) fn record(&mut self, latency: Nanos) {
        self.0.saturating_record(latency / 1000);
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds of an hour")]
    pub(super) fn summary(&self) -> Option<Latency> {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        (!self.0.is_empty()).then(|| Latency {
            mean_ms: self.0.mean() / 1000.0,
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: self.0.max() as f64 / 1000.0,
        })
    }
}
