//! A shopper cancels an order that waits for its payment, on the order's page and through the API, and orders the same again.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_payments::fake::Command;
use shopease_shop::domain::OrderId;
use shopease_shop::testing::fixtures;

use crate::harness::{BANK, Client, TestShop, both_stores, text};
use crate::payments::find;

both_stores!(
    an_unpaid_order_is_canceled_in_two_steps_and_ordered_again,
    whoever_has_the_link_may_cancel_and_nobody_else,
    a_paid_order_is_not_canceled_by_its_shopper,
    a_payment_that_was_faster_takes_precedence,
    a_form_of_an_earlier_session_cancels_nothing,
);

/// An order of two of ten kettles that waits for its payment.
async fn unpaid(shop: &TestShop, client: &mut Client, key: &str, method: &str) -> Value {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    assert_eq!(client.add("KETTLE", 2).await.status, StatusCode::CREATED);
    let placed = client.check_out(key, method).await;
    assert_eq!(placed.status, StatusCode::ACCEPTED, "{}", placed.text());
    placed.json()
}

/// The page that cancels an order, for a caller with its key.
fn page_of(order: &Value) -> String {
    format!("/orders/{}/cancellation?key={}", text(&order["id"]), text(&order["access_key"]))
}

fn endpoint_of(order: &Value) -> String {
    format!("/api/v1/orders/{}/cancellation", text(&order["id"]))
}

async fn an_unpaid_order_is_canceled_in_two_steps_and_ordered_again(shop: TestShop) {
    for (method, consequence) in [
        ("card_requires_action", "You are not charged €44.70."),
        ("hosted_page", "You are not charged €44.70."),
        ("bank_transfer", "Do not transfer €44.70. If you have already done so, keep the order."),
    ] {
        let mut client = shop.client();
        let order = unpaid(&shop, &mut client, method, method).await;
        let shown = client.get(&format!("/orders/{}", text(&order["id"]))).await;
        assert!(shown.text().contains(&page_of(&order)), "{method}: {}", shown.text());
        let asked = client.get(&page_of(&order)).await;
        assert_eq!(asked.status, StatusCode::OK, "{method}");
        assert!(asked.text().contains(consequence), "{method}: {}", asked.text());
        assert!(asked.text().contains("Cancel the order of €44.70"), "{method}: {}", asked.text());
        assert_eq!(find(&mut client, &order).await["state"], "pending", "{method}: opening the page cancels nothing");

        let canceled = client.form(&page_of(&order), &[("csrf", &asked.hidden("csrf"))]).await;
        assert_eq!(canceled.status, StatusCode::SEE_OTHER, "{method}: {}", canceled.text());
        let page = client.get(canceled.header("location")).await;
        assert!(page.text().contains("The items are in your cart again"), "{method}: {}", page.text());
        let after = find(&mut client, &order).await;
        assert_eq!((&after["state"], &after["payment_state"]), (&json!("cancelled"), &json!("voided")), "{method}");
        assert_eq!(shop.levels("KETTLE").await, (10, 0, 0), "{method}");
        assert_eq!(client.cart_lines().await, [("KETTLE".to_owned(), 2)], "{method}");
        // The page of an order that cannot be canceled leads back to the order.
        assert!(client.get(&page_of(&order)).await.header("location").starts_with("/orders/ord_"), "{method}");

        let names = ["csrf", "email", "name", "line1", "city", "postal_code", "country", "shipping_method"];
        let fields = names.map(|name| (name, page.hidden(name)));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let again = client.form("/checkout", &[&fields[..], &[("action", "review")]].concat()).await;
        let review = client.get(again.header("location")).await.text();
        assert!(review.contains("Gartenweg 3") && review.contains("Order and pay €44.70"), "{method}: {review}");
    }
    shop.assert_books_agree().await;
}

async fn whoever_has_the_link_may_cancel_and_nobody_else(shop: TestShop) {
    let order = unpaid(&shop, &mut shop.visitor("ada"), "one", "bank_transfer").await;
    let mut eve = shop.visitor("eve");
    let without_key = format!("/orders/{}/cancellation", text(&order["id"]));
    let csrf = eve.get("/login").await.hidden("csrf");
    for (path, status) in
        [(&without_key, StatusCode::NOT_FOUND), (&format!("{without_key}?key=wrong"), StatusCode::NOT_FOUND)]
    {
        assert_eq!(eve.get(path).await.status, status);
        assert_eq!(eve.form(path, &[("csrf", &csrf)]).await.status, status);
        assert_eq!(eve.post(&format!("/api/v1{path}"), &json!({})).await.status, status);
    }
    let nothing = json!({ "id": OrderId::derive("nothing") });
    assert_eq!(eve.post(&endpoint_of(&nothing), &json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(find(&mut shop.visitor("ada"), &order).await["state"], "pending");

    let with_key = format!("{}?key={}", endpoint_of(&order), text(&order["access_key"]));
    for _ in 0..2 {
        let canceled = eve.post(&with_key, &json!({})).await;
        assert_eq!(canceled.status, StatusCode::OK, "again, too: {}", canceled.text());
        assert_eq!(canceled.json()["state"], "cancelled");
    }
    assert_eq!(shop.topics().await, ["order.placed", "order.awaiting_transfer", "order.cancelled"]);
    assert_eq!(shop.visitor("ada").cart_lines().await, [("KETTLE".to_owned(), 2)], "the cart it was ordered from");
    shop.assert_books_agree().await;
}

async fn a_paid_order_is_not_canceled_by_its_shopper(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut client = shop.visitor("ada");
    client.add("KETTLE", 2).await;
    let order = client.check_out("paid", "card_approved").await.json();
    let refused = client.post(&endpoint_of(&order), &json!({})).await;
    assert_eq!(refused.rules(), ["invalid_value"]);
    assert_eq!(refused.json()["errors"][0]["rule"], "unpaid");
    let page = client.get(&format!("/orders/{}", text(&order["id"]))).await;
    assert!(!page.text().contains("/cancellation"), "{}", page.text());
    let csrf = client.get("/login").await.hidden("csrf");
    let sent = client.form(&page_of(&order), &[("csrf", &csrf)]).await;
    let page = client.get(sent.header("location")).await;
    assert!(page.text().contains("The order was not canceled: it is already paid."), "{}", page.text());
    assert_eq!(find(&mut client, &order).await["state"], "paid");
    shop.assert_books_agree().await;
}

async fn a_payment_that_was_faster_takes_precedence(shop: TestShop) {
    let mut client = shop.visitor("ada");
    let order = unpaid(&shop, &mut client, "bank", "card_requires_action").await;
    // Confirmed on the bank's page, in another window: the shop does not know it yet.
    let url = text(&order["payment_action_url"]);
    let intent_id = url.strip_prefix(&format!("{BANK}/authenticate/")).expect("the bank's page").to_owned();
    shop.ledger.execute("yes", Command::Authenticate { intent_id, approved: true }).expect("an answer");
    let answer = client.post(&endpoint_of(&order), &json!({})).await;
    let after = find(&mut client, &order).await;
    // The authorized money is either released or taken, never both.
    match (answer.status, after["state"].as_str()) {
        (StatusCode::OK, Some("cancelled")) => assert_eq!(shop.levels("KETTLE").await, (10, 0, 0)),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("paid")) => assert_eq!(shop.levels("KETTLE").await, (8, 0, 2)),
        other => panic!("{other:?}: {}", answer.text()),
    }
    shop.settle().await;
    shop.assert_books_agree().await;
}

async fn a_form_of_an_earlier_session_cancels_nothing(shop: TestShop) {
    let mut client = shop.client();
    let order = unpaid(&shop, &mut client, "one", "bank_transfer").await;
    let path = format!("/api/v1/orders/{}?key={}", text(&order["id"]), text(&order["access_key"]));
    let stale = client.get(&page_of(&order)).await.hidden("csrf");
    client.register("ada@example.com").await;
    let shown = client.form(&page_of(&order), &[("csrf", &stale)]).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
    assert!(shown.text().contains("Cancel the order of €44.70"), "{}", shown.text());
    assert_eq!(client.get(&path).await.json()["state"], "pending");
    let canceled = client.form(&page_of(&order), &[("csrf", &shown.hidden("csrf"))]).await;
    assert_eq!(canceled.status, StatusCode::SEE_OTHER);
    assert_eq!(client.get(&path).await.json()["state"], "cancelled");
}
