//! Both paths as discrete events over the same arrivals: execution environments on Lambda, tasks with target tracking on
//! Fargate. It shows what formulas cannot: latency percentiles, the share of cold starts, saturation, and how many
//! environments and tasks there are over time. [`Outcome`] carries the quantities that are billed; only [`cost`] knows prices.
//!
//! No event waits in a common queue. Arrivals are drawn one at a time; environments, workers and tasks are brought up to date
//! when an arrival or a minute's end touches them. So an event costs a constant time, and a month of 100 requests a second
//! is simulated in well under a minute.

mod arrivals;
mod cold_share;
pub(crate) mod cost;
mod environments;
pub(crate) mod from_profile;
mod outcome;
mod plan;
mod run;
mod scaling;
mod service;
mod task;
mod trace;

pub use arrivals::Spread;
pub use cold_share::cold_share;
pub use environments::{Environments, Measures, Start};
pub use outcome::{FargateOutcome, LambdaOutcome, Latency, Outcome, ServiceOutcome};
pub use plan::{FunctionSettings, LambdaSettings, Plan, RequestClass, ServiceSettings, Work};
pub use run::simulate;
pub use trace::Trace;

/// Simulated time since the start, in nanoseconds. 64 bits hold 584 years.
pub type Nanos = u64;
/// Nanoseconds of a second.
pub const SECOND: Nanos = 1_000_000_000;
/// Nanoseconds of a minute, the period of CloudWatch's metrics and of scaling decisions.
pub const MINUTE: Nanos = 60 * SECOND;
/// Nanoseconds of an hour.
pub const HOUR: Nanos = 60 * MINUTE;

/// Seconds as nanoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to int cast saturates, and no duration is negative"
)]
pub(crate) fn nanos(seconds: f64) -> Nanos {
    (seconds * 1e9).round() as Nanos
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "exact up to 104 days, and a ratio afterwards")]
pub(crate) fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / 1e9
}
