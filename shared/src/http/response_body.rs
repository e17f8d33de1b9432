//! Response bodies that every front door can deliver: complete, of known length, and not too large.

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};

use super::MAX_RESPONSE_BYTES;
use super::access;
use super::problem::Problem;
use shopease_process::telemetry::request;
use shopease_shop::ShopError;

/// Size of the largest body in a Lambda response, as Base64.
const MAX_EVENT_BYTES: usize = MAX_RESPONSE_BYTES.div_ceil(3) * 4;

/// Responds to HEAD with the headers of GET, and to every other request with a body of known length. Otherwise hyper would send a
/// compressed body in chunks, and a Lambda function would send a body with HEAD.
pub(super) async fn framed(mut request: Request, next: Next) -> Response {
    let is_head = request.method() == Method::HEAD;
    if is_head {
        *request.method_mut() = Method::GET;
    }
    let (mut parts, body) = next.run(request).await.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Problem::from(ShopError::Internal(error.into())).into_response(),
    };
    if !is_head {
        return Response::from_parts(parts, Body::from(body));
    }
    if !body.is_empty() {
        parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    }
    Response::from_parts(parts, Body::empty())
}

/// Replaces a response that a load balancer would not accept from a Lambda function with a problem, on every front door. The limit
/// applies before compression, so that the status does not depend on `Accept-Encoding`.
pub(super) async fn limit(request: Request, next: Next) -> Response {
    let route = access::route(request.uri().path());
    let (parts, body) = next.run(request).await.into_parts();
    let bytes = body.size_hint().lower();
    match Limited::new(body, MAX_RESPONSE_BYTES).collect().await.map(Collected::to_bytes) {
        Ok(body) if fits(&body) => return Response::from_parts(parts, Body::from(body)),
        Err(error) if !error.is::<LengthLimitError>() => {
            return Problem::from(ShopError::Internal(error)).into_response();
        }
        _ => {}
    }
    let request_id = request::current_id();
    tracing::error!(request_id, http.route = route, bytes, "the response exceeds the size limit of the front doors");
    too_large().into_response()
}

/// Returns whether the body fits into a Lambda response, which carries text as a JSON string and everything else as Base64.
pub(super) fn fits(body: &[u8]) -> bool {
    let escapes = |byte: &u8| match byte {
        b'"' | b'\\' | b'\x08' | b'\t' | b'\n' | b'\x0c' | b'\r' => 1,
        ..b' ' => 5,
        _ => 0,
    };
    // It fits even if every byte is escaped: no need to count.
    body.len() * 6 <= MAX_EVENT_BYTES || body.len() + body.iter().map(escapes).sum::<usize>() <= MAX_EVENT_BYTES
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "response-too-large",
        "The response is too large",
        format!("The response would exceed {MAX_RESPONSE_BYTES} bytes. Request fewer items at once."),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::*;

    #[test]
    fn a_body_fits_however_an_event_carries_it() {
        for unit in ["x", "\"", "\\", "\n", "\u{1}", "ä", "\"x\u{1f}"] {
            let bytes = |count: usize| Bytes::from(unit.repeat(count));
            let in_event = |count: usize| serde_json::to_string(&unit.repeat(count)).map_or(0, |json| json.len() - 2);
            let most = MAX_EVENT_BYTES / in_event(1);
            assert!(in_event(most) <= MAX_EVENT_BYTES && fits(&bytes(most)), "{unit:?}");
            assert!(!fits(&bytes(most + 1)), "{unit:?}");
        }
    }
}
