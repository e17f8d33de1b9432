//! Functions of an environment, the worker on its schedule, and the network that functions need when the store is in a VPC.

use rust_decimal::{Decimal, dec};

use super::demand::Demand;
use super::fargate_path::charge_private;
use super::{ARCH, Part, Sheet, Store};
use crate::line::Known;
use crate::services::{ServiceError, Usage, lambda};

/// The worker's schedule is a minute.
const WORKER_PER_HOUR: Decimal = dec!(60);
/// One round of the worker that finds nothing, ms.
const WORKER_MS: Decimal = dec!(25);

pub fn charge(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    charge_functions(sheet, demand)?;
    charge_worker(sheet)?;
    if sheet.deployment.store == Store::Postgresql {
        charge_private(sheet, Decimal::ZERO)?;
    }
    Ok(())
}

/// Each function has its own memory, and with it its own part of a vCPU; GB-seconds of all meet the tiers of the account once.
fn charge_functions(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let (mut requests, mut gb_seconds) = (Decimal::ZERO, Decimal::ZERO);
    for (name, function) in &demand.functions {
        let memory_mb = sheet.function_memory_mb(name);
        // Routes are measured on a whole vCPU; a function of less memory has a part of one. A mean of times that are each rounded
        // up to whole ms is half a millisecond higher.
        let slower = function.cpu_ms * (lambda::slowdown(memory_mb) - Decimal::ONE);
        let inits = sheet.cold_starts(demand).get(name).copied().unwrap_or_default();
        let ms = function.wall_ms + slower + function.requests * dec!(0.5) + inits * sheet.measured.lambda_init_ms;
        requests += function.requests;
        gb_seconds += ms / dec!(1000) * memory_mb / dec!(1024);
    }
    let usage = Usage::new()
        .with(&lambda::REQUESTS, requests, sheet.counted_known())
        .with(&lambda::GB_SECONDS, gb_seconds, sheet.measured_known())
        .with_text(&lambda::ARCH, ARCH);
    sheet.add(Part::Compute, &lambda::SERVICE, &usage)
}

fn charge_worker(sheet: &mut Sheet<'_>) -> Result<(), ServiceError> {
    let memory_mb = sheet.function_memory_mb("worker");
    let usage = Usage::new()
        .with(&lambda::REQUESTS, WORKER_PER_HOUR * sheet.hours(), Known::Derived)
        .with(&lambda::DURATION_MS, WORKER_MS, Known::Assumed)
        .with(&lambda::MEMORY_MB, memory_mb, Known::Declared)
        .with_text(&lambda::ARCH, ARCH);
    sheet.add(Part::Compute, &lambda::SERVICE, &usage)
}
