//! Metrics as log lines in CloudWatch's embedded metric format: no agent, no call of an API, nothing to wait for.
//! `SHOPEASE_METRICS=emf` switches them on; without it, counting costs next to nothing.
//!
//! Each metric with each value of its dimensions is billed by itself, so there are few: the service, and one more at most.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use metrics::{Unit, counter, histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};

use super::json::Identity;
use crate::ambient::Env;

/// Time of a request until its answer is there, by `Area`. Its sample count is the number of requests.
const LATENCY: &str = "Latency";
/// Answers 400 to 499, by `Area`.
const CLIENT_ERRORS: &str = "ClientErrors";
/// Answers 500 to 599, by `Area`.
const SERVER_ERRORS: &str = "ServerErrors";
/// Requests refused because too many were at work.
const SHED: &str = "Shed";
/// Orders by `Event`: what the shop's events say, `order.placed` as `placed`.
const ORDERS: &str = "Orders";
/// Payments by `Outcome`.
const PAYMENTS: &str = "Payments";
/// What the worker did, by `Result`.
const WORKER: &str = "Worker";

/// Every metric with its unit, one of CloudWatch's.
const METRICS: [(&str, Unit); 7] = [
    (LATENCY, Unit::Milliseconds),
    (CLIENT_ERRORS, Unit::Count),
    (SERVER_ERRORS, Unit::Count),
    (SHED, Unit::Count),
    (ORDERS, Unit::Count),
    (PAYMENTS, Unit::Count),
    (WORKER, Unit::Count),
];

/// How often a server writes them: CloudWatch keeps one value a minute.
const INTERVAL: Duration = Duration::from_mins(1);
/// After how many requests a server writes them in any case: a line holds at most 100 values of a metric.
const REQUESTS_A_LINE: u32 = 64;

static SINK: OnceLock<Sink> = OnceLock::new();

struct Sink {
    collector: &'static Collector,
    /// An environment of Lambda is frozen between two requests and may never wake: it writes after each.
    after_each: bool,
    requests: AtomicU32,
}

/// Starts counting when `SHOPEASE_METRICS` is `emf`; `off` is the default. Lines go to standard output. A second call changes
/// nothing. Needs the runtime.
///
/// # Errors
/// The problem with its variable.
pub fn start(env: &dyn Env) -> Result<(), String> {
    match env.var("SHOPEASE_METRICS").as_deref() {
        None | Some("off") => return Ok(()),
        Some("emf") => {}
        Some(other) => return Err(format!("SHOPEASE_METRICS: {other:?} is neither emf nor off")),
    }
    if SINK.get().is_some() {
        return Ok(());
    }
    let identity = Identity::read(env);
    // One account may hold several environments, which no dimension tells apart.
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

/// Writes what was counted since the last time.
pub fn flush() {
    let Some(sink) = SINK.get() else { return };
    // Whole lines in one piece, so that those of two threads do not mix.
    let mut lines = Vec::new();
    let written = sink.collector.flush(&mut lines).and_then(|()| std::io::stdout().write_all(&lines));
    if let Err(error) = written {
        tracing::warn!(%error, "metrics were not written");
    }
}

fn work_ended() {
    let Some(sink) = SINK.get() else { return };
    let requests = sink.requests.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    if sink.after_each || requests.is_multiple_of(REQUESTS_A_LINE) {
        flush();
    }
}

/// Counts an answered request. `area` is that of its route.
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

/// Counts a request that was refused for overload.
pub fn shed() {
    counter!(SHED).increment(1);
}

/// Counts what happened to an order, by the topic that tells it.
pub fn order_event(topic: &str) {
    if let Some(event) = topic.strip_prefix("order.") {
        counter!(ORDERS, "Event" => event.to_owned()).increment(1);
    }
}

/// Counts what became of a payment.
pub fn payment(outcome: &'static str) {
    counter!(PAYMENTS, "Outcome" => outcome).increment(1);
}

/// Counts a run of the worker: how many orders and messages had which result.
pub fn worker(results: &[(&'static str, usize)]) {
    for (result, count) in results.iter().filter(|(_, count)| *count > 0) {
        counter!(WORKER, "Result" => *result).increment(*count as u64);
    }
    work_ended();
}
