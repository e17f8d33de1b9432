//! The outermost layer: assigns the request ID and writes one access log line per request with route, status and duration. It
//! never logs what the client sent: a URL may contain a cart's ID or an order's key, so only the route's pattern is logged.

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

/// nginx's status for a client that disconnects before the response.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Returns the pattern of the route that matches a path, for logs.
pub(super) fn route(path: &str) -> Option<&'static str> {
    routes::at(path).first().map(|route| route.path)
}

/// Assigns the request ID, measures the request and logs it. Successful probes are not logged: they are frequent and carry no
/// information.
pub(super) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let context = RequestContext::new(app.ids.ulid(), request.headers());
    let context = if app.config.measure { context.metered() } else { context };
    let entry = Entry {
        method: known_method(request.method()),
        route: routes::at(request.uri().path()).first().copied(),
        started: Instant::now(),
        responded: false,
    };
    request::scope(context, async {
        let mut entry = entry;
        let mut response = next.run(request).await;
        entry.respond(&response);
        if let Some(runtime) = app.runtime {
            runtime.add_headers(response.headers_mut(), entry.started.elapsed());
        }
        usage::add_header(response.headers_mut(), entry.route.map(|route| route.path));
        response
    })
    .await
}

/// A request in progress.
struct Entry {
    method: &'static str,
    /// The first route of the path: all routes of a path have the same area.
    route: Option<&'static Route>,
    started: Instant,
    responded: bool,
}

impl Entry {
    fn respond(&mut self, response: &Response) {
        self.responded = true;
        let problem = response.extensions().get::<ProblemKind>().map(|kind| kind.0.as_str());
        self.log(response.status().as_u16(), response.body().size_hint().exact(), problem);
    }

    /// Writes the access log line. The usage fields are present only when measuring is on.
    fn log(&self, status: u16, bytes: Option<u64>, problem: Option<&str>) {
        let (duration, area) = (self.started.elapsed(), self.route.map(|route| route.area.name()));
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
        if !self.responded {
            self.log(CLIENT_CLOSED_REQUEST, None, None);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Nonstandard methods are text chosen by the client and are not logged.
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
