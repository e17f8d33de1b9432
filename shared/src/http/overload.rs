//! What a process takes on: a body is read before it costs a place, a request has a place or is refused early, and has
//! an answer by its deadline. Probes need no place. ADR 11 has the numbers.

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

use super::problem::Problem;
use super::routes::{self, Class};
use super::{App, MAX_BODY_BYTES};
use crate::config::Limits;
use shopease_process::deadline;
use shopease_process::telemetry::{metrics, request};
use shopease_shop::ShopError;

/// How long requests must be refused, without a break, before the process calls itself saturated.
const SATURATED_AFTER: Duration = Duration::from_secs(3);
/// A time without refusals that ends it.
const CALM_AFTER: Duration = Duration::from_secs(2);

/// Bytes of all bodies in memory together, beyond the first [`FREE_BODY_BYTES`] of each: who sends many large bodies slowly must not
/// fill the memory.
const BODY_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of each body that are always taken: what a form or an order needs, so that nobody else's bodies keep it out.
const FREE_BODY_BYTES: usize = 16 * 1024;

/// Concurrency limits for requests, shared by all routers of a process.
pub(crate) struct Gate {
    limits: Limits,
    ordinary: ConcurrencyLimit,
    checkouts: ConcurrencyLimit,
    /// Bytes of bodies that may be in memory, beyond the first of each.
    body_bytes: Arc<Semaphore>,
    saturation: Mutex<Saturation>,
    cut_off: watch::Sender<bool>,
}

/// How many requests of one class run at once; as many may wait.
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

    /// A place, at once or after a short wait in the order of arrival.
    async fn enter(&self, queue_timeout: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(place);
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
        // Whoever has all places knows that nobody else has one.
        let _all = self.checkouts.free.acquire_many(self.checkouts.count).await;
    }

    /// Whether requests have been refused for some time, up to now.
    pub(super) fn is_saturated(&self) -> bool {
        self.saturation.lock().unwrap_or_else(PoisonError::into_inner).is_on(Instant::now())
    }

    fn note_refusal(&self) {
        let begun = self.saturation.lock().unwrap_or_else(PoisonError::into_inner).note(Instant::now());
        if begun {
            tracing::warn!(requests_in_flight = self.limits.requests_in_flight, "requests are refused: overload");
        }
    }

    /// Ends when the deadline does, or the process must.
    async fn time_is_over(&self, deadline: Instant) {
        let mut cut_off = self.cut_off.subscribe();
        tokio::select! {
            () = sleep_until(deadline) => {}
            // Fails only when the gate is gone, which this borrows.
            _ = cut_off.wait_for(|over| *over) => {}
        }
    }
}

/// The present streak of refusals: its first and its last. One burst is not saturation.
#[derive(Debug, Default)]
struct Saturation(Option<(Instant, Instant)>);

impl Saturation {
    /// Notes a refusal; whether it is the first of a streak.
    fn note(&mut self, now: Instant) -> bool {
        let goes_on = self.0.filter(|(_, last)| now.saturating_duration_since(*last) < CALM_AFTER);
        self.0 = Some((goes_on.map_or(now, |(first, _)| first), now));
        goes_on.is_none()
    }

    fn is_on(&self, now: Instant) -> bool {
        self.0.is_some_and(|(first, last)| {
            now.saturating_duration_since(last) < CALM_AFTER && last.saturating_duration_since(first) >= SATURATED_AFTER
        })
    }
}

/// Reads the body, takes a place, keeps the deadline.
pub(super) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let (gate, class) = (&app.gate, routes::class_of(request.method(), request.uri().path()));
    let (request, _body_bytes) = match timeout(gate.limits.read_timeout, with_whole_body(gate, request)).await {
        Ok(Ok(read)) => read,
        Ok(Err(Unread::Broken)) => return Problem::malformed("The body ended early.").into_response(),
        Ok(Err(Unread::NoMemory)) => return closing(refused(&app, class)),
        Err(_) => return too_slow(),
    };
    let (limit, budget) = match class {
        Class::Probe => (None, gate.limits.request_timeout),
        Class::Ordinary | Class::Durable => (Some(&gate.ordinary), gate.limits.request_timeout),
        Class::Checkout => (Some(&gate.checkouts), gate.limits.checkout_timeout),
    };
    let deadline = Instant::now() + budget;
    let place = match limit {
        None => None,
        Some(limit) => match limit.enter(gate.limits.queue_timeout).await {
            Some(place) => Some(place),
            None => return refused(&app, class),
        },
    };
    match class {
        Class::Probe | Class::Ordinary => {
            let answer = deadline::scope(deadline, next.run(request));
            in_time(gate, deadline, answer).await.unwrap_or_else(|| out_of_time("The shop did not answer in time."))
        }
        Class::Durable | Class::Checkout => {
            let answer = in_time(gate, deadline, to_its_end(next.run(request), place)).await;
            answer.unwrap_or_else(|| {
                out_of_time(
                    "The request may have been carried out. Send it again, with the same Idempotency-Key if it has one.",
                )
            })
        }
    }
}

/// Runs a request in a task of its own, without a deadline: it goes on when its visitor is gone or was told to try again, since
/// it must not stop between two steps of an order. So it keeps its place until it ends.
async fn to_its_end(
    work: impl Future<Output = Response> + Send + 'static,
    place: Option<OwnedSemaphorePermit>,
) -> Response {
    let task = tokio::spawn(request::in_current(async move {
        let response = work.await;
        drop(place);
        response
    }));
    task.await.unwrap_or_else(|error| Problem::from(ShopError::Internal(error.into())).into_response())
}

async fn in_time(gate: &Gate, deadline: Instant, answer: impl Future<Output = Response>) -> Option<Response> {
    tokio::select! {
        biased;
        response = answer => Some(response),
        () = gate.time_is_over(deadline) => None,
    }
}

/// Why a body was not read.
enum Unread {
    /// It ended early.
    Broken,
    /// Other bodies have the memory.
    NoMemory,
}

/// The request with its body in memory, so that slow clients hold a connection and nothing else, and the share of the memory for
/// bodies that it has. Of a body that is too large, as much as it takes for the handler to say so.
async fn with_whole_body(gate: &Gate, request: Request) -> Result<(Request, Option<OwnedSemaphorePermit>), Unread> {
    let mut share: Option<OwnedSemaphorePermit> = None;
    if request.body().is_end_stream() || request.method() == Method::GET || request.method() == Method::HEAD {
        return Ok((request, share));
    }
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
        if whole.len() > MAX_BODY_BYTES {
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

/// A response to a request of which something is still to come, which must not be read as the next.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Nothing was done, and those who are refused together are asked to come back at different times.
fn refused(app: &App, class: Class) -> Response {
    metrics::shed();
    // A slow payment provider fills its places in every process alike: no reason to call this one saturated.
    if class != Class::Checkout {
        app.gate.note_refusal();
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
    fn one_burst_is_not_saturation_and_a_streak_ends_two_seconds_after_its_last_refusal() {
        let (mut saturation, begun) = (Saturation::default(), Instant::now());
        let at = |ms| begun + Duration::from_millis(ms);
        for ms in 0..1_000 {
            assert_eq!(saturation.note(at(ms)), ms == 0);
        }
        assert!(!saturation.is_on(at(1_000)), "a burst of 1 s");
        assert!(saturation.note(at(3_000)), "another burst is another streak");
        assert!(!saturation.is_on(at(3_000)));
        for ms in [4_000, 5_000, 6_000] {
            assert!(!saturation.is_on(at(ms)));
            assert!(!saturation.note(at(ms)));
        }
        assert!(saturation.is_on(at(6_000)), "refusals for 3 s");
        assert!(saturation.is_on(at(7_999)));
        assert!(!saturation.is_on(at(8_000)), "calm for 2 s");
    }

    #[tokio::test]
    async fn a_place_is_waited_for_shortly_and_by_no_more_than_there_are_places() {
        let (limit, queue_timeout) = (ConcurrencyLimit::new(2), Duration::from_millis(100));
        let (first, second) = (limit.enter(queue_timeout).await, limit.enter(queue_timeout).await);
        assert!(first.is_some() && second.is_some());
        let begun = Instant::now();
        assert!(limit.enter(queue_timeout).await.is_none());
        assert!(begun.elapsed() >= queue_timeout);
        let (third, fourth, ()) = tokio::join!(limit.enter(queue_timeout), limit.enter(queue_timeout), async {
            let begun = Instant::now();
            assert!(limit.enter(queue_timeout).await.is_none());
            assert!(begun.elapsed() < queue_timeout, "two wait already");
            drop(first);
        });
        assert!(third.is_some() && fourth.is_none(), "who waited first got the place");
    }
}
