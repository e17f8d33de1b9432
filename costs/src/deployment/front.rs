//! The front door of an environment: load balancer, HTTP API or Function URLs, web ACL, name and certificate, and transfer to
//! the internet.

use rust_decimal::{Decimal, dec};

use super::demand::{Load, gigabytes};
use super::{Front, Part, Path, Sheet};
use crate::services::Quantity;
use crate::services::alb::{Alb, Traffic};
use crate::services::api_gateway::HttpApi;
use crate::services::network::DataTransfer;
use crate::services::small::{Acm, CloudMap, Route53, S3, WebAcl};

/// Access logs that a node of the load balancer writes in an hour.
const ACCESS_LOGS_PER_HOUR: Decimal = dec!(12);
/// A compressed line of an access log, bytes.
const ACCESS_LOG_BYTES: Decimal = dec!(120);
/// Months that the bucket keeps access logs.
const ACCESS_LOG_MONTHS: Decimal = dec!(3);

pub fn charge(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    match sheet.deployment.front {
        Front::Alb => charge_balancer(sheet, load)?,
        Front::HttpApi => charge_api(sheet, load)?,
        // Free: the function's requests are all that is billed.
        Front::FunctionUrl => {}
    }
    charge_zone(sheet, Some(Quantity::new(load.all.journeys, sheet.counted_known())))?;
    sheet.add(Part::FrontDoor, &Acm { certificates: Quantity::declared(Decimal::ONE) })?;
    charge_transfer(sheet, load)
}

fn charge_api(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    let (demand, known) = (&load.all, sheet.counted_known());
    let bytes = demand.response_bytes.max(demand.request_bytes);
    let each = bytes.checked_div(demand.requests).unwrap_or_default() / dec!(1024);
    let api =
        HttpApi { requests_per_month: Quantity::new(demand.requests, known), payload_kb: Quantity::new(each, known) };
    sheet.add(Part::FrontDoor, &api)?;
    if sheet.deployment.path == Path::Lambda {
        return Ok(());
    }
    // An HTTP API finds tasks through Cloud Map.
    charge_namespace(sheet, sheet.environment.least_tasks())
}

/// Names in a private namespace of Cloud Map, which is a hosted zone.
pub fn charge_namespace(sheet: &mut Sheet<'_>, tasks: Decimal) -> anyhow::Result<()> {
    let tasks = CloudMap { resource_months: Quantity::derived(tasks * sheet.months()) };
    sheet.add(Part::FrontDoor, &tasks)?;
    charge_zone(sheet, None)
}

/// A hosted zone, and the queries that it answers for what AWS resources it points to.
fn charge_zone(sheet: &mut Sheet<'_>, alias_queries: Option<Quantity>) -> anyhow::Result<()> {
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
fn charge_balancer(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    let (options, known, modules) = (&sheet.profile.options, sheet.counted_known(), &sheet.environment.stack.modules);
    let days = sheet.hours() / dec!(24);
    let mut lcu_hours = Quantity::new(Decimal::ZERO, known);
    if !days.is_zero() {
        let per_second = load.all.requests / days / dec!(3600);
        let new = per_second / options.requests_per_connection;
        let gb = |bytes: Decimal| Quantity::new(gigabytes(bytes) / days, known);
        let traffic = Traffic {
            new_connections_per_s: Quantity::new(new, known),
            active_connections: Quantity::new(new * options.connection_s, known),
            container_gb_per_hour: gb(load.tasks.request_bytes + load.tasks.response_bytes),
            lambda_gb_per_hour: gb(load.lambda.request_bytes + load.lambda.response_bytes),
            requests_per_s: Quantity::new(per_second, known),
            rules_per_request: Quantity::declared(modules.listener_rules),
        };
        let [.., (_, lcu)] = traffic.dimensions()?;
        lcu_hours = lcu.times(days)?;
    }
    let zones = modules.zones;
    let balancer = Alb {
        hours: Some(Quantity::declared(sheet.hours())),
        lcu_hours: Some(lcu_hours),
        traffic: None,
        public_ipv4_addresses: Quantity::declared(zones),
    };
    sheet.add(Part::FrontDoor, &balancer)?;
    if sheet.environment.stack.environment.web_acl {
        let web_acl = WebAcl {
            acl_months: Quantity::declared(sheet.months()),
            rule_months: Quantity::declared(Decimal::from(modules.web_acl_rules) * sheet.months()),
            requests_per_month: Quantity::new(load.all.requests, known),
        };
        sheet.add(Part::FrontDoor, &web_acl)?;
    }
    let logs = S3 {
        storage_gb_months: Some(Quantity::assumed(gigabytes(load.all.requests * ACCESS_LOG_BYTES) * ACCESS_LOG_MONTHS)),
        put_requests_per_month: Some(Quantity::derived(zones * ACCESS_LOGS_PER_HOUR * sheet.hours())),
        get_requests_per_month: None,
    };
    sheet.add(Part::Observability, &logs)
}

fn charge_transfer(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    let images = load.all.journeys * sheet.profile.images_per_journey;
    let bytes = load.all.response_bytes + images * sheet.profile.image_kb * dec!(1024);
    let transfer = DataTransfer {
        internet_gb: Some(Quantity::new(gigabytes(bytes), sheet.counted_known())),
        inter_az_gb: None,
        inter_region_gb: None,
    };
    sheet.add(Part::Network, &transfer)?;
    let objects = S3 {
        storage_gb_months: Some(Quantity::declared(sheet.profile.images_gb * sheet.months())),
        put_requests_per_month: None,
        get_requests_per_month: Some(Quantity::derived(images)),
    };
    sheet.add(Part::Files, &objects)
}
