//! The outcome of a simulation: totals, percentiles, and a row for each hour.

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
    /// Requests that arrived, on each path the same ones.
    pub requests: u64,
    /// Lambda.
    pub lambda: LambdaOutcome,
    /// Fargate.
    pub fargate: FargateOutcome,
    /// Hour by hour.
    pub by_hour: Vec<Hour>,
}

/// Lambda over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LambdaOutcome {
    /// Answered requests; `None` without any.
    pub latency: Option<Latency>,
    /// Those that started a new environment.
    pub cold_latency: Option<Latency>,
    /// Sums and means over all hours.
    #[serde(flatten)]
    pub total: LambdaHour,
    /// Cold starts of the answered requests; `None` without any.
    pub cold_start_share: Option<f64>,
}

/// Lambda in one hour.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct LambdaHour {
    /// Answered requests.
    pub answered: u64,
    /// Those that started a new environment.
    pub cold_starts: u64,
    /// Requests that a limit refused.
    pub throttled: u64,
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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceOutcome {
    /// Its name.
    pub name: String,
    /// Sums and means over all hours.
    #[serde(flatten)]
    pub total: ServiceHour,
    /// vCPU of a task.
    pub vcpu: f64,
    /// Memory of a task, GB.
    pub memory_gb: f64,
    /// Requests that waited for a place, of all.
    pub waited_share: f64,
    /// Mean wait for a place over all requests, milliseconds.
    pub mean_wait_ms: f64,
}

/// One ECS service in one hour.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ServiceHour {
    /// Mean number of tasks that are billed.
    pub tasks: f64,
    /// Most tasks at once.
    pub peak_tasks: usize,
    /// CPU that was used, of that of the tasks that serve.
    pub utilization: f64,
    /// Minutes in which the CPU was in use for 95 percent or more.
    pub saturated_minutes: u32,
}

/// One hour on both paths.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hour {
    /// Requests that arrived.
    pub requests: u64,
    /// Lambda.
    pub lambda: LambdaHour,
    /// Latency on Lambda.
    pub lambda_latency: Option<Latency>,
    /// Services of Fargate, in the plan's order.
    pub services: Vec<ServiceHour>,
    /// Latency on Fargate.
    pub fargate_latency: Option<Latency>,
}

/// Collects latencies of an hour and of the whole run.
#[derive(Debug)]
pub(super) struct Latencies {
    hour: Histogram<u64>,
    all: Histogram<u64>,
}

impl Latencies {
    /// Up to an hour, in microseconds; what is longer counts as an hour.
    pub(super) fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the crate accepts")]
        let empty = Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds of a histogram");
        Self { hour: empty.clone(), all: empty }
    }

    pub(super) fn record(&mut self, latency: Nanos) {
        self.hour.saturating_record(latency / 1000);
    }

    /// Latency of the hour; the next one begins.
    pub(super) fn close_hour(&mut self) -> Option<Latency> {
        let latency = summary(&self.hour);
        if latency.is_some() {
            #[expect(clippy::expect_used, reason = "both have the same bounds")]
            self.all.add(&self.hour).expect("histograms of the same bounds");
            self.hour.reset();
        }
        latency
    }

    /// Latency of all hours that were closed.
    pub(super) fn total(&self) -> Option<Latency> {
        summary(&self.all)
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of an hour")]
fn summary(histogram: &Histogram<u64>) -> Option<Latency> {
    let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    (!histogram.is_empty()).then(|| Latency {
        mean_ms: histogram.mean() / 1000.0,
        p50_ms: at(0.50),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        max_ms: histogram.max() as f64 / 1000.0,
    })
}
