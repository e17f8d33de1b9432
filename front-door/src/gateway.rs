//! API Gateway HTTP API and Lambda Function URLs in front of the same functions. On AWS each function has its own URL;
//! here one port serves all of them, and the listener rules choose the function.

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
use tokio::time::{Instant, timeout};

use crate::event::http_api::{self, Front};
use crate::lambda::{Function, Invocation, InvokeError, Outcome};
use crate::live::{Live, Sample};
use crate::server::{self, Body, Handler};
use crate::{Runtime, ambient, forwarded};

/// Largest request body of an HTTP API: 10 MB.
const MAX_HTTP_API_BYTES: usize = 10 * 1024 * 1024;
/// Largest request body of a Function URL: 6 MB.
const MAX_FUNCTION_URL_BYTES: usize = 6 * 1024 * 1024;
/// Largest request line plus header fields of an HTTP API.
const MAX_HTTP_API_HEADER_BYTES: usize = 10_240;
/// Longest integration of an HTTP API: 30 s.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP API, or all Function URLs.
pub struct Gateway {
    front: Front,
    functions: BTreeMap<Area, Arc<Function>>,
    port: u16,
    live: Arc<Live>,
}

impl Gateway {
    /// Creates a gateway for these functions.
    pub fn new(front: Front, port: u16, functions: BTreeMap<Area, Arc<Function>>, live: Arc<Live>) -> Self {
        Self { front, functions, port, live }
    }

    /// Serves until the task is dropped.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        server::serve(listener, self).await;
    }

    async fn integrate(
        &self,
        area: Area,
        mut parts: Parts,
        body: Incoming,
        peer: SocketAddr,
    ) -> Result<(Response<Body>, Option<Duration>), StatusCode> {
        let is_api = self.front != Front::FunctionUrl;
        let line = parts.method.as_str().len() + parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if is_api && line + server::header_bytes(&parts.headers) > MAX_HTTP_API_HEADER_BYTES {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        let limit = if is_api { MAX_HTTP_API_BYTES } else { MAX_FUNCTION_URL_BYTES };
        let body = server::read(body, limit).await.map_err(|error| error.status())?;
        let trace_id = format!("Root={}", ambient::trace_id());
        forwarded::add_client(&mut parts.headers, peer.ip(), self.port, &trace_id);
        server::remove_hop_by_hop(&mut parts.headers);
        let function = self.functions.get(&area).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
        let payload = http_api::encode(&parts, &body, self.front, peer.ip());
        let invoked = timeout(INTEGRATION_TIMEOUT, function.invoke(Invocation { payload, trace_id })).await;
        let error = if is_api { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_GATEWAY };
        let invoked = invoked.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?.map_err(|error| match error {
            InvokeError::Throttled if is_api => StatusCode::SERVICE_UNAVAILABLE,
            InvokeError::Throttled => StatusCode::TOO_MANY_REQUESTS,
            InvokeError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            InvokeError::NoCode => StatusCode::SERVICE_UNAVAILABLE,
        })?;
        let Outcome::Response(payload) = invoked.outcome else { return Err(error) };
        let response = http_api::decode(&payload).map_err(|_| error)?;
        let mut response = server::complete(response, parts.method == http::Method::HEAD);
        response.headers_mut().insert(RUNTIME_HEADER, HeaderValue::from_static(Runtime::Lambda.name()));
        Ok((response, invoked.init))
    }
}

impl Handler for Gateway {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        let (area, _) = listener_rules::owner(parts.uri.path());
        let (response, init) = self.integrate(area, parts, body, peer).await.unwrap_or_else(|status| {
            let message = serde_json::json!({ "message": status.canonical_reason() });
            (server::response(status, "application/json", message.to_string()), None)
        });
        let (elapsed, status) = (begun.elapsed(), response.status().as_u16());
        self.live.sample(&Sample { runtime: Runtime::Lambda, area, status, elapsed, init });
        response
    }
}
