//! Response compression: text larger than one kilobyte, unless another site could measure it (BREACH).

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Smaller responses fit into one packet anyway.
const MIN_BYTES: u64 = 1024;
/// Level of 9: higher levels take longer and save less than two percent.
const QUALITY: CompressionLevel = CompressionLevel::Precise(5);
/// Types that compress well. Fonts and images other than SVG are already compressed.
const TEXT: [&str; 5] =
    ["text/", "application/json", "application/problem+json", "application/javascript", "image/svg+xml"];

/// Compresses for clients that accept gzip, and sets `Content-Encoding` and `Vary`.
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

/// Rewrites `Accept-Encoding` for the compression layer: drops it if the response must not be compressed, and always allows
/// `identity`. Without an acceptable encoding, the layer would replace the status with 406, even after a successful write.
pub(super) fn negotiable(mut request: Request) -> Request {
    let headers = request.headers_mut();
    let mut accepted = "identity;q=0.001".to_owned();
    if !may_be_probed(headers) {
        for value in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
            accepted.extend([", ", value]);
        }
    }
    if let Ok(accepted) = HeaderValue::try_from(accepted) {
        headers.insert(header::ACCEPT_ENCODING, accepted);
    }
    request
}

/// Returns whether another site may have caused this request to learn a secret of the visitor from the response length (BREACH:
/// a guess in the URL that equals a secret on the page compresses better). Without a cookie there is no secret. Browsers that
/// do not send `Sec-Fetch-Site` are not trusted.
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
