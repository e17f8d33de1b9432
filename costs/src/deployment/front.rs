//! The front door of an environment: load balancer, HTTP API or Function URLs, its name and certificate, and what leaves for
//! the internet.

use rust_decimal::{Decimal, dec};

use super::demand::{Demand, gigabytes};
use super::{Front, Part, Path, Sheet};
use crate::line::Known;
use crate::services::{ServiceError, Usage, alb, api_gateway, data_transfer, lambda, network, product, route53, small};

/// Least addresses of an internet-facing load balancer, one in each of two AZs.
const LEAST_ADDRESSES: Decimal = dec!(2);

pub fn charge(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let known = sheet.counted_known();
    match sheet.deployment.front {
        Front::Alb => charge_balancer(sheet, demand)?,
        Front::HttpApi => {
            let each = if demand.requests.is_zero() {
                Decimal::ZERO
            } else {
                demand.response_bytes.max(demand.request_bytes) / demand.requests / dec!(1024)
            };
            let usage = Usage::new()
                .with(&api_gateway::REQUESTS, demand.requests, known)
                .with(&api_gateway::PAYLOAD_KB, each, known)
                .with_text(&api_gateway::KIND, "http");
            sheet.add(Part::FrontDoor, &api_gateway::SERVICE, &usage)?;
            if sheet.deployment.path == Path::Fargate {
                charge_discovery(sheet)?;
            }
        }
        Front::FunctionUrl => {
            let usage = Usage::new().with(&lambda::URLS, Decimal::from(demand.functions.len()), Known::Declared);
            sheet.add(Part::FrontDoor, &lambda::SERVICE, &usage)?;
        }
    }
    let zone = Usage::new().with(&route53::ZONES, sheet.months(), Known::Declared).with(
        &route53::ALIAS,
        demand.journeys,
        known,
    );
    sheet.add(Part::FrontDoor, &route53::SERVICE, &zone)?;
    let certificate = Usage::new().with(&small::CERTIFICATES, Decimal::ONE, Known::Declared);
    sheet.add(Part::FrontDoor, &small::ACM, &certificate)?;
    charge_transfer(sheet, demand)
}

/// LCUs are the dimension that needs most in each hour. Each dimension grows with the load and from nothing, so the LCU-hours of a day
/// are those of one hour with the load of the whole day, whatever its shape.
fn charge_balancer(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let (options, known) = (&sheet.profile.options, sheet.counted_known());
    let addresses = sheet.environment.stack.modules.zones.max(LEAST_ADDRESSES);
    let days = sheet.hours() / dec!(24);
    let field = match sheet.deployment.path {
        Path::Fargate => &alb::GB_PER_HOUR,
        Path::Lambda => &alb::LAMBDA_GB_PER_HOUR,
    };
    let mut lcu_hours = Decimal::ZERO;
    if !days.is_zero() {
        let per_second = demand.requests / days / dec!(3600);
        let new = per_second / options.requests_per_connection;
        let usage = Usage::new()
            .with(&alb::NEW, new, known)
            .with(&alb::ACTIVE, new * options.connection_s, known)
            .with(field, gigabytes(demand.request_bytes + demand.response_bytes) / days, known)
            .with(&alb::REQUESTS_PER_S, per_second, known)
            .with(&alb::RULES, Decimal::from(sheet.environment.stack.modules.listener_rules), Known::Declared);
        lcu_hours = product(&[alb::capacity(&usage)?, days])?;
    }
    let usage = Usage::new()
        .with(&network::HOURS, sheet.hours(), Known::Declared)
        .with(&alb::LCU_HOURS, lcu_hours, known)
        .with(&network::ADDRESSES, addresses, Known::Declared);
    sheet.add(Part::FrontDoor, &alb::SERVICE, &usage)
}

/// An HTTP API finds tasks through Cloud Map, whose private namespace is a zone.
fn charge_discovery(sheet: &mut Sheet<'_>) -> Result<(), ServiceError> {
    let tasks = sheet.environment.least_tasks();
    let usage = Usage::new().with(&small::MAP_RESOURCES, tasks * sheet.months(), Known::Derived);
    sheet.add(Part::FrontDoor, &small::CLOUD_MAP, &usage)?;
    let zone = Usage::new().with(&route53::ZONES, sheet.months(), Known::Declared);
    sheet.add(Part::FrontDoor, &route53::SERVICE, &zone)
}

fn charge_transfer(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let images = demand.journeys * sheet.profile.images_per_journey;
    let bytes = demand.response_bytes + images * sheet.profile.image_kb * dec!(1024);
    let usage = Usage::new().with(&data_transfer::OUT_GB, gigabytes(bytes), sheet.counted_known());
    sheet.add(Part::Network, &data_transfer::SERVICE, &usage)?;
    let objects = Usage::new().with(&small::S3_GB, sheet.profile.images_gb * sheet.months(), Known::Declared).with(
        &small::S3_GET,
        images,
        Known::Derived,
    );
    sheet.add(Part::Files, &small::S3, &objects)
}
