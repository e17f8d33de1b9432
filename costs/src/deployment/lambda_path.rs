//! Functions of an environment, the worker on its schedule, and the network that functions need when the store is in a VPC.

use rust_decimal::{Decimal, dec};

use super::demand::Demand;
use super::fargate_path::charge_private;
use super::{Part, Sheet, Store};
use crate::profile::Egress;
use crate::services::lambda::{self, Lambda, Provisioned};
use crate::services::{Quantity, ServiceError};

/// The worker's schedule is a minute.
const WORKER_PER_HOUR: Decimal = dec!(60);
/// One round of the worker that finds nothing, ms.
const WORKER_MS: Decimal = dec!(25);
/// Interface endpoints of functions in private subnets: SSM, KMS, Secrets Manager. Lambda sends logs outside the VPC.
const ENDPOINTS: Decimal = dec!(3);

pub fn charge(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let slowdown = lambda::slowdown(sheet.profile.options.function_memory_mb);
    let (mut requests, mut wall_ms) = (Decimal::ZERO, Decimal::ZERO);
    for function in demand.functions.values() {
        requests += function.requests;
        // Routes are measured on a whole vCPU; a function of less memory has a part of one.
        wall_ms += function.wall_ms + function.cpu_ms * (slowdown - Decimal::ONE);
    }
    let inits = sheet.cold_starts(demand);
    charge_functions(sheet, [requests, wall_ms, inits], Decimal::from(demand.functions.len()))?;
    charge_worker(sheet)?;
    if sheet.deployment.store == Store::Postgresql && sheet.profile.options.egress != Egress::Public {
        charge_private(sheet, ENDPOINTS, Decimal::ZERO)?;
    }
    Ok(())
}

/// All functions have one size, so their GB-seconds add up and the tiers of the account are met once.
fn charge_functions(
    sheet: &mut Sheet<'_>,
    [requests, wall_ms, inits]: [Decimal; 3],
    functions: Decimal,
) -> Result<(), ServiceError> {
    let (options, counted) = (&sheet.profile.options, sheet.counted_known());
    // A mean of times that are each rounded up to whole ms is half a millisecond higher.
    let mean = if requests.is_zero() { Decimal::ZERO } else { wall_ms / requests + dec!(0.5) };
    let gigabytes = options.function_memory_mb / dec!(1024);
    let seconds = (requests * mean + inits * sheet.measured.lambda_init_ms) / dec!(1000);
    let gb_seconds = seconds * gigabytes;
    let environments = sheet.environment.provisioned_concurrency * functions;
    let provisioned = Provisioned {
        environments: Quantity::declared(environments),
        hours: Some(Quantity::declared(sheet.hours())),
        requests_per_month: None,
    };
    let functions = Lambda {
        requests_per_month: Quantity::new(requests, counted),
        duration_ms: None,
        memory_mb: Some(Quantity::declared(options.function_memory_mb)),
        gb_seconds: Some(Quantity::new(gb_seconds, sheet.measured_known().max(counted))),
        architecture: options.arch.into(),
        cold_starts: None,
        provisioned: (!environments.is_zero()).then_some(provisioned),
        ephemeral_mb: None,
        at_edge: false,
    };
    sheet.add(Part::Compute, &functions)
}

fn charge_worker(sheet: &mut Sheet<'_>) -> Result<(), ServiceError> {
    let options = &sheet.profile.options;
    let worker = Lambda {
        requests_per_month: Quantity::derived(WORKER_PER_HOUR * sheet.hours()),
        duration_ms: Some(Quantity::assumed(WORKER_MS)),
        memory_mb: Some(Quantity::declared(options.function_memory_mb)),
        gb_seconds: None,
        architecture: options.arch.into(),
        cold_starts: None,
        provisioned: None,
        ephemeral_mb: None,
        at_edge: false,
    };
    sheet.add(Part::Compute, &worker)
}
