//! Invalid requests to the API: a table of requests with their exact status and problem type, the same on both stores. They change
//! nothing. Forms of pages are tested in `bad_forms`.

mod table;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use shopease_shop::domain::{Money, StockChange};
use shopease_shop::testing::fixtures;

use crate::harness::{Client, TestShop, both_stores, text};

use table::{Case, table};

both_stores!(
    every_bad_request_gets_its_problem_and_changes_nothing,
    an_endless_body_is_cut_off_at_the_limit,
    forged_cursors_are_rejected_or_end_the_listing,
    unusual_names_work_like_any_other,
    five_hundred_cookies_do_not_hide_the_one_that_counts,
    invalid_credentials_give_a_new_visitor,
    totals_near_the_limit_are_exact_or_rejected,
    stock_near_the_limit_is_exact_or_rejected,
);

const LINE_ITEMS: &str = "/api/v1/cart/line-items";
const CHECKOUT: &str = "/api/v1/checkout";
const CORRECTIONS: &str = "/api/v1/admin/stock-corrections";

/// Sends a case. Returns what is wrong with the response, if anything.
async fn fault_of(case: &Case, client: &mut Client) -> Option<String> {
    let mut request = Request::builder().method(&case.method).uri(&case.path);
    for (name, value) in &case.headers {
        request = request.header(*name, HeaderValue::from_bytes(value).expect("a header value"));
    }
    let answer = client.send(request.body(Body::from(case.body.clone())).expect("a request")).await;
    let found = (answer.status.as_u16(), answer.header("content-type"));
    if found != (case.status, "application/problem+json") || answer.problem().1 != case.kind {
        let text: String = answer.text().chars().take(300).collect();
        return Some(format!("expected {} {}, found {found:?} {text}", case.status, case.kind));
    }
    if answer.body.len() > 4_096 {
        return Some(format!("an answer of {} bytes", answer.body.len()));
    }
    if case.status == 405 && answer.header("allow").is_empty() {
        return Some("405 without Allow".to_owned());
    }
    None
}

async fn every_bad_request_gets_its_problem_and_changes_nothing(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 1000).await;
    shop.sell(&fixtures::product("lamp").build(), 10).await;
    let mut visitor = shop.visitor("ada");
    visitor.add("KETTLE", 1).await;
    let cart = visitor.cart().await;
    let mut operator = shop.operator().await;
    let table = table();
    let mut faults = Vec::new();
    for case in &table {
        let client = if case.by_operator { &mut operator } else { &mut visitor };
        if let Some(fault) = fault_of(case, client).await {
            faults.push(format!("{}\n    {fault}", case.name()));
        }
    }
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), table.len(), faults.join("\n"));
    assert_eq!(visitor.cart().await, cart);
    assert_eq!((shop.levels("KETTLE").await, shop.topics().await.len()), ((1000, 0, 0), 0));
    assert_eq!(shop.client().log_in("eve@example.com", "long enough").await.status, StatusCode::UNAUTHORIZED);
    let not_allowed = visitor.json(Method::PUT, "/api/v1/cart/line-items", &json!({}), &[]).await;
    assert_eq!(not_allowed.header("allow"), "POST");
}

async fn an_endless_body_is_cut_off_at_the_limit(shop: TestShop) {
    const CHUNK_BYTES: usize = 64 * 1024;
    for (path, content_type) in [(LINE_ITEMS, "application/json"), ("/login", "application/x-www-form-urlencoded")] {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        // 20 MB in chunks, from a client that does not send the length.
        let chunks = stream::iter(0..320).map(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(vec![b' '; CHUNK_BYTES])
        });
        let request = Request::post(path).header(header::CONTENT_TYPE, content_type).body(Body::from_stream(chunks));
        let answer = shop.client().send(request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        let taken_bytes = taken.load(Ordering::SeqCst) * CHUNK_BYTES;
        assert!(taken_bytes <= 256 * 1024 + CHUNK_BYTES, "{path}: {taken_bytes} bytes were read");
    }
}

async fn forged_cursors_are_rejected_or_end_the_listing(shop: TestShop) {
    for handle in ["kettle", "lamp"] {
        shop.sell(&fixtures::product(handle).build(), 10).await;
    }
    let mut operator = shop.operator().await;
    for number in 0..2 {
        operator.add("KETTLE", 1).await;
        assert_eq!(operator.check_out(&format!("key-{number}"), "card_approved").await.status, StatusCode::CREATED);
    }
    for listing in [
        "/api/v1/products?sort=title&limit=1",
        "/api/v1/products?sort=price&limit=1",
        "/api/v1/products?q=kettle+&sort=newest&limit=1",
        "/api/v1/orders?limit=1",
        "/api/v1/admin/orders?limit=1",
    ] {
        let first = operator.get(listing).await.json();
        // The first eight characters are the six bytes that identify the listing; anyone can append a position.
        let genuine = first["next_cursor"].as_str().unwrap_or("AAAAAAAAAA");
        // A NUL, many NULs, very long text, `zzz`, `%`, `~~~`.
        for forged in ["AA", &"AAAA".repeat(100), &"YWFh".repeat(340), &"YWFh".repeat(2_000), "enp6", "JQ", "fn5-"] {
            let answer = operator.get(&format!("{listing}&cursor={}{forged}", &genuine[..8])).await;
            let shown = format!("{listing} {}: {}", &forged[..2], answer.text());
            if answer.status == StatusCode::OK {
                assert!(answer.json()["items"].as_array().is_some_and(|items| items.len() <= 1), "{shown}");
            } else {
                assert_eq!(answer.problem(), (400, "malformed-request".to_owned()), "{shown}");
            }
        }
    }
}

async fn unusual_names_work_like_any_other(shop: TestShop) {
    let skus = ["CAFÉ-1", "🫖", "a:b#c|d", "../etc", "%00", "東京 1", "x'; --", "lower", "LOWER"];
    for (number, sku) in skus.into_iter().enumerate() {
        let product = fixtures::product(&format!("växel-東京-{number}")).variants(&[(sku, 100)]).build();
        shop.sell(&product, 5).await;
    }
    let mut client = shop.client();
    for sku in skus {
        assert_eq!(client.add(sku, 1).await.status, StatusCode::CREATED, "{sku}");
    }
    assert_eq!(client.add("CAFE\u{301}-1", 1).await.status, StatusCode::CREATED, "decomposed is the same variant");
    let cart = client.cart().await;
    assert_eq!((cart["lines"].as_array().map(Vec::len), &cart["lines"][0]["quantity"]), (Some(skus.len()), &2.into()));
    let composed = client.get("/api/v1/products/v%C3%A4xel-%E6%9D%B1%E4%BA%AC-1").await;
    assert_eq!(composed.json()["variants"][0]["sku"], "🫖");
    let decomposed = client.get("/api/v1/products/va%CC%88xel-%E6%9D%B1%E4%BA%AC-1").await;
    assert_eq!(decomposed.body, composed.body);
    let order = client.check_out("!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~", "card_approved").await;
    assert_eq!(order.status, StatusCode::CREATED, "{}", order.text());
    for sku in skus {
        let units = if sku == "CAFÉ-1" { 2 } else { 1 };
        assert_eq!(shop.levels(sku).await, (5 - units, 0, units), "{sku}");
    }
}

async fn five_hundred_cookies_do_not_hide_the_one_that_counts(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut client = shop.visitor("ada");
    client.add("KETTLE", 3).await;
    let own = format!("__Host-shopease_token={}", client.token());
    let many: Vec<String> = (0..500).map(|number| format!("c{number}=v{number}")).collect();
    for cookies in [
        format!("{}; {own}", many.join("; ")),
        format!("{own}; {}", many.join("; ")),
        format!("=; ;;; a; b=; \"q=\"; {own}"),
        format!("shopease_cart_units=999999999999; shopease_cart_units=x; {own}"),
    ] {
        let request = Request::get("/api/v1/cart").header(header::COOKIE, &cookies).body(Body::empty());
        let answer = client.send(request.expect("a request")).await;
        assert_eq!((answer.status, &answer.json()["units"]), (StatusCode::OK, &3.into()), "{cookies}");
        let page = Request::get("/products/kettle").header(header::COOKIE, &cookies).body(Body::empty());
        assert_eq!(client.send(page.expect("a request")).await.status, StatusCode::OK, "{cookies}");
    }
}

async fn invalid_credentials_give_a_new_visitor(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let mut known = shop.visitor("ada");
    known.add("KETTLE", 3).await;
    let garbage = format!("ses_{}", "A".repeat(44));
    for token in ["", "garbage", "ses_", "vis_AAAA", &garbage, "ses_../../x"] {
        let cookie = format!("__Host-shopease_token={token}");
        let request = Request::get("/api/v1/cart").header(header::COOKIE, cookie).body(Body::empty());
        let mut client = shop.client();
        let answer = client.send(request.expect("a request")).await;
        assert_eq!((answer.status, &answer.json()["units"]), (StatusCode::OK, &0.into()), "{token}");
        assert!(client.token().starts_with("vis_"), "{token}: a new token is set");
        let bearer = format!("Bearer {token}");
        let request = Request::get("/api/v1/accounts/me").header(header::AUTHORIZATION, bearer).body(Body::empty());
        let answer = shop.client().send(request.expect("a request")).await;
        assert_eq!(answer.problem(), (401, "sign-in-required".to_owned()), "{token}");
    }
    // Basic authentication of a proxy in front of the site is ignored by the shop.
    let answer =
        known.json(Method::GET, "/api/v1/cart", &Value::Null, &[("authorization", "Basic YWRhOnNlY3JldA==")]).await;
    assert_eq!(answer.json()["units"], 3);
}

async fn totals_near_the_limit_are_exact_or_rejected(shop: TestShop) {
    for handle in ["yacht", "castle"] {
        let mut product = fixtures::product(handle).build();
        product.variants[0].price = Money::new(i64::MAX, product.variants[0].price.currency);
        shop.sell(&product, 10).await;
    }
    let mut client = shop.client();
    assert_eq!(client.add("YACHT", 2).await.rules(), ["amount_too_large"]);
    assert_eq!(client.add("YACHT", 1).await.json()["subtotal"]["amount_minor"], i64::MAX);
    let listed = client.get("/api/v1/products?sort=-price").await.json();
    assert_eq!(listed["items"][0]["price_from"]["amount_minor"], i64::MAX);
    let quote = json!({"country": "DE", "shipping_method": "express"});
    assert_eq!(client.post("/api/v1/checkout/quote", &quote).await.rules(), ["amount_too_large"]);
    let order = client.check_out("key", "card_approved").await;
    assert_eq!((order.status, &order.json()["total"]["amount_minor"]), (StatusCode::CREATED, &i64::MAX.into()));
    let stored = client.get(order.header("location")).await;
    assert_eq!(stored.json(), order.json());
    for sku in ["YACHT", "CASTLE"] {
        client.add(sku, 1).await;
    }
    let cart = client.cart().await;
    assert_eq!((&cart["units"], &cart["subtotal"]), (&2.into(), &Value::Null), "an overflowing sum is not shown");
    assert_eq!(client.check_out("key-2", "card_approved").await.rules(), ["amount_too_large"]);
    assert_eq!(client.get("/cart").await.status, StatusCode::OK);
}

async fn stock_near_the_limit_is_exact_or_rejected(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 1_000_000_000).await;
    let mut operator = shop.operator().await;
    for units in [1, i32::MAX] {
        let more = json!({"sku": "KETTLE", "change": "adjust", "units": units});
        assert_eq!(operator.post(CORRECTIONS, &more).await.rules(), ["invalid_value"], "{units}");
    }
    let fewer = json!({"sku": "KETTLE", "change": "adjust", "units": i32::MIN});
    assert_eq!(operator.post(CORRECTIONS, &fewer).await.problem(), (409, "out-of-stock".to_owned()));
    assert_eq!(shop.levels("KETTLE").await, (1_000_000_000, 0, 0));
    shop.store.correct_stock(&fixtures::sku("KETTLE"), StockChange::Adjust(-1)).await.expect("one less");
    let more = operator.post(CORRECTIONS, &json!({"sku": "KETTLE", "change": "adjust", "units": 1})).await;
    assert_eq!(text(&more.json()["sku"]), "KETTLE", "at the maximum");
}
