//! Lambda: requests, GB-seconds in tiers, provisioned concurrency, and the smaller lines of the pricing page.
//!
//! Billed time is `ceil(duration + init)` in whole milliseconds; INIT is billed for custom runtimes, Rust among them, and since
//! August 2025 for every configuration (AWS Compute blog, April 2025). Memory is 1,024-based GB.

mod fields;
mod prices;

use rust_decimal::{Decimal, dec};

use super::{Context, HOUR_SECONDS, Service, ServiceError, Statement, Usage, product};
use crate::price_book::Key;
pub use fields::*;
use prices::{
    ARM, CACHE, EDGE_DURATION, EDGE_REQUEST, EPHEMERAL, FEE, FREE_DURATION, FREE_REQUESTS, FREE_STREAMING, OPERATION,
    PC_ARM, PC_DURATION_ARM, PC_DURATION_X86, PC_X86, REQUEST, RESTORE, RETAINED, STREAMING, TENANT, URL, WRITTEN, X86,
};

/// `/tmp` that every environment has without charge, MB (Lambda pricing page).
const INCLUDED_STORAGE_MB: Decimal = dec!(512);
/// Part of each streamed response that is never charged, MB (Lambda pricing page).
const INCLUDED_RESPONSE_MB: Decimal = dec!(6);
/// MB of a GB of memory.
const MEGABYTES: Decimal = dec!(1024);

/// Memory size at which a function has one whole vCPU, MB; below it its share of the CPU is that of the memory.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const MEMORY_MB_OF_A_VCPU: Decimal = dec!(1769);

/// How much longer CPU time takes at a memory size than on a whole vCPU. A handler uses one thread, so more memory than that
/// of a vCPU does not make it faster.
pub fn slowdown(memory_mb: Decimal) -> Decimal {
    if memory_mb.is_zero() { Decimal::ONE } else { (MEMORY_MB_OF_A_VCPU / memory_mb).max(Decimal::ONE) }
}

/// Lambda.
pub const SERVICE: Service = Service {
    name: "lambda",
    also: &["lambda functions", "lambda function", "function", "lambda edge", "lambda@edge"],
    about: "Lambda functions",
    fields: &[
        REQUESTS,
        CHARGE_REQUESTS,
        DURATION_MS,
        MEMORY_MB,
        MEMORY_GB,
        ARCH,
        GB_SECONDS,
        COLD_STARTS,
        COLD_SHARE,
        INIT_MS,
        EPHEMERAL_MB,
        EPHEMERAL_GB,
        PROVISIONED,
        PROVISIONED_HOURS,
        PROVISIONED_SECONDS,
        PROVISIONED_REQUESTS,
        RESPONSE_MB,
        STREAMED_GB,
        CACHE_GB,
        CACHE_SECONDS,
        RESTORES,
        GB_PER_RESTORE,
        ENVIRONMENTS,
        EDGE,
        DURABLE_OPERATIONS,
        DURABLE_WRITTEN,
        DURABLE_RETAINED,
        EVENT_KB,
        INSTANCE_USD,
        URLS,
    ],
    prices: &[
        REQUEST,
        X86,
        ARM,
        PC_X86,
        PC_ARM,
        PC_DURATION_X86,
        PC_DURATION_ARM,
        EPHEMERAL,
        STREAMING,
        CACHE,
        RESTORE,
        TENANT,
        EDGE_REQUEST,
        EDGE_DURATION,
        OPERATION,
        WRITTEN,
        RETAINED,
        FEE,
        URL,
        FREE_REQUESTS,
        FREE_DURATION,
        FREE_STREAMING,
    ],
    totals: &[
        "requests",
        "gb_s",
        "billable_requests",
        "billable_gb_s",
        "billed_ms",
        "request_charge",
        "compute",
        "compute_total",
        "tier_1",
        "tier_2",
        "tier_3",
        "provisioned",
        "provisioned_gb_s",
        "provisioned_compute",
        "ephemeral",
        "ephemeral_gb_s",
        "streaming",
        "cache",
        "restore",
        "tenant",
        "durable",
        "management_fee",
    ],
    bill,
};

/// The bill of functions of one size.
///
/// # Errors
/// When usage is incomplete or a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let work = Work::of(usage)?;
    statement.quantity("requests", work.requests);
    charge_requests(&mut statement, &work, usage, context)?;
    charge_duration(&mut statement, &work, usage, context)?;
    charge_provisioned(&mut statement, &work, usage, context)?;
    charge_storage_and_streams(&mut statement, &work, usage, context)?;
    charge_features(&mut statement, &work, usage, context)?;
    Ok(statement)
}

/// What the functions do.
struct Work {
    requests: Decimal,
    memory_gb: Decimal,
    /// GB-seconds on demand.
    on_demand: Decimal,
    /// GB-seconds of requests on provisioned concurrency.
    provisioned: Decimal,
    /// Seconds of all invocations.
    seconds: Decimal,
    billed_ms: Decimal,
    arm: bool,
}

impl Work {
    fn of(usage: &Usage) -> Result<Self, ServiceError> {
        let requests = usage.number(&REQUESTS);
        let memory_gb = match usage.given(&MEMORY_GB) {
            Some(_) if usage.has(&MEMORY_MB) => {
                return Err(ServiceError::usage("lambda", "memory_mb and memory_gb are both given"));
            }
            Some(gb) => gb,
            None => usage.number(&MEMORY_MB) / MEGABYTES,
        };
        let billed_ms = usage.number(&DURATION_MS).ceil();
        let cold = match usage.given(&COLD_SHARE) {
            Some(share) => product(&[requests, share])?,
            None => usage.number(&COLD_STARTS),
        };
        if cold > requests {
            return Err(ServiceError::usage("lambda", "cold_starts are more than requests"));
        }
        let init_ms = (usage.number(&DURATION_MS) + usage.number(&INIT_MS)).ceil() - billed_ms;
        let seconds = product(&[requests, billed_ms, dec!(0.001)])? + product(&[cold, init_ms, dec!(0.001)])?;
        let all = match usage.given(&GB_SECONDS) {
            Some(gb_seconds) => gb_seconds,
            None => product(&[seconds, memory_gb])?,
        };
        let needs_memory = !requests.is_zero() && !usage.has(&GB_SECONDS) && !usage.has(&INSTANCE_USD);
        if needs_memory && (memory_gb.is_zero() || !usage.has(&DURATION_MS)) {
            return Err(ServiceError::usage("lambda", "requests need duration_ms and memory_mb, or gb_seconds"));
        }
        let share = match (usage.has(&PROVISIONED), usage.given(&PROVISIONED_REQUESTS)) {
            (false, _) => Decimal::ZERO,
            (true, None) => Decimal::ONE,
            (true, Some(provisioned)) if provisioned > requests => {
                return Err(ServiceError::usage("lambda", "provisioned_requests are more than requests"));
            }
            (true, Some(_)) if requests.is_zero() => Decimal::ZERO,
            (true, Some(provisioned)) => provisioned / requests,
        };
        let provisioned = product(&[all, share])?;
        let arm = usage.text(&ARCH) == Some("arm64");
        Ok(Self { requests, memory_gb, on_demand: all - provisioned, provisioned, seconds, billed_ms, arm })
    }

    fn pick(&self, x86: &'static Key, arm: &'static Key) -> &'static Key {
        if self.arm { arm } else { x86 }
    }
}

fn charge_requests(
    statement: &mut Statement,
    work: &Work,
    usage: &Usage,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let left_out = usage.has(&CHARGE_REQUESTS) && !usage.flag(&CHARGE_REQUESTS);
    if !usage.has(&REQUESTS) || left_out {
        return Ok(());
    }
    let edge = usage.flag(&EDGE);
    let extra = ((usage.number(&EVENT_KB) - dec!(256)).max(Decimal::ZERO) / dec!(64)).ceil();
    let requests = product(&[work.requests, Decimal::ONE + extra])?;
    let billable = if edge { requests } else { context.after_allowance(requests, &FREE_REQUESTS)? };
    statement.quantity("billable_requests", billable);
    let key = if edge { &EDGE_REQUEST } else { &REQUEST };
    statement.charge("request_charge", "Requests", key, billable, usage.known_of(&[&REQUESTS]), context)?;
    Ok(())
}

fn charge_duration(
    statement: &mut Statement,
    work: &Work,
    usage: &Usage,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    statement.quantity("gb_s", work.on_demand + work.provisioned);
    statement.quantity("billed_ms", work.billed_ms);
    if usage.has(&INSTANCE_USD) || !(usage.has(&REQUESTS) || usage.has(&GB_SECONDS)) {
        return Ok(());
    }
    let known = usage.known_of(&[&REQUESTS, &DURATION_MS, &MEMORY_MB, &GB_SECONDS, &COLD_STARTS, &INIT_MS]);
    if usage.flag(&EDGE) {
        statement.charge("compute", "Duration at the edge", &EDGE_DURATION, work.on_demand, known, context)?;
    } else if !work.on_demand.is_zero() || !usage.has(&PROVISIONED) {
        let billable = context.after_allowance(work.on_demand, &FREE_DURATION)?;
        statement.quantity("billable_gb_s", billable);
        let name = if work.arm { "Duration arm64" } else { "Duration x86_64" };
        statement.charge("compute", name, work.pick(&X86, &ARM), billable, known, context)?;
        statement.name_tiers("compute");
    }
    if usage.has(&PROVISIONED) {
        let key = work.pick(&PC_DURATION_X86, &PC_DURATION_ARM);
        let name = "Duration on provisioned concurrency";
        let amount = statement.charge("provisioned_compute", name, key, work.provisioned, known, context)?;
        *statement.totals.entry("compute".to_owned()).or_default() += amount;
    }
    let compute = statement.totals.get("compute").copied().unwrap_or_default();
    statement.quantity("compute_total", compute);
    Ok(())
}

fn charge_provisioned(
    statement: &mut Statement,
    work: &Work,
    usage: &Usage,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let Some(environments) = usage.given(&PROVISIONED) else { return Ok(()) };
    if work.memory_gb.is_zero() {
        return Err(ServiceError::usage("lambda", "provisioned_concurrency needs memory_mb"));
    }
    let hours = usage.given(&PROVISIONED_HOURS).unwrap_or(context.month_hours);
    let seconds = match usage.given(&PROVISIONED_SECONDS) {
        Some(seconds) => seconds,
        None => product(&[hours, HOUR_SECONDS])?,
    };
    let gb_seconds = product(&[environments, work.memory_gb, seconds])?;
    statement.quantity("provisioned_gb_s", gb_seconds);
    let known = usage.known_of(&[&PROVISIONED, &PROVISIONED_HOURS, &MEMORY_MB]);
    let key = work.pick(&PC_X86, &PC_ARM);
    statement.charge("provisioned", "Provisioned concurrency", key, gb_seconds, known, context)?;
    Ok(())
}

fn charge_storage_and_streams(
    statement: &mut Statement,
    work: &Work,
    usage: &Usage,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let storage_mb = usage.given(&EPHEMERAL_MB).or(usage.given(&EPHEMERAL_GB).map(|gb| gb * MEGABYTES));
    if let Some(storage_mb) = storage_mb {
        let extra_gb = (storage_mb - INCLUDED_STORAGE_MB).max(Decimal::ZERO) / MEGABYTES;
        let gb_seconds = product(&[work.seconds, extra_gb])?;
        statement.quantity("ephemeral_gb_s", gb_seconds);
        statement.charge("ephemeral", "Storage above 512 MB", &EPHEMERAL, gb_seconds, usage.known(), context)?;
    }
    let streamed = match (usage.given(&STREAMED_GB), usage.given(&RESPONSE_MB)) {
        (Some(gb), _) => gb,
        (None, Some(mb)) => {
            let each = (mb - INCLUDED_RESPONSE_MB).max(Decimal::ZERO);
            product(&[work.requests, each])? / context.gigabyte.megabytes()
        }
        (None, None) => return Ok(()),
    };
    statement.quantity("streamed_gb", streamed);
    let billed = context.after_allowance(streamed, &FREE_STREAMING)?;
    statement.charge("streaming", "Response streaming", &STREAMING, billed, usage.known(), context)?;
    Ok(())
}

fn charge_features(
    statement: &mut Statement,
    work: &Work,
    usage: &Usage,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let known = usage.known();
    if let Some(gb) = usage.given(&CACHE_GB) {
        let month = context.month_hours * HOUR_SECONDS;
        let gb_seconds = product(&[gb, usage.given(&CACHE_SECONDS).unwrap_or(month)])?;
        statement.charge("cache", "SnapStart cache", &CACHE, gb_seconds, known, context)?;
    }
    if let Some(restores) = usage.given(&RESTORES) {
        let gb = product(&[restores, usage.given(&GB_PER_RESTORE).unwrap_or(work.memory_gb)])?;
        statement.charge("restore", "SnapStart restores", &RESTORE, gb, known, context)?;
    }
    if let Some(environments) = usage.given(&ENVIRONMENTS) {
        let gb = product(&[environments, work.memory_gb])?;
        statement.charge("tenant", "Environments under tenant isolation", &TENANT, gb, known, context)?;
    }
    if let Some(urls) = usage.given(&URLS) {
        statement.charge("function_urls", "Function URLs", &URL, urls, usage.known_of(&[&URLS]), context)?;
    }
    let durable = [
        (&DURABLE_OPERATIONS, "durable_operations", "Durable operations", &OPERATION),
        (&DURABLE_WRITTEN, "durable_written", "Durable data written", &WRITTEN),
        (&DURABLE_RETAINED, "durable_retained", "Durable data retained", &RETAINED),
    ];
    for (field, key, name, price) in durable {
        let Some(quantity) = usage.given(field) else { continue };
        let amount = statement.charge(key, name, price, quantity, known, context)?;
        *statement.totals.entry("durable".to_owned()).or_default() += amount;
    }
    if let Some(ec2) = usage.given(&INSTANCE_USD) {
        statement.declared("Lambda", "ec2", "EC2 instances of Managed Instances", ec2);
        statement.charge("management_fee", "Management fee of Managed Instances", &FEE, ec2, known, context)?;
    }
    Ok(())
}
