//! A proxy in front of `localstripe` for documented behavior that it lacks and that the shop depends on:
//!
//! - `localstripe` rejects `return_url` on confirm (400); Stripe requires it there. It is checked and removed.
//! - `localstripe` has no disputes; the proxy returns an empty list.
//! - `localstripe` ignores `Idempotency-Key`. Stripe stores the first response for a key, and rejects the key with
//!   another URL or form (400, `idempotency_error`). The proxy does the same with the requests as they arrive, so a
//!   repeated request that is not identical byte for byte is detected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use reqwest::{Client, Url};
use tokio::net::TcpListener;

use crate::support::RETURN_URL;

/// By key: URL and form of the first request, and its response.
type Kept = HashMap<String, ((String, Bytes), (u16, Bytes))>;

#[derive(Clone)]
struct Shim {
    upstream: String,
    client: Client,
    kept: Arc<Mutex<Kept>>,
}

/// Starts the proxy for a `localstripe`; returns its URL.
pub async fn start(upstream: &str) -> String {
    let shim = Shim { upstream: upstream.to_owned(), client: Client::new(), kept: Arc::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(proxy).with_state(shim);
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

/// Path that `localstripe` does not know; it is answered with an empty list.
const NO_DISPUTES: &[u8] = br#"{"object": "list", "data": [], "has_more": false}"#;

async fn proxy(State(shim): State<Shim>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("idempotency-key").map(|key| key.to_str().expect("text").to_owned());
    assert_eq!(key.is_some(), method == Method::POST, "{method} {uri}");
    if uri.path() == "/v1/disputes" {
        return reply(200, Bytes::from_static(NO_DISPUTES));
    }
    let request = (uri.to_string(), body.clone());
    let kept = key.as_ref().and_then(|key| shim.kept.lock().expect("not poisoned").get(key).cloned());
    match kept {
        Some((first, (status, response))) if first == request => return reply(status, response),
        Some(_) => return reply(400, Bytes::from_static(br#"{"error": {"type": "idempotency_error"}}"#)),
        None => {}
    }
    let body = if uri.path().ends_with("/confirm") { without_return_url(&body) } else { body };
    let mut upstream = shim.client.request(method, format!("{}{uri}", shim.upstream)).body(body);
    for name in ["authorization", "content-type", "stripe-version"] {
        if let Some(value) = headers.get(name) {
            upstream = upstream.header(name, value);
        }
    }
    let response = upstream.send().await.expect("localstripe responds");
    let (status, response) = (response.status().as_u16(), response.bytes().await.expect("localstripe responds"));
    if let Some(key) = key {
        shim.kept.lock().expect("not poisoned").insert(key, (request, (status, response.clone())));
    }
    reply(status, response)
}

fn without_return_url(form: &Bytes) -> Bytes {
    let form = std::str::from_utf8(form).expect("text");
    let mut url = Url::parse(&format!("http://form/?{form}")).expect("a form");
    let (return_urls, others): (Vec<_>, Vec<_>) =
        url.query_pairs().into_owned().partition(|(name, _)| name == "return_url");
    assert_eq!(return_urls, [("return_url".to_owned(), RETURN_URL.to_owned())]);
    url.query_pairs_mut().clear().extend_pairs(others);
    url.query().unwrap_or_default().to_owned().into()
}

fn reply(status: u16, body: Bytes) -> Response {
    (StatusCode::from_u16(status).expect("a status"), body).into_response()
}
