//! Measures one request's use of resources that are billed by use: a meter in the request's context, fed by the
//! adapters.
//!
//! Without a meter, which is the default, feeding it only reads a task-local variable. `SHOPEASE_MEASURE=true` adds a
//! meter to each request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::request;
use crate::ambient::Env;

/// The log-line object that only measuring adds.
pub(super) const FIELD: &str = "usage";

/// Whether requests are measured.
pub fn is_measured(env: &dyn Env) -> bool {
    env.var("SHOPEASE_MEASURE").is_some_and(|measure| measure == "true")
}

/// The meter of a request.
#[derive(Debug)]
pub(super) struct Meter {
    read_thousandths: AtomicU64,
    write_thousandths: AtomicU64,
    store_requests: AtomicU64,
    statements: AtomicU64,
    log_bytes: AtomicU64,
    cpu_before: Duration,
}

/// Resources used.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Usage {
    /// Read capacity consumed, in `DynamoDB` read units (4 KB each, half when eventually consistent, double in
    /// transactions).
    pub read_units: f64,
    /// Write capacity consumed, in `DynamoDB` write units (1 KB each, double in transactions).
    pub write_units: f64,
    /// Requests to `DynamoDB`, including retries.
    pub store_requests: u64,
    /// SQL statements.
    pub statements: u64,
    /// Size in bytes of the JSON log lines, without what measuring adds.
    pub log_bytes: u64,
    /// CPU time in microseconds of the whole process during the request; the request's own if no other request runs.
    pub cpu_us: u64,
}

/// Records a request to `DynamoDB` that read this many units.
pub fn read(units: f64) {
    feed(|meter| {
        meter.read_thousandths.fetch_add(thousandths(units), Relaxed);
        meter.store_requests.fetch_add(1, Relaxed);
    });
}

/// Records a request to `DynamoDB` that wrote this many units.
pub fn written(units: f64) {
    feed(|meter| {
        meter.write_thousandths.fetch_add(thousandths(units), Relaxed);
        meter.store_requests.fetch_add(1, Relaxed);
    });
}

/// Records logged bytes; computed only if a meter is present.
pub(super) fn logged(bytes: impl FnOnce() -> usize) {
    feed(|meter| {
        meter.log_bytes.fetch_add(u64::try_from(bytes()).unwrap_or(u64::MAX), Relaxed);
    });
}

/// Usage of the current request so far; `None` if it is not measured.
pub fn current() -> Option<Usage> {
    let mut usage = None;
    request::with_current(|request| usage = request.meter.as_ref().map(Meter::read));
    usage
}

fn feed(add: impl FnOnce(&Meter)) {
    request::with_current(|request| {
        if let Some(meter) = &request.meter {
            add(meter);
        }
    });
}

impl Meter {
    pub fn start() -> Self {
        let [read_thousandths, write_thousandths, store_requests, statements, log_bytes] = Default::default();
        Self { read_thousandths, write_thousandths, store_requests, statements, log_bytes, cpu_before: cpu_time() }
    }

    fn read(&self) -> Usage {
        let cpu = cpu_time().saturating_sub(self.cpu_before);
        Usage {
            read_units: units(self.read_thousandths.load(Relaxed)),
            write_units: units(self.write_thousandths.load(Relaxed)),
            store_requests: self.store_requests.load(Relaxed),
            statements: self.statements.load(Relaxed),
            log_bytes: self.log_bytes.load(Relaxed),
            cpu_us: u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Counts SQL statements: sqlx emits an event for each, in the task that waits for it.
pub(super) fn statements<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    Statements.with_filter(Targets::new().with_target("sqlx::query", Level::DEBUG))
}

struct Statements;

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        feed(|meter| {
            meter.statements.fetch_add(1, Relaxed);
        });
    }
}

/// Capacity is a multiple of half a unit, which thousandths represent exactly.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and no request comes near"
)]
fn thousandths(units: f64) -> u64 {
    (units * 1000.0).round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "no request comes near 2^53")]
fn units(thousandths: u64) -> f64 {
    thousandths as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use ulid::Ulid;

    use super::request::{RequestContext, in_current, scope};
    use super::*;

    fn a_request() -> RequestContext {
        RequestContext::new(Ulid::from_parts(1, 2), &HeaderMap::new())
    }

    #[tokio::test]
    async fn each_meter_counts_its_own_work_and_that_of_tasks_in_its_context() {
        let work = |units: f64| async move {
            read(units);
            tokio::spawn(in_current(async { written(2.0) })).await.expect("a task");
            // Without the context, the usage is not counted.
            tokio::spawn(async { written(100.0) }).await.expect("a task");
            logged(|| 7);
            current().expect("a meter")
        };
        let (one, two) = tokio::join!(scope(a_request().metered(), work(0.5)), scope(a_request().metered(), work(1.5)));
        let counted =
            Usage { read_units: 0.5, write_units: 2.0, store_requests: 2, statements: 0, log_bytes: 7, cpu_us: 0 };
        assert_eq!(Usage { cpu_us: 0, ..one }, counted);
        assert_eq!(Usage { cpu_us: 0, ..two }, Usage { read_units: 1.5, ..counted });
    }

    #[tokio::test]
    async fn measuring_is_off_by_default() {
        read(1.0);
        let usage = scope(a_request(), async {
            logged(|| unreachable!("there is no meter"));
            current()
        });
        assert_eq!(usage.await, None);
    }
}
