//! How private subnets reach AWS and the internet, and what crosses between availability zones.

use rust_decimal::{Decimal, dec};

use super::demand::{Load, gigabytes};
use super::{Part, Sheet, Store};
use crate::services::Quantity;
use crate::services::network::{DataTransfer, InterfaceEndpoints, Nat};
use crate::terraform::LogDestination;

/// Bytes of an SQL statement and its rows.
const SQL_BYTES: Decimal = dec!(2048);

pub fn charge(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    if !sheet.tasks() && sheet.deployment.store == Store::Dynamodb {
        return Ok(());
    }
    let (stack, known) = (&sheet.environment.stack, sheet.measured_known());
    let hours = Some(Quantity::declared(sheet.hours()));
    let zones = stack.modules.zones;
    let gateways = stack.egress.nat_gateways.min(zones);
    let outside = outside_gb(sheet, load);
    if !gateways.is_zero() {
        let nat = Nat {
            gateways: Quantity::declared(gateways),
            hours,
            data_gb: Quantity::new(outside, known),
            public_ipv4_addresses: Quantity::declared(Decimal::ONE),
        };
        sheet.add(Part::Network, &nat)?;
    }
    if !stack.egress.interface_endpoints.is_empty() {
        let endpoints = InterfaceEndpoints {
            endpoints: Quantity::declared(stack.egress.interface_endpoints.len()),
            azs: Quantity::declared(zones),
            hours,
            data_gb: Quantity::new(if gateways.is_zero() { outside } else { Decimal::ZERO }, known),
        };
        sheet.add(Part::Network, &endpoints)?;
    }
    // The frontend requests of the backend about what it answers. The load balancer's own traffic between zones is free, and so is
    // a database's to its standby.
    let inside = gigabytes(load.tasks.response_bytes + load.all.sql_statements * SQL_BYTES);
    let to_gateway = if gateways < zones { outside } else { Decimal::ZERO };
    let transfer = DataTransfer {
        internet_gb: None,
        inter_az_gb: Some(Quantity::assumed((inside + to_gateway) * (zones - Decimal::ONE) / zones)),
        inter_region_gb: None,
    };
    sheet.add(Part::Network, &transfer)
}

/// What leaves the private subnets, GB: lines of tasks, and images that tasks start from.
fn outside_gb(sheet: &Sheet<'_>, load: &Load) -> Decimal {
    if !sheet.tasks() {
        return Decimal::ZERO;
    }
    let endpoint = sheet.environment.stack.egress.interface_endpoints.iter().any(|service| service == "logs");
    let cloudwatch = sheet.environment.stack.log_destination == LogDestination::Cloudwatch;
    let lines = if endpoint && cloudwatch { Decimal::ZERO } else { gigabytes(load.tasks.log_bytes) };
    let starts = sheet.profile.options.deploys_per_month * sheet.environment.least_tasks() * sheet.months();
    lines + starts * sheet.measured.image_gb
}
