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
pub enum Answer {
    /// This status and body.
    With(u16, String),
    /// No response within any timeout.
    Never,
}

impl Answer {
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
    answers: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    url: String,
}

impl Service {
    /// Starts one. When the list is exhausted, the last response is repeated.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        let service = Self { answers, url, ..Self::default() };
        let router = Router::new().fallback(answer).with_state(service.clone());
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

async fn answer(State(service): State<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a body");
    let body = String::from_utf8(body.to_vec()).expect("text");
    let seen = Seen { method: parts.method, path: parts.uri.path().to_owned(), headers: parts.headers, body };
    service.seen.lock().expect("not poisoned").push(seen);
    let answer = {
        let mut answers = service.answers.lock().expect("not poisoned");
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    };
    match answer.expect("at least one answer") {
        Answer::With(status, body) => (StatusCode::from_u16(status).expect("a status"), body).into_response(),
        Answer::Never => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            StatusCode::OK.into_response()
        }
    }
}
