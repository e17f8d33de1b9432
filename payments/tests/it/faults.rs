//! Faults over real HTTP: what the client receives, and what was really executed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use shopease_payments::fake::Operation;
use shopease_payments::fake::service::{Fault, FaultKind, FaultPlan};
use shopease_shop::ports::{IntentStatus, PaymentError, PaymentProvider as _};

use crate::support::{Running, authorized, eventually};

fn plan(fault: Fault) -> FaultPlan {
    FaultPlan { seed: 1, faults: vec![fault] }
}

fn once(kind: FaultKind) -> Fault {
    Fault { count: Some(1), operation: Some(Operation::Capture), ..Fault::new(kind) }
}

#[tokio::test]
async fn lost_responses_are_unknown_and_the_key_returns_the_result() {
    for (kind, captured) in
        [(FaultKind::DropBefore, false), (FaultKind::DropAfter, true), (FaultKind::Error500AfterCommit, true)]
    {
        let running = Running::start(plan(once(kind)), None).await;
        let provider = running.provider();
        let id = authorized(&provider).await.id;
        let lost = provider.capture(&id, "capture").await;
        assert!(matches!(lost, Err(PaymentError::Unknown(_))), "{kind:?}: {lost:?}");
        assert_eq!(running.ledger.captures().len(), usize::from(captured), "{kind:?}");
        let again = provider.capture(&id, "capture").await.expect("the result");
        assert_eq!(again.status, IntentStatus::Captured);
        assert_eq!(running.ledger.captures()[0].captures, 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_dropped_connection_gives_not_a_single_byte() {
    let fault = Fault { operation: Some(Operation::Retrieve), ..Fault::new(FaultKind::DropBefore) };
    let running = Running::start(plan(fault), None).await;
    let address = running.base.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    stream.write_all(b"GET /v1/payment_intents/x HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let mut response = Vec::new();
    let end = tokio::task::spawn_blocking(move || stream.read_to_end(&mut response)).await.expect("read");
    assert!(end.as_ref().is_ok_and(|length| *length == 0), "{end:?}");
}

#[tokio::test]
async fn a_slow_request_holds_its_key_and_is_executed_although_the_client_disconnected() {
    let fault = Fault { delay_ms: 6_000, ..once(FaultKind::Delay) };
    let running = Running::start(plan(fault), None).await;
    let provider = running.provider();
    let id = authorized(&provider).await.id;
    let impatient = tokio::time::timeout(Duration::from_secs(1), provider.capture(&id, "capture")).await;
    assert!(impatient.is_err(), "it is slow");
    let busy = provider.capture(&id, "capture").await;
    assert!(matches!(busy, Err(PaymentError::Unknown(ref reason)) if reason.contains("409")), "{busy:?}");
    assert_eq!(running.ledger.captures(), []);
    eventually("executed nevertheless", || async { running.ledger.captures().len() == 1 }).await;
    assert_eq!(provider.capture(&id, "capture").await.expect("the result").status, IntentStatus::Captured);
}

#[tokio::test]
async fn faults_are_set_read_and_removed_while_it_runs() {
    let running = Running::start(FaultPlan::default(), None).await;
    let provider = running.provider();
    let id = authorized(&provider).await.id;
    let (client, url) = (reqwest::Client::new(), format!("{}/v1/faults", running.base));

    let wanted =
        json!({"seed": 3, "faults": [{"kind": "error_500_after_commit", "operation": "retrieve", "count": 1}]});
    let set = client.put(&url).json(&wanted).send().await.expect("a response");
    assert_eq!(set.status(), StatusCode::OK);
    assert!(matches!(provider.find_intent(&id).await, Err(PaymentError::Unknown(_))));
    assert!(provider.find_intent(&id).await.is_ok());
    let now: Value = client.get(&url).send().await.expect("a response").json().await.expect("JSON");
    assert_eq!((&now["seed"], &now["faults"][0]["fired"]), (&json!(3), &json!(1)));

    for senseless in [
        json!({"faults": [{"kind": "explode"}]}),
        json!({"faults": [{"kind": "delay", "probability": 2}]}),
        json!({"faults": [{"kind": "delay", "delay_ms": 600_001}]}),
        json!({"faults": [{"kind": "delay", "delayms": 1}]}),
    ] {
        let response = client.put(&url).json(&senseless).send().await.expect("a response");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{senseless}");
    }

    let all = json!({"faults": [{"kind": "drop_before"}]});
    assert_eq!(client.put(&url).json(&all).send().await.expect("a response").status(), StatusCode::OK);
    assert!(matches!(provider.find_intent(&id).await, Err(PaymentError::Unknown(_))));
    let gone: Value = client.delete(&url).send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(gone["faults"], json!([]));
    assert!(provider.find_intent(&id).await.is_ok());
}

#[tokio::test]
async fn status_codes_follow_common_practice() {
    let running = Running::start(FaultPlan::default(), None).await;
    let client = reqwest::Client::new();
    let post = async |path: &str, key: Option<&str>, body: Value| {
        let mut request = client.post(format!("{}{path}", running.base)).json(&body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.expect("a response");
        (response.status().as_u16(), response.json::<Value>().await.expect("JSON"))
    };
    let order = crate::support::order(1);
    let card =
        |method: &str| json!({"order_id": order, "amount": {"amount_minor": 100, "currency": "EUR"}, "method": method});
    let intents = "/v1/payment_intents";

    let (status, intent) = post(intents, Some("1"), card("card_insufficient_funds")).await;
    assert_eq!((status, &intent["status"]), (200, &json!("requires_confirmation")));
    let id = intent["id"].as_str().expect("an id").to_owned();
    let (status, body) = post(&format!("{intents}/{id}/confirm"), Some("2"), json!({"return_url": ""})).await;
    assert_eq!(
        (status, &body["error"]["code"], &body["error"]["type"]),
        (402, &json!("insufficient_funds"), &json!("card_error"))
    );
    for (path, key, body, expected) in [
        (intents, Some("1"), card("card_approved"), (400, "idempotency_key_reused")),
        (intents, Some("3"), card("4242"), (400, "unknown_card")),
        (intents, None, card("card_approved"), (400, "idempotency_key_missing")),
        (intents, Some("4"), json!({"method": "card_approved"}), (400, "parameter_invalid")),
        ("/v1/payment_intents/nothing/capture", Some("5"), json!({}), (404, "resource_missing")),
        ("/v1/nothing", Some("6"), json!({}), (404, "route_missing")),
    ] {
        let (status, body) = post(path, key, body).await;
        assert_eq!((status, body["error"]["code"].as_str()), (expected.0, Some(expected.1)), "{path} {key:?}");
    }
}

#[tokio::test]
async fn the_ledger_can_be_read_by_an_auditor() {
    let running = Running::start(FaultPlan::default(), None).await;
    let provider = running.provider();
    let id = authorized(&provider).await.id;
    provider.capture(&id, "capture").await.expect("a capture");
    let url = format!("{}/v1/ledger", running.base);
    let ledger: Value = reqwest::get(url).await.expect("a response").json().await.expect("JSON");
    assert_eq!(ledger["entries"].as_array().map(Vec::len), Some(2));
    assert_eq!(ledger["entries"][1]["kind"], "capture");
    assert_eq!(ledger["captures"][0]["captured"], json!({"amount_minor": 2490, "currency": "EUR"}));
    assert_eq!(ledger["captures"][0]["order_id"], json!(crate::support::order(1)));
}
