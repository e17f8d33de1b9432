//! Lambda: requests, GB-seconds in tiers, provisioned concurrency, and the smaller lines of the pricing page.
//!
//! Billed time is `ceil(duration + init)` in whole milliseconds; INIT is billed for custom runtimes, Rust among them, and since
//! August 2025 for every configuration (AWS Compute blog, April 2025). Memory is 1,024-based GB.

use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Architecture, HOUR_SECONDS, Quantity, Service, ServiceError, Statement};
use crate::price_book::Key;

/// `/tmp` that every environment has without charge, MB (Lambda pricing page).
const INCLUDED_STORAGE_MB: Decimal = dec!(512);
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
    /// Environments that are kept warm.
    pub provisioned: Option<Provisioned>,
    /// Size of /tmp; 512 MB are included.
    pub ephemeral_mb: Option<Quantity>,
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
    /// Requests that they serve; all when not given, the rest is on demand.
    pub requests_per_month: Option<Quantity>,
}

const fn key(item: &'static str, unit: &'static str) -> Key<'static> {
    Key::new("Lambda", item, unit)
}

const FREE_REQUESTS: Key<'_> = key("free requests", "request");
const FREE_DURATION: Key<'_> = key("free duration", "GB-second");

impl Service for Lambda {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let seconds = self.seconds()?;
        let gb_seconds = match (self.gb_seconds, self.memory_gb(), seconds) {
            (Some(gb_seconds), _, None) => gb_seconds,
            (None, Some(memory), Some(seconds)) => memory.times(seconds)?,
            (None, _, None) if self.requests_per_month.is_zero() => Quantity::declared(Decimal::ZERO),
            _ => {
                return Err(ServiceError::usage(
                    "lambda",
                    "either duration_ms and memory_mb are needed, or gb_seconds",
                ));
            }
        };
        statement.figure("gb_seconds", gb_seconds);
        if self.at_edge {
            statement.charge("request_charge", "Requests", key("edge request", "request"), self.requests_per_month)?;
            return statement.charge("compute", "Duration at the edge", key("edge duration", "GB-second"), gb_seconds);
        }
        let requests = key("requests", "request");
        statement.charge_after(FREE_REQUESTS, "request_charge", "Requests", requests, self.requests_per_month)?;
        self.charge_duration(statement, gb_seconds)?;
        let Some((storage_mb, seconds)) = self.ephemeral_mb.zip(seconds) else { return Ok(()) };
        let storage = seconds.times(storage_mb.above(INCLUDED_STORAGE_MB) / MEGABYTES)?;
        let price = key("ephemeral storage above 512 MB", "GB-second");
        statement.charge("ephemeral", "Storage above 512 MB", price, storage)
    }
}

impl Lambda {
    fn memory_gb(&self) -> Option<Quantity> {
        Some(self.memory_mb? / MEGABYTES)
    }

    /// Seconds of all invocations, where the duration of one is given.
    fn seconds(&self) -> Result<Option<Quantity>, ServiceError> {
        let Some(duration_ms) = self.duration_ms else { return Ok(None) };
        let billed_ms = duration_ms.map(|ms| ms.ceil());
        let mut ms = self.requests_per_month.times(billed_ms)?;
        if let Some(cold) = self.cold_starts {
            if cold.requests_per_month.value > self.requests_per_month.value {
                return Err(ServiceError::usage("lambda", "cold_starts are more than requests_per_month"));
            }
            let init_ms = (duration_ms + cold.init_ms).map(|both| both.ceil() - billed_ms.value);
            ms = ms + cold.requests_per_month.times(init_ms)?;
        }
        ms.times(MILLISECOND).map(Some)
    }

    fn charge_duration(&self, statement: &mut Statement<'_>, gb_seconds: Quantity) -> Result<(), ServiceError> {
        let arch = self.architecture.word();
        let mut on_demand = gb_seconds;
        if let Some(provisioned) = self.provisioned {
            let requests = self.requests_per_month.value;
            let share = match provisioned.requests_per_month {
                None => Quantity::from(Decimal::ONE),
                Some(served) if served.value > requests => {
                    return Err(ServiceError::usage("lambda", "provisioned serves more requests than there are"));
                }
                Some(served) if served.is_zero() => served,
                Some(served) => served / requests,
            };
            let served = gb_seconds.times(share)?;
            on_demand = gb_seconds.above(served.value);
            self.charge_provisioned(statement, provisioned, served)?;
        }
        if on_demand.is_zero() && self.provisioned.is_some() {
            return Ok(());
        }
        let item = format!("duration {arch}");
        let price = Key { item: &item, ..FREE_DURATION };
        statement.charge_after(FREE_DURATION, "compute", &format!("Duration {arch}"), price, on_demand)
    }

    fn charge_provisioned(
        &self,
        statement: &mut Statement<'_>,
        provisioned: Provisioned,
        served: Quantity,
    ) -> Result<(), ServiceError> {
        let memory = self.memory_gb().filter(|memory| !memory.is_zero());
        let memory = memory.ok_or_else(|| ServiceError::usage("lambda", "provisioned needs memory_mb"))?;
        let hours = statement.context.hours(provisioned.hours);
        let kept = provisioned.environments.times(memory)?.times(hours)?.times(HOUR_SECONDS)?;
        let arch = self.architecture.word();
        let item = format!("duration under provisioned concurrency {arch}");
        let price = Key { item: &item, ..FREE_DURATION };
        statement.charge("provisioned_compute", "Duration on provisioned concurrency", price, served)?;
        let item = format!("provisioned concurrency {arch}");
        statement.charge("provisioned", "Provisioned concurrency", Key { item: &item, ..FREE_DURATION }, kept)
    }
}

/// What else Lambda charges for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LambdaFeatures {
    /// Function URLs, free by themselves.
    pub function_urls: Option<Quantity>,
    /// Responses streamed above 6 MB each.
    pub streamed_gb: Option<Quantity>,
    /// `SnapStart` snapshots x the time that they are kept.
    pub snapstart_cache_gb_seconds: Option<Quantity>,
    /// Memory restored by `SnapStart`.
    pub snapstart_restored_gb: Option<Quantity>,
    /// Memory of environments created under tenant isolation.
    pub tenant_environments_gb: Option<Quantity>,
    /// Operations of durable functions.
    pub durable_operations: Option<Quantity>,
    /// Data that durable functions write.
    pub durable_written_gb: Option<Quantity>,
    /// Data that durable functions keep.
    pub durable_retained_gb_months: Option<Quantity>,
    /// EC2 charges of Managed Instances, to which a fee is added.
    pub managed_instances_usd: Option<Quantity>,
}

impl Service for LambdaFeatures {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let streaming = key("response streaming", "GB");
        let free = key("free response streaming", "GB");
        statement.charge_after(free, "streaming", "Response streaming", streaming, self.streamed_gb)?;
        for (name, line, price, quantity) in [
            ("cache", "SnapStart cache", key("SnapStart cache", "GB-second"), self.snapstart_cache_gb_seconds),
            ("restore", "SnapStart restores", key("SnapStart restore", "GB restored"), self.snapstart_restored_gb),
            (
                "tenant",
                "Environments under tenant isolation",
                key("tenant environment", "GB of memory"),
                self.tenant_environments_gb,
            ),
            ("function_urls", "Function URLs", key("function URL", "month"), self.function_urls),
            (
                "durable_operations",
                "Durable operations",
                key("durable operation", "operation"),
                self.durable_operations,
            ),
            ("durable_written", "Durable data written", key("durable data written", "GB"), self.durable_written_gb),
            (
                "durable_retained",
                "Durable data retained",
                key("durable data retained", "GB-month"),
                self.durable_retained_gb_months,
            ),
            (
                "management_fee",
                "Management fee of Managed Instances",
                key("managed instances fee", "USD of EC2 charges"),
                self.managed_instances_usd,
            ),
        ] {
            statement.charge(name, line, price, quantity)?;
        }
        Ok(())
    }
}
