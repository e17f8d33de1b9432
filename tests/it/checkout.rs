//! `/api/v1/checkout` and `/api/v1/orders`: quotes, orders, rejections, access to orders. Concurrent orders are tested in
//! `checkout_races`, interrupted checkouts in `checkout_resumed`.

use http::StatusCode;
use serde_json::{Value, json};
use shopease_shop::domain::TaxClass;
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::harness::{Answer, Client, TestShop, both_stores, order_with, text};

both_stores!(
    a_quote_depends_on_the_destination,
    a_quote_offers_every_shipping_method_and_prices_the_chosen_one,
    expensive_orders_ship_free,
    carts_that_cannot_be_quoted_are_rejected,
    an_order_is_paid_sold_and_removed_from_the_cart,
    a_declined_card_changes_nothing,
    a_total_that_changed_orders_nothing,
    prices_sent_by_the_client_are_ignored,
    an_order_needs_a_key_and_a_complete_address,
    a_repeated_request_returns_the_first_order,
    another_buyers_key_gives_no_access,
    an_order_is_readable_by_its_buyer_its_access_key_and_operators,
    orders_are_listed_newest_first_and_each_once,
    untracked_variants_are_sold_without_stock,
);

const QUOTE: &str = "/api/v1/checkout/quote";
const CHECKOUT: &str = "/api/v1/checkout";

/// A visitor with a kettle for 19.90 EUR in the cart; ten are in stock.
async fn with_kettle(shop: &TestShop) -> Client {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut client = shop.client();
    assert_eq!(client.add("KETTLE", 1).await.status, StatusCode::CREATED);
    client
}

async fn quote(client: &mut Client, body: Value) -> Value {
    let answer = client.post(QUOTE, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

fn eur(amount_minor: i64) -> Value {
    json!({"amount_minor": amount_minor, "currency": "EUR"})
}

fn ids(offers: &Value) -> Vec<String> {
    offers.as_array().expect("offers").iter().map(|offer| text(&offer["id"])).collect()
}

async fn a_quote_depends_on_the_destination(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    let mut book = fixtures::product("book").price(1070).build();
    book.variants[0].tax_class = TaxClass::Reduced;
    shop.sell(&book, 5).await;
    client.add("BOOK", 1).await;
    let germany = quote(&mut client, json!({"country": "DE"})).await;
    assert_eq!((&germany["subtotal"], &germany["total"]), (&eur(3060), &eur(3060 + 490)), "prices include tax");
    assert_eq!(germany["prices_include_tax"], true);
    // 19% of the kettle and its shipping, 7% of the book.
    let taxes = json!([
        {"title": "VAT", "rate_ppm": 190_000, "amount": eur(396)},
        {"title": "VAT (reduced)", "rate_ppm": 70_000, "amount": eur(70)},
    ]);
    assert_eq!(germany["tax_lines"], taxes);
    assert_eq!(germany["tax_total"], eur(466));
    let california = quote(&mut client, json!({"country": "US", "region": "CA"})).await;
    assert_eq!(california["tax_lines"][0]["rate_ppm"], 72_500);
    assert_eq!(california["shipping"]["id"], "international");
    let oregon = quote(&mut client, json!({"country": "US", "region": "OR"})).await;
    assert_eq!((&oregon["tax_lines"], &oregon["tax_total"]), (&json!([]), &eur(0)));
    assert_eq!(shop.levels("KETTLE").await, (10, 0, 0), "a quote reserves nothing");
}

async fn a_quote_offers_every_shipping_method_and_prices_the_chosen_one(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    let first = quote(&mut client, json!({"country": "DE"})).await;
    assert_eq!(ids(&first["shipping_offers"]), ["standard", "express"]);
    assert_eq!((&first["shipping"]["id"], &first["shipping"]["price"]), (&"standard".into(), &eur(490)));
    let express = quote(&mut client, json!({"country": "DE", "shipping_method": "express"})).await;
    assert_eq!((&express["shipping"]["price"], &express["total"]), (&eur(1290), &eur(1990 + 1290)));
    let finland = quote(&mut client, json!({"country": "FI"})).await;
    assert_eq!(ids(&finland["shipping_offers"]), ["standard"], "no express to Finland");
    let refused = client.post(QUOTE, &json!({"country": "FI", "shipping_method": "express"})).await;
    assert_eq!(refused.rules(), ["shipping_not_offered"]);
}

async fn expensive_orders_ship_free(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    client.add("KETTLE", 3).await;
    let quoted = quote(&mut client, json!({"country": "DE"})).await;
    assert_eq!((&quoted["shipping"]["price"], &quoted["total"]), (&eur(0), &eur(4 * 1990)));
    let express = quote(&mut client, json!({"country": "DE", "shipping_method": "express"})).await;
    assert_eq!(express["shipping"]["price"], eur(1290), "only the standard shipping");
}

async fn carts_that_cannot_be_quoted_are_rejected(shop: TestShop) {
    let mut client = shop.client();
    assert_eq!(client.post(QUOTE, &json!({"country": "DE"})).await.rules(), ["empty_cart"]);
    assert_eq!(client.check_out("k", "card_approved").await.rules(), ["empty_cart"]);
    let mut download = fixtures::product("download").build();
    download.variants[0].requires_shipping = false;
    shop.sell(&download, 5).await;
    client.add("DOWNLOAD", 1).await;
    let quoted = quote(&mut client, json!({"country": "DE"})).await;
    assert_eq!(ids(&quoted["shipping_offers"]), ["none"]);
    assert_eq!(quoted["total"], eur(1990));
    assert_eq!(client.check_out("k", "card_approved").await.rules(), ["shipping_not_offered"]);
}

async fn an_order_is_paid_sold_and_removed_from_the_cart(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    client.add("KETTLE", 1).await;
    let answer = client.check_out("key", "card_approved").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let order = answer.json();
    insta::assert_json_snapshot!("order", order, {
        ".id" => "[id]", ".order_number" => "[order number]", ".access_key" => "[access key]"
    });
    let number = text(&order["order_number"]);
    assert!(number.len() == 11 && number.as_bytes()[5] == b'-', "{number}");
    assert_eq!(text(&order["access_key"]).len(), 43, "256 bits");
    assert_eq!(answer.header("location"), format!("/api/v1/orders/{}", text(&order["id"])));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(shop.levels("KETTLE").await, (8, 0, 2));
    assert_eq!((client.cart().await["units"].clone(), client.cookies["shopease_cart_units"].as_str()), (0.into(), "0"));
    assert_eq!(shop.topics().await, ["order.placed", "order.paid"]);
    assert_eq!(client.get(answer.header("location")).await.json(), order);
    assert_eq!(client.check_out("key-2", "card_approved").await.rules(), ["empty_cart"]);
}

async fn a_declined_card_changes_nothing(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    for (key, card, code) in
        [("one", "card_declined", "card_declined"), ("two", "card_insufficient_funds", "insufficient_funds")]
    {
        let declined = client.check_out(key, card).await;
        assert_eq!(declined.problem(), (422, "payment-declined".to_owned()), "{card}");
        assert_eq!(declined.json()["decline_code"], code);
        assert_eq!(shop.levels("KETTLE").await, (10, 0, 0), "{card}: the stock is back");
        assert_eq!(client.cart_lines().await, [("KETTLE".to_owned(), 1)], "{card}: the cart is back");
        let again = client.check_out(key, card).await;
        assert_eq!(again.text_without_request_id(), declined.text_without_request_id(), "{card}");
        assert_eq!(again.problem(), declined.problem());
    }
    assert_eq!(client.check_out("one", "card_approved").await.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_eq!(client.check_out("three", "card_approved").await.status, StatusCode::CREATED, "another card");
    let topics = ["order.placed", "order.cancelled", "order.placed", "order.cancelled", "order.placed", "order.paid"];
    assert_eq!(shop.topics().await, topics);
    let states = client.get("/api/v1/orders").await.json();
    let states: Vec<_> = states["items"].as_array().expect("rows").iter().map(|row| text(&row["state"])).collect();
    assert_eq!(states.iter().filter(|state| *state == "paid").count(), 1, "{states:?}");
}

async fn a_total_that_changed_orders_nothing(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    let seen = quote(&mut client, json!({"country": "DE", "shipping_method": "standard"})).await["total"].clone();
    let mut order = order_with("card_approved");
    order["expected_total"] = seen.clone();
    shop.sell(&fixtures::product("kettle").price(2090).build(), 10).await;
    let refused = client.post_once(CHECKOUT, "key", &order).await;
    assert_eq!(refused.rules(), ["total_changed"]);
    let rule = &refused.json()["errors"][0];
    assert_eq!((&rule["expected"], &rule["actual"]), (&seen, &eur(2090 + 490)));
    assert_eq!((shop.levels("KETTLE").await, shop.topics().await.len()), ((10, 0, 0), 0));
    order["expected_total"] = eur(2090 + 490);
    let placed = client.post_once(CHECKOUT, "key", &order).await;
    assert_eq!(placed.status, StatusCode::CREATED, "a rejection before the order does not use up the key");
    assert_eq!(placed.json()["total"], eur(2580));
}

async fn prices_sent_by_the_client_are_ignored(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    let cheap = eur(1);
    // Unknown fields are ignored: a client of the next release may send them.
    let line = json!({"sku": "KETTLE", "quantity": 1, "price": cheap, "unit_price": cheap, "line_total": cheap});
    let cart = client.post("/api/v1/cart/line-items", &line).await.json();
    assert_eq!((&cart["lines"][0]["unit_price"], &cart["subtotal"]), (&eur(1990), &eur(2 * 1990)));
    let mut order = order_with("card_approved");
    order["expected_total"] = cheap.clone();
    assert_eq!(client.post_once(CHECKOUT, "key", &order).await.rules(), ["total_changed"]);
    assert_eq!((shop.levels("KETTLE").await, shop.topics().await.len()), ((10, 0, 0), 0));
    let mut order = order_with("card_approved");
    for field in ["total", "subtotal", "lines", "discount", "shipping", "tax_total", "state", "payment_state"] {
        order[field] = cheap.clone();
    }
    let total = quote(&mut client, json!({"country": "DE"})).await["total"].clone();
    let placed = client.post_once(CHECKOUT, "key", &order).await.json();
    assert_eq!((&placed["subtotal"], &placed["total"]), (&eur(2 * 1990), &total));
    let collected: Vec<_> = shop.ledger.captures().iter().map(|paid| eur(paid.captured.amount_minor)).collect();
    assert_eq!(collected, [total]);
    assert_eq!(shop.levels("KETTLE").await, (8, 0, 2));
}

async fn an_order_needs_a_key_and_a_complete_address(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    let keyless = client.post(CHECKOUT, &order_with("card_approved")).await;
    assert_eq!(keyless.problem(), (400, "malformed-request".to_owned()));
    assert!(text(&keyless.json()["detail"]).contains("Idempotency-Key"));
    let mut order = order_with("card_approved");
    order["shipping_address"]["city"] = " ".into();
    order["shipping_address"]["name"] = "x".repeat(121).into();
    order["shipping_address"]["line2"] = "two\nlines".into();
    let refused = client.post_once(CHECKOUT, "key", &order).await;
    assert_eq!(refused.rules(), ["invalid_value"; 3]);
    let mut fields: Vec<_> =
        refused.json()["errors"].as_array().expect("rules").iter().map(|rule| text(&rule["field"])).collect();
    fields.sort();
    assert_eq!(fields, ["shipping_address.city", "shipping_address.line2", "shipping_address.name"], "all at once");
    let mut order = order_with("4242424242424242");
    assert_eq!(client.post_once(CHECKOUT, "key", &order).await.rules(), ["invalid_value"], "card numbers are rejected");
    order["payment_method"] = "card_approved".into();
    order["shipping_method"] = "teleport".into();
    assert_eq!(client.post_once(CHECKOUT, "key", &order).await.rules(), ["shipping_not_offered"]);
    assert_eq!((shop.levels("KETTLE").await, shop.topics().await.len()), ((10, 0, 0), 0));
}

async fn a_repeated_request_returns_the_first_order(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    let first = client.check_out("key", "card_approved").await;
    assert_eq!(first.status, StatusCode::CREATED);
    // Regardless of changes since: price, stock, cart, date.
    shop.sell(&fixtures::product("kettle").price(9900).build(), 0).await;
    client.add("KETTLE", 2).await;
    shop.stock("KETTLE", 0).await;
    shop.clock.advance(Duration::days(3));
    let again = client.check_out("key", "card_approved").await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    let mut other = order_with("card_approved");
    other["email"] = "eve@example.com".into();
    let reused = client.post_once(CHECKOUT, "key", &other).await;
    assert_eq!(reused.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_eq!(shop.levels("KETTLE").await, (0, 0, 1));
    assert_eq!(client.cart_lines().await, [("KETTLE".to_owned(), 2)], "the new cart is left alone");
}

async fn another_buyers_key_gives_no_access(shop: TestShop) {
    let mut ada = with_kettle(&shop).await;
    let order = ada.check_out("key", "card_approved").await.json();
    let mut eve = shop.client();
    let answer = eve.check_out("key", "card_approved").await;
    assert_eq!(answer.rules(), ["empty_cart"], "not another buyer's response");
    eve.add("KETTLE", 1).await;
    let own = eve.check_out("key", "card_approved").await;
    assert_eq!(own.status, StatusCode::CREATED);
    assert_ne!(own.json()["id"], order["id"]);
    assert_eq!(shop.levels("KETTLE").await, (8, 0, 2));
}

async fn an_order_is_readable_by_its_buyer_its_access_key_and_operators(shop: TestShop) {
    let mut buyer = with_kettle(&shop).await;
    let order = buyer.check_out("key", "card_approved").await.json();
    let path = format!("/api/v1/orders/{}", text(&order["id"]));
    let with_key = format!("{path}?key={}", text(&order["access_key"]));
    let (mut stranger, mut operator) = (shop.client(), shop.operator().await);
    for (who, answer) in [
        ("buyer", buyer.get(&path).await),
        ("key", stranger.get(&with_key).await),
        ("operator", operator.get(&path).await),
    ] {
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, order.clone()), "{who}");
        assert_eq!(answer.header("cache-control"), "no-store", "{who}");
    }
    let absent = stranger.get("/api/v1/orders/ord_01ARZ3NDEKTSV4RRFFQ69G5FAV").await;
    let like_absent = |answer: Answer, case: &str| {
        assert_eq!(answer.problem(), (404, "not-found".to_owned()), "{case}");
        assert_eq!(answer.text_without_request_id(), absent.text_without_request_id(), "{case}");
    };
    like_absent(stranger.get(&path).await, "no key");
    like_absent(stranger.get(&format!("{path}?key=")).await, "an empty key");
    like_absent(stranger.get(&format!("{with_key}A")).await, "a longer key");
    like_absent(stranger.get(&with_key[..with_key.len() - 1]).await, "a shorter key");
    let mut customer = shop.client();
    customer.register("bob@example.com").await;
    like_absent(customer.get(&path).await, "another account");
}

async fn orders_are_listed_newest_first_and_each_once(shop: TestShop) {
    let mut client = with_kettle(&shop).await;
    let mut placed = Vec::new();
    for number in 0..5 {
        let order = client.check_out(&format!("key-{number}"), "card_approved").await.json();
        placed.push(text(&order["id"]));
        client.add("KETTLE", 1).await;
        // The last two are placed in the same millisecond.
        shop.clock.advance(Duration::seconds(i64::from(number < 3)));
    }
    let (mut seen, mut cursor, mut sizes) = (Vec::new(), String::new(), Vec::new());
    loop {
        let page = client.get(&format!("/api/v1/orders?limit=2{cursor}")).await.json();
        let rows = page["items"].as_array().expect("rows");
        sizes.push(rows.len());
        seen.extend(rows.iter().map(|row| text(&row["id"])));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(seen[2..], [placed[2].clone(), placed[1].clone(), placed[0].clone()]);
    let mut last_two = seen[..2].to_vec();
    last_two.sort();
    let mut expected = placed[3..].to_vec();
    expected.sort();
    assert_eq!(last_two, expected);
    assert_eq!(shop.client().get("/api/v1/orders").await.json(), json!({"items": [], "next_cursor": null}));
}

async fn untracked_variants_are_sold_without_stock(shop: TestShop) {
    shop.sell(&fixtures::product("voucher").untracked().build(), 0).await;
    let mut client = with_kettle(&shop).await;
    client.add("VOUCHER", 20).await;
    assert_eq!(client.check_out("key", "card_approved").await.status, StatusCode::CREATED);
    assert_eq!((shop.levels("KETTLE").await, shop.levels("VOUCHER").await), ((9, 0, 1), (0, 0, 0)));
}
