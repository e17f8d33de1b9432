//! Waiting times by Erlang C, in the words of call centres or of servers.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use super::request::Request;
use super::{EvaluateError, Evaluation, wrong};
use crate::queueing::Queue;
use crate::services::{Context, Field, Service, ServiceError, Statement, Usage};

const ARRIVALS: Field =
    Field::number("arrivals_per_s", &["arrival_rate", "rps", "requests_per_s", "lambda"], "arrivals/s");
const CALLS: Field = Field::number("calls", &["arrivals"], "arrivals in interval_s, instead of arrivals_per_s");
const INTERVAL: Field = Field::number("interval_s", &[], "interval of calls, s");
const SERVICE_MS: Field = Field::number("service_ms", &["duration_ms"], "mean service time, ms");
const SERVICE_S: Field =
    Field::number("service_s", &["handle_s", "aht_s"], "mean service time, s, instead of service_ms");
const SERVERS: Field = Field::number("servers", &["agents", "c", "workers"], "servers");
const TARGET: Field = Field::number("target_s", &[], "the wait that service_level is about, s");

/// The fields of a queue.
pub const QUEUE: Service = Service {
    name: "queue",
    also: &[],
    about: "M/M/c queue (Erlang C): probability and length of waiting",
    fields: &[ARRIVALS, CALLS, INTERVAL, SERVICE_MS, SERVICE_S, SERVERS, TARGET],
    prices: &[],
    totals: &["offered_erlangs", "utilization", "p_wait", "mean_wait_s", "mean_wait_ms", "service_level"],
    bill: |_: &Usage, _: &Context<'_>| -> Result<Statement, ServiceError> { Ok(Statement::default()) },
};

/// Answers a request.
///
/// # Errors
/// For unknown fields, and for a queue that grows without end.
pub fn evaluate(request: &Request) -> Result<Evaluation, EvaluateError> {
    let mut usage = Usage::new();
    for (name, value) in &request.usage {
        usage.read(&QUEUE, name, value).map_err(wrong)?;
    }
    let number = |field: &Field| usage.given(field).and_then(|number| number.to_f64());
    let arrivals_per_s = match (number(&ARRIVALS), number(&CALLS), number(&INTERVAL)) {
        (Some(rate), ..) => rate,
        (None, Some(calls), Some(interval)) if interval > 0.0 => calls / interval,
        _ => return Err(wrong("queue: arrivals_per_s is needed, or calls and interval_s")),
    };
    let service_s = number(&SERVICE_S).or(number(&SERVICE_MS).map(|ms| ms / 1000.0));
    let service_s = service_s.ok_or_else(|| wrong("queue: service_ms or service_s is needed"))?;
    let servers = usage.given(&SERVERS).filter(Decimal::is_integer).and_then(|servers| servers.to_u32());
    let servers = servers.filter(|servers| *servers <= 10_000_000);
    let servers = servers.ok_or_else(|| wrong("queue: servers is a whole number up to 10 million"))?;
    let queue = Queue { arrivals_per_s, service_s, servers };
    let failed = |error: crate::queueing::QueueError| wrong(format!("queue: {error}"));
    let wait = queue.mean_wait_s().map_err(failed)?;
    let mut totals = vec![
        ("offered_erlangs", queue.offered_erlangs()),
        ("utilization", queue.utilization()),
        ("p_wait", queue.waiting_probability().map_err(failed)?),
        ("mean_wait_s", wait),
        ("mean_wait_ms", wait * 1000.0),
    ];
    if let Some(target) = number(&TARGET) {
        totals.push(("service_level", queue.served_within(target).map_err(failed)?));
    }
    let decimal = |(name, number): (&str, f64)| Some((name.to_owned(), Decimal::from_f64(number)?));
    let totals: BTreeMap<_, _> = totals.into_iter().filter_map(decimal).collect();
    Ok(Evaluation {
        service: request.service.clone(),
        region: request.region.clone(),
        totals,
        lines: Vec::new(),
        notes: Vec::new(),
    })
}
