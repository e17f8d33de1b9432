//! Payments after the checkout: the bank's page, webhooks, refunds, cancellations, fulfillment, and the worker's sweep of
//! unpaid orders.

use axum::body::Body;
use http::{Request, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use shopease_payments::fake::{Command, Event};
use shopease_payments::sign;
use shopease_shop::domain::OrderId;
use shopease_shop::ports::Clock as _;
use shopease_shop::testing::fixtures;
use time::{Duration, OffsetDateTime};

use crate::harness::{Answer, BANK, Client, TestShop, WEBHOOK_SECRET, both_stores, order_with, text};

both_stores!(
    a_payment_confirmed_at_the_bank_pays_the_order,
    a_payment_rejected_at_the_bank_restores_the_cart,
    a_webhook_alone_finishes_an_order,
    forged_stale_and_unreadable_webhooks_are_rejected,
    duplicate_late_and_unordered_webhooks_change_nothing,
    an_expired_authorization_is_a_decline,
    a_shopper_who_never_returns_from_the_bank_loses_the_reservation,
    refunds_can_be_partial_and_are_made_once_per_key,
    refunds_cannot_exceed_the_payment,
    a_full_refund_cancels_and_restocks,
    an_operator_cancels_unpaid_and_paid_orders,
    an_operator_cancels_a_free_order,
    a_shipped_order_cannot_be_canceled_but_returned,
    what_only_operators_may_do_is_refused_to_others,
);

/// Ten kettles in stock, and a visitor with two of them in the cart.
async fn with_two_kettles(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut client = shop.visitor("ada");
    assert_eq!(client.add("KETTLE", 2).await.status, StatusCode::CREATED);
    client
}

/// A paid order of two kettles.
pub async fn paid_order(shop: &TestShop) -> Value {
    let mut client = with_two_kettles(shop).await;
    let answer = client.check_out("paid", "card_approved").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

/// An order that requires confirmation at the bank.
async fn order_at_the_bank(shop: &TestShop) -> (Client, Value) {
    let mut client = with_two_kettles(shop).await;
    let answer = client.check_out("bank", "card_requires_action").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    (client, answer.json())
}

/// The shopper's decision on the bank's page.
fn at_the_bank(shop: &TestShop, order: &Value, approved: bool) {
    let url = text(&order["payment_action_url"]);
    let intent_id = url.strip_prefix(&format!("{BANK}/authenticate/")).expect("the bank's page").to_owned();
    shop.ledger.execute(&format!("bank {url}"), Command::Authenticate { intent_id, approved }).expect("an answer");
}

/// Sends a webhook with this body, signed with this secret at this time.
async fn webhook(shop: &TestShop, body: &[u8], secret: &str, at: OffsetDateTime) -> Answer {
    let signature = sign(&SecretString::from(secret), at, body);
    let request = Request::post("/api/v1/payments/webhooks").header("shopease-signature", signature);
    shop.client().send(request.body(Body::from(body.to_vec())).expect("a request")).await
}

/// All events of the provider so far.
fn events(shop: &TestShop) -> Vec<Vec<u8>> {
    shop.ledger.events().iter().map(|event: &Event| serde_json::to_vec(event).expect("an event")).collect()
}

pub async fn find(client: &mut Client, order: &Value) -> Value {
    client.get(&format!("/api/v1/orders/{}", text(&order["id"]))).await.json()
}

async fn a_payment_confirmed_at_the_bank_pays_the_order(shop: TestShop) {
    let (mut client, order) = order_at_the_bank(&shop).await;
    assert_eq!((&order["state"], &order["payment_state"]), (&json!("pending"), &json!("requires_action")));
    assert_eq!(shop.levels("KETTLE").await, (8, 2, 0), "reserved");
    let again = client.check_out("bank", "card_requires_action").await;
    assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, order.clone()), "a double click changes nothing");
    let page = client.get(&format!("/orders/{}", text(&order["id"]))).await;
    assert!(page.text().contains(&text(&order["payment_action_url"])), "the page leads to the bank");

    at_the_bank(&shop, &order, true);
    let key = text(&order["access_key"]);
    let back = client.get(&format!("/orders/{}/payment?key={key}", text(&order["id"]))).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    let paid = find(&mut client, &order).await;
    assert_eq!((&paid["state"], &paid["payment_state"]), (&json!("paid"), &json!("captured")));
    assert_eq!(paid["payment_action_url"], Value::Null);
    assert_eq!(shop.levels("KETTLE").await, (8, 0, 2));
    let replay = client.check_out("bank", "card_requires_action").await;
    assert_eq!((replay.status, replay.json()), (StatusCode::CREATED, paid));
    shop.assert_books_agree().await;
}

async fn a_payment_rejected_at_the_bank_restores_the_cart(shop: TestShop) {
    let (mut client, order) = order_at_the_bank(&shop).await;
    at_the_bank(&shop, &order, false);
    let path = format!("/api/v1/orders/{}/payment-checks", text(&order["id"]));
    let off = client.post(&path, &json!({})).await.json();
    assert_eq!((&off["state"], &off["payment_state"]), (&json!("cancelled"), &json!("declined")));
    assert_eq!(shop.levels("KETTLE").await, (10, 0, 0));
    assert_eq!(client.cart_lines().await, [("KETTLE".to_owned(), 2)]);
    assert_eq!(shop.topics().await, ["order.placed", "order.cancelled"]);
    shop.assert_books_agree().await;
}

async fn a_webhook_alone_finishes_an_order(shop: TestShop) {
    let (mut client, order) = order_at_the_bank(&shop).await;
    at_the_bank(&shop, &order, true);
    let event = events(&shop).pop().expect("an event");
    let answer = webhook(&shop, &event, WEBHOOK_SECRET, shop.clock.now()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    assert_eq!(find(&mut client, &order).await["state"], "paid");
    shop.assert_books_agree().await;
}

async fn forged_stale_and_unreadable_webhooks_are_rejected(shop: TestShop) {
    let (mut client, order) = order_at_the_bank(&shop).await;
    at_the_bank(&shop, &order, true);
    let (event, now) = (events(&shop).pop().expect("an event"), shop.clock.now());
    let forged = webhook(&shop, &event, "another secret", now).await;
    assert_eq!(forged.problem(), (400, "webhook-refused".to_owned()));
    for minutes in [-6, 6] {
        let stale = webhook(&shop, &event, WEBHOOK_SECRET, now + Duration::minutes(minutes)).await;
        assert_eq!(stale.problem(), (400, "webhook-refused".to_owned()), "{minutes} minutes away");
    }
    let unsigned = Request::post("/api/v1/payments/webhooks").body(Body::from(event.clone())).expect("a request");
    assert_eq!(shop.client().send(unsigned).await.problem(), (400, "webhook-refused".to_owned()));
    for body in ["", "{", "[]", "{\"id\":\"evt\"}", "\u{0}"] {
        let answer = webhook(&shop, body.as_bytes(), WEBHOOK_SECRET, now).await;
        assert_eq!(answer.problem(), (400, "webhook-refused".to_owned()), "{body:?}");
    }
    let large = webhook(&shop, &vec![b' '; 256 * 1024 + 1], WEBHOOK_SECRET, now).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(find(&mut client, &order).await["state"], "pending", "a rejected webhook changes nothing");
}

async fn duplicate_late_and_unordered_webhooks_change_nothing(shop: TestShop) {
    let (mut client, order) = order_at_the_bank(&shop).await;
    at_the_bank(&shop, &order, true);
    webhook(&shop, &events(&shop).pop().expect("an event"), WEBHOOK_SECRET, shop.clock.now()).await;
    let paid = find(&mut client, &order).await;
    assert_eq!(paid["state"], "paid");
    let mut all = events(&shop);
    assert!(all.len() >= 3, "asked, authorized, captured");
    all.reverse();
    for event in all.iter().chain(&all) {
        assert_eq!(webhook(&shop, event, WEBHOOK_SECRET, shop.clock.now()).await.status, StatusCode::NO_CONTENT);
    }
    // An event for an unknown order, and one with the intent of another order.
    let mut foreign: Value = serde_json::from_slice(&all[0]).expect("an event");
    foreign["data"]["order_id"] = json!(OrderId::derive("nobody's"));
    let other = paid_order_of(&shop, "grace").await;
    let mut swapped: Value = serde_json::from_slice(&all[0]).expect("an event");
    swapped["data"]["order_id"] = other["id"].clone();
    for event in [foreign, swapped] {
        let answer = webhook(&shop, event.to_string().as_bytes(), WEBHOOK_SECRET, shop.clock.now()).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    }
    assert_eq!(find(&mut client, &order).await, paid);
    shop.assert_books_agree().await;
}

pub async fn paid_order_of(shop: &TestShop, name: &str) -> Value {
    let mut client = shop.visitor(name);
    client.add("KETTLE", 1).await;
    client.check_out(name, "card_approved").await.json()
}

async fn an_expired_authorization_is_a_decline(shop: TestShop) {
    let mut client = with_two_kettles(&shop).await;
    let answer = client.check_out("expires", "card_expires").await;
    assert_eq!(answer.problem(), (422, "payment-declined".to_owned()));
    assert_eq!(answer.json()["decline_code"], "authorization_expired");
    assert_eq!(shop.levels("KETTLE").await, (10, 0, 0));
    assert_eq!(client.cart_lines().await, [("KETTLE".to_owned(), 2)]);
    shop.assert_books_agree().await;
}

async fn a_shopper_who_never_returns_from_the_bank_loses_the_reservation(shop: TestShop) {
    let (mut client, order) = order_at_the_bank(&shop).await;
    shop.clock.advance(Duration::minutes(29));
    assert_eq!(shop.work().await.still_open, 1);
    assert_eq!(shop.levels("KETTLE").await, (8, 2, 0), "not yet");
    shop.clock.advance(Duration::minutes(7));
    assert_eq!(shop.work().await.cancelled, 1);
    assert_eq!(shop.levels("KETTLE").await, (10, 0, 0));
    let off = find(&mut client, &order).await;
    assert_eq!((&off["state"], &off["payment_state"]), (&json!("cancelled"), &json!("voided")));
    let url = text(&order["payment_action_url"]);
    let intent_id = url.rsplit('/').next().expect("an id").to_owned();
    let late = shop.ledger.execute("too late", Command::Authenticate { intent_id, approved: true });
    assert!(late.is_err(), "the provider gave it up first: {late:?}");
    shop.assert_books_agree().await;
}

pub async fn refund(client: &mut Client, order: &Value, key: &str, body: &Value) -> Answer {
    client.post_once(&format!("/api/v1/admin/orders/{}/refunds", text(&order["id"])), key, body).await
}

pub fn eur(amount_minor: i64) -> Value {
    json!({"amount_minor": amount_minor, "currency": "EUR"})
}

async fn refunds_can_be_partial_and_are_made_once_per_key(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut operator = shop.operator().await;
    let total = order["total"]["amount_minor"].as_i64().expect("an amount");
    for _ in 0..2 {
        let answer = refund(&mut operator, &order, "one", &json!({"amount": eur(100)})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let order = answer.json();
        assert_eq!((&order["state"], &order["payment_state"]), (&json!("paid"), &json!("partially_refunded")));
        assert_eq!(order["refundable"], eur(total - 100), "given back once");
    }
    let other = refund(&mut operator, &order, "one", &json!({"amount": eur(101)})).await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused".to_owned()));
    let second = refund(&mut operator, &order, "two", &json!({"amount": eur(50)})).await.json();
    assert_eq!(second["refunds"].as_array().map(Vec::len), Some(2));
    assert_eq!(shop.ledger.captures()[0].refunded.amount_minor, 150);
    assert_eq!(shop.levels("KETTLE").await, (8, 0, 2), "what is kept stays sold");
    shop.assert_books_agree().await;
}

async fn refunds_cannot_exceed_the_payment(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut operator = shop.operator().await;
    let total = order["total"]["amount_minor"].as_i64().expect("an amount");
    for amount in [json!({"amount": eur(total + 1)}), json!({"amount": eur(0)}), json!({"amount": eur(-5)})] {
        assert_eq!(refund(&mut operator, &order, "k", &amount).await.rules(), ["invalid_value"], "{amount}");
    }
    let sek = json!({"amount": {"amount_minor": 1, "currency": "SEK"}});
    assert_eq!(refund(&mut operator, &order, "k", &sek).await.rules(), ["invalid_value"]);
    assert_eq!(refund(&mut operator, &order, "k", &json!({"sum": 1})).await.status, 422);
    // A missing amount is not a full refund, and amount and all together are rejected.
    for body in [json!({}), json!({"all": false}), json!({"amount": null}), json!({"amount": eur(1), "all": true})] {
        let refused = refund(&mut operator, &order, "k", &body).await;
        assert_eq!(refused.rules(), ["invalid_value"], "{body}");
        assert_eq!(refused.json()["errors"][0]["field"], "amount", "{body}");
    }
    let path = format!("/api/v1/admin/orders/{}/refunds", text(&order["id"]));
    assert_eq!(operator.post(&path, &json!({})).await.status, 400, "a refund needs a key");
    assert_eq!(shop.ledger.captures()[0].refunded.amount_minor, 0);
    let (_, unpaid) = {
        let mut client = shop.visitor("grace");
        client.add("KETTLE", 1).await;
        let answer = client.check_out("bank", "card_requires_action").await.json();
        (client, answer)
    };
    assert_eq!(refund(&mut operator, &unpaid, "k", &json!({"all": true})).await.rules(), ["invalid_value"]);
}

async fn a_full_refund_cancels_and_restocks(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut operator = shop.operator().await;
    refund(&mut operator, &order, "part", &json!({"amount": eur(100)})).await;
    let answer = refund(&mut operator, &order, "rest", &json!({"all": true})).await.json();
    assert_eq!((&answer["state"], &answer["payment_state"]), (&json!("cancelled"), &json!("refunded")));
    assert_eq!(shop.levels("KETTLE").await, (10, 0, 0));
    assert_eq!(
        shop.topics().await,
        ["order.placed", "order.paid", "order.refunded", "order.refunded", "order.cancelled"]
    );
    shop.assert_books_agree().await;
}

async fn cancel(client: &mut Client, order: &Value) -> Answer {
    client.post(&format!("/api/v1/admin/orders/{}/cancellation", text(&order["id"])), &json!({})).await
}

async fn an_operator_cancels_unpaid_and_paid_orders(shop: TestShop) {
    let (_, unpaid) = order_at_the_bank(&shop).await;
    let paid = paid_order_of(&shop, "grace").await;
    let mut operator = shop.operator().await;
    for (order, payment_state) in [(&unpaid, "voided"), (&paid, "refunded")] {
        let answer = cancel(&mut operator, order).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let order = answer.json();
        assert_eq!((&order["state"], &order["payment_state"]), (&json!("cancelled"), &json!(payment_state)));
        assert_eq!(cancel(&mut operator, &order).await.rules(), ["invalid_value"], "it is cancelled already");
    }
    assert_eq!(shop.levels("KETTLE").await, (10, 0, 0));
    shop.assert_books_agree().await;
}

async fn an_operator_cancels_a_free_order(shop: TestShop) {
    let mut sample = fixtures::product("sample").price(0).build();
    sample.variants[0].requires_shipping = false;
    shop.sell(&sample, 3).await;
    let mut client = shop.visitor("ada");
    client.add("SAMPLE", 1).await;
    let mut command = order_with("card_approved");
    command["shipping_method"] = json!("none");
    let placed = client.post_once("/api/v1/checkout", "free", &command).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    let placed = placed.json();
    assert_eq!((&placed["state"], &placed["total"]["amount_minor"]), (&json!("paid"), &json!(0)));
    let mut operator = shop.operator().await;
    let page = operator.get(&format!("/admin/orders/{}", text(&placed["id"]))).await.text();
    assert!(page.contains("value=\"cancel\""), "{page}");
    let canceled = cancel(&mut operator, &placed).await;
    assert_eq!(
        (canceled.status, &canceled.json()["state"]),
        (StatusCode::OK, &json!("cancelled")),
        "{}",
        canceled.text()
    );
    assert_eq!(shop.levels("SAMPLE").await, (3, 0, 0));
    shop.assert_books_agree().await;
}

async fn record_fulfillment(client: &mut Client, order: &Value, event: &str) -> Answer {
    let path = format!("/api/v1/admin/orders/{}/fulfillments", text(&order["id"]));
    client.post(&path, &json!({"event": event})).await
}

async fn a_shipped_order_cannot_be_canceled_but_returned(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut operator = shop.operator().await;
    assert_eq!(
        record_fulfillment(&mut operator, &order, "returned").await.rules(),
        ["invalid_value"],
        "it is still here"
    );
    assert_eq!(record_fulfillment(&mut operator, &order, "shipped").await.json()["fulfillment"], "fulfilled");
    assert_eq!(record_fulfillment(&mut operator, &order, "shipped").await.rules(), ["invalid_value"]);
    assert_eq!(cancel(&mut operator, &order).await.rules(), ["invalid_value"]);
    let given_back = refund(&mut operator, &order, "all", &json!({"all": true})).await.json();
    assert_eq!((&given_back["state"], &given_back["payment_state"]), (&json!("paid"), &json!("refunded")));
    assert_eq!(shop.levels("KETTLE").await, (8, 0, 2), "the units are with the shopper");
    assert_eq!(record_fulfillment(&mut operator, &order, "returned").await.json()["fulfillment"], "returned");
    assert_eq!(shop.levels("KETTLE").await, (10, 0, 0));
    shop.assert_books_agree().await;
}

async fn what_only_operators_may_do_is_refused_to_others(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut visitor = shop.visitor("ada");
    let mut customer = shop.client();
    customer.register("grace@example.com").await;
    for (client, status) in [(&mut visitor, 401), (&mut customer, 403)] {
        assert_eq!(cancel(client, &order).await.status, status);
        assert_eq!(refund(client, &order, "k", &json!({"all": true})).await.status, status);
        assert_eq!(record_fulfillment(client, &order, "shipped").await.status, status);
    }
    assert_eq!(visitor.get(&format!("/admin/orders/{}", text(&order["id"]))).await.status, StatusCode::SEE_OTHER);
    assert_eq!(customer.get(&format!("/admin/orders/{}", text(&order["id"]))).await.status, StatusCode::FORBIDDEN);
    let mut operator = shop.operator().await;
    let nobodys = json!({"id": OrderId::derive("nobody's")});
    assert_eq!(cancel(&mut operator, &nobodys).await.status, StatusCode::NOT_FOUND);
    let stranger =
        shop.visitor("eve").post(&format!("/api/v1/orders/{}/payment-checks", text(&order["id"])), &json!({})).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    assert_eq!(shop.ledger.captures()[0].refunded.amount_minor, 0);
}
