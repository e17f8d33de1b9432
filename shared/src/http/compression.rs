//! Which responses are compressed: text of more than a kilobyte, unless another site may be measuring what it contains.

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// A smaller response fits into one packet anyway.
const MIN_BYTES: u64 = 1024;
/// Of 9: the next ones take longer and save less than two percent.
const QUALITY: CompressionLevel = CompressionLevel::Precise(5);
/// What compresses well. Images and fonts other than SVG are compressed already.
const TEXT: [&str; 5] =
    ["text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml"];

/// Compresses for clients that accept gzip, and says so in `Content-Encoding` and `Vary`.
pub(super) fn layer() -> CompressionLayer<impl Predicate + Send + Sync + 'static> {
    let is_text = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.is_some_and(is_text)
    };
    CompressionLayer::new().quality(QUALITY).compress_when(SizeAbove::new(MIN_BYTES).and(is_text))
}

fn is_text(content_type: &str) -> bool {
    TEXT.iter().any(|text| content_type.starts_with(text))
}

/// The request as the layer may read it: without `Accept-Encoding` where the response must not be compressed, and never without
/// an acceptable encoding. The layer would replace the status with 406 then, also after a write that took effect.
pub(super) fn negotiable(mut request: Request) -> Request {
    let headers = request.headers_mut();
    let mut accepted = "identity;q=0.001".to_owned();
    if !may_be_probed(headers) {
        for wish in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|wish| wish.to_str().ok()) {
            accepted.extend([", ", wish]);
        }
    }
    if let Ok(accepted) = HeaderValue::try_from(accepted) {
        headers.insert(header::ACCEPT_ENCODING, accepted);
    }
    request
}

/// Whether another site may have made a browser send this request to learn a secret of its visitor from the length of the response
/// (BREACH: a guess in the address that equals a secret on the page compresses better). Without a cookie there is no secret. A
/// browser that does not say where the request comes from is not trusted.
fn may_be_probed(headers: &HeaderMap) -> bool {
    let is_own = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin" || site == "none");
    headers.contains_key(header::COOKIE) && !is_own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_worth_compressing() {
        for text in ["text/html; charset=utf-8", "application/problem+json", "image/svg+xml"] {
            assert!(is_text(text), "{text}");
        }
        for other in ["image/png", "font/woff2", "application/octet-stream", ""] {
            assert!(!is_text(other), "{other}");
        }
    }
}
