//! Webhooks: signed, delivered at least once, and verified by the provider.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use secrecy::SecretString;
use serde_json::{Value, json};
use shopease_payments::fake::service::{
    Fault, FaultKind, FaultPlan, SIGNATURE_HEADER, ServiceConfig, WebhookConfig, serve,
};
use shopease_payments::fake::{FakeProvider, Ledger, LedgerConfig, Operation};
use shopease_payments::sign;
use shopease_shop::ports::{PaymentProvider as _, WebhookError};
use shopease_shop::testing::{FixedClock, SeededIds};
use time::Duration;
use tokio::net::TcpListener;

use crate::support::{Running, authorized, confirm, create, eventually, ledger, order, secret};

/// Signature and body.
type Received = (String, Vec<u8>);

/// Receives webhooks; responds to the first few with 500.
#[derive(Clone, Default)]
struct Receiver {
    received: Arc<Mutex<Vec<Received>>>,
    rejections: Arc<Mutex<usize>>,
}

impl Receiver {
    async fn start(rejections: usize) -> (Self, WebhookConfig) {
        let receiver = Self { rejections: Arc::new(Mutex::new(rejections)), ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/webhooks", listener.local_addr().expect("an address"));
        let router = Router::new().route("/webhooks", post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, WebhookConfig { url: url.parse().expect("a URL"), secret: secret() })
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().expect("not poisoned").clone()
    }

    /// Validity and type of everything received, in order.
    fn verdicts(&self, provider: &FakeProvider, clock: &FixedClock) -> Vec<(String, bool)> {
        use shopease_shop::ports::Clock as _;
        let verdict = |(signature, body): &Received| {
            let event: Value = serde_json::from_slice(body).expect("JSON");
            let believed = provider.read_webhook(Some(signature), body, clock.now()).is_ok();
            (event["type"].as_str().expect("a type").to_owned(), believed)
        };
        self.received().iter().map(verdict).collect()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers[SIGNATURE_HEADER].to_str().expect("text").to_owned();
    receiver.received.lock().expect("not poisoned").push((signature, body.to_vec()));
    let mut rejections = receiver.rejections.lock().expect("not poisoned");
    if *rejections > 0 {
        *rejections -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::OK
}

#[tokio::test]
async fn only_undelivered_webhooks_are_sent_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let (receiver, webhook) = Receiver::start(0).await;
    // Before the restart, the receiver was unavailable.
    let unavailable = WebhookConfig { url: "http://127.0.0.1:1/".parse().expect("a URL"), ..webhook.clone() };
    for (run, (webhook, card, received)) in
        [(unavailable, Some("card_approved"), 0), (webhook.clone(), None, 1), (webhook, Some("card_declined"), 2)]
            .into_iter()
            .enumerate()
    {
        let config = LedgerConfig { journal: Some(directory.path().join("ledger")), ..LedgerConfig::default() };
        // A process that another test is starting may hold the lock for a moment.
        let mut ledger = None;
        eventually("the journal is free", || {
            let seed = u64::try_from(run).expect("few");
            let opened = Ledger::open(&config, Arc::new(FixedClock::new()), Arc::new(SeededIds::new(seed)));
            ledger = opened.ok();
            std::future::ready(ledger.is_some())
        })
        .await;
        let ledger = ledger.expect("a ledger");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let config = ServiceConfig { webhook: Some(webhook), ..ServiceConfig::default() };
        let server = tokio::spawn(serve(listener, Arc::clone(&ledger), config));
        if let Some(card) = card {
            let id = ledger.execute(&format!("{run}:create"), create(card)).expect("an intent").id;
            ledger.execute(&format!("{run}:confirm"), confirm(&id)).expect("a response");
        }
        eventually("received", || async { receiver.received().len() >= received }).await;
        // Enough time for a webhook that must not be sent.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(receiver.received().len(), received, "run {run}");
        server.abort();
        assert!(server.await.is_err_and(|error| error.is_cancelled()));
    }
}

const AUTHORIZED: &str = "payment_intent.authorized";
const CAPTURED: &str = "payment_intent.captured";

#[tokio::test]
async fn events_are_resent_until_they_are_accepted() {
    let (receiver, webhook) = Receiver::start(2).await;
    let running = Running::start(FaultPlan::default(), Some(webhook)).await;
    let provider = running.provider();
    let id = authorized(&provider).await.id;
    eventually("accepted the third time", || async { receiver.received().len() == 3 }).await;
    let webhooks = receiver.received();
    assert!(webhooks.iter().all(|(_, body)| *body == webhooks[0].1), "the same event each time");
    let (signature, body) = &webhooks[2];
    let event = provider.read_webhook(Some(signature), body, FixedClock::START).expect("valid").expect("known");
    assert_eq!((event.intent_id, event.order_id), (id.clone(), Some(order(1))));
    let body: Value = serde_json::from_slice(body).expect("JSON");
    assert_eq!(body["id"], json!(event.id));
    assert_eq!((&body["type"], &body["created"]), (&json!(AUTHORIZED), &json!(FixedClock::START.unix_timestamp())));
    assert_eq!(body["data"]["amount"], json!({"amount_minor": 2490, "currency": "EUR"}));

    provider.capture(&id, "capture").await.expect("a capture");
    eventually("the next event", || async { receiver.received().len() == 4 }).await;
}

#[tokio::test]
async fn every_webhook_fault_is_observed() {
    for (kind, expected) in [
        (FaultKind::WebhookDuplicate, vec![(AUTHORIZED, true), (AUTHORIZED, true), (CAPTURED, true)]),
        (FaultKind::WebhookForge, vec![(AUTHORIZED, false), (AUTHORIZED, true), (CAPTURED, true)]),
        (FaultKind::WebhookStale, vec![(AUTHORIZED, false), (AUTHORIZED, true), (CAPTURED, true)]),
        (FaultKind::WebhookReorder, vec![(CAPTURED, true), (AUTHORIZED, true)]),
        (FaultKind::WebhookDelay, vec![(CAPTURED, true), (AUTHORIZED, true)]),
    ] {
        let (receiver, webhook) = Receiver::start(0).await;
        let fault = Fault { operation: Some(Operation::Confirm), delay_ms: 1_500, ..Fault::new(kind) };
        let running = Running::start(FaultPlan { seed: 1, faults: vec![fault] }, Some(webhook)).await;
        let provider = running.provider();
        let id = authorized(&provider).await.id;
        let at_first = expected.iter().filter(|(event, _)| *event == AUTHORIZED).count();
        if expected[0].0 == AUTHORIZED {
            eventually("the first event", || async { receiver.received().len() == at_first }).await;
        }
        provider.capture(&id, "capture").await.expect("a capture");
        eventually("all events", || async { receiver.received().len() == expected.len() }).await;
        let expected: Vec<_> = expected.into_iter().map(|(event, believed)| (event.to_owned(), believed)).collect();
        assert_eq!(receiver.verdicts(&provider, &running.clock), expected, "{kind:?}");
    }
}

fn provider() -> FakeProvider {
    FakeProvider::in_process(ledger().0, None, secret())
}

#[test]
fn the_signature_is_verified_before_anything_is_read() {
    let now = FixedClock::START;
    let body = br#"{"id":"evt_1","type":"payment_intent.captured","data":{"intent_id":"pi_1","order_id":"ord_01ARZ3NDEKTSV4RRFFQ69G5FAV"}}"#;
    let read = |signature: Option<&str>, body: &[u8]| provider().read_webhook(signature, body, now);
    let good = sign(&secret(), now, body);
    assert!(read(Some(&good), body).is_ok_and(|event| event.is_some()));
    assert_eq!(read(None, body), Err(WebhookError::Forged));
    assert_eq!(read(Some(&good), b"not JSON"), Err(WebhookError::Forged), "forged comes before unreadable");
    assert_eq!(read(Some(&sign(&SecretString::from("other"), now, body)), body), Err(WebhookError::Forged));
    let old = sign(&secret(), now - Duration::minutes(6), body);
    assert_eq!(read(Some(&old), body), Err(WebhookError::Stale));
    let early = sign(&secret(), now + Duration::minutes(6), body);
    assert_eq!(read(Some(&early), body), Err(WebhookError::Stale));
}

#[test]
fn unknown_events_are_none_and_broken_ones_unreadable() {
    let now = FixedClock::START;
    let read = |body: Value| {
        let body = body.to_string();
        provider().read_webhook(Some(&sign(&secret(), now, body.as_bytes())), body.as_bytes(), now)
    };
    assert_eq!(read(json!({"id": "evt_1", "type": "payout.paid", "data": 1})), Ok(None));
    for broken in [
        json!([]),
        json!({"id": "evt_1"}),
        json!({"id": "evt_1", "type": CAPTURED}),
        json!({"id": "evt_1", "type": CAPTURED, "data": {"intent_id": "pi_1", "order_id": "1"}}),
    ] {
        assert!(matches!(read(broken.clone()), Err(WebhookError::Unreadable(_))), "{broken}");
    }
}
