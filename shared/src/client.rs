//! The typed client of the API: the five services by calling the JSON API of another process. The frontend role
//! uses it to reach the backend role; the caller's token travels as a bearer token. Its calls follow from the declarations in
//! `http::api`.
//!
//! What may be repeated is tried again when the backend could not be reached or broke off, within the request's deadline
//! and the process's retry budget. A backend that says 503 itself has asked for patience, and its visitor is told so.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::header::CONTENT_TYPE;
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

/// Everything but RFC 3986's unreserved characters is escaped in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Longest wait for a connection: inside a VPC it takes a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Longest wait for an answer where no request has a deadline: a checkout's own budget.
const TIMEOUT: Duration = Duration::from_secs(28);

/// What a request keeps of its deadline, to tell its visitor what happened.
const RESERVE: Duration = Duration::from_millis(200);

/// Three tries of one call, the second after at most 50 ms, the third after at most 100.
const RETRY: Policy<'static> = Policy::new(3, Duration::from_millis(50)).with_reserve(RESERVE);

/// What load balancers and proxies answer for a backend that is gone or busy.
const IN_BETWEEN: [u16; 4] = [429, 502, 503, 504];
/// Those that say that no backend was reached.
const NOT_REACHED: [u16; 2] = [502, 503];

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A shop at a base URL such as `http://backend:8080`. Clones share connections and retry budget.
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
    /// A shop at `base`.
    ///
    /// # Errors
    /// A reason when the URL is not a plain `http` URL: inside the VPC no TLS is spoken.
    pub fn new(base: &str) -> Result<Self, String> {
        let base: Url = base.parse().map_err(|error| format!("{base:?} is not a URL: {error}"))?;
        if base.scheme() != "http" || base.cannot_be_a_base() {
            return Err(format!("{base} is not a URL like http://backend:8080"));
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // Shorter than a backend keeps idle connections, so that none is used in the moment it is closed.
            .pool_idle_timeout(Duration::from_mins(1))
            // One try each is counted here: the client's own retries would not be.
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.to_string())?;
        // A tenth of the requests, one a second where there are few; 20 carry over a backend that restarts.
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
        }
        if let Some(key) = parts.key {
            // A key that is none is refused here: on its way a header may lose blanks.
            IdempotencyKey::check(&key)?;
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let body = parts.body.write()?;
        if let Some(signature) = body.signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        if let Some(json) = body.json {
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
        let answer = self.send(request).await?;
        A::read(&answer).map_err(|error| ShopError::Internal(error.into()))
    }
}

/// A path with its parameter filled in.
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
            // Bodies are bytes, so that every request has a copy.
            let copy = request.try_clone().ok_or_else(|| ShopError::Internal("a request has no copy".into()))?;
            self.try_once(copy).await
        };
        policy.with_budget(&self.budget).run(&*self.ids, attempt).await
    }

    /// Fails for a moment only when another try may find the backend.
    async fn try_once(&self, mut request: Request) -> Result<Vec<u8>, TryError<ShopError>> {
        let unavailable = |source: shopease_shop::ports::Source| ShopError::Unavailable {
            retry_after_seconds: 1,
            source: Some(source),
        };
        let left = deadline::remaining().map_or(TIMEOUT, |left| left.saturating_sub(RESERVE));
        if left.is_zero() {
            return Err(TryError::Permanent(unavailable("there is no time left to ask the backend".into())));
        }
        *request.timeout_mut() = Some(left);
        // Who did not answer in time is busy: a second request would make it busier.
        // Its address may hold an order's key, and errors are logged.
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
        if problem.is_none() && IN_BETWEEN.contains(&status.as_u16()) {
            let source = format!("something before the backend answered {status}");
            let passing = NOT_REACHED.contains(&status.as_u16());
            return Err(TryError::transient_if(unavailable(source.into()), |_| passing));
        }
        let error = problem.unwrap_or_else(|| ShopError::Internal(format!("the backend answered {status}").into()));
        Err(TryError::Permanent(error))
    }
}

/// Whether a second request has no second effect: reads, and what carries a key.
fn is_repeatable(request: &Request) -> bool {
    request.method() == Method::GET || request.headers().contains_key(IDEMPOTENCY_KEY)
}

#[async_trait]
impl Readiness for RemoteShop {
    async fn ready(&self) -> ShopResult<()> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/readyz", self.base.path().trim_end_matches('/')));
        // A probe tells what is, not what is after a while.
        let request = self.client.get(url).build().map_err(|error| ShopError::Internal(error.into()))?;
        self.try_once(request).await.map(|_| ()).map_err(TryError::into_inner)
    }
}
