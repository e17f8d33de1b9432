//! Payments after the checkout: the bank's page, webhooks, refunds, cancellations, fulfillment and the worker.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use shopease_payments::fake::{Command, Event};
use shopease_payments::sign;
use shopease_shop::domain::OrderId;
use shopease_shop::ports::{Clock as _, EventSink, OutboxMessage};
use shopease_shop::services::Worker;
use shopease_shop::testing::fixtures;
use time::{Duration, OffsetDateTime};

use crate::harness::{Answer, BANK, Client, TestShop, WEBHOOK_SECRET, both_stores, text};

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
    a_shipped_order_cannot_be_canceled_but_returned,
    the_administration_page_supports_every_action,
    irreversible_actions_need_a_confirmation,
    what_only_operators_may_do_is_refused_to_others,
    events_are_delivered_in_order_until_the_sink_takes_no_more,
    one_event_that_is_refused_holds_up_no_other,
    a_checkout_wakes_an_idle_worker,
    expired_rows_are_deleted_and_reported,
    an_order_that_leaves_few_units_says_so,
);

/// Ten kettles in stock, and a visitor with two of them in the cart.
async fn with_two_kettles(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut client = shop.visitor("ada");
    assert_eq!(client.add("KETTLE", 2).await.status, StatusCode::CREATED);
    client
}

/// A paid order of two kettles.
async fn paid_order(shop: &TestShop) -> Value {
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

async fn find(client: &mut Client, order: &Value) -> Value {
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

async fn paid_order_of(shop: &TestShop, name: &str) -> Value {
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

async fn refund(client: &mut Client, order: &Value, key: &str, body: &Value) -> Answer {
    client.post_once(&format!("/api/v1/admin/orders/{}/refunds", text(&order["id"])), key, body).await
}

fn eur(amount_minor: i64) -> Value {
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

async fn the_administration_page_supports_every_action(shop: TestShop) {
    let order = paid_order(&shop).await;
    let mut operator = shop.operator().await;
    let path = format!("/admin/orders/{}", text(&order["id"]));
    let orders = operator.get("/admin").await;
    assert!(orders.text().contains(&path), "the list leads to the order");
    let page = operator.get(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    let (csrf, key) = (page.hidden("csrf"), page.hidden("idempotency_key"));
    let fields = |action: &'static str, amount: &'static str| {
        let owned = |name, value: &str| (name, value.to_owned());
        vec![
            owned("csrf", &csrf),
            owned("idempotency_key", &key),
            owned("currency", "EUR"),
            owned("action", action),
            owned("amount", amount),
        ]
    };
    let act = async |operator: &mut Client, action, amount| post(operator, &path, &fields(action, amount)).await;
    for (action, amount) in
        [("refund", ""), ("refund", "1,000"), ("refund", "x"), ("refund", "0"), ("refund", "99999"), ("boil", "")]
    {
        let answer = act(&mut operator, action, amount).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{action} {amount}: {}", answer.text());
        assert!(answer.text().contains("role=\"alert\""), "{action} {amount}");
    }
    let refunded = confirmed(&mut operator, &path, &fields("refund", "1,50"), "Refund €1.50").await;
    assert!(refunded.contains("€1.50 was refunded."), "{refunded}");
    let sent = act(&mut operator, "shipped", "").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let sent = operator.get(sent.header("location")).await.text();
    assert!(sent.contains("The order was marked as shipped."), "{sent}");
    let summary = "Mark as returned and restock 2 units";
    let returned = confirmed(&mut operator, &path, &fields("returned", ""), summary).await;
    assert!(returned.contains("marked as returned. 2 units were returned to stock"), "{returned}");
    let page = operator.get(&path).await.text();
    assert!(page.contains("Partially refunded") && page.contains("Returned"), "{page}");
    assert_eq!(shop.ledger.captures()[0].refunded.amount_minor, 150);
    shop.assert_books_agree().await;
}

async fn post(operator: &mut Client, path: &str, fields: &[(&str, String)]) -> Answer {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    operator.form(path, &fields).await
}

/// Presses the button, checks the confirmation page and confirms. Returns the page afterwards.
async fn confirmed(operator: &mut Client, path: &str, fields: &[(&str, String)], summary: &str) -> String {
    let asked = post(operator, path, fields).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text());
    assert_eq!(asked.hidden("confirmed"), summary);
    let mut fields = fields.to_vec();
    fields.push(("confirmed", summary.to_owned()));
    for _ in 0..2 {
        let done = post(operator, path, &fields).await;
        if done.status == StatusCode::SEE_OTHER {
            return operator.get(done.header("location")).await.text();
        }
    }
    panic!("{summary} was not executed");
}

async fn irreversible_actions_need_a_confirmation(shop: TestShop) {
    let order = paid_order(&shop).await;
    let total = order["total"]["amount_minor"].to_string();
    let mut operator = shop.operator().await;
    let path = format!("/admin/orders/{}", text(&order["id"]));
    let page = operator.get(&path).await;
    let (csrf, key, amount) = (page.hidden("csrf"), page.hidden("idempotency_key"), page.hidden("amount"));
    assert_eq!(amount.replace('.', ""), total, "the field shows the full refundable amount");
    let with = |action: &str, amount: &str, confirmed: &str| {
        let pairs = [("csrf", csrf.as_str()), ("idempotency_key", &key), ("currency", "EUR"), ("action", action)];
        let more = [("amount", amount), ("confirmed", confirmed)];
        pairs.into_iter().chain(more).map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>()
    };
    let whole = format!("Refund €{amount} and cancel the order");
    for (action, confirmed, status) in [
        ("refund", "", StatusCode::OK),
        ("cancel", "", StatusCode::OK),
        // The confirmed summary differs from the current one.
        ("refund", "Refund €1.00", StatusCode::CONFLICT),
        ("cancel", whole.as_str(), StatusCode::CONFLICT),
    ] {
        let asked = post(&mut operator, &path, &with(action, &amount, confirmed)).await;
        assert_eq!(asked.status, status, "{action} {confirmed}");
        let page = asked.text();
        assert!(
            page.contains(&format!("€{amount} is refunded to the card")) && page.contains("2 units return to stock"),
            "{page}"
        );
    }
    assert_eq!(find(&mut operator, &order).await, order, "nothing was done");
    assert_eq!(shop.ledger.captures()[0].refunded.amount_minor, 0);
    // After a partial refund in the meantime, a cancellation would refund another amount than shown.
    let cancellation = format!("Cancel the order and refund €{amount}");
    refund(&mut operator, &order, "part", &json!({"amount": eur(100)})).await;
    let asked = post(&mut operator, &path, &with("cancel", "", &cancellation)).await;
    assert_eq!(asked.status, StatusCode::CONFLICT, "{}", asked.text());
    assert_eq!(find(&mut operator, &order).await["state"], "paid");
    let now = asked.hidden("confirmed");
    let done = confirmed_page(&mut operator, &path, &with("cancel", "", &now)).await;
    assert!(done.contains(&format!("The order was canceled, and €{amount} was refunded.")), "{done}");
    shop.assert_books_agree().await;
}

async fn confirmed_page(operator: &mut Client, path: &str, fields: &[(&str, String)]) -> String {
    let done = post(operator, path, fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    operator.get(done.header("location")).await.text()
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

/// Accepts this many events, then rejects all.
struct Tired(std::sync::Mutex<(usize, Vec<String>)>);

#[async_trait::async_trait]
impl EventSink for Tired {
    async fn deliver(&self, messages: &[OutboxMessage]) -> Vec<OutboxMessage> {
        let mut state = self.0.lock().expect("not poisoned");
        let taken: Vec<_> = messages.iter().take(state.0).cloned().collect();
        state.0 -= taken.len();
        state.1.extend(taken.iter().map(|message| message.topic.clone()));
        taken
    }
}

async fn events_are_delivered_in_order_until_the_sink_takes_no_more(shop: TestShop) {
    paid_order(&shop).await;
    paid_order_of(&shop, "grace").await;
    let sink = Arc::new(Tired(std::sync::Mutex::new((3, Vec::new()))));
    let worker = Worker::new(shop.local.clone(), sink.clone());
    let report = worker.run_once().await.expect("a run");
    assert_eq!((report.delivered, report.undelivered), (3, 1));
    assert_eq!(sink.0.lock().expect("not poisoned").1, ["order.placed", "order.paid", "order.placed"]);
    assert_eq!(shop.topics().await, ["order.paid"], "what was not taken waits");
    sink.0.lock().expect("not poisoned").0 = 9;
    assert_eq!(worker.run_once().await.expect("a run").delivered, 1);
    assert_eq!(worker.run_once().await.expect("a run").delivered, 0);
    shop.assert_books_agree().await;
}

/// Rejects each `order.placed`.
struct Choosy;

#[async_trait::async_trait]
impl EventSink for Choosy {
    async fn deliver(&self, messages: &[OutboxMessage]) -> Vec<OutboxMessage> {
        messages.iter().filter(|message| message.topic != "order.placed").cloned().collect()
    }
}

async fn one_event_that_is_refused_holds_up_no_other(shop: TestShop) {
    paid_order(&shop).await;
    paid_order_of(&shop, "grace").await;
    let worker = Worker::new(shop.local.clone(), Arc::new(Choosy));
    for delivered in [2, 0] {
        let report = worker.run_once().await.expect("a run");
        assert_eq!((report.delivered, report.undelivered), (delivered, 2));
    }
    assert_eq!(shop.topics().await, ["order.placed", "order.placed"]);
}

/// Reports the events it accepts.
struct Telling(tokio::sync::mpsc::UnboundedSender<String>);

#[async_trait::async_trait]
impl EventSink for Telling {
    async fn deliver(&self, messages: &[OutboxMessage]) -> Vec<OutboxMessage> {
        for message in messages {
            self.0.send(message.topic.clone()).expect("somebody listens");
        }
        messages.to_vec()
    }
}

async fn a_checkout_wakes_an_idle_worker(shop: TestShop) {
    use std::time::Duration;
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let worker = Worker::new(shop.local.clone(), Arc::new(Telling(tell)));
    let working = tokio::spawn(async move { worker.run_forever(Duration::from_millis(400)).await });
    // After pauses of 0.4, 0.8, 1.6 and 3.2 seconds, the next is 4.8 seconds.
    tokio::time::sleep(Duration::from_millis(6_300)).await;
    paid_order_of(&shop, "grace").await;
    let heard = tokio::time::timeout(Duration::from_secs(3), told.recv()).await;
    assert_eq!(heard.expect("not in time"), Some("order.placed".to_owned()));
    working.abort();
}

async fn expired_rows_are_deleted_and_reported(shop: TestShop) {
    paid_order(&shop).await;
    assert_eq!(shop.work().await.purged, 0);
    shop.clock.advance(Duration::days(8));
    let messages = shop.work().await.purged;
    shop.clock.advance(Duration::days(40));
    let rest = shop.work().await.purged;
    // On PostgreSQL, two messages, then the key and the cart; DynamoDB deletes expired items itself.
    assert!([(2, 2), (0, 0)].contains(&(messages, rest)), "{messages} messages, then {rest} rows");
    assert_eq!(shop.work().await.purged, 0);
    shop.assert_books_agree().await;
}

async fn an_order_that_leaves_few_units_says_so(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 6).await;
    for (name, units, topics) in [
        ("ada", 2, vec!["order.placed", "order.paid"]),
        ("grace", 1, vec!["order.placed", "stock.low", "order.paid"]),
        ("alan", 1, vec!["order.placed", "order.paid"]),
    ] {
        let mut client = shop.visitor(name);
        client.add("KETTLE", units).await;
        assert_eq!(client.check_out("k", "card_approved").await.status, StatusCode::CREATED);
        assert_eq!(shop.topics().await, topics, "{name}");
        shop.work().await;
    }
}
