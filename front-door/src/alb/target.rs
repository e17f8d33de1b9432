//! Targets of type `ip`: the ECS server, as one process or as frontend and backend. Bodies are streamed both ways.

mod upload;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Request, Response, Version, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use shopease_shared::http::routes::Surface;
use tokio::time::{sleep, timeout};
use tower_http::timeout::TimeoutBody;

use super::BalancerError;
use crate::live::Live;
use crate::server::{self, Body};
use upload::{Activity, Upload};

/// Longest wait for a connection to a target (ALB: 10 s).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most idle connections kept per target.
const IDLE_CONNECTIONS: usize = 256;
/// How long an idle connection is kept (ALB: its idle timeout, 60 s); targets keep their side longer.
const KEEP_IDLE: Duration = Duration::from_mins(1);
/// Timeout of a health check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of a target group's target; it changes with a deployment.
#[derive(Debug, Default)]
pub struct Address(Mutex<Option<Authority>>);

impl Address {
    /// Registers a target in place of the previous one.
    pub fn set(&self, address: Option<SocketAddr>) {
        let authority = address.and_then(|address| address.to_string().parse().ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = authority;
    }

    fn get(&self) -> Option<Authority> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The target groups of the ECS services.
#[derive(Debug, Clone)]
pub struct Targets {
    client: Client<HttpConnector, Upload>,
    prober: Client<HttpConnector, Empty<Bytes>>,
    frontend: Arc<Address>,
    backend: Arc<Address>,
}

impl Targets {
    /// Pages go to the frontend, the API to the backend; both may be the same target.
    pub fn new(frontend: Arc<Address>, backend: Arc<Address>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(IDLE_CONNECTIONS).pool_idle_timeout(KEEP_IDLE).pool_timer(TokioTimer::new());
        Self { client: builder.build(connector.clone()), prober: builder.build(connector), frontend, backend }
    }

    fn address(&self, surface: Surface) -> Option<Authority> {
        if surface == Surface::Api { self.backend.get() } else { self.frontend.get() }
    }

    /// Forwards a request.
    pub(super) async fn forward(
        &self,
        surface: Surface,
        mut parts: Parts,
        body: Incoming,
        idle_timeout: Duration,
    ) -> Result<Response<Body>, BalancerError> {
        let address = self.address(surface).ok_or_else(|| BalancerError::new(503, "no target is registered"))?;
        parts.uri = uri_at(address, parts.uri.path_and_query().cloned());
        parts.version = Version::HTTP_11;
        // The length is kept as the client gave it; without one, the body is sent in chunks.
        server::remove_hop_by_hop(&mut parts.headers);
        let activity = Arc::new(Activity::default());
        let request = Request::from_parts(parts, Upload::new(body, Arc::clone(&activity)));
        let result = tokio::select! {
            result = self.client.request(request) => Ok(result),
            is_sending = activity.end(idle_timeout) => Err(is_sending),
        };
        match result {
            Err(true) => Err(BalancerError::new(408, server::BodyError::Silence.to_string())),
            Err(false) => Err(BalancerError::new(504, "the target did not respond in time")),
            Ok(Err(error)) if error.is_connect() && is_timeout(&error) => {
                Err(BalancerError::new(504, error.to_string()))
            }
            Ok(Err(error)) => Err(BalancerError::new(502, describe(&error))),
            Ok(Ok(response)) => {
                let (mut parts, body) = response.into_parts();
                parts.version = Version::HTTP_11;
                server::remove_hop_by_hop(&mut parts.headers);
                Ok(Response::from_parts(parts, TimeoutBody::new(idle_timeout, body).boxed_unsync()))
            }
        }
    }

    /// Checks each task, at its surface, forever; the live page shows the results.
    pub async fn check_health(self, live: Arc<Live>, tasks: Vec<(String, Surface)>, interval: Duration) {
        loop {
            sleep(interval).await;
            for (name, surface) in &tasks {
                live.set_health(name, self.is_healthy(*surface).await);
            }
        }
    }

    /// Stands for the health check of a target group, and for ECS, which deregisters a task before it stops: whether `/readyz` returns
    /// 200. A target group on AWS checks `/healthz`.
    async fn is_healthy(&self, surface: Surface) -> bool {
        let Some(address) = self.address(surface) else { return false };
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri_at(address, Some(PathAndQuery::from_static("/readyz")));
        request.headers_mut().insert(header::USER_AGENT, header::HeaderValue::from_static("ELB-HealthChecker/2.0"));
        let result = timeout(HEALTH_TIMEOUT, self.prober.request(request)).await;
        result.is_ok_and(|result| result.is_ok_and(|response| response.status().is_success()))
    }
}

fn uri_at(address: Authority, path: Option<PathAndQuery>) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(address);
    parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    // Built from parts that were parsed.
    Uri::from_parts(parts).unwrap_or_default()
}

type Cause<'a> = &'a (dyn std::error::Error + 'static);

/// The error and its causes.
fn causes(error: &hyper_util::client::legacy::Error) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(Some(error as Cause<'_>), |error| error.source())
}

fn is_timeout(error: &hyper_util::client::legacy::Error) -> bool {
    let mut systems = causes(error).filter_map(|error| error.downcast_ref::<std::io::Error>());
    systems.any(|error| error.kind() == std::io::ErrorKind::TimedOut)
}

fn describe(error: &hyper_util::client::legacy::Error) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
