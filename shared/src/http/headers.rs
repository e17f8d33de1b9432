//! Headers that every response has.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::set_header::response::SetMultipleResponseHeadersLayer;

use shopease_process::telemetry::request;

/// Names a request in its response and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Images of imported catalogs come from any `https` host; nothing else does. HSTS counts only on https, browsers ignore
/// it elsewhere.
const SECURITY: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self' https: data:; script-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"),
    ),
];

/// Sets the headers that limit what a browser lets a page do, unless a handler has set its own.
pub(super) fn security() -> SetMultipleResponseHeadersLayer<Response> {
    SetMultipleResponseHeadersLayer::if_not_present(SECURITY.into_iter().map(Into::into).collect())
}

/// Sets the id that `access` gave to the request. One that the client sends does not count.
pub(super) fn request_id() -> SetResponseHeaderLayer<fn(&Response) -> Option<HeaderValue>> {
    SetResponseHeaderLayer::overriding(REQUEST_ID, |_| HeaderValue::try_from(request::current_id()?).ok())
}
