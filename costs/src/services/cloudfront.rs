//! CloudFront: transfer and requests by the edge's price class.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, Statement};
use crate::price_book::Key;

/// CloudFront, pay as you go. Prices are those of the edge, whatever the region of the request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cloudfront {
    /// Transfer out of edges in the US, Mexico and Canada.
    pub us_gb: Option<Quantity>,
    /// Transfer out of edges in Europe.
    pub europe_gb: Option<Quantity>,
    /// HTTPS requests at edges in the US, Mexico and Canada.
    pub us_https_requests_per_month: Option<Quantity>,
    /// HTTPS requests at edges in Europe.
    pub europe_https_requests_per_month: Option<Quantity>,
}

impl Service for Cloudfront {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let key = |item, unit| Key::new("CloudFront", item, unit);
        let (out, free_gb) = (key("transfer out", "GB"), key("free transfer out", "GB"));
        let (https, free_requests) = (key("HTTPS request", "request"), key("free requests", "request"));
        // One allowance for all edges of the world.
        for (name, line, price, free, edge, quantity) in [
            ("transfer", "Transfer out, US edges", out, free_gb, "edge-us", self.us_gb),
            ("transfer", "Transfer out, European edges", out, free_gb, "edge-eu", self.europe_gb),
            ("requests", "HTTPS requests, US edges", https, free_requests, "edge-us", self.us_https_requests_per_month),
            (
                "requests",
                "HTTPS requests, European edges",
                https,
                free_requests,
                "edge-eu",
                self.europe_https_requests_per_month,
            ),
        ] {
            let Some(quantity) = quantity else { continue };
            let billed = statement.context.after_allowance(quantity, free)?;
            statement.charge_in(edge, name, line, price, billed)?;
        }
        Ok(())
    }
}
