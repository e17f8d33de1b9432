//! Requests as sent, and responses in canonical form.

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use futures_util::stream;
use http::header::CONTENT_ENCODING;
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::canonical::canonical;

/// Longest wait for a response.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Placeholder for the front door's letter: each front door uses its own email addresses and keys.
pub const LETTER: &str = "{door}";

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Vec<u8>,
    /// Without a content length.
    pub chunked: bool,
}

impl Call {
    pub fn new(method: &'static str, target: &str) -> Self {
        Self { method, target: target.to_owned(), headers: Vec::new(), body: Vec::new(), chunked: false }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    /// Replaces a header.
    pub fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(old, _)| *old != name);
        self.header(name, value)
    }

    pub fn body(mut self, content_type: &'static str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.with("content-type", content_type)
    }

    /// The request for this front door.
    pub fn of(&self, letter: char) -> Self {
        let replace = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) if text.contains(LETTER) => text.replace(LETTER, &letter.to_string()).into_bytes(),
            _ => bytes.to_vec(),
        };
        let mut call = self.clone();
        call.body = replace(&call.body);
        for (_, value) in &mut call.headers {
            *value = replace(value);
        }
        call
    }
}

/// A response in canonical form: see [`canonical`].
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    /// Sorted by name; repeated headers in their original order.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The original body, decompressed.
    pub raw: String,
    /// The original `Location`.
    pub location: Option<String>,
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.headers, &self.body) == (other.status, &other.headers, &other.body)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.body.chars().take(300).collect();
        write!(out, "{} {:?} {body}", self.status, self.headers)
    }
}

/// Headers that depend on the front door or the time.
const OWN_HEADERS: [&str; 4] = ["date", "x-shopease-path", "server-timing", "x-front-door-reason"];

/// A client of one front door.
pub struct Client {
    pool: Pool<HttpConnector, Body>,
    base: std::net::SocketAddr,
    letter: char,
}

impl Client {
    pub fn new(base: std::net::SocketAddr, letter: char) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { pool: Pool::builder(TokioExecutor::new()).build(connector), base, letter }
    }

    /// Sends a request and reads the complete response.
    pub async fn send(&self, call: &Call) -> Result<Answer, String> {
        self.send_with_cookies(call).await.map(|(answer, _)| answer)
    }

    /// The same, with the original cookies of the response.
    pub async fn send_with_cookies(&self, call: &Call) -> Result<(Answer, Vec<(String, String)>), String> {
        let uri = format!("http://{}{}", self.base, call.target);
        let uri: Uri = uri.parse().map_err(|error| format!("{uri}: {error}"))?;
        let bytes = Bytes::from(call.body.clone());
        let body = if call.chunked {
            let half = bytes.len() / 2;
            let parts = [bytes.slice(..half), bytes.slice(half..)].map(|part| Ok(Frame::data(part)));
            StreamBody::new(stream::iter(parts)).boxed_unsync()
        } else {
            Full::new(bytes).boxed_unsync()
        };
        let mut request = Request::new(body);
        *request.method_mut() = call.method.parse().map_err(|error| format!("{error}"))?;
        *request.uri_mut() = uri;
        request.headers_mut().insert("host", HeaderValue::from_static("shop.test"));
        for (name, value) in &call.headers {
            let value = HeaderValue::from_bytes(value).map_err(|error| format!("{name}: {error}"))?;
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        let answer = tokio::time::timeout(TIMEOUT, self.pool.request(request)).await;
        let answer = answer.map_err(|_| "no answer in time".to_owned())?.map_err(|error| format!("{error:?}"))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| format!("the body breaks off: {error}"))?.to_bytes();
        let is_compressed = parts.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
        // Responses to HEAD, and 304, describe a compressed body without sending it.
        let decoded = if is_compressed && !body.is_empty() { decompress(&body)? } else { body.to_vec() };
        let raw = String::from_utf8_lossy(&decoded).into_owned();
        let mut headers = Vec::new();
        for name in parts.headers.keys().filter(|name| !OWN_HEADERS.contains(&name.as_str())) {
            for value in parts.headers.get_all(name) {
                headers.push((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
            }
        }
        // Timestamps differ, and so do lengths: it only matters that the length matches the body.
        for (_, value) in headers.iter_mut().filter(|(name, _)| name == "content-length" && call.method != "HEAD") {
            if value.parse() == Ok(body.len()) {
                "right".clone_into(value);
            }
        }
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        let cookies = headers.iter().filter(|(name, _)| name == "set-cookie").filter_map(|(_, cookie)| {
            let (name, value) = cookie.split(';').next()?.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        });
        let cookies = cookies.collect();
        for (_, cookie) in headers.iter_mut().filter(|(name, _)| name == "set-cookie") {
            hide_sealed(cookie);
        }
        let location = headers.iter().find(|(name, _)| name == "location").map(|(_, location)| location.clone());
        // One mapping for the whole response, so that an ID in a header and in the body gets the same placeholder.
        let mut seen = Vec::new();
        let headers =
            headers.into_iter().map(|(name, value)| (name, canonical(&value, self.letter, &mut seen))).collect();
        let body = canonical(&raw, self.letter, &mut seen);
        Ok((Answer { status: parts.status.as_u16(), headers, body, raw, location }, cookies))
    }
}

/// An encrypted cookie differs completely each time.
fn hide_sealed(cookie: &mut String) {
    if let Some((pair, attributes)) = cookie.split_once(';')
        && let Some((name @ "shopease_checkout", _)) = pair.split_once('=')
    {
        *cookie = format!("{name}=<sealed>;{attributes}");
    }
}

/// A compressed body differs completely after the first ID, so the decompressed body is compared.
fn decompress(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::new();
    GzDecoder::new(body).read_to_end(&mut decoded).map_err(|error| format!("the body is not gzip: {error}"))?;
    Ok(decoded)
}
