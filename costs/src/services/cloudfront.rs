//! CloudFront: transfer and requests by the edge's price class.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Context, Field, Service, ServiceError, Statement, Usage};
use crate::price_book::Key;

const GB_US: Field =
    Field::number("gb_us", &["gb", "gb_out", "transfer_gb"], "GB out of edges in the US, Mexico and Canada");
const GB_EU: Field = Field::number("gb_eu", &[], "GB out of edges in Europe");
const HTTPS: Field = Field::number("https_requests", &["requests", "requests_us"], "HTTPS requests at edges in the US");
const HTTPS_EU: Field = Field::number("https_requests_eu", &["requests_eu"], "HTTPS requests at edges in Europe");
const HTTP: Field = Field::number("http_requests", &[], "HTTP requests at edges in the US");

const OUT: Key = Key {
    name: "cloudfront_gb",
    also: &["gb", "tiers", "dto_gb"],
    service: "CloudFront",
    item: "transfer out",
    unit: "GB",
};
const HTTPS_REQUEST: Key =
    Key { name: "https_request", also: &["request"], item: "HTTPS request", unit: "request", ..OUT };
const HTTP_REQUEST: Key = Key { name: "http_request", also: &[], item: "HTTP request", unit: "request", ..OUT };
const FREE_GB: Key = Key { name: "free_gb", also: &[], item: "free transfer out", ..OUT };
const FREE_REQUESTS: Key = Key { name: "free_requests", also: &[], item: "free requests", unit: "request", ..OUT };

/// CloudFront.
pub const SERVICE: Service = Service {
    name: "cloudfront",
    also: &["cdn"],
    about: "CloudFront, pay as you go",
    fields: &[GB_US, GB_EU, HTTPS, HTTPS_EU, HTTP],
    prices: &[OUT, HTTPS_REQUEST, HTTP_REQUEST, FREE_GB, FREE_REQUESTS],
    totals: &["transfer", "tier_1", "tier_2", "requests"],
    bill,
};

/// The bill. Prices are those of the edge, whatever the region of the request.
///
/// # Errors
/// When a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let meters = [
        (&GB_US, "edge-us", "transfer", "Transfer out, US edges", &OUT, &FREE_GB),
        (&GB_EU, "edge-eu", "transfer", "Transfer out, European edges", &OUT, &FREE_GB),
        (&HTTPS, "edge-us", "requests", "HTTPS requests, US edges", &HTTPS_REQUEST, &FREE_REQUESTS),
        (&HTTPS_EU, "edge-eu", "requests", "HTTPS requests, European edges", &HTTPS_REQUEST, &FREE_REQUESTS),
        (&HTTP, "edge-us", "requests", "HTTP requests, US edges", &HTTP_REQUEST, &FREE_REQUESTS),
    ];
    let mut left = BTreeMap::<&str, Decimal>::new();
    for (field, edge, key, name, price, allowance) in meters {
        let Some(quantity) = usage.given(field) else { continue };
        // One allowance for all edges of the world.
        let free = match (context.free_tier, left.get(key)) {
            (false, _) => Decimal::ZERO,
            (true, Some(left)) => *left,
            (true, None) => context.prices.allowance(allowance)?,
        };
        let taken = quantity.min(free);
        left.insert(key, free - taken);
        let at_edge = Context { prices: context.prices.at(edge), ..*context };
        statement.charge(key, name, price, quantity - taken, usage.known_of(&[field]), &at_edge)?;
    }
    statement.name_tiers("transfer");
    Ok(statement)
}
