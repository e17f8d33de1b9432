//! API Gateway: HTTP, REST and WebSocket APIs. What leaves for the internet is billed as data transfer, what crosses an interface
//! endpoint as its data.
//!
//! HTTP APIs meter a request in steps of 512 KB and WebSocket APIs a message in steps of 32 KB (API Gateway pricing page);
//! REST APIs count requests.

use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, Statement};
use crate::price_book::Key;

const HTTP_STEP_KB: Decimal = dec!(512);
const MESSAGE_STEP_KB: Decimal = dec!(32);

const fn key<'a>(item: &'a str, unit: &'static str) -> Key<'a> {
    Key::new("API Gateway", item, unit)
}

/// An HTTP API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpApi {
    /// Requests.
    pub requests_per_month: Quantity,
    /// The larger of request and response; each 512 KB count as a request.
    pub payload_kb: Quantity,
}

impl Service for HttpApi {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let metered = self.requests_per_month.times(self.payload_kb.steps(HTTP_STEP_KB))?;
        statement.charge("request_charge", "HTTP API requests", key("HTTP API request", "request"), metered)
    }
}

/// A REST API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestApi {
    /// Requests.
    pub requests_per_month: Option<Quantity>,
    /// Its cache.
    pub cache: Option<Cache>,
}

/// The cache of a REST API.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// One of the sizes on sale.
    pub size_gb: Quantity,
    /// Hours that it exists; the month when not given.
    pub hours: Option<Quantity>,
}

impl Service for RestApi {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let price = key("REST API request", "request");
        statement.charge("request_charge", "REST API requests", price, self.requests_per_month)?;
        let Some(cache) = self.cache else { return Ok(()) };
        let item = format!("REST cache {} GB", cache.size_gb.value.normalize());
        statement.charge("cache", &item, key(&item, "hour"), statement.context.hours(cache.hours))
    }
}

/// A WebSocket API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebsocketApi {
    /// Messages, both ways.
    pub messages_per_month: Quantity,
    /// Size of a message; each 32 KB count as a message.
    pub message_kb: Quantity,
    /// Minutes of all connections.
    pub connection_minutes: Quantity,
}

impl Service for WebsocketApi {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let messages = self.messages_per_month.times(self.message_kb.steps(MESSAGE_STEP_KB))?;
        statement.charge("message_charge", "WebSocket messages", key("WebSocket message", "message"), messages)?;
        let price = key("WebSocket connection minute", "minute");
        statement.charge("connection_charge", "WebSocket connection minutes", price, self.connection_minutes)
    }
}
