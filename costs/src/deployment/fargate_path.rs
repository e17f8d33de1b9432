//! Tasks of an environment, and how its private subnets reach AWS and the internet.

use rust_decimal::{Decimal, dec};

use super::demand::{Demand, gigabytes};
use super::{ARCH, Part, Sheet};
use crate::line::Known;
use crate::services::{ServiceError, Usage, fargate, network, small};
use crate::terraform::Service;

/// Digits of a number of tasks before it is rounded up.
const TASK_DIGITS: u32 = 9;

pub fn charge(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let (options, environment) = (&sheet.profile.options, sheet.environment);
    let known = sheet.measured_known();
    // During a rolling deployment the new tasks run beside the old ones, at least a minute (the billing minimum).
    let overlap = options.deploy_overlap_minutes.max(Decimal::ONE) / dec!(60);
    let deploys = options.deploys_per_month * sheet.months();
    for (_, service) in environment.services() {
        let hours = task_hours(sheet, service, demand) + deploys * environment.least(service) * overlap;
        let usage = Usage::new()
            .with(&fargate::TASK_HOURS, hours, known)
            .with(&fargate::VCPU, service.cpu / dec!(1024), Known::Declared)
            .with(&fargate::MEMORY_GB, service.memory_mb / dec!(1024), Known::Declared)
            .with_text(&fargate::ARCH, ARCH);
        sheet.add(Part::Compute, &fargate::SERVICE, &usage)?;
    }
    let images = environment.stack.modules.images_kept * sheet.measured.image_gb * sheet.months();
    sheet.add(Part::Files, &small::ECR, &Usage::new().with(&small::ECR_GB, images, known))?;
    let pulls = deploys * environment.least_tasks() * sheet.measured.image_gb;
    charge_private(sheet, gigabytes(demand.log_bytes) + pulls)
}

/// Hours of a service's tasks: in each hour of the day as many as its busiest minute needs, at least the minimum.
pub fn task_hours(sheet: &Sheet<'_>, service: &Service, demand: &Demand) -> Decimal {
    let least = sheet.environment.least(service);
    let days = sheet.hours() / dec!(24);
    if days.is_zero() {
        return Decimal::ZERO;
    }
    let target = sheet.environment.stack.modules.cpu_percent / dec!(100);
    let capacity = service.cpu / dec!(1024) * target;
    // Tasks that the load of a whole day would need in one hour; each service has an equal part of the work.
    let services = Decimal::from(sheet.environment.services().len());
    let of_a_day = demand.cpu_s / services / days / dec!(3600) * sheet.profile.options.burst / capacity;
    let of_a_day = of_a_day.round_dp(TASK_DIGITS);
    let tasks = |share: &Decimal| {
        let needed = if sheet.environment.autoscaling() { (of_a_day * share).ceil() } else { Decimal::ZERO };
        needed.max(least)
    };
    sheet.day.iter().map(tasks).sum::<Decimal>() * days
}

/// NAT gateways and interface endpoints.
pub fn charge_private(sheet: &mut Sheet<'_>, data_gb: Decimal) -> Result<(), ServiceError> {
    let (stack, hours, known) = (&sheet.environment.stack, sheet.hours(), sheet.measured_known());
    let gateways = stack.egress.nat_gateways.min(stack.modules.zones);
    let endpoints = Decimal::from(stack.egress.interface_endpoints.len());
    if !gateways.is_zero() {
        let usage = Usage::new()
            .with(&network::GATEWAYS, gateways, Known::Declared)
            .with(&network::HOURS, hours, Known::Declared)
            .with(&network::NAT_GB, data_gb, known)
            .with(&network::ADDRESSES, Decimal::ONE, Known::Declared);
        sheet.add(Part::Network, &network::NAT, &usage)?;
    }
    if !endpoints.is_zero() {
        let usage = Usage::new()
            .with(&network::ENDPOINTS, endpoints, Known::Declared)
            .with(&network::AZS, stack.modules.zones, Known::Declared)
            .with(&network::HOURS, hours, Known::Declared)
            .with(&network::ENDPOINT_GB, if gateways.is_zero() { data_gb } else { Decimal::ZERO }, known);
        sheet.add(Part::Network, &network::ENDPOINT, &usage)?;
    }
    Ok(())
}
