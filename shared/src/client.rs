//! The typed client of the API: implements the services by calling the JSON API of another process. The frontend role
//! calls the backend role with it, and sends the caller's token as a bearer token. The calls are generated from the
//! declarations in `http::api`.
//!
//! Requests that are safe to repeat are retried when the backend cannot be reached or the connection breaks, within the
//! request's deadline and the process's retry budget. A 503 of the backend itself is not retried but passed on to the visitor.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::header::{CONTENT_TYPE, IF_MATCH, USER_AGENT};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, Request, RequestBuilder, Url};
use shopease_process::deadline;
use shopease_process::retry::{Policy, RetryBudget, TryError};
use shopease_process::telemetry::request;
use shopease_shop::ports::{IdGenerator, IdempotencyKey, SIGNATURE_HEADER, SystemIds};
use shopease_shop::services::{Caller, Readiness};
use shopease_shop::{ShopError, ShopResult};

use crate::http::api::endpoint::Answer;
use crate::http::api::parts::{BodyPart as _, PathPart as _, Wire};
use crate::http::{FORWARDED_FOR, Problem};

/// Characters escaped in a path segment: all but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Connect timeout: inside a VPC, connecting takes a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Response timeout when the request has no deadline: the time limit of a checkout.
const TIMEOUT: Duration = Duration::from_secs(28);

/// Part of the deadline that is kept back for responding to the visitor.
const RESERVE: Duration = Duration::from_millis(200);

/// Three tries per call: the second after at most 50 ms, the third after at most 100 ms.
const RETRY: Policy<'static> = Policy::new(3, Duration::from_millis(50)).with_reserve(RESERVE);

/// Statuses with which load balancers and proxies respond when the backend is down or busy.
const GATEWAY_STATUSES: [u16; 4] = [429, 502, 503, 504];
/// Those that mean that the request did not reach a backend.
const NOT_REACHED: [u16; 2] = [502, 503];

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A shop behind a base URL such as `http://backend:8080`. Clones share connections and retry budget.
#[derive(Clone)]
pub struct RemoteShop {
    client: Client,
    base: Url,
    ids: Arc<dyn IdGenerator>,
    budget: Arc<RetryBudget>,
}

impl fmt::Debug for RemoteShop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteShop").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl RemoteShop {
    /// Creates a client of the shop at `base`.
    ///
    /// # Errors
    /// A message when the URL is not a plain `http` URL: there is no TLS inside the VPC.
    pub fn new(base: &str) -> Result<Self, String> {
        let base: Url = base.parse().map_err(|error| format!("{base:?} is not a URL: {error}"))?;
        if base.scheme() != "http" || base.cannot_be_a_base() {
            return Err(format!("{base} is not a URL like http://backend:8080"));
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // Shorter than the backend's keep-alive timeout, so that no connection is used while the backend closes it.
            .pool_idle_timeout(Duration::from_mins(1))
            // Retries are made and counted here; the HTTP client's own would bypass the budget.
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.to_string())?;
        // A tenth of the requests, at least one per second; a burst of 20 covers a backend that restarts.
        let budget = Arc::new(RetryBudget::new(10, 1, 20));
        Ok(Self { client, base, ids: Arc::new(SystemIds), budget })
    }

    /// Calls an endpoint.
    pub(crate) async fn call<C: Wire, A: Answer>(
        &self,
        method: Method,
        path: &str,
        caller: Option<&Caller>,
        command: C,
    ) -> ShopResult<A::Value> {
        let parts = command.write();
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}{}",
            self.base.path().trim_end_matches('/'),
            filled(path, parts.path.write().as_deref())
        ));
        let query = serde_urlencoded::to_string(&parts.query).map_err(|error| ShopError::Internal(error.into()))?;
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        let mut request = self.client.request(method, url).headers(request::passed_on().into_iter().collect());
        if let Some(caller) = caller {
            request = request.bearer_auth(caller.token.expose());
            if let Some(address) = caller.address {
                request = request.header(FORWARDED_FOR, address.to_string());
            }
            if let Some(device) = &caller.device {
                request = request.header(USER_AGENT, device);
            }
        }
        if let Some(key) = parts.key {
            // Invalid keys are rejected here: in transit, a header value may lose leading or trailing spaces.
            IdempotencyKey::check(&key)?;
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let body = parts.body.write()?;
        if let Some(signature) = body.signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        if let Some(version) = body.if_match {
            request = request.header(IF_MATCH, version);
        }
        if let Some(bytes) = body.bytes {
            request = request.header(CONTENT_TYPE, C::Body::CONTENT_TYPE).body(bytes);
        }
        let answer = self.send(request).await?;
        A::read(&answer).map_err(|error| ShopError::Internal(error.into()))
    }
}

/// Fills in the path parameter.
fn filled(path: &str, parameter: Option<&str>) -> String {
    let (Some(parameter), Some((before, rest))) = (parameter, path.split_once('{')) else { return path.to_owned() };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    format!("{before}{}{after}", utf8_percent_encode(parameter, SEGMENT))
}

impl RemoteShop {
    async fn send(&self, request: RequestBuilder) -> ShopResult<Vec<u8>> {
        let request = request.build().map_err(|error| ShopError::Internal(error.into()))?;
        let policy = if is_repeatable(&request) { RETRY } else { RETRY.with_tries(1) };
        let attempt = || async {
            // Bodies are bytes, so every request can be cloned.
            let copy = request.try_clone().ok_or_else(|| ShopError::Internal("the request cannot be cloned".into()))?;
            self.try_once(copy).await
        };
        policy.with_budget(&self.budget).run(&*self.ids, attempt).await
    }

    /// Sends the request once. The error is transient only if a retry may reach the backend.
    async fn try_once(&self, mut request: Request) -> Result<Vec<u8>, TryError<ShopError>> {
        let unavailable = |source: shopease_shop::ports::Source| ShopError::Unavailable {
            retry_after_seconds: 1,
            source: Some(source),
        };
        let left = deadline::remaining().map_or(TIMEOUT, |left| left.saturating_sub(RESERVE));
        if left.is_zero() {
            return Err(TryError::Permanent(unavailable("no time left to call the backend".into())));
        }
        *request.timeout_mut() = Some(left);
        // A timeout is not retried: a busy backend would get even busier.
        // The URL is removed because errors are logged and it may contain an order's key.
        let broken = |error: reqwest::Error| {
            let passing = error.is_connect() || !error.is_timeout();
            TryError::transient_if(unavailable(error.without_url().into()), |_| passing)
        };
        let response = self.client.execute(request).await.map_err(broken)?;
        let status = response.status();
        let body = response.bytes().await.map_err(broken)?;
        if status.is_success() {
            return Ok(body.into());
        }
        let problem = serde_json::from_slice::<Problem>(&body).ok().and_then(Problem::into_shop_error);
        if problem.is_none() && GATEWAY_STATUSES.contains(&status.as_u16()) {
            let source = format!("a proxy in front of the backend responded with {status}");
            let passing = NOT_REACHED.contains(&status.as_u16());
            return Err(TryError::transient_if(unavailable(source.into()), |_| passing));
        }
        let error =
            problem.unwrap_or_else(|| ShopError::Internal(format!("the backend responded with {status}").into()));
        Err(TryError::Permanent(error))
    }
}

/// Returns whether the request is safe to repeat: reads, and requests with an idempotency key.
fn is_repeatable(request: &Request) -> bool {
    request.method() == Method::GET || request.headers().contains_key(IDEMPOTENCY_KEY)
}

#[async_trait]
impl Readiness for RemoteShop {
    async fn ready(&self) -> ShopResult<()> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/readyz", self.base.path().trim_end_matches('/')));
        // No retries: a probe reports the current state.
        let request = self.client.get(url).build().map_err(|error| ShopError::Internal(error.into()))?;
        self.try_once(request).await.map(|_| ()).map_err(TryError::into_inner)
    }
}
