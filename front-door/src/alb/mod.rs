//! An Application Load Balancer: listener rules from the route table, two weighted target groups per rule, and the
//! limits and status codes of the real one.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>

mod target;
mod weights;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use shopease_shared::http::RUNTIME_HEADER;
use shopease_shared::http::listener_rules;
use shopease_shared::http::routes::Area;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower_http::timeout::TimeoutBody;

use crate::event::alb;
use crate::lambda::{Function, Invocation, InvokeError, Outcome};
use crate::live::{Live, Sample};
use crate::server::{self, Body, Handler};
use crate::units::milliseconds;
use crate::{Runtime, forwarded, live};

pub use target::{Address, Targets};
pub use weights::{InvalidWeights, Pair, Weights};

/// Largest request body to, and largest response (JSON) from a Lambda target: 1 MB.
pub const MAX_LAMBDA_BYTES: usize = 1024 * 1024;
/// Largest request line (16 KB); longer ones are answered with 414.
const MAX_REQUEST_LINE_BYTES: usize = 16 * 1024;
/// Largest single header field of a request (16 KB).
const MAX_FIELD_BYTES: usize = 16 * 1024;
/// Largest header of a response (32 KB).
const MAX_RESPONSE_HEADER_BYTES: usize = 32 * 1024;
/// Most addresses in `x-forwarded-for`; requests with more are answered with 463.
const MAX_FORWARDED_FOR: usize = 30;

/// Settings of the load balancer.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `lambda.multi_value_headers.enabled` of the target groups.
    pub multi_value_headers: bool,
    /// Idle timeout (`idle_timeout.timeout_seconds`, 60 s by default): for a target before 504, or before a started
    /// response is aborted; for a client in the middle of its body before 408.
    pub idle_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { multi_value_headers: true, idle_timeout: Duration::from_mins(1) }
    }
}

/// The load balancer.
pub struct Balancer {
    settings: Settings,
    port: u16,
    /// Shared with the live page, which changes them.
    weights: Arc<Weights>,
    targets: Targets,
    functions: BTreeMap<Area, Arc<Function>>,
    live: Arc<Live>,
}

/// An error response of the load balancer itself: status and reason.
#[derive(Debug)]
struct BalancerError(u16, String);

impl BalancerError {
    fn new(status: u16, why: impl Into<String>) -> Self {
        Self(status, why.into())
    }
}

impl Balancer {
    /// Creates a load balancer for a port that the listener has already bound.
    pub fn new(
        settings: Settings,
        port: u16,
        weights: Arc<Weights>,
        targets: Targets,
        functions: BTreeMap<Area, Arc<Function>>,
        live: Arc<Live>,
    ) -> Self {
        Self { settings, port, weights, targets, functions, live }
    }

    /// Serves until the task is dropped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        server::serve(listener, self).await;
    }

    async fn balance(&self, mut parts: Parts, body: Incoming, peer: SocketAddr, begun: Instant) -> Response<Body> {
        if let Err(error) = check(&parts) {
            return error_response(&error, parts.method == http::Method::HEAD);
        }
        forwarded::add(&mut parts.headers, peer.ip(), self.port);
        let (area, surface) = listener_rules::owner(parts.uri.path());
        let is_head = parts.method == http::Method::HEAD;
        let (mut response, runtime, init) = match self.weights.choose(area) {
            None => {
                return error_response(
                    &BalancerError::new(503, "every target group of the rule has weight 0"),
                    is_head,
                );
            }
            Some(Runtime::Fargate) => {
                let response = self.targets.forward(surface, parts, body, self.settings.idle_timeout).await;
                (response, Runtime::Fargate, None)
            }
            Some(Runtime::Lambda) => match self.to_lambda(area, parts, body).await {
                Ok((response, init)) => (Ok(response), Runtime::Lambda, init),
                Err(error) => (Err(error), Runtime::Lambda, None),
            },
        };
        if response.as_ref().is_ok_and(|response| server::header_bytes(response.headers()) > MAX_RESPONSE_HEADER_BYTES)
        {
            response = Err(BalancerError::new(502, "the response header is larger than 32 KB"));
        }
        let elapsed = begun.elapsed();
        let mut response = response.unwrap_or_else(|error| error_response(&error, is_head));
        self.live.sample(&Sample { runtime, area, status: response.status().as_u16(), elapsed, init });
        let headers = response.headers_mut();
        headers.insert(RUNTIME_HEADER, HeaderValue::from_static(runtime.name()));
        if let Ok(timing) = HeaderValue::from_str(&timing(runtime, elapsed, init)) {
            headers.append("server-timing", timing);
        }
        response
    }

    async fn to_lambda(
        &self,
        area: Area,
        parts: Parts,
        body: Incoming,
    ) -> Result<(Response<Body>, Option<Duration>), BalancerError> {
        if server::is_upgrade(&parts.headers) {
            return Err(BalancerError::new(400, "Lambda targets do not support WebSockets"));
        }
        let body = TimeoutBody::new(self.settings.idle_timeout, body);
        let body = server::read(body, MAX_LAMBDA_BYTES).await;
        let body = body.map_err(|error| BalancerError::new(error.status().as_u16(), error.to_string()))?;
        let function = self.functions.get(&area).ok_or_else(|| BalancerError::new(503, "no target is registered"))?;
        let multi_value = self.settings.multi_value_headers;
        let arn = format!(
            "arn:aws:elasticloadbalancing:{}:{}:targetgroup/{}-lambda/0123456789abcdef",
            crate::REGION,
            crate::ACCOUNT,
            area.name()
        );
        let payload = alb::encode(&parts, &body, multi_value, &arn);
        let invoked = function.invoke(Invocation { payload, trace_id: forwarded::trace_id(&parts.headers) }).await;
        let invoked = invoked.map_err(|error| match error {
            // ALB reports throttling by Lambda only as 502, and in its own metrics.
            InvokeError::Throttled | InvokeError::TooLarge => BalancerError::new(502, error.to_string()),
            InvokeError::NoCode => BalancerError::new(503, error.to_string()),
        })?;
        let payload = match invoked.outcome {
            Outcome::Response(payload) => payload,
            Outcome::FunctionError(error) => {
                return Err(BalancerError::new(502, format!("{}: {}", area.name(), String::from_utf8_lossy(&error))));
            }
        };
        if payload.len() > MAX_LAMBDA_BYTES {
            return Err(BalancerError::new(502, "the function's response is larger than 1 MB"));
        }
        let response =
            alb::decode(&payload, multi_value).map_err(|error| BalancerError::new(502, error.to_string()))?;
        Ok((server::complete(response, parts.method == http::Method::HEAD), invoked.init))
    }
}

impl Handler for Balancer {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        if live::owns(parts.uri.path()) {
            return self.live.serve(Request::from_parts(parts, body)).await;
        }
        self.balance(parts, body, peer, begun).await
    }
}

/// Checks the limits that a load balancer enforces before any rule.
fn check(parts: &Parts) -> Result<(), BalancerError> {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = parts.method.as_str().len() + target + " HTTP/1.1 ".len();
    if line > MAX_REQUEST_LINE_BYTES {
        return Err(BalancerError::new(414, "the request line is longer than 16 KB"));
    }
    if parts.headers.iter().any(|(name, value)| name.as_str().len() + value.len() > MAX_FIELD_BYTES) {
        return Err(BalancerError::new(431, "a header field is longer than 16 KB"));
    }
    if line + server::header_bytes(&parts.headers) > server::MAX_HEADER_BYTES {
        return Err(BalancerError::new(431, "the header is larger than 64 KB"));
    }
    if forwarded::hops(&parts.headers) > MAX_FORWARDED_FOR {
        return Err(BalancerError::new(463, "x-forwarded-for has more than 30 addresses"));
    }
    Ok(())
}

/// An error page of the load balancer: small, as the real one sends it, with the reason that the real one writes only
/// to its logs.
fn error_response(error: &BalancerError, is_head: bool) -> Response<Body> {
    let status = StatusCode::from_u16(error.0).unwrap_or(StatusCode::BAD_GATEWAY);
    let title = status
        .canonical_reason()
        .map_or_else(|| status.as_str().to_owned(), |reason| format!("{} {reason}", status.as_str()));
    let page = format!("<!doctype html><title>{title}</title><h1>{title}</h1>\n");
    let mut response = server::response(status, "text/html", if is_head { String::new() } else { page });
    let reason: String = error.1.chars().filter(|char| char.is_ascii_graphic() || *char == ' ').take(300).collect();
    if let Ok(reason) = HeaderValue::from_str(&reason) {
        response.headers_mut().insert("x-front-door-reason", reason);
    }
    response.headers_mut().insert(http::header::SERVER, HeaderValue::from_static("front-door"));
    response
}

fn timing(runtime: Runtime, elapsed: Duration, init: Option<Duration>) -> String {
    let own = format!("{};dur={:.2}", runtime.name(), milliseconds(elapsed));
    init.map_or_else(|| own.clone(), |init| format!("{own}, init;dur={:.2}", milliseconds(init)))
}
