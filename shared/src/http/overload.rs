//! Overload protection: a request body is read before the request counts against a concurrency limit, a request over the limit
//! is rejected early, and every request gets a response by its deadline. Probes are not limited. See ADR 11 for the numbers.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::App;
use super::problem::Problem;
use super::routes::{self, Class};
use crate::config::Limits;
use shopease_process::deadline;
use shopease_process::telemetry::{metrics, request};
use shopease_shop::ShopError;

/// How long requests must be rejected without a break before the process counts as saturated.
const SATURATED_AFTER: Duration = Duration::from_secs(3);
/// Time without rejections that ends the saturation.
const CALM_AFTER: Duration = Duration::from_secs(2);

/// Maximum bytes of all request bodies in memory, beyond the first [`FREE_BODY_BYTES`] of each. Many large bodies sent slowly
/// must not fill the memory.
const BODY_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of each body that are always accepted: enough for a form or an order, so that other clients' bodies cannot block it.
const FREE_BODY_BYTES: usize = 16 * 1024;

/// Concurrency limits for requests, shared by all routers of a process.
pub(crate) struct Gate {
    limits: Limits,
    ordinary: ConcurrencyLimit,
    checkouts: ConcurrencyLimit,
    /// Bytes of bodies that may still be read, beyond [`FREE_BODY_BYTES`] of each.
    body_bytes: Arc<Semaphore>,
    saturation: Mutex<Saturation>,
    cut_off: watch::Sender<bool>,
}

/// How many requests of one class may run at once; as many again may be queued.
struct ConcurrencyLimit {
    free: Arc<Semaphore>,
    queue: Semaphore,
    count: u32,
}

impl ConcurrencyLimit {
    fn new(count: usize) -> Self {
        let count = count.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(count)),
            queue: Semaphore::new(count),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }

    /// Acquires a permit, at once or after a short wait in order of arrival.
    async fn enter(&self, queue_timeout: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(permit);
        }
        let _queued = self.queue.try_acquire().ok()?;
        timeout(queue_timeout, Arc::clone(&self.free).acquire_owned()).await.ok()?.ok()
    }
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ordinary: ConcurrencyLimit::new(limits.requests_in_flight),
            checkouts: ConcurrencyLimit::new(limits.checkouts_in_flight),
            body_bytes: Arc::new(Semaphore::new(BODY_BYTES)),
            saturation: Mutex::default(),
            cut_off: watch::Sender::new(false),
        }
    }

    pub(super) fn cut_off(&self) {
        self.cut_off.send_replace(true);
    }

    pub(super) async fn checkouts_ended(&self) {
        // All permits are free only when no checkout is running.
        let _all = self.checkouts.free.acquire_many(self.checkouts.count).await;
    }

    /// Returns whether requests have been rejected for some time, up to now.
    pub(super) fn is_saturated(&self) -> bool {
        self.saturation.lock().unwrap_or_else(PoisonError::into_inner).is_on(Instant::now())
    }

    fn record_rejection(&self) {
        let is_first = self.saturation.lock().unwrap_or_else(PoisonError::into_inner).record(Instant::now());
        if is_first {
            tracing::warn!(requests_in_flight = self.limits.requests_in_flight, "rejecting requests: overloaded");
        }
    }

    /// Completes at the deadline or when the process must stop.
    async fn expired(&self, deadline: Instant) {
        let mut cut_off = self.cut_off.subscribe();
        tokio::select! {
            () = sleep_until(deadline) => {}
            // Fails only when the sender is dropped, and `self` owns it.
            _ = cut_off.wait_for(|over| *over) => {}
        }
    }
}

/// The current streak of rejections: the time of the first and the last. A short burst is not saturation.
#[derive(Debug, Default)]
struct Saturation(Option<(Instant, Instant)>);

impl Saturation {
    /// Records a rejection. Returns whether it is the first of a streak.
    fn record(&mut self, now: Instant) -> bool {
        let streak = self.0.filter(|(_, last)| now.saturating_duration_since(*last) < CALM_AFTER);
        self.0 = Some((streak.map_or(now, |(first, _)| first), now));
        streak.is_none()
    }

    fn is_on(&self, now: Instant) -> bool {
        self.0.is_some_and(|(first, last)| {
            now.saturating_duration_since(last) < CALM_AFTER && last.saturating_duration_since(first) >= SATURATED_AFTER
        })
    }
}

/// Reads the body, acquires a permit and enforces the deadline.
pub(super) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let (gate, class) = (&app.gate, routes::class_of(request.method(), request.uri().path()));
    let (request, _body_bytes) = match timeout(gate.limits.read_timeout, with_whole_body(gate, request)).await {
        Ok(Ok(read)) => read,
        Ok(Err(Unread::Broken)) => return Problem::malformed("The body ended early.").into_response(),
        Ok(Err(Unread::NoMemory)) => return closing(rejected(&app, class)),
        Err(_) => return too_slow(),
    };
    let (limit, budget) = match class {
        Class::Probe => (None, gate.limits.request_timeout),
        Class::Ordinary | Class::Durable => (Some(&gate.ordinary), gate.limits.request_timeout),
        Class::Checkout => (Some(&gate.checkouts), gate.limits.checkout_timeout),
    };
    let deadline = Instant::now() + budget;
    let permit = match limit {
        None => None,
        Some(limit) => match limit.enter(gate.limits.queue_timeout).await {
            Some(permit) => Some(permit),
            None => return rejected(&app, class),
        },
    };
    match class {
        Class::Probe | Class::Ordinary => {
            let answer = deadline::scope(deadline, next.run(request));
            in_time(gate, deadline, answer).await.unwrap_or_else(|| out_of_time("The shop did not respond in time."))
        }
        Class::Durable | Class::Checkout => {
            let answer = in_time(gate, deadline, to_completion(next.run(request), permit)).await;
            answer.unwrap_or_else(|| {
                out_of_time(
                    "The request may have been completed. Send it again, with the same Idempotency-Key if it has one.",
                )
            })
        }
    }
}

/// Runs a request in its own task, without a deadline. It continues after the visitor has disconnected or was asked to try again,
/// because it must not stop between two steps of an order. It keeps its permit until it ends.
async fn to_completion(
    work: impl Future<Output = Response> + Send + 'static,
    permit: Option<OwnedSemaphorePermit>,
) -> Response {
    let task = tokio::spawn(request::in_current(async move {
        let response = work.await;
        drop(permit);
        response
    }));
    task.await.unwrap_or_else(|error| Problem::from(ShopError::Internal(error.into())).into_response())
}

async fn in_time(gate: &Gate, deadline: Instant, answer: impl Future<Output = Response>) -> Option<Response> {
    tokio::select! {
        biased;
        response = answer => Some(response),
        () = gate.expired(deadline) => None,
    }
}

/// Why a body was not read.
enum Unread {
    /// It ended early.
    Broken,
    /// Other bodies use the memory.
    NoMemory,
}

/// Reads the body into memory, so that slow clients occupy a connection and nothing else. Returns the request and the permit for
/// its share of the body memory. A body that is too large is read just far enough for the handler to reject it.
async fn with_whole_body(gate: &Gate, request: Request) -> Result<(Request, Option<OwnedSemaphorePermit>), Unread> {
    let mut share: Option<OwnedSemaphorePermit> = None;
    if request.body().is_end_stream() || request.method() == Method::GET || request.method() == Method::HEAD {
        return Ok((request, share));
    }
    let max_bytes = routes::max_body_bytes(request.uri().path());
    let (parts, mut body) = request.into_parts();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Broken)?;
        let Ok(chunk): Result<Bytes, _> = frame.into_data() else { continue };
        let beyond = (whole.len() + chunk.len()).saturating_sub(FREE_BODY_BYTES);
        let more = beyond - share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(more).map_err(|_| Unread::NoMemory)?;
        let more = Arc::clone(&gate.body_bytes).try_acquire_many_owned(more).map_err(|_| Unread::NoMemory)?;
        match &mut share {
            Some(share) => share.merge(more),
            None => share = Some(more),
        }
        whole.extend_from_slice(&chunk);
        if whole.len() > max_bytes {
            break;
        }
    }
    Ok((Request::from_parts(parts, Body::from(whole)), share))
}

fn too_slow() -> Response {
    let problem = Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request-timeout",
        "Request timeout",
        "The body of the request did not arrive in time.",
    );
    closing(problem.into_response())
}

/// Closes the connection after the response, because the rest of the request body must not be parsed as the next request.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Rejects a request that had no effect. `Retry-After` is randomized, so that rejected clients do not all return at once.
fn rejected(app: &App, class: Class) -> Response {
    metrics::shed();
    // A slow payment provider uses up the checkout permits of every process: this process is not saturated.
    if class != Class::Checkout {
        app.gate.record_rejection();
    }
    let [random, ..] = app.ids.secret();
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "The shop is overloaded",
        "There are too many requests at once. Nothing was done. Try again in a moment.",
    );
    Problem { retry_after_seconds: Some(1 + u32::from(random) % 3), ..problem }.into_response()
}

fn out_of_time(detail: &str) -> Response {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "deadline-exceeded", "Deadline exceeded", detail);
    Problem { retry_after_seconds: Some(2), ..problem }.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_burst_is_not_saturation_and_a_streak_ends_two_seconds_after_its_last_rejection() {
        let (mut saturation, started) = (Saturation::default(), Instant::now());
        let at = |ms| started + Duration::from_millis(ms);
        for ms in 0..1_000 {
            assert_eq!(saturation.record(at(ms)), ms == 0);
        }
        assert!(!saturation.is_on(at(1_000)), "a burst of 1 s");
        assert!(saturation.record(at(3_000)), "another burst is another streak");
        assert!(!saturation.is_on(at(3_000)));
        for ms in [4_000, 5_000, 6_000] {
            assert!(!saturation.is_on(at(ms)));
            assert!(!saturation.record(at(ms)));
        }
        assert!(saturation.is_on(at(6_000)), "rejections for 3 s");
        assert!(saturation.is_on(at(7_999)));
        assert!(!saturation.is_on(at(8_000)), "no rejections for 2 s");
    }

    #[tokio::test]
    async fn permits_have_a_short_queue_of_limited_length() {
        let (limit, queue_timeout) = (ConcurrencyLimit::new(2), Duration::from_millis(100));
        let (first, second) = (limit.enter(queue_timeout).await, limit.enter(queue_timeout).await);
        assert!(first.is_some() && second.is_some());
        let begun = Instant::now();
        assert!(limit.enter(queue_timeout).await.is_none());
        assert!(begun.elapsed() >= queue_timeout);
        let (third, fourth, ()) = tokio::join!(limit.enter(queue_timeout), limit.enter(queue_timeout), async {
            let begun = Instant::now();
            assert!(limit.enter(queue_timeout).await.is_none());
            assert!(begun.elapsed() < queue_timeout, "two are already queued");
            drop(first);
        });
        assert!(third.is_some() && fourth.is_none(), "the first in the queue got the permit");
    }
}
