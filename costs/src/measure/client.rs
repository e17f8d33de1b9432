//! Requests as a browser sends them, and what the responses report about themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rust_decimal::Decimal;
use serde::Deserialize;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

/// Longest wait for an answer; binaries without optimisation on a busy machine are slow.
const PATIENCE: Duration = Duration::from_mins(1);

/// A browser: it keeps cookies, and follows no redirects by itself.
pub(super) struct Client {
    agent: Agent,
    base: String,
    cookies: BTreeMap<String, String>,
}

pub(super) struct Answer {
    pub body: String,
    /// Where the shop sends the browser next.
    pub location: Option<String>,
    pub headers: HeaderMap,
    pub sample: Option<Sample>,
}

/// What one request used.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Method and pattern.
    pub route: String,
    pub wall_ms: Decimal,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub usage: Usage,
}

/// The header `x-shopease-usage`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Usage {
    #[serde(default)]
    route: String,
    pub cpu_us: u64,
    #[serde(default)]
    pub peak_memory_bytes: u64,
    pub store_requests: u64,
    pub read_units: Decimal,
    pub write_units: Decimal,
    pub statements: u64,
    pub log_bytes: u64,
}

/// Headers of an answer that do not count: one is there for the measurement only, the other, 30 bytes, is as long as its digits.
const NOT_COUNTED: [&str; 2] = ["x-shopease-usage", "server-timing"];

/// What a desktop browser sends along with a page that is asked for from another page of the shop.
const BROWSER: [(&str, &str); 12] = [
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("accept-encoding", "identity"),
    ("accept-language", "en-US,en;q=0.9,de;q=0.8"),
    ("referer", "https://shop.example/products?category=kitchen"),
    ("sec-ch-ua", "\"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\""),
    ("sec-ch-ua-platform", "\"Windows\""),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-user", "?1"),
    ("upgrade-insecure-requests", "1"),
    (
        "user-agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
];

impl Client {
    pub(super) fn new(base: &str) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(PATIENCE)).build();
        Self { agent: config.into(), base: base.to_owned(), cookies: BTreeMap::new() }
    }

    pub(super) fn get(&mut self, target: &str) -> anyhow::Result<Answer> {
        self.send("GET", target, None, String::new())
    }

    /// Sends a form with its hidden fields.
    pub(super) fn submit(&mut self, page: &Answer, action: &str, fields: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let mut pairs = super::walk::hidden_fields(&page.body, action);
        for (name, value) in fields {
            pairs.retain(|(known, _)| known != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        self.send("POST", action, Some("application/x-www-form-urlencoded"), pairs.join("&"))
    }

    /// Sends a request. A response above 399 is an error.
    pub(super) fn send(
        &mut self,
        method: &str,
        target: &str,
        content_type: Option<&str>,
        body: String,
    ) -> anyhow::Result<Answer> {
        let what = format!("{method} {target}");
        let mut request = Request::builder().method(method).uri(format!("{}{target}", self.base));
        for (name, value) in BROWSER {
            request = request.header(name, value);
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let request = request.body(body)?;
        let start = format!("{method} {target} HTTP/1.1\r\n\r\n").len();
        let request_bytes = bytes(start, request.headers(), request.body().len());
        let mut response = self.agent.run(request).with_context(|| what.clone())?;
        let body = response.body_mut().read_to_string().with_context(|| what.clone())?;
        let (status, headers) = (response.status(), response.headers().clone());
        ensure!(status.as_u16() < 400, "{what}: {status}: {}", body.chars().take(300).collect::<String>());
        for cookie in headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.trim().to_owned(), value.to_owned());
            }
        }
        let location = headers.get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let response_bytes = bytes("HTTP/1.1 200 OK\r\n\r\n".len(), &headers, body.len());
        let sample = sample(method, &headers, request_bytes, response_bytes).with_context(|| what)?;
        Ok(Answer { body, location, headers, sample })
    }
}

/// Bytes on the wire in HTTP/1.1 without what transfer adds.
fn bytes(start: usize, headers: &HeaderMap, body: usize) -> u64 {
    let counted = headers.iter().filter(|(name, _)| !NOT_COUNTED.contains(&name.as_str()));
    let headers: usize = counted.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    u64::try_from(start + headers + body).unwrap_or(u64::MAX)
}

/// `None` for an answer of the front door itself.
fn sample(
    method: &str,
    headers: &HeaderMap,
    request_bytes: u64,
    response_bytes: u64,
) -> anyhow::Result<Option<Sample>> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(usage) = text("x-shopease-usage") else { return Ok(None) };
    let usage: Usage = serde_json::from_str(usage).context("x-shopease-usage")?;
    let mut timings = headers.get_all("server-timing").iter().filter_map(|value| value.to_str().ok());
    let wall_ms = timings.find_map(duration).context("server-timing does not have the shop's time")?;
    Ok(Some(Sample { route: format!("{method} {}", usage.route), wall_ms, request_bytes, response_bytes, usage }))
}

/// Milliseconds that the handler took: of `shop;dur=1.2, lambda;dur=2.34` the first. The others are those of the front door.
fn duration(timing: &str) -> Option<Decimal> {
    timing.split(',').find_map(|metric| metric.trim().strip_prefix("shop;dur=")?.parse().ok())
}

fn escape(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;

    #[test]
    fn the_time_is_that_of_the_handler() {
        assert_eq!(duration("lambda;dur=1.23, shop;dur=0.9"), Some(dec!(0.9)));
        assert_eq!(duration("lambda;dur=1.23"), None);
    }

    #[test]
    fn headers_count_with_their_separators_and_without_those_of_measuring() {
        let mut headers = HeaderMap::new();
        headers.insert("etag", "\"x\"".parse().expect("a value"));
        headers.insert("x-shopease-usage", "{}".parse().expect("a value"));
        assert_eq!(bytes(10, &headers, 5), 10 + 4 + 2 + 3 + 2 + 5);
    }
}
