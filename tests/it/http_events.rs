//! Events over HTTP: a rejected event delays only later events with the same subject.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::routing::post;
use http::StatusCode;
use serde_json::Value;
use shopease_events::HttpSink;
use shopease_shop::domain::OutboxMessageId;
use shopease_shop::ports::{EventSink as _, OutboxMessage};
use time::macros::datetime;

use crate::harness::text;
use crate::remote::Server;

/// Subjects of the accepted events.
type Taken = Arc<Mutex<Vec<String>>>;

/// A receiver that responds to events with the subject `bad` with a status.
async fn receiver(status: StatusCode) -> (Server, Taken) {
    let taken = Taken::default();
    let seen = Arc::clone(&taken);
    let receive = move |Json(event): Json<Value>| async move {
        let subject = text(&event["subject"]);
        if subject == "bad" {
            return status;
        }
        seen.lock().expect("not poisoned").push(format!("{subject} {}", text(&event["topic"])));
        StatusCode::NO_CONTENT
    };
    (Server::start(Router::new().route("/", post(receive))).await, taken)
}

fn messages() -> Vec<OutboxMessage> {
    let message = |(number, (topic, subject)): (usize, &(&str, &str))| OutboxMessage {
        id: OutboxMessageId::derive(&number.to_string()),
        topic: (*topic).to_owned(),
        subject: (*subject).to_owned(),
        occurred_at: datetime!(2026-03-01 12:00 UTC),
    };
    let all = [("placed", "a"), ("placed", "bad"), ("placed", "c"), ("paid", "bad"), ("paid", "a"), ("paid", "c")];
    all.iter().enumerate().map(message).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_event_delays_only_its_own_subject() {
    for status in [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::BAD_REQUEST,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::INTERNAL_SERVER_ERROR,
    ] {
        let (server, taken) = receiver(status).await;
        let delivered = HttpSink::new(&server.url).expect("a URL").deliver(&messages()).await;
        assert_eq!(*taken.lock().expect("not poisoned"), ["a placed", "c placed", "a paid", "c paid"], "{status}");
        assert_eq!((delivered.taken.len(), delivered.is_away), (4, false), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unavailable_receiver_is_not_called_again() {
    for status in [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE] {
        let (server, taken) = receiver(status).await;
        let delivered = HttpSink::new(&server.url).expect("a URL").deliver(&messages()).await;
        assert!(delivered.is_away, "{status}");
        assert_eq!((delivered.taken.len(), taken.lock().expect("not poisoned").len()), (1, 1), "{status}");
    }
}
