//! Route 53: zones and queries.

use super::{Context, Field, Service, ServiceError, Statement, Usage, metered};
use crate::price_book::Key;
use metered::Meter;

/// Hosted zones.
pub const ZONES: Field = Field::number("zones", &["hosted_zones", "private_zones"], "hosted zones, private ones too");
/// Queries.
pub const QUERIES: Field = Field::number("standard_queries", &["queries"], "standard queries");
const LATENCY: Field = Field::number("latency_queries", &[], "latency-based queries");
const GEO: Field = Field::number("geo_queries", &["geolocation_queries"], "geolocation and geoproximity queries");
/// Free queries.
pub const ALIAS: Field = Field::number("alias_queries", &[], "alias queries to AWS resources, free");

const ZONE: Key = Key {
    name: "zone",
    also: &["hosted_zone", "zone_month"],
    service: "Route 53",
    item: "hosted zone",
    unit: "zone-month",
};
const QUERY: Key = Key {
    name: "standard",
    also: &["query", "queries", "tiers", "standard_query"],
    item: "standard query",
    unit: "query",
    ..ZONE
};
const LATENCY_QUERY: Key =
    Key { name: "latency", also: &["latency_query"], item: "latency query", unit: "query", ..ZONE };
const GEO_QUERY: Key = Key { name: "geo", also: &["geo_query"], item: "geo query", unit: "query", ..ZONE };
const ALIAS_QUERY: Key = Key { name: "alias", also: &["alias_query"], item: "alias query", unit: "query", ..ZONE };

const METERS: &[Meter] = &[
    Meter { field: ZONES, key: "zone", name: "Hosted zones", price: &ZONE, allowance: None },
    Meter { field: QUERIES, key: "standard", name: "Standard queries", price: &QUERY, allowance: None },
    Meter { field: LATENCY, key: "latency", name: "Latency queries", price: &LATENCY_QUERY, allowance: None },
    Meter { field: GEO, key: "geo", name: "Geolocation queries", price: &GEO_QUERY, allowance: None },
    Meter { field: ALIAS, key: "alias", name: "Alias queries", price: &ALIAS_QUERY, allowance: None },
];

/// Route 53.
pub const SERVICE: Service = Service {
    name: "route53",
    also: &["route 53", "dns"],
    about: "hosted zones and queries",
    fields: &[ZONES, QUERIES, LATENCY, GEO, ALIAS],
    prices: &[ZONE, QUERY, LATENCY_QUERY, GEO_QUERY, ALIAS_QUERY],
    totals: &["zone", "standard", "latency", "latency_1", "latency_2", "geo", "geo_1", "geo_2", "alias", "queries"],
    bill,
};

/// The bill.
///
/// # Errors
/// When a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let all = metered::charge(&mut statement, METERS, usage, context)?;
    let zones = statement.amount("zone");
    statement.quantity("queries", all - zones);
    Ok(statement)
}
