//! NAT gateways, interface endpoints and public IPv4 addresses: what a VPC costs before the first request.

use rust_decimal::Decimal;

use super::{Context, Field, Service, ServiceError, Statement, Usage, product};
use crate::price_book::Key;

/// Hours that things exist.
pub const HOURS: Field = Field::number("hours", &[], "hours; the month when not given");
/// Public IPv4 addresses.
pub const ADDRESSES: Field = Field::number(
    "public_ipv4",
    &["addresses", "ipv4", "public_ipv4_addresses", "ipv4_addresses", "eips"],
    "public IPv4 addresses of each",
);
/// Address-hours.
pub const ADDRESS_HOURS: Field =
    Field::number("ipv4_hours", &["address_hours"], "hours of all public IPv4 addresses together");
/// NAT gateways.
pub const GATEWAYS: Field = Field::number("gateways", &["nat_gateways", "count"], "NAT gateways; 1 when not given");
/// Data through them.
pub const NAT_GB: Field = Field::number("gb", &["data_gb", "processed_gb", "nat_gb"], "GB processed");
/// Interface endpoints.
pub const ENDPOINTS: Field = Field::number("endpoints", &["count"], "interface endpoints; 1 when not given");
/// AZs of each.
pub const AZS: Field =
    Field::number("azs", &["subnets", "endpoint_azs", "availability_zones"], "AZs that each is in; 1 when not given");
/// Data through them.
pub const ENDPOINT_GB: Field = Field::number("gb", &["data_gb", "processed_gb"], "GB processed");

/// A public IPv4 address, in use or idle.
pub const ADDRESS: Key = Key {
    name: "ipv4_hour",
    also: &["address_hour", "public_ipv4_hour"],
    service: "Public IPv4",
    item: "address",
    unit: "address-hour",
};
const NAT_HOUR: Key =
    Key { name: "nat_hour", also: &["hour", "gateway_hour"], service: "NAT gateway", item: "gateway", unit: "hour" };
const NAT_DATA: Key = Key { name: "nat_gb", also: &["gb", "data_gb"], item: "data processed", unit: "GB", ..NAT_HOUR };
/// An interface endpoint in one AZ.
pub const ENDPOINT_HOUR: Key = Key {
    name: "endpoint_hour",
    also: &["hour", "vpce_hour"],
    service: "VPC interface endpoint",
    item: "endpoint in an AZ",
    unit: "hour",
};
/// Data through an interface endpoint.
pub const ENDPOINT_DATA: Key = Key {
    name: "endpoint_gb",
    also: &["gb", "tiers", "data_gb", "vpce_gb"],
    item: "data processed",
    unit: "GB",
    ..ENDPOINT_HOUR
};

/// NAT gateways.
pub const NAT: Service = Service {
    name: "nat",
    also: &["nat gateway", "nat gateways"],
    about: "NAT gateways; their public IPv4 addresses only when public_ipv4 is given",
    fields: &[GATEWAYS, HOURS, NAT_GB, ADDRESSES],
    prices: &[NAT_HOUR, NAT_DATA, ADDRESS],
    totals: &["hours", "data", "ipv4"],
    bill: nat,
};

/// Interface endpoints.
pub const ENDPOINT: Service = Service {
    name: "endpoint",
    also: &["vpce", "endpoints", "vpc endpoint", "interface endpoint", "vpc interface endpoint", "privatelink"],
    about: "interface endpoints (PrivateLink); gateway endpoints for S3 and DynamoDB are free",
    fields: &[ENDPOINTS, AZS, HOURS, ENDPOINT_GB],
    prices: &[ENDPOINT_HOUR, ENDPOINT_DATA],
    totals: &["hours", "hours_1", "hours_2", "data", "tier_1", "tier_2", "tier_3"],
    bill: endpoint,
};

/// Names of addresses that belong to nothing else on the bill.
const IPV4_NAMES: &[&str] = &["addresses", "ipv4", "task_public_ipv4", "ipv4_addresses", "eips", "count"];

/// Public IPv4 addresses.
pub const IPV4: Service = Service {
    name: "ipv4",
    also: &["public ipv4", "eip", "elastic ip", "public ip", "vpc"],
    about: "public IPv4 addresses, in use or idle",
    fields: &[Field { also: IPV4_NAMES, about: "addresses; 1 when not given", ..ADDRESSES }, HOURS, ADDRESS_HOURS],
    prices: &[ADDRESS],
    totals: &["ipv4"],
    bill: ipv4,
};

fn hours(usage: &Usage, context: &Context<'_>) -> Decimal {
    usage.given(&HOURS).unwrap_or(context.month_hours)
}

fn nat(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let gateway_hours = product(&[usage.given(&GATEWAYS).unwrap_or(Decimal::ONE), hours(usage, context)])?;
    let known = usage.known_of(&[&GATEWAYS, &HOURS]);
    statement.charge("hours", "NAT gateways", &NAT_HOUR, gateway_hours, known, context)?;
    if let Some(gb) = usage.given(&NAT_GB) {
        statement.charge("data", "Data through NAT", &NAT_DATA, gb, usage.known_of(&[&NAT_GB]), context)?;
    } else {
        statement.note("data through the NAT gateway is not included: gb is not given");
    }
    match usage.given(&ADDRESSES) {
        Some(each) => {
            let address_hours = product(&[gateway_hours, each])?;
            statement.charge("ipv4", "Public IPv4 of NAT gateways", &ADDRESS, address_hours, known, context)?;
        }
        None => statement.note("the gateway's public IPv4 address is not included: public_ipv4 is not given"),
    }
    Ok(statement)
}

fn endpoint(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let azs = usage.given(&AZS).unwrap_or(Decimal::ONE);
    let in_one_az = product(&[usage.given(&ENDPOINTS).unwrap_or(Decimal::ONE), hours(usage, context)])?;
    let known = usage.known_of(&[&ENDPOINTS, &AZS, &HOURS]);
    let quantity = product(&[in_one_az, azs])?;
    let amount = statement.charge("hours", "Interface endpoints x AZs", &ENDPOINT_HOUR, quantity, known, context)?;
    if !azs.is_zero() {
        for (name, count) in [("hours_1", Decimal::ONE), ("hours_2", Decimal::TWO)].iter().filter(|(_, n)| *n <= azs) {
            statement.quantity(name, product(&[amount, *count])? / azs);
        }
    }
    match usage.given(&ENDPOINT_GB) {
        Some(gb) => {
            let known = usage.known_of(&[&ENDPOINT_GB]);
            statement.charge("data", "Data through endpoints", &ENDPOINT_DATA, gb, known, context)?;
            statement.name_tiers("data");
        }
        None => statement.note("data through the endpoints is not included: gb is not given"),
    }
    Ok(statement)
}

fn ipv4(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let each = usage.given(&ADDRESSES).unwrap_or(Decimal::ONE);
    let quantity = match usage.given(&ADDRESS_HOURS) {
        Some(hours) => hours,
        None => product(&[each, hours(usage, context)])?,
    };
    statement.charge("ipv4", "Public IPv4 addresses", &ADDRESS, quantity, usage.known(), context)?;
    Ok(statement)
}
