//! Conversion of HTTP requests to Lambda events, and of function results to HTTP responses, for ALB, HTTP APIs, and
//! Function URLs.

pub mod alb;
pub mod http_api;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::Bytes;
use serde_json::{Map, Value};

/// Why a function's result is not an HTTP response.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not the required object.
    #[error("the result is not the expected JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A status outside of 200 to 599. An informational status does not end an exchange.
    #[error("{0} is not a final response status")]
    Status(i64),
    /// An invalid header.
    #[error("header {0:?} is invalid")]
    Header(String),
    /// A body that is marked as Base64 and is not valid Base64.
    #[error("the body is not valid Base64: {0}")]
    Base64(#[from] base64::DecodeError),
}

/// The body in an event: text as is, anything else as Base64.
fn event_body(headers: &HeaderMap, body: &Bytes) -> (Value, bool) {
    let text = if is_text(headers) { std::str::from_utf8(body).ok() } else { None };
    match text {
        _ if body.is_empty() => (Value::from(""), false),
        Some(text) => (Value::from(text), false),
        None => (Value::from(STANDARD.encode(body)), true),
    }
}

/// The content types that ALB passes as text: without `content-encoding`, `text/*` and JSON, JavaScript, and XML by
/// their main names.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    !headers.contains_key(header::CONTENT_ENCODING)
        && (kind.starts_with("text/")
            || matches!(kind.as_str(), "application/json" | "application/javascript" | "application/xml"))
}

/// A header's value as JSON text; bytes that are not UTF-8 become U+FFFD.
fn text_of(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The fields that all result formats share.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResult {
    status_code: i64,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<Map<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl FunctionResult {
    fn response(self, headers: HeaderMap) -> Result<Response<Bytes>, Malformed> {
        let status = u16::try_from(self.status_code).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let status =
            status.filter(|status| (200..600).contains(&status.as_u16())).ok_or(Malformed::Status(self.status_code))?;
        let body = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded { STANDARD.decode(body)?.into() } else { Bytes::from(body) };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// Appends a header; its value is a string, number, or boolean.
fn append(headers: &mut HeaderMap, name: &str, value: &Value) -> Result<(), Malformed> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return Err(Malformed::Header(name.to_owned())),
    };
    let malformed = || Malformed::Header(name.to_owned());
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
    // Message framing is up to the sender of the response.
    if name != header::TRANSFER_ENCODING && name != header::CONNECTION {
        headers.append(name, HeaderValue::from_str(&text).map_err(|_| malformed())?);
    }
    Ok(())
}
