//! The outermost layer: names the request, and writes one line for each: which route, which status, how long. Never what the client
//! sent: an address may hold a cart's id or an order's key, so only the route's pattern is told.

use std::time::{Duration, Instant};

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Level;

use super::App;
use super::problem::ProblemKind;
use super::routes::{self, Class, Route};
use super::usage;
use shopease_process::telemetry::ACCESS;
use shopease_process::telemetry::metrics;
use shopease_process::telemetry::request::{self, RequestContext};

/// A client that goes before it is answered, as nginx calls it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The pattern of the route that a path belongs to, for logs.
pub(super) fn route(path: &str) -> Option<&'static str> {
    routes::at(path).first().map(|route| route.path)
}

/// Names the request, measures it and tells of it. Probes that succeed are not told: there are many, and they say nothing.
pub(super) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let context = RequestContext::new(app.ids.ulid(), request.headers());
    let context = if app.config.measure { context.metered() } else { context };
    let entry = Entry {
        method: known_method(request.method()),
        route: routes::at(request.uri().path()).first().copied(),
        begun: Instant::now(),
        answered: false,
    };
    request::scope(context, async {
        let mut entry = entry;
        let mut response = next.run(request).await;
        entry.answer(&response);
        if let Some(runtime) = app.runtime {
            runtime.sign(response.headers_mut(), entry.begun.elapsed());
        }
        usage::sign(response.headers_mut(), entry.route.map(|route| route.path));
        response
    })
    .await
}

/// A request that is at work.
struct Entry {
    method: &'static str,
    /// The first of its path: all have the same area.
    route: Option<&'static Route>,
    begun: Instant,
    answered: bool,
}

impl Entry {
    fn answer(&mut self, response: &Response) {
        self.answered = true;
        let problem = response.extensions().get::<ProblemKind>().map(|kind| kind.0.as_str());
        self.tell(response.status().as_u16(), response.body().size_hint().exact(), problem);
    }

    /// Writes the line. What the request used stands in it only where somebody measures.
    fn tell(&self, status: u16, bytes: Option<u64>, problem: Option<&str>) {
        let (duration, area) = (self.begun.elapsed(), self.route.map(|route| route.area.name()));
        if self.route.is_some_and(|route| route.class == Class::Probe) {
            if status == StatusCode::OK.as_u16() {
                return;
            }
        } else {
            metrics::request(area, status, duration);
        }
        let (method, route) = (self.method, self.route.map(|route| route.path));
        let used = usage::current();
        tracing::event!(
            target: ACCESS,
            Level::INFO,
            http.method = method,
            http.status_code = status,
            http.route = route,
            area,
            duration = nanoseconds(duration),
            network.bytes_written = bytes,
            problem,
            usage.read_units = used.map(|used| used.read_units),
            usage.write_units = used.map(|used| used.write_units),
            usage.store_requests = used.map(|used| used.store_requests),
            usage.statements = used.map(|used| used.statements),
            usage.cpu_us = used.map(|used| used.cpu_us),
            "{method} {} {status}", route.unwrap_or("(no route)"),
        );
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.answered {
            self.tell(CLIENT_CLOSED_REQUEST, None, None);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A method that is in no standard is text of the client's, and not told.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "(other)",
    }
}
