//! The front door of an environment: load balancer, HTTP API or Function URLs, its name and certificate, and what leaves for
//! the internet.

use rust_decimal::{Decimal, dec};

use super::demand::{Demand, gigabytes};
use super::{Front, Part, Path, Sheet};
use crate::services::alb::{Alb, Traffic};
use crate::services::api_gateway::HttpApi;
use crate::services::data_transfer::DataTransfer;
use crate::services::lambda::LambdaFeatures;
use crate::services::small::{Acm, CloudMap, Route53, S3};
use crate::services::{Quantity, ServiceError};

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
            let api = HttpApi {
                requests_per_month: Quantity::new(demand.requests, known),
                payload_kb: Quantity::new(each, known),
            };
            sheet.add(Part::FrontDoor, &api)?;
            if sheet.deployment.path == Path::Fargate {
                charge_discovery(sheet)?;
            }
        }
        Front::FunctionUrl => {
            let urls = LambdaFeatures {
                function_urls: Some(Quantity::declared(demand.functions.len())),
                streamed_gb: None,
                snapstart_cache_gb_seconds: None,
                snapstart_restored_gb: None,
                tenant_environments_gb: None,
                durable_operations: None,
                durable_written_gb: None,
                durable_retained_gb_months: None,
                managed_instances_usd: None,
            };
            sheet.add(Part::FrontDoor, &urls)?;
        }
    }
    charge_zone(sheet, Some(Quantity::new(demand.journeys, known)))?;
    sheet.add(Part::FrontDoor, &Acm { certificates: Quantity::declared(Decimal::ONE) })?;
    charge_transfer(sheet, demand)
}

/// A hosted zone, and the queries that it answers for what AWS resources it points to.
fn charge_zone(sheet: &mut Sheet<'_>, alias_queries: Option<Quantity>) -> Result<(), ServiceError> {
    let zone = Route53 {
        zone_months: Some(Quantity::declared(sheet.months())),
        standard_queries_per_month: None,
        latency_queries_per_month: None,
        geo_queries_per_month: None,
        alias_queries_per_month: alias_queries,
    };
    sheet.add(Part::FrontDoor, &zone)
}

/// LCUs are the dimension that needs most in each hour. Each dimension grows with the load and from nothing, so the LCU-hours of a day
/// are those of one hour with the load of the whole day, whatever its shape.
fn charge_balancer(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let (options, known) = (&sheet.profile.options, sheet.counted_known());
    let addresses = sheet.environment.azs.max(LEAST_ADDRESSES);
    let days = sheet.hours() / dec!(24);
    let mut lcu_hours = Quantity::new(Decimal::ZERO, known);
    if !days.is_zero() {
        let per_second = demand.requests / days / dec!(3600);
        let new = per_second / options.requests_per_connection;
        let gb_per_hour = gigabytes(demand.request_bytes + demand.response_bytes) / days;
        let (container, lambda) = match sheet.deployment.path {
            Path::Fargate => (gb_per_hour, Decimal::ZERO),
            Path::Lambda => (Decimal::ZERO, gb_per_hour),
        };
        let traffic = Traffic {
            new_connections_per_s: Quantity::new(new, known),
            active_connections: Quantity::new(new * options.connection_s, known),
            container_gb_per_hour: Quantity::new(container, known),
            lambda_gb_per_hour: Quantity::new(lambda, known),
            requests_per_s: Quantity::new(per_second, known),
            rules_per_request: Quantity::declared(options.listener_rules),
            mutual_tls: false,
        };
        lcu_hours = traffic.capacity()?.times(days)?;
    }
    let balancer = Alb {
        hours: Some(Quantity::declared(sheet.hours())),
        lcu_hours: Some(lcu_hours),
        traffic: None,
        public_ipv4_addresses: Quantity::declared(addresses),
    };
    sheet.add(Part::FrontDoor, &balancer)
}

/// An HTTP API finds tasks through Cloud Map, whose private namespace is a zone.
fn charge_discovery(sheet: &mut Sheet<'_>) -> Result<(), ServiceError> {
    let tasks = sheet.environment.minimum_tasks * sheet.profile.options.services;
    let tasks = CloudMap { resource_months: Quantity::derived(tasks * sheet.months()), discover_calls_per_month: None };
    sheet.add(Part::FrontDoor, &tasks)?;
    charge_zone(sheet, None)
}

fn charge_transfer(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let pictures = demand.journeys * sheet.profile.pictures_per_journey;
    let bytes = demand.response_bytes + pictures * sheet.profile.picture_kb * dec!(1024);
    let transfer = DataTransfer {
        internet_gb: Some(Quantity::new(gigabytes(bytes), sheet.counted_known())),
        inter_az_gb: None,
        inter_region_gb: None,
    };
    sheet.add(Part::Network, &transfer)?;
    let objects = S3 {
        storage_gb_months: Some(Quantity::declared(sheet.profile.pictures_gb * sheet.months())),
        put_requests_per_month: None,
        get_requests_per_month: Some(Quantity::derived(pictures)),
    };
    sheet.add(Part::Files, &objects)
}
