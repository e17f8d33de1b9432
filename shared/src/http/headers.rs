//! Headers of every response.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::set_header::response::SetMultipleResponseHeadersLayer;

use shopease_process::telemetry::request;

/// The request ID in the response, as in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Only images may come from other hosts (any `https` host), because imported catalogs link to them. Browsers ignore HSTS on
/// plain http.
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

/// For the checkout page with Stripe's fields, the sources that Stripe documents (<https://docs.stripe.com/security/guide>), and
/// wallets.
pub(super) const PAYMENT_FIELDS: [(HeaderName, HeaderValue); 2] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self' https: data:; script-src 'self' https://js.stripe.com \
             https://*.js.stripe.com; frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com; \
             connect-src 'self' https://api.stripe.com; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(self \"https://js.stripe.com\")"),
    ),
];

/// Sets the security headers, unless a handler has set its own.
pub(super) fn security() -> SetMultipleResponseHeadersLayer<Response> {
    SetMultipleResponseHeadersLayer::if_not_present(SECURITY.into_iter().map(Into::into).collect())
}

/// Sets the request ID that `access` assigned. An ID sent by the client is ignored.
pub(super) fn request_id() -> SetResponseHeaderLayer<fn(&Response) -> Option<HeaderValue>> {
    SetResponseHeaderLayer::overriding(REQUEST_ID, |_| HeaderValue::try_from(request::current_id()?).ok())
}
