//! A server that returns scripted responses and records the requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use shopease_shop::testing::MapEnv;
use tokio::net::TcpListener;

/// A response.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status and body.
    With(u16, String),
    /// No response within any timeout.
    Never,
}

impl Reply {
    pub fn ok(body: impl Into<String>) -> Self {
        Self::With(200, body.into())
    }
}

/// A recorded request.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// The server.
#[derive(Clone, Default)]
pub struct Service {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    url: String,
}

impl Service {
    /// Starts one. When the list is exhausted, the last response is repeated.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        let service = Self { replies, url, ..Self::default() };
        let router = Router::new().fallback(reply).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    pub fn env(&self) -> MapEnv {
        crate::env(&self.url, "AKIDEXAMPLE", "secret/key")
    }
}

async fn reply(State(service): State<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let body = String::from_utf8(body.to_vec()).expect("text");
    let seen = Seen { method: parts.method, path: parts.uri.path().to_owned(), headers: parts.headers, body };
    service.seen.lock().expect("not poisoned").push(seen);
    let reply = {
        let mut replies = service.replies.lock().expect("not poisoned");
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
    };
    match reply.expect("at least one reply") {
        Reply::With(status, body) => (StatusCode::from_u16(status).expect("a status"), body).into_response(),
        Reply::Never => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            StatusCode::OK.into_response()
        }
    }
}
