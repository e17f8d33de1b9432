//! Tasks of an environment, and how their private subnets reach AWS.

use rust_decimal::{Decimal, dec};

use super::demand::{Demand, gigabytes};
use super::{Part, Sheet, Store};
use crate::profile::{Egress, Observability};
use crate::services::fargate::{Fargate, Purchase};
use crate::services::network::{InterfaceEndpoints, Nat};
use crate::services::small::Ecr;
use crate::services::{Quantity, ServiceError};

/// Interface endpoints of tasks in private subnets: two of ECR, logs, SSM, KMS; S3 and DynamoDB have free gateway endpoints.
const ENDPOINTS: Decimal = dec!(5);

/// Digits of a number of tasks before it is rounded up.
const TASK_DIGITS: u32 = 9;

pub fn charge(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let options = &sheet.profile.options;
    let known = sheet.measured_known();
    let running = task_hours(sheet, demand);
    // During a rolling deployment the new tasks run beside the old ones, at least a minute (the billing minimum).
    let overlap = options.deploy_overlap_minutes.max(Decimal::ONE) / dec!(60);
    let deploying =
        options.deploys_per_month * sheet.months() * sheet.environment.minimum_tasks * options.services * overlap;
    let tasks = Fargate {
        task_hours: Some(Quantity::new(running + deploying, known)),
        runs: None,
        vcpu: Quantity::declared(options.task_vcpu),
        memory_gb: Quantity::declared(options.task_gb),
        ephemeral_gb: None,
        architecture: options.arch.into(),
        purchase: if sheet.environment.spot { Purchase::Spot } else { Purchase::OnDemand },
        public_ipv4_addresses: (options.egress == Egress::Public).then(|| Quantity::declared(Decimal::ONE)),
    };
    sheet.add(Part::Compute, &tasks)?;
    let images = options.images_kept * sheet.measured.image_gb * options.services * sheet.months();
    sheet.add(Part::Files, &Ecr { storage_gb_months: Quantity::new(images, known) })?;
    charge_egress(sheet, demand)
}

/// Hours of all tasks: in each hour of the day as many as its busiest minute needs, at least the minimum.
pub fn task_hours(sheet: &Sheet<'_>, demand: &Demand) -> Decimal {
    let options = &sheet.profile.options;
    let least = sheet.environment.minimum_tasks;
    let days = sheet.hours() / dec!(24);
    if days.is_zero() {
        return Decimal::ZERO;
    }
    let capacity = options.task_vcpu * options.target_utilization * options.services;
    // Tasks of each service that a whole day's load would need in one hour.
    let of_a_day = (demand.cpu_s / days / dec!(3600) * options.burst / capacity).round_dp(TASK_DIGITS);
    let tasks = |share: &Decimal| {
        let needed = if sheet.environment.autoscaling { (of_a_day * share).ceil() } else { Decimal::ZERO };
        needed.max(least)
    };
    sheet.day.iter().map(tasks).sum::<Decimal>() * options.services * days
}

fn charge_egress(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let options = &sheet.profile.options;
    let pulls =
        options.deploys_per_month * sheet.environment.minimum_tasks * options.services * sheet.measured.image_gb;
    let data = gigabytes(demand.log_bytes) + pulls * sheet.months();
    let datadog = options.observability == Observability::Datadog;
    // Datadog is outside AWS: without NAT it takes an endpoint of its own.
    let endpoints = ENDPOINTS + if datadog { Decimal::ONE } else { Decimal::ZERO };
    let secrets = if sheet.deployment.store == Store::Postgresql { Decimal::ONE } else { Decimal::ZERO };
    charge_private(sheet, endpoints + secrets, data)
}

/// NAT gateways or interface endpoints in every AZ, as the profile chooses.
pub fn charge_private(sheet: &mut Sheet<'_>, endpoints: Decimal, data_gb: Decimal) -> Result<(), ServiceError> {
    let azs = Quantity::declared(sheet.environment.azs);
    let hours = Some(Quantity::declared(sheet.hours()));
    let data_gb = Quantity::new(data_gb, sheet.measured_known());
    match sheet.profile.options.egress {
        Egress::Public => Ok(()),
        Egress::Nat => {
            let public_ipv4_addresses = Quantity::declared(Decimal::ONE);
            sheet.add(Part::Network, &Nat { gateways: azs, hours, data_gb, public_ipv4_addresses })
        }
        Egress::Endpoints => {
            let endpoints = Quantity::declared(endpoints);
            sheet.add(Part::Network, &InterfaceEndpoints { endpoints, azs, hours, data_gb })
        }
    }
}
