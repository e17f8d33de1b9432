//! The ways to pay: on the provider's page, with what its fields made of a card, by bank transfer; at Stripe's double, on both stores.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_shop::ports::{Clock as _, SharedStore};
use shopease_shop::testing::fixtures;
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::harness::{Answer, Client, TestShop, address, both_stores, on_stores, order_with, text};
use crate::stripe_scene::Scene;

const PAGE: &str = "hosted_page";

/// A shop whose checkout page offers Stripe's fields, with three units of a kettle.
async fn open(store: SharedStore) -> Scene {
    let scene = Scene::with_provider(store, |stripe| stripe.with_publishable_key("pk_test_1".to_owned())).await;
    scene.shop.sell(&fixtures::product("kettle").build(), 3).await;
    scene
}

impl Scene {
    async fn shopper(&self, name: &str) -> Client {
        let mut client = self.shop.visitor(name);
        assert_eq!(client.add("KETTLE", 1).await.status, StatusCode::CREATED);
        client
    }

    async fn receive(&self, event: &Value) {
        assert_eq!(self.webhook(event).await, StatusCode::NO_CONTENT);
    }

    async fn available(&self) -> u32 {
        self.shop.levels("KETTLE").await.0
    }
}

async fn order(client: &mut Client, key: &str, method: &str) -> Answer {
    client.post_once("/api/v1/checkout", key, &order_with(method)).await
}

/// The order as its shopper reads it.
async fn read(client: &mut Client, order: &Value) -> Value {
    client.get(&format!("/api/v1/orders/{}", text(&order["id"]))).await.json()
}

fn states(order: &Value) -> (&str, &str) {
    (order["state"].as_str().expect("a state"), order["payment_state"].as_str().expect("a state"))
}

async fn a_payment_on_stripes_page_is_booked_in_any_order_of_events(store: SharedStore) {
    let scene = open(store).await;
    for reversed in [false, true] {
        let mut client = scene.shopper(if reversed { "ada" } else { "bob" }).await;
        let placed = order(&mut client, "one", PAGE).await;
        assert_eq!(placed.status, StatusCode::ACCEPTED, "{}", placed.text());
        let placed = placed.json();
        assert_eq!((states(&placed), &placed["payment_kind"]), (("pending", "requires_action"), &json!(PAGE)));
        assert_eq!(placed["payment_action_url"], scene.stripe.page()["url"]);
        assert_eq!(scene.stripe.page()["customer_email"], "ada@example.com");
        // The same key opens no second page.
        let again = order(&mut client, "one", PAGE).await.json();
        assert_eq!((&again["id"], &again["payment_action_url"]), (&placed["id"], &placed["payment_action_url"]));

        let mut events = scene.stripe.pay_on_page();
        if reversed {
            events.reverse();
        }
        for event in events.iter().chain(&events) {
            scene.receive(event).await;
        }
        assert_eq!(states(&read(&mut client, &placed).await), ("paid", "captured"));
        scene.assert_books_agree().await;
    }
    // Stripe's dashboard knows the payment only, not the page.
    let refund = scene.stripe.refund_in_dashboard(100);
    scene.receive(&refund).await;
    scene.assert_books_agree().await;
    assert_eq!(scene.available().await, 1);
}

async fn a_shopper_who_returns_from_stripes_page_sees_what_happened(store: SharedStore) {
    let scene = open(store).await;
    let mut client = scene.shopper("ada").await;
    let placed = order(&mut client, "one", PAGE).await.json();
    let back = text(&scene.stripe.page()["success_url"]);
    let back = &back[back.find("/orders/").expect("a path")..];
    // Without having paid: the order waits, and the page leads to the payment again, but not by itself.
    let answer = client.get(back).await;
    let answer = client.get(answer.header("location")).await;
    assert_eq!(answer.header("refresh"), "");
    assert!(answer.text().contains(&text(&placed["payment_action_url"])), "{}", answer.text());
    scene.stripe.pay_on_page();
    let answer = client.get(back).await;
    let answer = client.get(answer.header("location")).await;
    assert!(answer.text().contains("your order is confirmed"), "{}", answer.text());
    scene.assert_books_agree().await;
}

async fn an_abandoned_page_is_closed_before_its_stock_is_released(store: SharedStore) {
    let scene = open(store).await;
    let mut client = scene.shopper("ada").await;
    let placed = order(&mut client, "one", PAGE).await.json();
    assert_eq!(scene.available().await, 2);
    scene.shop.clock.advance(Duration::minutes(31));
    scene.shop.work().await;
    assert_eq!(states(&read(&mut client, &placed).await), ("cancelled", "voided"));
    assert_eq!((scene.stripe.page()["status"].as_str(), scene.available().await), (Some("expired"), 3));

    // Somebody who pays in the last moment has bought.
    let placed = order(&mut client, "two", PAGE).await.json();
    scene.stripe.pay_on_page();
    scene.shop.clock.advance(Duration::minutes(31));
    for _ in 0..3 {
        scene.shop.work().await;
        scene.shop.clock.advance(Duration::minutes(6));
    }
    let after = read(&mut client, &placed).await;
    assert!([("paid", "captured"), ("cancelled", "voided")].contains(&states(&after)), "{after}");
    scene.assert_books_agree().await;
}

async fn a_page_that_expires_at_stripe_ends_the_order(store: SharedStore) {
    let scene = open(store).await;
    let mut client = scene.shopper("ada").await;
    let placed = order(&mut client, "one", PAGE).await.json();
    let event = scene.stripe.expire_page();
    scene.receive(&event).await;
    let after = read(&mut client, &placed).await;
    assert_eq!((states(&after), &after["decline_code"]), (("cancelled", "declined"), &json!("payment_page_expired")));
    assert_eq!(scene.available().await, 3);
    scene.assert_books_agree().await;
}

async fn what_stripes_fields_made_of_a_card_pays(store: SharedStore) {
    let scene = open(store).await;
    let mut client = scene.shopper("ada").await;
    let declined = order(&mut client, "one", "ctoken_declined").await;
    assert_eq!(declined.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", declined.text());
    assert_eq!(scene.available().await, 3);
    // With the same cart.
    let secure = order(&mut client, "two", "ctoken_secure").await;
    assert_eq!(secure.status, StatusCode::ACCEPTED, "{}", secure.text());
    let secure = secure.json();
    assert_eq!(secure["payment_action_url"], "https://hooks.stripe.test/3d_secure");
    scene.stripe.confirm_at_bank();
    let check = format!("/api/v1/orders/{}/payment-checks", text(&secure["id"]));
    assert_eq!(states(&client.post(&check, &json!({})).await.json()), ("paid", "captured"));

    assert_eq!(client.add("KETTLE", 1).await.status, StatusCode::CREATED);
    let approved = order(&mut client, "three", "ctoken_approved").await;
    assert_eq!(approved.status, StatusCode::CREATED, "{}", approved.text());
    scene.assert_books_agree().await;
}

async fn a_bank_transfer_is_recorded_by_an_operator(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 3).await;
    let mut client = shop.visitor("ada");
    assert_eq!(client.add("KETTLE", 1).await.status, StatusCode::CREATED);
    let options = client.get("/api/v1/checkout/payment-options?amount_minor=2480&currency=EUR").await.text();
    assert!(options.contains(r#""kind":"bank_transfer""#) && options.contains(r#""hold_days":7"#), "{options}");
    let placed = order(&mut client, "one", "bank_transfer").await;
    assert_eq!(placed.status, StatusCode::ACCEPTED, "{}", placed.text());
    let placed = placed.json();
    let page = client.get(&format!("/orders/{}", text(&placed["id"]))).await.text();
    assert!(page.contains("IBAN DE02") && page.contains(&text(&placed["order_number"])), "{page}");
    let until = (shop.clock.now() + Duration::days(7)).format(&Rfc3339).expect("a time");
    assert!(page.contains(&format!("to the account below by <time datetime=\"{until}\">")), "{until}: {page}");
    assert!(page.contains("<dt>Transfer by</dt>"), "{page}");
    // Longer than a card's payment, and no process asks a provider about it.
    shop.clock.advance(Duration::days(6));
    shop.work().await;
    assert_eq!(states(&read(&mut client, &placed).await), ("pending", "pending"));

    let transfer = format!("/api/v1/admin/orders/{}/transfer", text(&placed["id"]));
    assert_eq!(client.post(&transfer, &json!({})).await.status, StatusCode::UNAUTHORIZED);
    let mut operator = shop.operator().await;
    let paid = operator.post(&transfer, &json!({})).await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text());
    assert_eq!(states(&paid.json()), ("paid", "captured"));
    let again = operator.post(&transfer, &json!({})).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.text());
    shop.assert_books_agree().await;

    let refund = format!("/api/v1/admin/orders/{}/refunds", text(&placed["id"]));
    let refunded =
        operator.post_once(&refund, "back", &json!({"amount": {"amount_minor": 100, "currency": "EUR"}})).await;
    assert_eq!(refunded.status, StatusCode::CREATED, "{}", refunded.text());
    assert_eq!(states(&refunded.json()).1, "partially_refunded");
    assert_eq!(shop.ledger.entries(), [], "no provider was involved");
    shop.assert_books_agree().await;

    // Nobody pays: after seven days, the stock is for sale again.
    assert_eq!(client.add("KETTLE", 1).await.status, StatusCode::CREATED);
    let unpaid = order(&mut client, "two", "bank_transfer").await.json();
    shop.clock.advance(Duration::days(7) + Duration::minutes(1));
    shop.work().await;
    assert_eq!(states(&read(&mut client, &unpaid).await), ("cancelled", "voided"));
    assert_eq!(shop.levels("KETTLE").await.0, 2);
    shop.assert_books_agree().await;
}

async fn the_ways_to_pay_are_listed_and_only_the_checkout_opens_the_policy(store: SharedStore) {
    let scene = open(store).await;
    let mut client = scene.shopper("ada").await;
    let options = client.get("/api/v1/checkout/payment-options?amount_minor=2490&currency=EUR").await.json();
    let kinds: Vec<_> =
        options["payment_options"].as_array().expect("options").iter().map(|o| text(&o["kind"])).collect();
    assert_eq!(kinds[..2], ["elements", "hosted_page"]);
    assert!(kinds[2..6].iter().all(|kind| kind == "test_card"), "test mode has test cards: {kinds:?}");
    assert_eq!(kinds[6..], ["bank_transfer"]);
    let malformed = client.get("/api/v1/checkout/payment-options?amount_minor=2490").await;
    assert_eq!(malformed.status, StatusCode::BAD_REQUEST, "{}", malformed.text());

    let details = client.get("/checkout").await;
    let to = address();
    let csrf = details.hidden("csrf");
    let mut form = vec![("csrf", csrf), ("email", "ada@example.com".to_owned()), ("action", "review".to_owned())];
    for name in ["name", "line1", "city", "postal_code", "country"] {
        form.push((name, text(&to[name])));
    }
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let review = client.form("/checkout", &form).await;
    let review = client.get(review.header("location")).await;
    let policy = |answer: &Answer| answer.header("content-security-policy").to_owned();
    assert!(policy(&review).contains("script-src 'self' https://js.stripe.com"), "{}", policy(&review));
    assert!(!policy(&details).contains("stripe"), "{}", policy(&details));
    assert!(review.text().contains("data-key=\"pk_test_1\"") && review.text().contains("value=\"hosted_page\""));
}

on_stores!(
    stripe_on_dynamodb,
    stripe_on_postgres;
    a_payment_on_stripes_page_is_booked_in_any_order_of_events,
    a_shopper_who_returns_from_stripes_page_sees_what_happened,
    an_abandoned_page_is_closed_before_its_stock_is_released,
    a_page_that_expires_at_stripe_ends_the_order,
    what_stripes_fields_made_of_a_card_pays,
    the_ways_to_pay_are_listed_and_only_the_checkout_opens_the_policy,
);

both_stores!(a_bank_transfer_is_recorded_by_an_operator);
