//! The engine's optional port for other processes of this machine. Any web page in a browser of this machine can send
//! requests to it, so it requires the access key and rejects requests that originate from a page.

use std::convert::Infallible;

use dynoxide::Database;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::engine::{EngineResponse, execute};

/// Largest request in bytes, as on AWS.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Pause after `accept` fails because the process is out of file descriptors.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Serves the port forever.
pub(super) async fn serve(listener: TcpListener, database: Database, access_key: String) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (database, access_key) = (database.clone(), access_key.clone());
        let service = service_fn(move |request| {
            let (database, access_key) = (database.clone(), access_key.clone());
            async move { Ok::<_, Infallible>(to_http(respond(request, &database, &access_key).await)) }
        });
        tokio::spawn(async move {
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "connection to the embedded engine failed");
            }
        });
    }
}

async fn respond(request: Request<Incoming>, database: &Database, access_key: &str) -> EngineResponse {
    if let Err(reason) = check(request.headers(), access_key) {
        return EngineResponse::error(403, "UnrecognizedClientException", reason);
    }
    if request.method() != Method::POST {
        return EngineResponse::error(404, "UnknownOperationException", "The embedded engine supports only POST.");
    }
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.unwrap_or_default().to_owned();
    match Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await {
        Ok(body) => execute(database, &target, &body.to_bytes()),
        Err(_) => EngineResponse::error(413, "RequestEntityTooLarge", "The request is too large or incomplete."),
    }
}

/// Checks that a request was sent by a program of this machine that knows the access key.
fn check(headers: &HeaderMap, access_key: &str) -> Result<(), &'static str> {
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return Err("Web pages are not allowed to use the embedded engine.");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback) {
        return Err("The Host header of the request does not name this machine.");
    }
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = authorization.split_once("Credential=").map(|(_, rest)| rest);
    let is_valid = credential.and_then(|rest| rest.split('/').next()).is_some_and(|key| key == access_key);
    if is_valid {
        Ok(())
    } else {
        Err("The access key is invalid. The embedded engine prints its access key at start.")
    }
}

/// Whether an authority names this machine; other names may resolve to it as well (DNS rebinding).
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    // Browsers resolve names below `localhost` themselves.
    let name = name.to_ascii_lowercase();
    matches!(&*name, "127.0.0.1" | "[::1]" | "localhost") || name.ends_with(".localhost")
}

fn to_http(result: EngineResponse) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(result.body)));
    *response.status_mut() = hyper::StatusCode::from_u16(result.status).unwrap_or_default();
    let json = header::HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_this_machine_with_the_key_are_served() {
        let is_served = |more: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "127.0.0.1:8000".parse().expect("a value"));
            let signed = "AWS4-HMAC-SHA256 Credential=secret/20260101/us-east-1/dynamodb/aws4_request, Signature=x";
            headers.insert("authorization", signed.parse().expect("a value"));
            for (name, value) in more {
                headers.insert(*name, value.parse().expect("a value"));
            }
            check(&headers, "secret").is_ok()
        };
        for host in ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "store.localhost:8000"]
        {
            assert!(is_served(&[("host", host)]), "{host}");
        }
        for host in
            ["", "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:80", "[::1"]
        {
            assert!(!is_served(&[("host", host)]), "{host}");
        }
        for origin in ["https://evil.example", "null", "http://127.0.0.1:8000", "http://localhost:8080"] {
            assert!(!is_served(&[("origin", origin)]), "{origin}");
        }
        assert!(!is_served(&[("sec-fetch-site", "same-origin")]));
        for credential in ["", "Credential=", "Credential=/", "Credential=other/x", "secret", "Credential=secrets/x"] {
            assert!(!is_served(&[("authorization", credential)]), "{credential}");
        }
    }
}
