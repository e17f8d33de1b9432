//! Error responses: RFC 9457 problem documents from the API, HTML pages with links to continue from the storefront. The only place
//! that assigns status codes to errors and logs failures.

use std::any::Any;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::routes::{self, Surface};
use super::rule::BrokenRule;
use super::visitor::Hints;
use super::{App, texts};
use shopease_process::telemetry::request;
use shopease_shop::ShopError;
use shopease_shop::domain::{Sku, Subject};
use shopease_shop::ports::WebhookError;

/// Longest [`Problem::hint`].
const MAX_HINT_CHARS: usize = 200;

/// A problem document (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable type of the problem: `/problems/<name>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Summary of the problem type, for people.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// Description of this occurrence, for people.
    pub detail: String,
    /// Request ID, as in the shop's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Every rule the request breaks (`rule-broken`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<BrokenRule>,
    /// The SKU that is short (`out-of-stock`) or that another product has (`already-exists`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub sku: Option<Sku>,
    /// What does not exist or already exists: `product`, `order`, `email` (`not-found`, `already-exists`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The payment provider's code (`payment-declined`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// Why the webhook was rejected: `forged`, `stale` or `unreadable` (`webhook-refused`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<Box<str>>,
    /// The parser's message, for developers: neither stable nor translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub hint: Option<Box<str>>,
    /// Seconds until the next try, as in the `Retry-After` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

impl Problem {
    /// A problem without optional members.
    pub fn new(status: StatusCode, name: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            request_id: request::current_id(),
            errors: Vec::new(),
            sku: None,
            subject: None,
            decline_code: None,
            reason: None,
            hint: None,
            retry_after_seconds: None,
        }
    }

    /// A malformed request.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", "Malformed request", detail)
    }

    /// Adds the parser's message.
    #[must_use]
    pub fn with_hint(self, hint: &impl std::fmt::Display) -> Self {
        // The message may quote the request, which may be long.
        Self { hint: Some(hint.to_string().chars().take(MAX_HINT_CHARS).collect()), ..self }
    }

    /// Status of the response.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Converts the problem into an error of the shop, for the API client. `None` if it is not the result of a use case.
    #[cfg(feature = "remote")]
    pub fn into_shop_error(self) -> Option<ShopError> {
        let retry_after_seconds = self.retry_after_seconds.unwrap_or(1);
        Some(match self.kind.strip_prefix("/problems/")? {
            "rule-broken" => ShopError::Rules(self.errors.into_iter().map(Into::into).collect()),
            "not-found" => ShopError::NotFound { subject: Subject::named(&self.subject?, self.sku) },
            "sign-in-required" => ShopError::SignInRequired,
            "wrong-credentials" => ShopError::WrongCredentials,
            "too-many-attempts" => ShopError::TooManyAttempts { retry_after_seconds },
            "forbidden" => ShopError::Forbidden,
            "already-exists" => ShopError::AlreadyExists { subject: Subject::named(&self.subject?, self.sku) },
            "out-of-stock" => ShopError::OutOfStock { sku: self.sku? },
            "conflict" => ShopError::Conflict,
            "version-changed" => ShopError::VersionChanged,
            "idempotency-key-reused" => ShopError::IdempotencyKeyReused,
            "idempotency-key-in-use" => ShopError::IdempotencyKeyInUse { retry_after_seconds },
            "payment-declined" => ShopError::PaymentDeclined { code: self.decline_code? },
            "webhook-refused" => ShopError::WebhookRefused(webhook_error(self.reason.as_deref(), self.hint.as_deref())),
            "unavailable" | "overloaded" | "deadline-exceeded" => {
                ShopError::Unavailable { retry_after_seconds, source: None }
            }
            _ => return None,
        })
    }
}

/// Why a backend rejected a webhook. Unknown reasons of a newer release count as unreadable.
#[cfg(feature = "remote")]
fn webhook_error(reason: Option<&str>, hint: Option<&str>) -> WebhookError {
    let known = [WebhookError::Forged, WebhookError::Stale].into_iter().find(|known| Some(known.code()) == reason);
    known.unwrap_or_else(|| WebhookError::Unreadable(hint.unwrap_or_default().to_owned()))
}

/// Status and stable name of an error.
fn kind(error: &ShopError) -> (StatusCode, &'static str) {
    match error {
        ShopError::Rules(_) => (StatusCode::UNPROCESSABLE_ENTITY, "rule-broken"),
        ShopError::NotFound { .. } => (StatusCode::NOT_FOUND, "not-found"),
        ShopError::SignInRequired => (StatusCode::UNAUTHORIZED, "sign-in-required"),
        ShopError::WrongCredentials => (StatusCode::UNAUTHORIZED, "wrong-credentials"),
        ShopError::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts"),
        ShopError::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
        ShopError::AlreadyExists { .. } => (StatusCode::CONFLICT, "already-exists"),
        ShopError::OutOfStock { .. } => (StatusCode::CONFLICT, "out-of-stock"),
        ShopError::Conflict => (StatusCode::CONFLICT, "conflict"),
        ShopError::VersionChanged => (StatusCode::PRECONDITION_FAILED, "version-changed"),
        ShopError::IdempotencyKeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
        ShopError::IdempotencyKeyInUse { .. } => (StatusCode::CONFLICT, "idempotency-key-in-use"),
        ShopError::PaymentDeclined { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "payment-declined"),
        ShopError::WebhookRefused(_) => (StatusCode::BAD_REQUEST, "webhook-refused"),
        ShopError::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        ShopError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl From<ShopError> for Problem {
    fn from(error: ShopError) -> Self {
        let (status, name) = kind(&error);
        let problem = Self::new(status, name, texts::title(&error), texts::failure(&error));
        match error {
            ShopError::Rules(rules) => Self { errors: rules.iter().map(Into::into).collect(), ..problem },
            ShopError::NotFound { subject } | ShopError::AlreadyExists { subject } => {
                Self { subject: Some(subject.name().to_owned()), sku: subject.into_sku(), ..problem }
            }
            ShopError::OutOfStock { sku } => Self { sku: Some(sku), ..problem },
            ShopError::PaymentDeclined { code } => Self { decline_code: Some(code), ..problem },
            ShopError::WebhookRefused(error) => {
                let problem = Self { reason: Some(error.code().into()), ..problem };
                match error {
                    WebhookError::Unreadable(found) => problem.with_hint(&found),
                    WebhookError::Forged | WebhookError::Stale => problem,
                }
            }
            ShopError::IdempotencyKeyInUse { retry_after_seconds }
            | ShopError::TooManyAttempts { retry_after_seconds } => {
                Self { retry_after_seconds: Some(retry_after_seconds), ..problem }
            }
            ShopError::Unavailable { retry_after_seconds, source } => {
                log_failure("unavailable", source.as_deref().map(|source| source as _));
                Self { retry_after_seconds: Some(retry_after_seconds), ..problem }
            }
            ShopError::Internal(source) => {
                log_failure("internal error", Some(source.as_ref()));
                problem
            }
            ShopError::SignInRequired
            | ShopError::WrongCredentials
            | ShopError::Forbidden
            | ShopError::Conflict
            | ShopError::VersionChanged
            | ShopError::IdempotencyKeyReused => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status_code(), axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"shopease\""));
        }
        // The `pages` layer renders the problem as HTML.
        response.extensions_mut().insert(self);
        response
    }
}

fn log_failure(what: &str, source: Option<&(dyn std::error::Error + 'static)>) {
    let mut chain = String::new();
    let mut next = source;
    while let Some(error) = next {
        if !chain.is_empty() {
            chain.push_str(": ");
        }
        chain.push_str(&error.to_string());
        next = error.source();
    }
    // Explicit, because not every log format adds the request ID.
    tracing::error!(request_id = request::current_id(), error.message = chain, "{what}");
}

/// Responds to unknown paths. A page's path with a trailing slash redirects to the page.
pub(super) async fn not_found(method: Method, uri: Uri) -> Response {
    if let Some(page) = without_slash(&method, &uri) {
        return Redirect::permanent(&page).into_response();
    }
    Problem::from(ShopError::NotFound { subject: Subject::Page }).into_response()
}

fn without_slash(method: &Method, uri: &Uri) -> Option<String> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    let is_page = |route: &&routes::Route| route.method == Method::GET && route.surface == Surface::Page;
    let page = routes::at(path).iter().copied().find(is_page).filter(|_| *method == Method::GET);
    page.map(|_| uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

/// Responds to methods that the route does not support; axum adds `Allow`.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "Method not allowed",
        "This address does not allow this method.",
    )
}

/// The problem type of a response, for the outer layers.
#[derive(Debug, Clone)]
pub(super) struct ProblemKind(pub String);

/// The response to a request whose handler panicked. The panic hook has already logged the location.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::from(ShopError::Internal("a handler panicked".into())).into_response()
}

/// Renders problems as HTML pages, except below `/api/`.
pub(super) async fn pages(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_page = !request.uri().path().starts_with("/api/");
    let hints = Hints::read(request.headers(), &app.config);
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let kind = ProblemKind(problem.kind.clone());
    if is_page {
        let (parts, _) = response.into_parts();
        response = super::pages::error_page(&app, hints, &problem).await;
        *response.status_mut() = parts.status;
        for (name, value) in &parts.headers {
            if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
                response.headers_mut().append(name, value.clone());
            }
        }
    }
    response.extensions_mut().insert(kind);
    response
}
