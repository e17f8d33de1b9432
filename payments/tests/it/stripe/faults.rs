//! Behavior that Stripe documents and `localstripe` does not have: a server with scripted responses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::{Value, json};
use shopease_payments::stripe::StripeProvider;
use shopease_shop::domain::{DisputeState, Money, RefundId, ReportedRefundState};
use shopease_shop::ports::{CreateIntent, IntentStatus, PaymentError, PaymentIntent, PaymentProvider as _};
use shopease_shop::testing::Stopwatch;
use tokio::net::TcpListener;

use super::{KEY, WEBHOOK_SECRET, provider};
use crate::support::{RETURN_URL, confirm_request, create_request, eur, order, refund_request};

/// A recorded request: method, URL, headers, body.
type Recorded = (Method, String, HeaderMap, String);

/// An expected request: URL, key, form.
type Expected<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Sends the same response to every request, after a delay.
#[derive(Clone)]
struct ScriptedServer {
    status: u16,
    body: Arc<str>,
    wait: Duration,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl ScriptedServer {
    async fn start(status: u16, body: impl ToString, wait: Duration) -> (Self, StripeProvider) {
        let server = Self { status, body: body.to_string().into(), wait, requests: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(respond).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, provider(&base))
    }

    fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

async fn respond(
    State(this): State<ScriptedServer>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).expect("text");
    this.requests.lock().expect("not poisoned").push((method, uri.to_string(), headers, body));
    tokio::time::sleep(this.wait).await;
    let status = StatusCode::from_u16(this.status).expect("a status");
    (status, [("location", "/v1/elsewhere")], this.body.to_string()).into_response()
}

async fn capture_at(status: u16, body: impl ToString) -> Result<PaymentIntent, PaymentError> {
    let (_, stripe) = ScriptedServer::start(status, body, Duration::ZERO).await;
    stripe.capture("pi_1", "key").await
}

fn intent(status: &str) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 2490, "currency": "eur",
        "latest_charge": {"id": "ch_1", "object": "charge", "amount_refunded": 490, "disputed": true},
        "metadata": {"order_id": order(1)},
        "last_payment_error": null, "next_action": null,
    })
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

#[tokio::test]
async fn ambiguous_responses_are_unknown() {
    let error = |error_type: &str, code: &str| json!({"error": {"type": error_type, "code": code, "message": "m"}});
    for (status, body) in [
        (200, json!("no intent")),
        (200, json!({})),
        (200, intent("a_new_status")),
        (200, intent("requires_action")),
        (200, with(intent("succeeded"), "currency", json!("zzz"))),
        (200, with(intent("succeeded"), "latest_charge", json!("ch_1"))),
        (301, json!({})),
        (307, intent("succeeded")),
        (400, json!("a proxy's page")),
        (401, error("invalid_request_error", "")),
        (403, error("invalid_request_error", "")),
        (404, json!({"error": {"type": "invalid_request_error", "message": "Unrecognized request URL"}})),
        (409, error("idempotency_error", "idempotency_key_in_use")),
        (409, error("invalid_request_error", "lock_timeout")),
        (429, error("invalid_request_error", "rate_limit")),
        (500, error("api_error", "")),
        (503, json!({})),
    ] {
        let result = capture_at(status, &body).await;
        let Err(PaymentError::Unknown(reason)) = &result else { panic!("{status} {body}: {result:?}") };
        assert!(reason.contains("Stripe") && !reason.contains(KEY), "{reason}");
        assert!(![401, 403].contains(&status) || reason.contains("rejected the secret key"), "{reason}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (server, stripe) = ScriptedServer::start(307, intent("succeeded"), Duration::ZERO).await;
    assert!(matches!(stripe.capture("pi_1", "key").await, Err(PaymentError::Unknown(_))));
    let requests: Vec<_> = server.requests().into_iter().map(|(_, uri, ..)| uri).collect();
    assert_eq!(requests, ["/v1/payment_intents/pi_1/capture"]);
}

#[tokio::test]
async fn silence_lost_connections_and_endless_responses_are_unknown() {
    // No server.
    let failed = provider("http://127.0.0.1:1").capture("pi_1", "key").await;
    assert!(
        matches!(&failed, Err(PaymentError::Unknown(reason)) if reason == "cannot connect to Stripe"),
        "{failed:?}"
    );

    // Accepts the connection and closes it.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let closing = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let lost = provider(&base).capture("pi_1", "key").await;
    assert!(matches!(&lost, Err(PaymentError::Unknown(reason)) if reason.contains("lost")), "{lost:?}");
    closing.abort();

    // Two megabytes.
    let long = capture_at(200, " ".repeat(2 * 1024 * 1024)).await;
    assert!(matches!(&long, Err(PaymentError::Unknown(reason)) if reason.contains("too long")), "{long:?}");
}

/// `cargo xtask test` runs it last, with nothing beside it.
mod timing {
    use super::*;

    #[tokio::test]
    async fn a_response_may_take_ten_seconds() {
        let (_, stripe) = ScriptedServer::start(200, intent("succeeded"), Duration::from_secs(30)).await;
        let start = Stopwatch::start();
        let late = stripe.capture("pi_1", "key").await;
        assert!(matches!(&late, Err(PaymentError::Unknown(reason)) if reason.contains("in time")), "{late:?}");
        assert!(start.total().as_secs() >= 9 && start.elapsed().as_secs() < 12, "{:?}", start.total());
    }
}

#[tokio::test]
async fn every_status_is_converted_to_the_ports_terms() {
    let redirect =
        json!({"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank/3ds", "return_url": "x"}});
    let declined = |error: Value| with(intent("requires_payment_method"), "last_payment_error", error);
    let decline = |code: &str| IntentStatus::Declined { code: code.to_owned() };
    for (body, expected) in [
        (intent("requires_confirmation"), IntentStatus::RequiresConfirmation),
        (
            with(intent("requires_action"), "next_action", redirect),
            IntentStatus::RequiresAction { url: "https://bank/3ds".to_owned() },
        ),
        (intent("processing"), IntentStatus::Processing),
        (intent("requires_capture"), IntentStatus::Authorized),
        (intent("succeeded"), IntentStatus::Captured),
        (intent("canceled"), IntentStatus::Cancelled),
        // Not attempted yet.
        (intent("requires_payment_method"), IntentStatus::RequiresConfirmation),
        (
            declined(json!({"code": "card_declined", "decline_code": "insufficient_funds"})),
            decline("insufficient_funds"),
        ),
        (declined(json!({"code": "card_declined", "decline_code": "generic_decline"})), decline("card_declined")),
        (declined(json!({"code": "expired_card"})), decline("expired_card")),
    ] {
        let (server, stripe) = ScriptedServer::start(200, &body, Duration::ZERO).await;
        let found = stripe.find_intent("pi_1").await.expect("an intent");
        let expected = PaymentIntent {
            id: "pi_1".to_owned(),
            status: expected,
            amount: eur(2490),
            refunded: eur(490),
            disputed: true,
            order_id: Some(order(1)),
        };
        assert_eq!(found, expected);
        let (method, uri, ..) = server.requests().remove(0);
        assert_eq!((method, uri.as_str()), (Method::GET, "/v1/payment_intents/pi_1?expand%5B%5D=latest_charge"));
    }
}

#[tokio::test]
async fn rejections_have_stable_codes() {
    let error = |status: u16, error: Value| (status, json!({"error": error}));
    for ((status, body), expected) in [
        (
            error(400, json!({"type": "invalid_request_error", "code": "payment_intent_unexpected_state"})),
            "payment_intent_unexpected_state",
        ),
        (
            error(400, json!({"type": "invalid_request_error", "code": "charge_expired_for_capture"})),
            "authorization_expired",
        ),
        (error(400, json!({"type": "invalid_request_error", "message": "x"})), "invalid_request_error"),
        (error(400, json!({"type": "idempotency_error", "message": "x"})), "idempotency_key_reused"),
        (error(402, json!({"type": "card_error", "code": "card_declined", "decline_code": "lost_card"})), "lost_card"),
    ] {
        let rejected = capture_at(status, &body).await;
        assert!(matches!(&rejected, Err(PaymentError::Refused { code }) if code == expected), "{body}: {rejected:?}");
    }
    let missing = json!({"error": {"type": "invalid_request_error", "code": "resource_missing"}});
    assert!(matches!(capture_at(404, &missing).await, Err(PaymentError::NotFound)));
    // For a new intent, the missing object is the card.
    let (_, stripe) = ScriptedServer::start(404, &missing, Duration::ZERO).await;
    let rejected = stripe.create_intent(&create_request("key", "pm_gone")).await;
    assert!(matches!(&rejected, Err(PaymentError::Refused { code }) if code == "resource_missing"), "{rejected:?}");
}

#[tokio::test]
async fn a_declined_card_is_a_result_and_needs_no_second_request() {
    let declined = json!({"error": {
        "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
        "payment_intent": with(intent("requires_payment_method"), "latest_charge", json!("ch_1")),
    }});
    let (server, stripe) = ScriptedServer::start(402, declined, Duration::ZERO).await;
    let declined = stripe.confirm(&confirm_request("key", "pi_1")).await.expect("a result");
    assert_eq!(declined.status, IntentStatus::Declined { code: "insufficient_funds".to_owned() });
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_canceled_intent_stays_canceled_and_a_captured_one_cannot_be_canceled() {
    for (status, expected) in [("canceled", Ok(IntentStatus::Cancelled)), ("succeeded", Err(()))] {
        let embedded = with(intent(status), "latest_charge", json!(null));
        let body = json!({"error": {
            "type": "invalid_request_error", "code": "payment_intent_unexpected_state", "payment_intent": embedded,
        }});
        let (_, stripe) = ScriptedServer::start(400, body, Duration::ZERO).await;
        let cancelled = stripe.cancel("pi_1", "key").await;
        match (&cancelled, expected) {
            (Ok(intent), Ok(status)) => assert_eq!(intent.status, status),
            (Err(PaymentError::Refused { code }), Err(())) => assert_eq!(code, "payment_intent_unexpected_state"),
            _ => panic!("{status}: {cancelled:?}"),
        }
    }
}

fn refund(id: &str, status: &str) -> Value {
    json!({
        "id": id, "object": "refund", "amount": 490, "currency": "eur", "status": status, "created": 1_767_261_600,
        "payment_intent": "pi_1", "metadata": {},
    })
}

#[tokio::test]
async fn every_refund_status_is_converted() {
    let failed = |code: &str| ReportedRefundState::Failed { code: code.to_owned() };
    for (body, expected) in [
        (refund("re_1", "succeeded"), ReportedRefundState::Succeeded),
        (refund("re_1", "pending"), ReportedRefundState::Pending),
        (refund("re_1", "requires_action"), ReportedRefundState::Pending),
        (refund("re_1", "a_new_status"), ReportedRefundState::Pending),
        (with(refund("re_1", "failed"), "failure_reason", json!("lost_or_stolen_card")), failed("lost_or_stolen_card")),
        (refund("re_1", "canceled"), failed("refund_canceled")),
    ] {
        let (_, stripe) = ScriptedServer::start(200, &body, Duration::ZERO).await;
        let made = stripe.refund(&refund_request("key", "pi_1", 490)).await.expect("a refund");
        assert_eq!((made.state, made.amount, made.provider_id.as_str()), (expected, eur(490), "re_1"), "{body}");
    }
}

#[tokio::test]
async fn refunds_of_the_shop_are_distinguished_from_those_made_at_stripe() {
    let ours = with(
        refund("re_2", "succeeded"),
        "metadata",
        json!({"refund_id": RefundId::derive("x"), "order_id": order(1)}),
    );
    let foreign = with(refund("re_0", "succeeded"), "metadata", json!({"refund_id": "42"}));
    // Stripe lists the newest first. The same response is used for disputes, which also have a status and a reason.
    let body = json!({"object": "list", "has_more": false, "data": [ours, refund("re_1", "succeeded"), foreign]});
    let (server, stripe) = ScriptedServer::start(200, &body, Duration::ZERO).await;
    let reversals = stripe.find_reversals("pi_1").await.expect("a list");
    let found: Vec<_> = reversals.refunds.iter().map(|refund| refund.refund_id.clone()).collect();
    assert_eq!(found, [None, None, Some(RefundId::derive("x"))]);
    let requests: Vec<_> = server.requests().into_iter().map(|(_, uri, ..)| uri).collect();
    let list = |kind: &str| format!("/v1/{kind}?payment_intent=pi_1&limit=100");
    assert_eq!(requests, [list("refunds"), list("disputes")]);
}

#[tokio::test]
async fn long_lists_are_read_by_page_and_endless_ones_up_to_a_limit() {
    let body =
        json!({"object": "list", "has_more": true, "data": [refund("re_2", "succeeded"), refund("re_1", "failed")]});
    let (server, stripe) = ScriptedServer::start(200, &body, Duration::ZERO).await;
    assert!(matches!(stripe.find_reversals("pi_1").await, Err(PaymentError::Unknown(_))));
    let requests: Vec<_> = server.requests().into_iter().map(|(_, uri, ..)| uri).collect();
    assert_eq!(
        requests[..2],
        ["/v1/refunds?payment_intent=pi_1&limit=100", "/v1/refunds?payment_intent=pi_1&limit=100&starting_after=re_1",]
    );
    assert_eq!(requests.len(), 10);
}

#[tokio::test]
async fn disputes_are_converted_by_who_holds_the_amount() {
    for (status, expected) in [
        ("needs_response", DisputeState::Open),
        ("under_review", DisputeState::Open),
        ("a_new_status", DisputeState::Open),
        ("warning_needs_response", DisputeState::Inquiry),
        ("warning_under_review", DisputeState::Inquiry),
        ("warning_closed", DisputeState::Won),
        ("won", DisputeState::Won),
        ("prevented", DisputeState::Won),
        ("lost", DisputeState::Lost),
    ] {
        let dispute = with(refund("dp_1", status), "reason", json!("fraudulent"));
        let body = json!({"object": "list", "has_more": false, "data": [dispute]});
        let (_, stripe) = ScriptedServer::start(200, &body, Duration::ZERO).await;
        let dispute = stripe.find_reversals("pi_1").await.expect("a list").disputes.remove(0);
        assert_eq!(
            (dispute.state, dispute.amount, dispute.reason.as_str()),
            (expected, eur(490), "fraudulent"),
            "{status}"
        );
    }
}

#[tokio::test]
async fn requests_are_forms_with_the_documented_headers() {
    let (server, stripe) = ScriptedServer::start(200, intent("requires_capture"), Duration::ZERO).await;
    let krona = CreateIntent {
        amount: Money::new(1200, "ISK".parse().expect("a currency")),
        ..create_request("order:1:create", "pm_card_visa")
    };
    let _ = stripe.create_intent(&krona).await;
    let _ = stripe.confirm(&confirm_request("order:1:confirm", "pi_1")).await;
    let _ = stripe.capture("pi_1/../../x", "order:1:capture").await;
    let _ = stripe.cancel("pi_1", "order:1:cancel").await;
    let _ = stripe.refund(&refund_request("order:1:refund", "pi_1", 1000)).await;
    let requests = server.requests();
    for (method, uri, headers, _) in &requests {
        assert_eq!(method, Method::POST, "{uri}");
        assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(headers["stripe-version"], "2026-02-25.clover");
    }
    let pairs = |body: &str| -> Vec<(String, String)> {
        let url = reqwest::Url::parse(&format!("http://x/?{body}")).expect("a form");
        url.query_pairs().into_owned().collect()
    };
    let order = order(1);
    let refund_id = RefundId::derive("order:1:refund");
    let expected: [Expected; 5] = [
        (
            "/v1/payment_intents",
            "order:1:create",
            &[
                ("amount", "120000"),
                ("currency", "isk"),
                ("capture_method", "manual"),
                ("payment_method", "pm_card_visa"),
                ("payment_method_types[]", "card"),
                ("metadata[order_id]", order.as_str()),
                ("expand[]", "latest_charge"),
            ],
        ),
        (
            "/v1/payment_intents/pi_1/confirm",
            "order:1:confirm",
            &[("return_url", RETURN_URL), ("expand[]", "latest_charge")],
        ),
        // An ID cannot lead to another URL.
        ("/v1/payment_intents/pi_1%2F..%2F..%2Fx/capture", "order:1:capture", &[("expand[]", "latest_charge")]),
        ("/v1/payment_intents/pi_1/cancel", "order:1:cancel", &[("expand[]", "latest_charge")]),
        (
            "/v1/refunds",
            "order:1:refund",
            &[
                ("payment_intent", "pi_1"),
                ("amount", "1000"),
                ("metadata[order_id]", order.as_str()),
                ("metadata[refund_id]", refund_id.as_str()),
            ],
        ),
    ];
    assert_eq!(requests.len(), expected.len());
    for ((_, uri, headers, body), (path, key, form)) in requests.iter().zip(expected) {
        assert_eq!((uri.as_str(), headers["idempotency-key"].as_bytes()), (path, key.as_bytes()));
        let form: Vec<_> = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(pairs(body), form);
    }
}

#[tokio::test]
async fn cards_and_amounts_that_stripe_does_not_support_are_not_sent() {
    let (server, stripe) = ScriptedServer::start(200, intent("requires_confirmation"), Duration::ZERO).await;
    for card in ["card_approved", "tok_visa", "pm_", "pm_a b", "pm_x&amount=1", ""] {
        assert!(!stripe.accepts(card), "{card}");
        assert!(stripe.create_intent(&create_request("key", card)).await.is_err(), "{card}");
    }
    assert!(stripe.accepts("pm_1MoC2xLkdIwHu7ixnyBkNYSH") && stripe.accepts("pm_card_visa"));
    let dinar = Money::new(1_001, "BHD".parse().expect("a currency"));
    let fraction = stripe.create_intent(&CreateIntent { amount: dinar, ..create_request("key", "pm_card_visa") }).await;
    assert!(matches!(&fraction, Err(PaymentError::Refused { code }) if code == "amount_not_representable"));
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn secrets_are_never_printed() {
    let (_, stripe) =
        ScriptedServer::start(401, json!({"error": {"message": format!("Invalid API Key: {KEY}")}}), Duration::ZERO)
            .await;
    let error = stripe.capture("pi_1", "key").await.expect_err("rejected");
    for text in [format!("{stripe:?}"), format!("{error:?}"), error.to_string()] {
        assert!(!text.contains(KEY) && !text.contains(WEBHOOK_SECRET), "{text}");
    }
}

#[test]
fn the_key_is_sent_over_tls_or_to_this_machine_only() {
    let stripe = provider("http://localhost:1");
    for (base, allowed) in [
        ("https://api.stripe.com", true),
        ("https://proxy.example/stripe/", true),
        ("http://[::1]:8420", true),
        ("http://api.stripe.com", false),
        ("http://localhost.evil.example", false),
        ("ftp://localhost", false),
        ("api.stripe.com", false),
    ] {
        assert_eq!(stripe.clone().with_base_url(base).is_ok(), allowed, "{base}");
    }
}
