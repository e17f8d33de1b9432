//! Charges and refunds with Stripe as the provider: limits are reported before payment, and refunds made at Stripe are booked like
//! the shop's own. Also carts that cannot be ordered.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_payments::fake::Command;
use shopease_shop::domain::{Currency, Money, Product};
use shopease_shop::ports::SharedStore;
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, BANK, Client, TestShop, address, both_stores, on_stores, text};
use crate::stripe_scene::Scene;

const CARD: &str = "pm_card_visa";

impl Scene {
    /// A visitor with one unit that needs no shipping.
    async fn with(&self, minor: i64, currency: &str) -> Client {
        self.shop.sell(&priced("voucher", minor, currency), 10).await;
        let mut client = self.shop.visitor("ada");
        let added = client.add("VOUCHER", 1).await;
        assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
        client
    }
}

/// A product that needs no shipping.
fn priced(handle: &str, minor: i64, currency: &str) -> Product {
    let mut product = fixtures::product(handle).build();
    product.variants[0].price = Money::new(minor, currency.parse::<Currency>().expect("a currency"));
    product.variants[0].requires_shipping = false;
    product
}

async fn order(client: &mut Client, key: &str) -> Answer {
    let order = json!({"email": "ada@example.com", "shipping_address": address(), "shipping_method": "none", "payment_method": CARD});
    client.post_once("/api/v1/checkout", key, &order).await
}

async fn quote(client: &mut Client) -> Answer {
    client.post("/api/v1/checkout/quote", &json!({"country": "DE"})).await
}

/// The review page, or the page shown instead.
async fn review(client: &mut Client) -> Answer {
    let csrf = client.get("/checkout").await.hidden("csrf");
    let to = address();
    let field = |name: &str| text(&to[name]);
    let fields = [
        ("csrf", csrf),
        ("action", "review".to_owned()),
        ("email", "ada@example.com".to_owned()),
        ("name", field("name")),
        ("line1", field("line1")),
        ("city", field("city")),
        ("postal_code", field("postal_code")),
        ("country", field("country")),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let review = follow(client, "/checkout", &fields).await;
    if review.status == StatusCode::SEE_OTHER { client.get(review.header("location")).await } else { review }
}

/// The page that a form redirects to.
async fn follow(client: &mut Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let sent = client.form(path, fields).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());
    client.get(sent.header("location")).await
}

async fn refunds_made_at_stripe_are_booked_and_the_shops_own_are_requested(store: SharedStore) {
    let scene = Scene::open(store).await;
    let mut client = scene.with(2_000, "EUR").await;
    let placed = order(&mut client, "k").await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    let id = text(&placed.json()["id"]);
    let path = format!("/api/v1/orders/{id}");
    // The event is about a refund, which does not contain the order; its intent does.
    assert_eq!(scene.webhook(&scene.stripe.refund_in_dashboard(700)).await, StatusCode::NO_CONTENT);
    let order = client.get(&path).await.json();
    assert_eq!(
        (&order["refunds"][0]["source"], &order["refundable"]["amount_minor"]),
        (&json!("provider"), &json!(1_300))
    );
    // The same amount refunded by the shop is requested, although the amounts are equal.
    let mut operator = scene.shop.operator().await;
    let seven = json!({"amount": {"amount_minor": 700, "currency": "EUR"}});
    let refunds = format!("/api/v1/admin/orders/{id}/refunds");
    for _ in 0..2 {
        let answer = operator.post_once(&refunds, "one", &seven).await;
        assert_eq!(answer.json()["refunds"][1]["state"], "succeeded", "{}", answer.text());
    }
    let done = |amount| (amount, "succeeded".to_owned());
    assert_eq!(scene.stripe.refunds(), [done(700), done(700)]);
    scene.assert_books_agree().await;
    // The bank returns it: it can be refunded again.
    assert_eq!(scene.webhook(&scene.stripe.return_refund()).await, StatusCode::NO_CONTENT);
    let order = client.get(&path).await.json();
    assert_eq!(
        (&order["refunds"][1]["state"], &order["refundable"]["amount_minor"]),
        (&json!("failed"), &json!(1_300))
    );
    let order = operator.post_once(&refunds, "two", &json!({"all": true})).await.json();
    assert_eq!((&order["payment_state"], &order["state"]), (&json!("refunded"), &json!("cancelled")));
    scene.assert_books_agree().await;
}

async fn a_dispute_at_stripe_is_shown_in_the_order(store: SharedStore) {
    let scene = Scene::open(store).await;
    let mut client = scene.with(2_000, "EUR").await;
    let id = text(&order(&mut client, "k").await.json()["id"]);
    for (status, state) in [("needs_response", "open"), ("under_review", "open"), ("won", "won"), ("lost", "lost")] {
        assert_eq!(scene.webhook(&scene.stripe.dispute(status)).await, StatusCode::NO_CONTENT);
        let order = client.get(&format!("/api/v1/orders/{id}")).await.json();
        assert_eq!(order["disputes"][0]["state"], state, "{order}");
        scene.assert_books_agree().await;
    }
    let told = ["order.placed", "order.paid", "order.disputed", "order.dispute_won", "order.dispute_lost"];
    assert_eq!(scene.shop.topics().await, told);
}

async fn a_total_that_stripe_cannot_charge_is_reported_before_payment(store: SharedStore) {
    let scene = Scene::open(store).await;
    let mut client = scene.with(49, "EUR").await;
    for refused in [quote(&mut client).await, order(&mut client, "k").await] {
        assert_eq!(refused.rules(), ["total_below_minimum"]);
        let rule = refused.json()["errors"][0].clone();
        assert_eq!(rule["amount"], json!({"amount_minor": 50, "currency": "EUR"}), "{rule}");
    }
    let page = review(&mut client).await;
    assert!(page.text().contains("the minimum for an order is €0.50"), "{}", page.text());
    assert!(!page.text().contains("bank"), "it is not a decline of the bank");
    assert_eq!(scene.stripe.intents(), 0, "nothing was tried");
    assert_eq!(client.add("VOUCHER", 1).await.status, StatusCode::CREATED);
    assert_eq!(order(&mut client, "k").await.status, StatusCode::CREATED, "0.98 can be charged");
}

async fn totals_with_three_decimals_are_shown_as_charged(store: SharedStore) {
    let scene = Scene::open(store).await;
    for (number, currency) in ["KWD", "BHD", "JOD", "OMR", "TND"].into_iter().enumerate() {
        let (handle, sku) = (format!("thing-{number}"), format!("THING-{number}"));
        scene.shop.sell(&priced(&handle, 1_235, currency), 10).await;
        let price = json!({"amount_minor": 1_240, "currency": currency});
        let mut client = scene.shop.visitor(currency);
        let product = client.get(&format!("/api/v1/products/{handle}")).await.json();
        assert_eq!(product["variants"][0]["price"], price, "shown as it is charged: {product}");
        let cart = client.add(&sku, 3).await.json();
        assert_eq!((&cart["lines"][0]["unit_price"], &cart["subtotal"]["amount_minor"]), (&price, &json!(3_720)));
        assert_eq!(quote(&mut client).await.json()["total"]["amount_minor"], 3_720);
        let placed = order(&mut client, "k").await;
        assert_eq!(placed.status, StatusCode::CREATED, "{currency}: {}", placed.text());
        let path = format!("/api/v1/admin/orders/{}/refunds", text(&placed.json()["id"]));
        let odd = json!({"amount": {"amount_minor": 1_235, "currency": currency}});
        let refused = scene_operator(&scene).await.post_once(&path, "odd", &odd).await;
        assert_eq!(refused.json()["errors"][0]["rule"], "multiple_of", "{}", refused.text());
    }
    let listed = scene.shop.client().get("/api/v1/products?limit=50").await.json();
    let prices = listed["items"].as_array().expect("a list").iter();
    assert!(prices.clone().all(|product| product["price_from"]["amount_minor"] == 1_240), "{listed}");
}

async fn scene_operator(scene: &Scene) -> Client {
    let mut client = scene.shop.client();
    if client.log_in("operator@example.com", crate::harness::PASSWORD).await.status == StatusCode::CREATED {
        return client;
    }
    scene.shop.operator().await
}

async fn a_cart_with_two_currencies_explains_it_and_offers_no_checkout(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    shop.sell(&priced("tea", 900, "JPY"), 10).await;
    let mut owner = shop.client();
    assert_eq!(owner.register("ada@example.com").await.status, StatusCode::CREATED);
    owner.add("KETTLE", 1).await;
    let mut guest = shop.client();
    guest.add("TEA", 1).await;
    guest.log_in("ada@example.com", crate::harness::PASSWORD).await;
    let cart = guest.cart().await;
    let flags: Vec<_> = cart["lines"].as_array().expect("lines").iter().map(|line| &line["other_currency"]).collect();
    assert_eq!((flags, &cart["subtotal"]), (vec![&json!(false), &json!(true)], &Value::Null), "{cart}");
    let page = guest.get("/cart").await.text();
    assert!(page.contains("This item is priced in JPY, but your cart is in EUR"), "{page}");
    assert!(!page.contains("value=\"checkout\""), "{page}");
    assert_eq!(guest.get("/checkout").await.header("location"), "/cart");
    for refused in [quote(&mut guest).await, guest.check_out("k", "card_approved").await] {
        assert_eq!(refused.rules(), ["currency_mismatch"]);
    }
    let line = text(&cart["lines"][1]["id"]);
    guest.delete(&format!("/api/v1/cart/line-items/{line}")).await;
    assert!(guest.get("/cart").await.text().contains("value=\"checkout\""));
}

async fn a_missing_shipping_price_is_explained(shop: TestShop) {
    let mut shipped = priced("tea", 9_000, "KRW");
    shipped.variants[0].requires_shipping = true;
    shop.sell(&shipped, 10).await;
    let mut client = shop.visitor("ada");
    client.add("TEA", 1).await;
    let refused = quote(&mut client).await;
    assert_eq!(
        (refused.rules(), &refused.json()["errors"][0]["currency"]),
        (vec!["no_shipping_price".to_owned()], &json!("KRW"))
    );
    let page = review(&mut client).await;
    assert!(page.text().contains("there is no shipping price in KRW"), "{}", page.text());
}

async fn after_a_decline_at_the_bank_the_details_are_kept_for_another_card(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut client = shop.visitor("ada");
    client.add("KETTLE", 2).await;
    let placed = client.check_out("bank", "card_requires_action").await.json();
    let url = text(&placed["payment_action_url"]);
    let intent_id = url.strip_prefix(&format!("{BANK}/authenticate/")).expect("the bank's page").to_owned();
    shop.ledger.execute("no", Command::Authenticate { intent_id, approved: false }).expect("an answer");
    let (id, key) = (text(&placed["id"]), text(&placed["access_key"]));
    let back = client.get(&format!("/orders/{id}/payment?key={key}")).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    let page = client.get(back.header("location")).await;
    assert!(page.text().contains("Your payment was declined. Your cart is unchanged."), "{}", page.text());
    assert!(page.text().contains("Try another card"), "{}", page.text());
    let names =
        ["csrf", "email", "name", "line1", "line2", "city", "region", "postal_code", "country", "shipping_method"];
    let mut fields: Vec<_> = names.iter().map(|name| (*name, page.hidden(name))).collect();
    fields.push(("action", "review".to_owned()));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let again = follow(&mut client, "/checkout", &fields).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
    assert!(again.text().contains("Gartenweg 3") && again.text().contains("Order and pay"), "{}", again.text());
    shop.assert_books_agree().await;
}

both_stores!(
    a_cart_with_two_currencies_explains_it_and_offers_no_checkout,
    a_missing_shipping_price_is_explained,
    after_a_decline_at_the_bank_the_details_are_kept_for_another_card,
);

on_stores!(
    stripe_on_dynamodb,
    stripe_on_postgres;
    refunds_made_at_stripe_are_booked_and_the_shops_own_are_requested,
    a_dispute_at_stripe_is_shown_in_the_order,
    a_total_that_stripe_cannot_charge_is_reported_before_payment,
    totals_with_three_decimals_are_shown_as_charged,
);
