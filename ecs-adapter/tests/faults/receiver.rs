//! Receives what the site sends: the shop's events, and the provider's webhooks, which it forwards to the shop; it
//! records them and the shop's responses.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use secrecy::SecretString;
use serde_json::Value;
use shopease_payments::verify;
use shopease_shop::ports::{Clock as _, SystemClock, WebhookError};
use tokio::net::TcpListener;

use crate::site::TIMEOUT;

/// The header with the provider's signature.
const SIGNATURE: &str = "shopease-signature";

/// A received webhook.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The flaw of its signature, if any.
    pub flaw: Option<WebhookError>,
    /// The status of the shop's response; `None` if there was none.
    pub status: Option<u16>,
    /// The event.
    pub body: Vec<u8>,
}

/// Records everything received.
#[derive(Clone)]
pub struct Receiver {
    port: u16,
    secret: SecretString,
    http: reqwest::Client,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    shop: Option<String>,
    events: Vec<(String, String)>,
    webhooks: Vec<Seen>,
}

impl Receiver {
    /// Listens until the runtime ends.
    pub async fn start(secret: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let receiver = Self { port, secret: secret.into(), http: reqwest::Client::new(), kept: Arc::default() };
        let router = Router::new().route("/events", post(event)).route("/webhooks", post(webhook));
        let router = router.with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// URL for the shop's events.
    pub fn events_url(&self) -> String {
        format!("http://127.0.0.1:{}/events", self.port)
    }

    /// URL for the provider's webhooks.
    pub fn webhooks_url(&self) -> String {
        format!("http://127.0.0.1:{}/webhooks", self.port)
    }

    /// Forwards webhooks to this shop from now on; earlier ones are accepted and dropped.
    pub fn forward_to(&self, shop: &str) {
        self.kept().shop = Some(shop.to_owned());
    }

    /// Topic and subject of each event, in order of arrival.
    pub fn events(&self) -> Vec<(String, String)> {
        self.kept().events.clone()
    }

    /// The webhooks received so far.
    pub fn webhooks(&self) -> Vec<Seen> {
        self.kept().webhooks.clone()
    }

    /// Waits until this many webhooks of each step of a payment have arrived and been answered by the shop.
    pub async fn until_delivered(&self, order_id: &str, copies: usize) {
        let delivered = |step: &str| {
            let right = self.webhooks().into_iter().filter(|seen| seen.flaw.is_none());
            let events = right.map(|seen| serde_json::from_slice::<Value>(&seen.body).expect("an event"));
            events.filter(|event| event["type"] == step && event["data"]["order_id"] == order_id).count()
        };
        let begun = Instant::now();
        while ["payment_intent.authorized", "payment_intent.captured"].into_iter().any(|step| delivered(step) < copies)
        {
            assert!(begun.elapsed() < TIMEOUT, "no webhook for {order_id}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("not poisoned")
    }
}

async fn event(State(receiver): State<Receiver>, Json(message): Json<Value>) -> StatusCode {
    let text = |name: &str| message[name].as_str().expect("a message has it").to_owned();
    receiver.kept().events.push((text("topic"), text("subject")));
    StatusCode::NO_CONTENT
}

async fn webhook(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let flaw = verify(&receiver.secret, signature, &body, SystemClock.now()).err();
    let Some(shop) = receiver.kept().shop.clone() else { return StatusCode::NO_CONTENT };
    let request = receiver.http.post(format!("{shop}/api/v1/payments/webhooks")).body(body.clone());
    let request = request.header("content-type", "application/json").header(SIGNATURE, signature.unwrap_or("none"));
    let status = request.send().await.ok().map(|response| response.status().as_u16());
    receiver.kept().webhooks.push(Seen { flaw, status, body: body.to_vec() });
    StatusCode::from_u16(status.unwrap_or(503)).expect("a status")
}
