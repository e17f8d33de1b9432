//! `/api/v1/cart`: lines, limits, stock, ownership, idempotency keys.

use std::pin::Pin;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shopease_shop::domain::{Money, Product, ProductStatus};
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, Client, TestShop, both_stores, text};

both_stores!(
    adding_creates_a_line_and_adding_again_increases_its_quantity,
    a_line_is_set_and_removed,
    a_line_that_is_not_in_the_cart_is_not_found,
    more_than_the_stock_cannot_be_added,
    a_line_with_too_little_stock_shows_the_available_units,
    variants_no_longer_for_sale_are_listed_separately,
    a_cart_has_at_most_fifty_lines_of_999_units,
    a_cart_has_one_currency,
    a_cart_belongs_to_its_token,
    adding_under_a_key_adds_once,
    a_key_belongs_to_its_visitor_and_is_free_after_a_rejection,
    concurrent_additions_are_all_in_the_cart,
    concurrent_changes_of_different_lines_are_all_made,
);

const LINE_ITEMS: &str = "/api/v1/cart/line-items";

async fn shop_with_stock(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    shop.sell(&fixtures::product("lamp").price(7900).build(), 5).await;
    shop.client()
}

fn line_path(cart: &Value, index: usize) -> String {
    format!("{LINE_ITEMS}/{}", text(&cart["lines"][index]["id"]))
}

async fn set(client: &mut Client, path: &str, quantity: u32) -> Answer {
    client.json(Method::PATCH, path, &json!({"quantity": quantity}), &[]).await
}

fn lines(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect()
}

async fn adding_creates_a_line_and_adding_again_increases_its_quantity(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    let empty = client.cart().await;
    assert_eq!(empty, json!({"id": null, "version": 0, "lines": [], "unavailable": [], "units": 0, "subtotal": null}));
    let added = client.add("KETTLE", 2).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    assert_eq!(client.add("LAMP", 1).await.status, StatusCode::CREATED);
    let cart = client.add("KETTLE", 1).await.json();
    assert_eq!(
        client.cart_lines().await,
        lines(&[("KETTLE", 3), ("LAMP", 1)]),
        "in the order in which they were first added"
    );
    assert_eq!((&cart["units"], &cart["version"]), (&4.into(), &3.into()));
    assert_eq!(cart["subtotal"], json!({"amount_minor": 3 * 1990 + 7900, "currency": "EUR"}));
    assert_eq!(cart["lines"][0]["line_total"], json!({"amount_minor": 3 * 1990, "currency": "EUR"}));
    assert_eq!(cart["lines"][0]["short_available"], Value::Null);
    assert_eq!(client.cookies["shopease_cart_units"], "4", "the page header shows it");
    assert_eq!(client.cart().await, cart);
}

async fn a_line_is_set_and_removed(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    client.add("KETTLE", 2).await;
    let cart = client.add("LAMP", 1).await.json();
    let kettle = line_path(&cart, 0);
    let changed = set(&mut client, &kettle, 5).await;
    assert_eq!((changed.status, &changed.json()["units"]), (StatusCode::OK, &6.into()));
    let removed = client.delete(&kettle).await;
    assert_eq!(removed.status, StatusCode::OK);
    assert_eq!(client.cart_lines().await, lines(&[("LAMP", 1)]));
    let empty = client.delete(&line_path(&cart, 1)).await.json();
    assert_eq!((&empty["units"], &empty["subtotal"]), (&0.into(), &Value::Null));
}

async fn a_line_that_is_not_in_the_cart_is_not_found(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    let cart = client.add("KETTLE", 1).await.json();
    let path = line_path(&cart, 0);
    assert_eq!(client.delete(&path).await.status, StatusCode::OK);
    for answer in [client.delete(&path).await, set(&mut client, &path, 1).await] {
        assert_eq!(answer.problem(), (404, "not-found".to_owned()));
        assert_eq!(answer.json()["subject"], "line item");
    }
}

async fn more_than_the_stock_cannot_be_added(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    let refused = client.add("KETTLE", 6).await;
    assert_eq!(refused.problem(), (409, "out-of-stock".to_owned()));
    assert_eq!(refused.json()["sku"], "KETTLE");
    let cart = client.add("KETTLE", 5).await.json();
    assert_eq!(client.add("KETTLE", 1).await.problem(), (409, "out-of-stock".to_owned()));
    assert_eq!(set(&mut client, &line_path(&cart, 0), 6).await.problem(), (409, "out-of-stock".to_owned()));
    assert_eq!(client.cart().await, cart, "a rejection changes nothing");
    assert_eq!(shop.levels("KETTLE").await, (5, 0, 0), "a cart reserves nothing");
    for sku in ["NEVER-SOLD", "kettle"] {
        assert_eq!(client.add(sku, 1).await.rules(), ["not_sold"], "{sku}");
    }
    shop.sell(&fixtures::product("voucher").untracked().build(), 0).await;
    assert_eq!(client.add("VOUCHER", 999).await.status, StatusCode::CREATED, "untracked variants are never short");
}

async fn a_line_with_too_little_stock_shows_the_available_units(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    client.add("LAMP", 1).await;
    client.add("KETTLE", 4).await;
    shop.stock("KETTLE", 3).await;
    let cart = client.cart().await;
    assert_eq!(cart["lines"][0]["short_available"], Value::Null);
    assert_eq!(cart["lines"][1]["short_available"], 3);
    shop.stock("KETTLE", 0).await;
    assert_eq!(client.cart().await["lines"][1]["short_available"], 0);
    let refused = client.check_out("k", "card_approved").await;
    assert_eq!((refused.problem(), &refused.json()["sku"]), ((409, "out-of-stock".to_owned()), &"KETTLE".into()));
}

async fn variants_no_longer_for_sale_are_listed_separately(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    client.add("KETTLE", 1).await;
    client.add("LAMP", 2).await;
    shop.sell(&fixtures::product("lamp").status(ProductStatus::Archived).build(), 5).await;
    let cart = client.cart().await;
    assert_eq!(client.cart_lines().await, lines(&[("KETTLE", 1)]));
    assert_eq!((&cart["units"], &cart["unavailable"][0]["sku"]), (&1.into(), &"LAMP".into()));
    assert_eq!(client.check_out("k", "card_approved").await.rules(), ["not_sold"]);
    let quote = client.post("/api/v1/checkout/quote", &json!({"country": "DE"})).await;
    assert_eq!((quote.rules(), &quote.json()["errors"][0]["sku"]), (vec!["not_sold".to_owned()], &"LAMP".into()));
    let path = format!("{LINE_ITEMS}/{}", text(&cart["unavailable"][0]["id"]));
    assert_eq!(set(&mut client, &path, 1).await.rules(), ["not_sold"]);
    assert_eq!(client.delete(&path).await.status, StatusCode::OK);
    assert_eq!(client.check_out("k", "card_approved").await.status, StatusCode::CREATED);
}

async fn a_cart_has_at_most_fifty_lines_of_999_units(shop: TestShop) {
    let skus: Vec<String> = (0..51).map(|number| format!("PART-{number:02}")).collect();
    let variants: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 100)).collect();
    shop.sell(&fixtures::product("parts").variants(&variants).build(), 1000).await;
    let mut client = shop.client();
    for sku in &skus[..50] {
        assert_eq!(client.add(sku, 1).await.status, StatusCode::CREATED, "{sku}");
    }
    assert_eq!(client.add(&skus[50], 1).await.rules(), ["too_many_lines"]);
    let cart = client.add(&skus[0], 998).await.json();
    assert_eq!((&cart["lines"][0]["quantity"], &cart["units"]), (&999.into(), &1048.into()));
    assert_eq!(client.add(&skus[0], 1).await.rules(), ["invalid_value"]);
    assert_eq!(set(&mut client, &line_path(&cart, 0), 1000).await.rules(), ["invalid_value"]);
    assert_eq!(client.cart().await, cart);
    set(&mut client, &line_path(&cart, 0), 2).await;
    let order = client.check_out("k", "card_approved").await;
    assert_eq!(order.status, StatusCode::CREATED, "fifty lines fit one order: {}", order.text());
    assert_eq!((shop.levels(&skus[0]).await, shop.levels(&skus[49]).await), ((998, 0, 2), (999, 0, 1)));
}

fn in_dollars(handle: &str) -> Product {
    let mut product = fixtures::product(handle).build();
    product.variants[0].price = Money::new(2500, "USD".parse().expect("a currency"));
    product
}

async fn a_cart_has_one_currency(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    shop.sell(&in_dollars("import"), 5).await;
    client.add("KETTLE", 1).await;
    let refused = client.add("IMPORT", 1).await;
    assert_eq!(refused.rules(), ["currency_mismatch"]);
    assert_eq!(refused.json()["errors"][0]["cart"], "EUR");
    assert_eq!(client.cart_lines().await, lines(&[("KETTLE", 1)]));
    // If the currency of a price changes while the variant is in the cart, the checkout is blocked, not the cart.
    client.add("LAMP", 1).await;
    shop.sell(&in_dollars("lamp"), 5).await;
    let cart = client.cart().await;
    assert_eq!((&cart["units"], &cart["subtotal"]), (&2.into(), &Value::Null));
    assert_eq!(client.check_out("k", "card_approved").await.rules(), ["currency_mismatch"]);
}

async fn a_cart_belongs_to_its_token(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    let cart = client.add("KETTLE", 1).await.json();
    let mut stranger = shop.client();
    assert_eq!(stranger.cart().await["units"], 0);
    assert_ne!(stranger.token(), client.token());
    assert_eq!(client.clone().delete(&line_path(&cart, 0)).await.status, StatusCode::OK, "a second tab, the same cart");
    assert_eq!(client.cart().await["units"], 0);
    client.add("LAMP", 1).await;
    // An API client sends the token as a bearer token and is the same visitor.
    let bearer = format!("Bearer {}", client.token());
    let seen = shop.client().json(Method::GET, "/api/v1/cart", &Value::Null, &[("authorization", &bearer)]).await;
    assert_eq!(seen.json(), client.cart().await);
    assert_eq!(seen.headers.get_all("set-cookie").iter().count(), 1, "only the hint for page headers");
}

async fn adding_under_a_key_adds_once(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    let body = json!({"sku": "KETTLE", "quantity": 1});
    let first = client.post_once(LINE_ITEMS, "key-1", &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    client.add("LAMP", 1).await;
    let again = client.post_once(LINE_ITEMS, "key-1", &json!({"quantity": 1, "sku": " KETTLE "})).await;
    assert_eq!((again.status, again.json()), (first.status, client.cart().await), "the current cart");
    assert_eq!(client.cart_lines().await, lines(&[("KETTLE", 1), ("LAMP", 1)]));
    let other = client.post_once(LINE_ITEMS, "key-1", &json!({"sku": "KETTLE", "quantity": 2})).await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_eq!(client.post_once(LINE_ITEMS, "key-2", &body).await.status, StatusCode::CREATED);
    assert_eq!(client.cart_lines().await, lines(&[("KETTLE", 2), ("LAMP", 1)]));
    // The same text at the checkout is a different key.
    assert_eq!(client.check_out("key-1", "card_approved").await.status, StatusCode::CREATED);
}

async fn a_key_belongs_to_its_visitor_and_is_free_after_a_rejection(shop: TestShop) {
    let (mut ada, mut bob) = (shop_with_stock(&shop).await, shop.client());
    let body = json!({"sku": "KETTLE", "quantity": 3});
    assert_eq!(ada.post_once(LINE_ITEMS, "key", &body).await.status, StatusCode::CREATED);
    let other = bob.post_once(LINE_ITEMS, "key", &json!({"sku": "LAMP", "quantity": 1})).await;
    assert_eq!((other.status, &other.json()["units"]), (StatusCode::CREATED, &1.into()));
    shop.stock("KETTLE", 0).await;
    assert_eq!(bob.post_once(LINE_ITEMS, "late", &body).await.problem(), (409, "out-of-stock".to_owned()));
    shop.stock("KETTLE", 3).await;
    assert_eq!(bob.post_once(LINE_ITEMS, "late", &body).await.status, StatusCode::CREATED);
    assert_eq!(bob.cart_lines().await, lines(&[("LAMP", 1), ("KETTLE", 3)]));
}

/// Sends all requests concurrently.
async fn at_once(requests: impl IntoIterator<Item = Pin<Box<dyn Future<Output = Answer> + Send>>>) -> Vec<Answer> {
    let requests: Vec<_> = requests.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.expect("an answer"));
    }
    answers
}

async fn concurrent_additions_are_all_in_the_cart(shop: TestShop) {
    let mut client = shop_with_stock(&shop).await;
    shop.stock("KETTLE", 100).await;
    for number in 0..20 {
        shop.sell(&fixtures::product(&format!("cup-{number}")).build(), 9).await;
    }
    client.cart().await;
    let skus = (0..20).map(|number| format!("CUP-{number}")).chain((0..12).map(|_| "KETTLE".to_owned()));
    let answers = at_once(skus.map(|sku| {
        let mut tab = client.clone();
        Box::pin(async move { tab.add(&sku, 1).await }) as Pin<Box<_>>
    }))
    .await;
    for answer in answers {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    let mut lines = client.cart_lines().await;
    lines.sort();
    let cups = (0..20).map(|number| (format!("CUP-{number}"), 1));
    let mut expected: Vec<_> = cups.chain([("KETTLE".to_owned(), 12)]).collect();
    expected.sort();
    assert_eq!(lines, expected);
}

async fn concurrent_changes_of_different_lines_are_all_made(shop: TestShop) {
    let mut client = shop.client();
    for number in 0..24 {
        shop.sell(&fixtures::product(&format!("cup-{number}")).build(), 9).await;
        assert_eq!(client.add(&format!("CUP-{number}"), 1).await.status, StatusCode::CREATED);
    }
    let cart = client.cart().await;
    let answers = at_once((0..24).map(|index| {
        let (mut tab, path) = (client.clone(), line_path(&cart, index));
        Box::pin(async move { if index % 2 == 0 { tab.delete(&path).await } else { set(&mut tab, &path, 5).await } })
            as Pin<Box<_>>
    }))
    .await;
    for answer in answers {
        assert!(answer.status.is_success(), "{}", answer.text());
    }
    let lines = client.cart_lines().await;
    assert_eq!(lines.len(), 12);
    assert!(lines.iter().all(|(_, quantity)| *quantity == 5), "{lines:?}");
}
