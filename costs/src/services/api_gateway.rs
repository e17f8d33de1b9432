//! API Gateway: HTTP, REST, private and WebSocket APIs.
//!
//! HTTP APIs meter a request in steps of 512 KB and WebSocket APIs a message in steps of 32 KB (API Gateway pricing page);
//! REST APIs count requests. GB are 1,024-based, as on that page.

use rust_decimal::{Decimal, dec};

use super::data_transfer::OUT;
use super::network::{AZS, ENDPOINT_DATA, ENDPOINT_HOUR, HOURS};
use super::{Context, Field, Kind, Service, ServiceError, Statement, Usage, product};
use crate::price_book::Key;

const HTTP_STEP_KB: Decimal = dec!(512);
const MESSAGE_STEP_KB: Decimal = dec!(32);

/// Requests.
pub const REQUESTS: Field =
    Field::number("requests", &["http_api_requests", "rest_api_requests", "calls"], "requests in the period");
/// Kind of API.
pub const KIND: Field = Field {
    name: "kind",
    also: &["api", "type", "api_type", "protocol"],
    kind: Kind::Choice(&[
        &["http", "http api", "http_api", "v2"],
        &["rest", "rest api", "rest_api", "v1"],
        &["websocket", "websocket api"],
    ]),
    about: "http (default), rest or websocket; told from the fields when not given",
};
const PAYLOAD_MB: Field = Field::number("payload_mb", &[], "request and response of an HTTP API, MB");
/// Payload.
pub const PAYLOAD_KB: Field =
    Field::number("payload_kb", &["request_size_kb"], "what a request is metered by, KB (HTTP API: steps of 512)");
const REQUEST_KB: Field = Field::number("request_kb", &[], "KB of a request: data on private endpoints");
const RESPONSE_KB: Field =
    Field::number("response_kb", &[], "KB of a response: transfer to the internet, or data on private endpoints");
const CACHE_GB: Field = Field::number("cache_gb", &["cache_size_gb"], "size of the REST cache, GB");
const USERS: Field = Field::number("users", &["connections"], "WebSocket: users connected");
const HOURS_PER_DAY: Field = Field::number("hours_per_day", &[], "WebSocket: hours that each is connected a day");
const PER_USER_DAY: Field =
    Field::number("messages_per_user_day", &["messages_per_user_per_day"], "WebSocket: messages of a user a day");
const DAYS: Field = Field::number("days", &[], "WebSocket: days");
const MESSAGE_KB: Field = Field::number("message_kb", &[], "WebSocket: KB of a message (steps of 32)");
const MESSAGES: Field = Field::number("messages", &[], "WebSocket: messages, instead of users");
const CONNECTION_MINUTES: Field =
    Field::number("connection_minutes", &[], "WebSocket: minutes of all connections, instead of users");

const HTTP: Key = Key {
    name: "http_api_request",
    also: &["request", "requests", "tiers", "http_request"],
    service: "API Gateway",
    item: "HTTP API request",
    unit: "request",
};
const REST: Key = Key {
    name: "rest_api_request",
    also: &["request", "requests", "tiers", "rest_request"],
    item: "REST API request",
    ..HTTP
};
const MESSAGE: Key = Key { name: "message", also: &["tiers"], item: "WebSocket message", unit: "message", ..HTTP };
const CONNECTION: Key =
    Key { name: "connection_minute", also: &[], item: "WebSocket connection minute", unit: "minute", ..HTTP };
const CACHE: Key = Key { name: "cache_hour", also: &[], item: "REST cache", unit: "hour", ..HTTP };

/// API Gateway.
pub const SERVICE: Service = Service {
    name: "api-gateway",
    also: &["apigw", "apigateway", "http api", "rest api", "websocket api", "apigatewayv2"],
    about: "HTTP, REST, private and WebSocket APIs",
    fields: &[
        REQUESTS,
        KIND,
        PAYLOAD_MB,
        PAYLOAD_KB,
        REQUEST_KB,
        RESPONSE_KB,
        AZS,
        HOURS,
        CACHE_GB,
        USERS,
        HOURS_PER_DAY,
        PER_USER_DAY,
        DAYS,
        MESSAGE_KB,
        MESSAGES,
        CONNECTION_MINUTES,
    ],
    prices: &[HTTP, REST, MESSAGE, CONNECTION, CACHE, OUT, ENDPOINT_HOUR, ENDPOINT_DATA],
    totals: &[
        "metered_requests",
        "request_charge",
        "tier_1",
        "tier_2",
        "gb",
        "transfer",
        "endpoint_hours",
        "endpoint_data",
        "messages",
        "message_charge",
        "connection_minutes",
        "connection_charge",
        "cache",
    ],
    bill,
};

/// The bill of one API.
///
/// # Errors
/// When usage does not fit the kind, or a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let socket = usage.has(&USERS) || usage.has(&MESSAGES) || usage.has(&CONNECTION_MINUTES);
    let rest = usage.has(&AZS) || usage.has(&CACHE_GB);
    let kind = usage.text(&KIND).unwrap_or(if socket {
        "websocket"
    } else if rest {
        "rest"
    } else {
        "http"
    });
    let mut statement = Statement::default();
    match (kind, socket, rest) {
        ("websocket", true, false) => charge_socket(&mut statement, usage, context)?,
        ("http" | "rest", false, _) if kind == "rest" || !rest => {
            charge_requests(&mut statement, kind, usage, context)?;
        }
        _ => return Err(ServiceError::usage("api-gateway", format!("the fields do not fit an API of kind {kind}"))),
    }
    Ok(statement)
}

fn charge_requests(
    statement: &mut Statement,
    kind: &str,
    usage: &Usage,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let known = usage.known();
    if let Some(requests) = usage.given(&REQUESTS) {
        let payload_kb = usage.given(&PAYLOAD_MB).map(|mb| mb * dec!(1024)).or(usage.given(&PAYLOAD_KB));
        let largest = payload_kb.unwrap_or(usage.number(&REQUEST_KB).max(usage.number(&RESPONSE_KB)));
        let steps = if kind == "http" { (largest / HTTP_STEP_KB).ceil().max(Decimal::ONE) } else { Decimal::ONE };
        let metered = product(&[requests, steps])?;
        statement.quantity("metered_requests", metered);
        let (name, price) = if kind == "http" { ("HTTP API requests", &HTTP) } else { ("REST API requests", &REST) };
        statement.charge("request_charge", name, price, metered, known, context)?;
        statement.name_tiers("request_charge");
        charge_bytes(statement, requests, usage, context)?;
    }
    let hours = usage.given(&HOURS).unwrap_or(context.month_hours);
    if let Some(azs) = usage.given(&AZS) {
        let hours = product(&[azs, hours])?;
        statement.charge("endpoint_hours", "Interface endpoint x AZs", &ENDPOINT_HOUR, hours, known, context)?;
    }
    if let Some(gb) = usage.given(&CACHE_GB) {
        let item = format!("REST cache {} GB", gb.normalize());
        statement.charge("cache", &item, CACHE.of(&item), hours, known, context)?;
    }
    Ok(())
}

fn charge_bytes(
    statement: &mut Statement,
    requests: Decimal,
    usage: &Usage,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    let private = usage.has(&AZS);
    let each = match (usage.given(&RESPONSE_KB), private) {
        (Some(response), false) => response,
        (response, true) => response.unwrap_or_default() + usage.number(&REQUEST_KB),
        (None, false) => {
            statement.note("transfer out is not included: response_kb is not given");
            return Ok(());
        }
    };
    let gb = product(&[requests, each])? / context.gigabyte.kilobytes();
    statement.quantity("gb", gb);
    let known = usage.known();
    let (key, name, price) = if private {
        ("endpoint_data", "Data on interface endpoints", &ENDPOINT_DATA)
    } else {
        ("transfer", "Transfer to the internet", &OUT)
    };
    statement.charge(key, name, price, gb, known, context)?;
    Ok(())
}

fn charge_socket(statement: &mut Statement, usage: &Usage, context: &Context<'_>) -> Result<(), ServiceError> {
    let user_days = product(&[usage.number(&USERS), usage.given(&DAYS).unwrap_or(Decimal::ONE)])?;
    let messages = match usage.given(&MESSAGES) {
        Some(messages) => messages,
        None => product(&[user_days, usage.number(&PER_USER_DAY)])?,
    };
    let minutes = match usage.given(&CONNECTION_MINUTES) {
        Some(minutes) => minutes,
        None => product(&[user_days, usage.number(&HOURS_PER_DAY), dec!(60)])?,
    };
    let steps = (usage.number(&MESSAGE_KB) / MESSAGE_STEP_KB).ceil().max(Decimal::ONE);
    let messages = product(&[messages, steps])?;
    statement.quantity("messages", messages);
    statement.quantity("connection_minutes", minutes);
    let known = usage.known();
    statement.charge("message_charge", "WebSocket messages", &MESSAGE, messages, known, context)?;
    statement.charge("connection_charge", "WebSocket connection minutes", &CONNECTION, minutes, known, context)?;
    Ok(())
}
