//! Tasks of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::Load;
use super::front::charge_namespace;
use super::{ARCHITECTURE, Part, Sheet};
use crate::services::Quantity;
use crate::services::fargate::{Fargate, Purchase};
use crate::services::small::Ecr;
use crate::terraform::{PaymentProvider, Service};

/// CPU units of a vCPU, and MiB of a GB.
const UNITS: Decimal = dec!(1024);
/// Digits of a number of tasks before it is rounded up.
const TASK_DIGITS: u32 = 9;

pub fn charge(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    let (options, environment) = (&sheet.profile.options, sheet.environment);
    let known = sheet.measured_known();
    // During a rolling deployment the new tasks run beside the old ones, at least a minute (the billing minimum).
    let overlap = options.deploy_overlap_minutes.max(Decimal::ONE) / dec!(60);
    let deploys = options.deploys_per_month * sheet.months();
    let purchase = if environment.stack.environment.spot { Purchase::Spot } else { Purchase::OnDemand };
    for (_, service) in environment.services() {
        let hours = task_hours(sheet, service, load) + deploys * environment.least(service) * overlap;
        let size = [service.cpu, service.memory_mb].map(|size| size / UNITS);
        sheet.add(Part::Compute, &tasks(Quantity::new(hours, known), size, purchase))?;
    }
    let modules = &environment.stack.modules;
    if environment.stack.payment_provider == PaymentProvider::Fake {
        let size = modules.payments.map(|size| size / UNITS);
        sheet.add(Part::Compute, &tasks(Quantity::declared(sheet.hours()), size, Purchase::OnDemand))?;
        charge_namespace(sheet, Decimal::ONE)?;
    }
    let images = modules.images_kept * sheet.measured.image_gb * sheet.months();
    sheet.add(Part::Files, &Ecr { storage_gb_months: Quantity::new(images, known) })
}

/// Tasks of a size in vCPU and GB.
pub fn tasks(hours: Quantity, [vcpu, memory_gb]: [Decimal; 2], purchase: Purchase) -> Fargate {
    Fargate {
        task_hours: Some(hours),
        runs: None,
        vcpu: Quantity::declared(vcpu),
        memory_gb: Quantity::declared(memory_gb),
        ephemeral_gb: None,
        architecture: ARCHITECTURE,
        purchase,
        public_ipv4_addresses: None,
    }
}

/// Hours of a service's tasks: in each hour of the day as many as its busiest minute needs, at least the minimum.
fn task_hours(sheet: &Sheet<'_>, service: &Service, load: &Load) -> Decimal {
    let environment = sheet.environment;
    let days = sheet.hours() / dec!(24);
    if days.is_zero() {
        return Decimal::ZERO;
    }
    let capacity = service.cpu / UNITS * environment.stack.modules.cpu_percent / dec!(100);
    // Tasks that the load of a whole day would need in one hour; each service does an equal part of the work.
    let services = Decimal::from(environment.services().len());
    let of_a_day = load.tasks.cpu_s / services / days / dec!(3600) * sheet.profile.options.burst / capacity;
    let of_a_day = of_a_day.round_dp(TASK_DIGITS);
    let running = |share: &Decimal| {
        let needed = if environment.autoscaling() { (of_a_day * share).ceil() } else { Decimal::ZERO };
        needed.max(environment.least(service))
    };
    sheet.day.iter().map(running).sum::<Decimal>() * days
}
