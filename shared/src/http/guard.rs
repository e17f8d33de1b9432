//! Makes all front doors behave alike before routing: requests that some front door would normalize, reject or truncate
//! differently are rejected here with 400.

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;

use super::problem::Problem;
use shopease_shop::ports::SIGNATURE_HEADER;

/// Rejects paths that load balancers rewrite (dot segments, backslashes, double slashes), control characters and invalid UTF-8
/// in path or query, and repeated single-value headers.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let target = check(request.uri().path(), request.uri().query().unwrap_or_default());
    if let Err(reason) = target.and_then(|()| check_headers(request.headers())) {
        return Problem::malformed(reason).into_response();
    }
    next.run(request).await
}

/// Significant single-value headers: front doors disagree about which of two values counts.
const SINGLE: [(&str, &str); 6] = [
    ("authorization", "The request has several Authorization headers."),
    ("content-type", "The request has several Content-Type headers."),
    ("idempotency-key", "The request has several Idempotency-Key headers."),
    ("origin", "The request has several Origin headers."),
    ("sec-fetch-site", "The request has several Sec-Fetch-Site headers."),
    (SIGNATURE_HEADER, "The request has several signature headers."),
];

fn check_headers(headers: &HeaderMap) -> Result<(), &'static str> {
    let repeated =
        SINGLE.iter().find(|(name, _)| headers.get_all(*name).iter().nth(1).is_some() || is_joined(headers, name));
    repeated.map_or(Ok(()), |(_, reason)| Err(*reason))
}

/// Returns whether a front door may have joined several keys. An HTTP API joins them with a comma, so keys must not contain one.
fn is_joined(headers: &HeaderMap, name: &str) -> bool {
    name == "idempotency-key" && headers.get(name).is_some_and(|value| value.as_bytes().contains(&b','))
}

fn check(path: &str, query: &str) -> Result<(), &'static str> {
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| "The path is not valid UTF-8.")?;
    if decoded.contains('\\') {
        return Err("The path contains a backslash.");
    }
    if decoded.chars().any(char::is_control) {
        return Err("The path contains a control character.");
    }
    if decoded.split('/').any(|segment| segment == "." || segment == "..") {
        return Err("The path contains a dot segment.");
    }
    if path.contains("//") {
        return Err("The path contains an empty segment.");
    }
    if !escapes_are_complete(path) || !escapes_are_complete(query) {
        return Err("A percent sign is not followed by two hexadecimal digits.");
    }
    let query = percent_decode_str(query).decode_utf8().map_err(|_| "The query string is not valid UTF-8.")?;
    if query.contains('\0') {
        return Err("The query string contains a NUL character.");
    }
    Ok(())
}

fn escapes_are_complete(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn ordinary_paths_are_accepted_and_ambiguous_ones_are_rejected() {
        for path in ["/", "/products/v%C3%A4xel-9", "/a.b/..c", "/products/a..b"] {
            assert_eq!(check(path, "q=caf%C3%A9+x&flag"), Ok(()), "{path}");
        }
        for path in [
            "/a/../admin",
            "/a/%2e%2e/admin",
            "/.",
            "/a\\b",
            "/a%5Cb",
            "/%00",
            "/%FF",
            "//evil",
            "/%zz",
            "/%0d%0aX",
            "/%e",
        ] {
            assert!(check(path, "").is_err(), "{path}");
        }
        for query in ["u=%FF", "q=%00", "q=%"] {
            assert!(check("/", query).is_err(), "{query}");
        }
    }
}
