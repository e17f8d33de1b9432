//! Metrics as log lines in CloudWatch's embedded metric format: no agent, no API call, nothing to wait for.
//! `SHOPEASE_METRICS=emf` enables them; otherwise counting costs next to nothing.
//!
//! CloudWatch bills each combination of a metric and its dimension values, so there are few: the service, and at most
//! one more.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use metrics::{Unit, counter, histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};

use super::json::Identity;
use crate::ambient::Env;

/// Time until a request's response is ready, by `Area`. Its sample count is the number of requests.
const LATENCY: &str = "Latency";
/// Responses with status 400 to 499, by `Area`.
const CLIENT_ERRORS: &str = "ClientErrors";
/// Responses with status 500 to 599, by `Area`.
const SERVER_ERRORS: &str = "ServerErrors";
/// Requests rejected because of overload.
const SHED: &str = "Shed";
/// Orders by `Event`, taken from the shop's events: `order.placed` as `placed`.
const ORDERS: &str = "Orders";
/// Payments by `Outcome`.
const PAYMENTS: &str = "Payments";
/// Work of the worker, by `Result`.
const WORKER: &str = "Worker";

/// Every metric with its CloudWatch unit.
const METRICS: [(&str, Unit); 7] = [
    (LATENCY, Unit::Milliseconds),
    (CLIENT_ERRORS, Unit::Count),
    (SERVER_ERRORS, Unit::Count),
    (SHED, Unit::Count),
    (ORDERS, Unit::Count),
    (PAYMENTS, Unit::Count),
    (WORKER, Unit::Count),
];

/// Flush interval of a server: CloudWatch keeps one value per minute.
const INTERVAL: Duration = Duration::from_mins(1);
/// Number of requests after which a server flushes early: a line holds at most 100 values of a metric.
const REQUESTS_A_LINE: u32 = 64;

static SINK: OnceLock<Sink> = OnceLock::new();

struct Sink {
    collector: &'static Collector,
    /// A Lambda execution environment is frozen between two requests and may never resume, so it flushes after each.
    after_each: bool,
    requests: AtomicU32,
}

/// Starts counting if `SHOPEASE_METRICS` is `emf`; `off` is the default. Lines go to standard output. A second call has
/// no effect. Must be called within the runtime.
///
/// # Errors
/// The problem, with its variable.
pub fn start(env: &dyn Env) -> Result<(), String> {
    match env.var("SHOPEASE_METRICS").as_deref() {
        None | Some("off") => return Ok(()),
        Some("emf") => {}
        Some(other) => return Err(format!("SHOPEASE_METRICS: {other:?} is not `emf` or `off`")),
    }
    if SINK.get().is_some() {
        return Ok(());
    }
    let identity = Identity::read(env);
    // One account may hold several deployments, and no other dimension distinguishes them.
    let namespace = identity.environment.map_or_else(|| "shopease".to_owned(), |name| format!("shopease/{name}"));
    let builder = Builder::new().cloudwatch_namespace(namespace).with_dimension("Service", identity.service);
    let collector = builder.init().map_err(|error| format!("SHOPEASE_METRICS: {error}"))?;
    for (name, unit) in METRICS {
        metrics::with_recorder(|recorder| recorder.describe_counter(name.into(), Some(unit), "".into()));
    }
    let after_each = env.var("AWS_LAMBDA_RUNTIME_API").is_some();
    if SINK.set(Sink { collector, after_each, requests: AtomicU32::new(0) }).is_ok() && !after_each {
        tokio::spawn(async {
            loop {
                tokio::time::sleep(INTERVAL).await;
                flush();
            }
        });
    }
    Ok(())
}

/// Writes what was counted since the last flush.
pub fn flush() {
    let Some(sink) = SINK.get() else { return };
    // Written in one call, so that the lines of two threads do not mix.
    let mut lines = Vec::new();
    let written = sink.collector.flush(&mut lines).and_then(|()| std::io::stdout().write_all(&lines));
    if let Err(error) = written {
        tracing::warn!(%error, "cannot write metrics");
    }
}

fn work_ended() {
    let Some(sink) = SINK.get() else { return };
    let requests = sink.requests.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    if sink.after_each || requests.is_multiple_of(REQUESTS_A_LINE) {
        flush();
    }
}

/// Counts a completed request. `area` is that of its route.
pub fn request(area: Option<&'static str>, status: u16, duration: Duration) {
    if SINK.get().is_none() {
        return;
    }
    let area = area.unwrap_or("none");
    histogram!(LATENCY, "Area" => area).record((duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0);
    match status {
        400..=499 => counter!(CLIENT_ERRORS, "Area" => area).increment(1),
        500..=599 => counter!(SERVER_ERRORS, "Area" => area).increment(1),
        _ => {}
    }
    work_ended();
}

/// Counts a request that was rejected because of overload.
pub fn shed() {
    counter!(SHED).increment(1);
}

/// Counts an order event by its topic.
pub fn order_event(topic: &str) {
    if let Some(event) = topic.strip_prefix("order.") {
        counter!(ORDERS, "Event" => event.to_owned()).increment(1);
    }
}

/// Counts a payment outcome.
pub fn payment(outcome: &'static str) {
    counter!(PAYMENTS, "Outcome" => outcome).increment(1);
}

/// Counts a run of the worker: the number of orders and messages with each result.
pub fn worker(results: &[(&'static str, usize)]) {
    for (result, count) in results.iter().filter(|(_, count)| *count > 0) {
        counter!(WORKER, "Result" => *result).increment(*count as u64);
    }
    work_ended();
}
