//! Lambda: requests, GB-seconds in tiers, and provisioned concurrency.
//!
//! Billed time is `ceil(duration + init)` in whole milliseconds; INIT is billed for custom runtimes, Rust among them, and since
//! August 2025 for every configuration (AWS Compute blog, April 2025). Memory is 1,024-based GB.

use anyhow::{anyhow, bail};
use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Architecture, HOUR_SECONDS, Quantity, Service, Statement};
use crate::price_book::Key;

/// MB of a GB of memory.
const MEGABYTES: Decimal = dec!(1024);
/// Seconds of a millisecond.
const MILLISECOND: Decimal = dec!(0.001);

/// Memory size at which a function has one whole vCPU, MB; below it its share of the CPU is that of the memory.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const MEMORY_MB_OF_A_VCPU: Decimal = dec!(1769);

/// How much longer CPU time takes at a memory size than on a whole vCPU. A handler uses one thread, so more memory than that
/// of a vCPU does not make it faster.
pub fn slowdown(memory_mb: Decimal) -> Decimal {
    if memory_mb.is_zero() { Decimal::ONE } else { (MEMORY_MB_OF_A_VCPU / memory_mb).max(Decimal::ONE) }
}

/// Functions of one size.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lambda {
    /// Invocations.
    pub requests_per_month: Quantity,
    /// Time of one invocation; rounded up to whole ms.
    pub duration_ms: Option<Quantity>,
    /// Memory size; 1,024 MB are one GB.
    pub memory_mb: Option<Quantity>,
    /// GB-seconds of all invocations, instead of `duration_ms` and `memory_mb`.
    pub gb_seconds: Option<Quantity>,
    /// Processor.
    #[serde(default)]
    pub architecture: Architecture,
    /// Invocations that started an environment, and what that took.
    pub cold_starts: Option<ColdStarts>,
    /// Environments that are kept warm; they serve all requests.
    pub provisioned: Option<Provisioned>,
    /// Lambda@Edge.
    #[serde(default)]
    pub at_edge: bool,
}

/// Invocations that started an environment. INIT is billed as duration.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColdStarts {
    /// How many of the requests.
    pub requests_per_month: Quantity,
    /// INIT time of each.
    pub init_ms: Quantity,
}

/// Provisioned concurrency.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provisioned {
    /// Environments.
    pub environments: Quantity,
    /// Hours that they are kept; the month when not given.
    pub hours: Option<Quantity>,
}

const fn key<'a>(item: &'a str, unit: &'static str) -> Key<'a> {
    Key::new("Lambda", item, unit)
}

impl Service for Lambda {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let memory_gb = self.memory_mb.map(|memory| memory / MEGABYTES);
        let gb_seconds = match (self.gb_seconds, memory_gb, self.duration_ms) {
            (Some(gb_seconds), _, None) => gb_seconds,
            (None, Some(memory), Some(duration_ms)) => memory.times(self.seconds(duration_ms)?)?,
            (None, _, None) if self.requests_per_month.is_zero() => Quantity::declared(Decimal::ZERO),
            _ => {
                bail!("lambda: either duration_ms and memory_mb are needed, or gb_seconds");
            }
        };
        statement.figure("gb_seconds", gb_seconds);
        if self.at_edge {
            statement.charge("request_charge", "Requests", key("edge request", "request"), self.requests_per_month)?;
            return statement.charge("compute", "Duration at the edge", key("edge duration", "GB-second"), gb_seconds);
        }
        let (free, requests) = (key("free requests", "request"), key("requests", "request"));
        statement.charge_after(free, "request_charge", "Requests", requests, self.requests_per_month)?;
        let arch = self.architecture.word();
        let Some(Provisioned { environments, hours }) = self.provisioned else {
            let name = format!("Duration {arch}");
            let item = format!("duration {arch}");
            let (free, price) = (key("free duration", "GB-second"), key(&item, "GB-second"));
            return statement.charge_after(free, "compute", &name, price, gb_seconds);
        };
        let memory = memory_gb.filter(|memory| !memory.is_zero());
        let memory = memory.ok_or_else(|| anyhow!("lambda: provisioned needs memory_mb"))?;
        let kept = environments.times(memory)?.times(statement.context.hours(hours))?.times(HOUR_SECONDS)?;
        let item = format!("duration under provisioned concurrency {arch}");
        let (name, price) = ("Duration on provisioned concurrency", key(&item, "GB-second"));
        statement.charge("provisioned_compute", name, price, gb_seconds)?;
        let item = format!("provisioned concurrency {arch}");
        statement.charge("provisioned", "Provisioned concurrency", key(&item, "GB-second"), kept)
    }
}

impl Lambda {
    /// Seconds of all invocations.
    fn seconds(&self, duration_ms: Quantity) -> anyhow::Result<Quantity> {
        let billed_ms = duration_ms.map(|ms| ms.ceil());
        let mut ms = self.requests_per_month.times(billed_ms)?;
        if let Some(cold) = self.cold_starts {
            if cold.requests_per_month.value > self.requests_per_month.value {
                bail!("lambda: cold_starts are more than requests_per_month");
            }
            let init_ms = (duration_ms + cold.init_ms).map(|both| both.ceil() - billed_ms.value);
            ms = ms + cold.requests_per_month.times(init_ms)?;
        }
        ms.times(MILLISECOND)
    }
}
