//! Unusual requests of browsers and API clients: foreign cookies, odd headers and URLs.

use axum::body::Body;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::json;
use shopease_shared::http::routes::{self, Surface};
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, COOKIE, Client, PASSWORD, TestShop, both_stores};
use crate::routes::example;

both_stores!(
    foreign_cookies_are_ignored,
    the_same_letters_give_the_same_password_and_email_address,
    the_authorization_scheme_is_case_insensitive,
    repeated_single_value_headers_are_rejected,
    a_page_is_found_with_a_trailing_slash,
    the_last_value_of_a_repeated_parameter_counts,
);

async fn with_kettle(shop: &TestShop) {
    shop.sell(&fixtures::product("kettle").category("kettle").build(), 10).await;
}

async fn get(client: &mut Client, path: &str, headers: &[(&str, &[u8])]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value).expect("a header value"));
    }
    client.send(request.body(Body::empty()).expect("a request")).await
}

async fn foreign_cookies_are_ignored(shop: TestShop) {
    with_kettle(&shop).await;
    let mut ada = shop.visitor("ada");
    ada.add("KETTLE", 2).await;
    let token = format!("{COOKIE}={}", ada.token());
    let beside = |before: &[u8], after: &[u8]| [before, token.as_bytes(), after].concat();
    let quoted = format!("{COOKIE}=\"{}\"", ada.token());
    let other = format!("{COOKIE}={}", fixtures::visitor_token("mallory").expose());
    let rows: Vec<Vec<Vec<u8>>> = vec![
        vec![beside("city=München; ".as_bytes(), b"")],
        vec![beside(b"", "; city=München".as_bytes())],
        vec![beside(b"latin1=M\xfcnchen; ", b"; raw=\x80\xff")],
        vec![beside(b"noequals; =novalue; ;; a=b=c; \"q; ", b";")],
        vec![beside(b"json={\"a\":[1,2]}; pct=%FF%zz;", b"")],
        vec![beside(format!("x{COOKIE}=1; {COOKIE}x=2; ").as_bytes(), b"")],
        vec![beside(format!("{COOKIE}=stale; ").as_bytes(), b"")],
        vec![quoted.into_bytes()],
        vec!["city=München".into(), token.clone().into_bytes()],
        vec![token.clone().into_bytes(), "city=München".into()],
        vec![beside(b"shopease_cart_units=\xff; ", b"")],
    ];
    for row in rows {
        let shown: Vec<_> = row.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        let headers: Vec<_> = row.iter().map(|value| ("cookie", &value[..])).collect();
        let cart = get(&mut shop.client(), "/api/v1/cart", &headers).await;
        assert_eq!(cart.json()["units"], 2, "{shown:?}");
        assert!(!cart.header("set-cookie").contains("token="), "{shown:?}");
        let page = get(&mut shop.client(), "/cart", &headers).await;
        assert!(!page.text().contains("cart is empty"), "{shown:?}");
        assert!(!page.header("set-cookie").contains("token="), "{shown:?}");
    }
    let both = beside(b"", format!("; {other}").as_bytes());
    let cart = get(&mut shop.client(), "/api/v1/cart", &[("cookie", &both)]).await;
    assert_eq!(cart.json()["units"], 2, "the first of two tokens counts");
    let odd: [(&str, &[u8]); 6] = [
        ("cookie", token.as_bytes()),
        ("user-agent", "Prüfer".as_bytes()),
        ("accept-language", b"\xff"),
        ("referer", "http://shop.test/übersicht".as_bytes()),
        ("x-request-id", b"\xfc"),
        ("x-forwarded-for", b"\xfc"),
    ];
    assert_eq!(get(&mut shop.client(), "/api/v1/cart", &odd).await.json()["units"], 2);
    let typed = HeaderValue::from_bytes("application/json; title=\"Köln\"".as_bytes()).expect("a value");
    let request = Request::post("/api/v1/cart/line-items").header(header::CONTENT_TYPE, typed);
    let body = Body::from(json!({"sku": "KETTLE", "quantity": 1}).to_string());
    let added = ada.send(request.body(body).expect("a request")).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
}

async fn the_same_letters_give_the_same_password_and_email_address(shop: TestShop) {
    let pairs = [
        ("Zürich-Köln", "Zu\u{308}rich-Ko\u{308}ln"),
        ("paß wört", "paß\u{a0}wo\u{308}rt"),
        ("\u{ac01}\u{ac01}\u{ac01}\u{ac01} 1234", "\u{1100}\u{1161}\u{11a8}\u{ac01}\u{ac01}\u{ac01} 1234"),
    ];
    for (number, (typed, other)) in pairs.into_iter().enumerate() {
        for (order, first, second) in [("composed", typed, other), ("decomposed", other, typed)] {
            let email = format!("jo\u{eb}l-{number}-{order}@example.com");
            let decomposed = email.replace('\u{eb}', "e\u{308}");
            let command = json!({"email": email, "name": "Joël", "password": first});
            let registered = shop.client().post("/api/v1/accounts", &command).await;
            assert_eq!(registered.status, StatusCode::CREATED, "{}", registered.text());
            for address in [&email, &decomposed] {
                let answer = shop.client().log_in(address, second).await;
                assert_eq!(answer.status, StatusCode::CREATED, "{first} {second}: {}", answer.text());
            }
            let again = json!({"email": decomposed, "name": "Joël", "password": first});
            assert_eq!(shop.client().post("/api/v1/accounts", &again).await.problem().0, 409);
        }
    }
    let short = json!({"email": "short@example.com", "name": "S", "password": "e\u{308}e\u{308}e\u{308}e\u{308}"});
    assert_eq!(shop.client().post("/api/v1/accounts", &short).await.problem().0, 422, "four letters");
}

async fn the_authorization_scheme_is_case_insensitive(shop: TestShop) {
    let mut ada = shop.client();
    ada.register("ada@example.com").await;
    let me = "/api/v1/accounts/me";
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let value = format!("{scheme} {}", ada.token());
        let answer = get(&mut shop.client(), me, &[("authorization", value.as_bytes())]).await;
        assert_eq!(answer.status, StatusCode::OK, "{scheme}");
    }
    for value in ["Bearer", "Bearer ", "Bearer \u{fc}", "Bearerses_x", "Basic eDp5"] {
        let answer = get(&mut shop.client(), me, &[("authorization", value.as_bytes())]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value}");
    }
}

async fn repeated_single_value_headers_are_rejected(shop: TestShop) {
    with_kettle(&shop).await;
    let mut ada = shop.client();
    ada.register("ada@example.com").await;
    let bearer = format!("Bearer {}", ada.token());
    let body = json!({"sku": "KETTLE", "quantity": 1});
    for (name, one, other) in [
        ("idempotency-key", "a", "b"),
        ("authorization", &*bearer, "Basic eDp5"),
        ("content-type", "application/json", "text/plain"),
        ("origin", "http://shop.test", "https://evil.example"),
        ("sec-fetch-site", "same-origin", "cross-site"),
    ] {
        for (first, second) in [(one, other), (other, one)] {
            let mut request = Request::post("/api/v1/cart/line-items");
            if name != "content-type" {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            let request = request.header(name, first).header(name, second);
            let request = request.body(Body::from(body.to_string())).expect("a request");
            let answer = ada.send(request).await;
            assert_eq!(answer.problem(), (400, "malformed-request".to_owned()), "{name}");
        }
    }
    // Two keys, joined like an HTTP API does.
    let joined = ada.post_once("/api/v1/cart/line-items", "a,b", &body).await;
    assert_eq!(joined.problem(), (400, "malformed-request".to_owned()));
    assert_eq!(ada.cart().await["units"], 0);
}

async fn a_page_is_found_with_a_trailing_slash(shop: TestShop) {
    with_kettle(&shop).await;
    let pages = routes::all().filter(|route| route.surface == Surface::Page && route.method == Method::GET);
    for page in pages.filter(|route| !route.path.contains("{*")) {
        let path = example(page.path);
        if path == "/" {
            continue;
        }
        for (asked, expected) in
            [(format!("{path}/"), path.clone()), (format!("{path}/?q=a+b&x=%C3%A4"), format!("{path}?q=a+b&x=%C3%A4"))]
        {
            let answer = shop.client().get(&asked).await;
            let found = (answer.status, answer.header("location"));
            assert_eq!(found, (StatusCode::PERMANENT_REDIRECT, &*expected), "{asked}");
        }
        let form = shop.client().form(&format!("{path}/"), &[]).await;
        assert_eq!(form.status, StatusCode::NOT_FOUND, "{path}: what was typed does not go around");
    }
    for path in ["/api/v1/products/", "/nothing/", "/healthz/", "/products/kettle/x/"] {
        assert_eq!(shop.client().get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let away = shop.client().get("/%2Fevil.example/").await;
    assert!(!away.headers.contains_key(header::LOCATION));
}

async fn the_last_value_of_a_repeated_parameter_counts(shop: TestShop) {
    with_kettle(&shop).await;
    let mut operator = shop.operator().await;
    for (path, name, value) in [
        ("/search", "q", "kettle"),
        ("/products", "sort", "title"),
        ("/categories/kettle", "sort", "price"),
        ("/login", "next", "%2Fcheckout"),
        ("/register", "next", "%2Fcheckout"),
        ("/admin/stock", "q", "kettle"),
        ("/api/v1/search", "q", "kettle"),
        ("/api/v1/products", "limit", "1"),
        ("/api/v1/products", "sort", "title"),
        ("/api/v1/orders", "limit", "1"),
        ("/api/v1/admin/orders", "limit", "1"),
    ] {
        let client = &mut operator.clone();
        let once = client.get(&format!("{path}?{name}={value}")).await;
        let twice = client.get(&format!("{path}?{name}=first&{name}={value}")).await;
        assert_eq!(twice.status, once.status, "{path}: {}", twice.text());
        if once.status == StatusCode::OK && path.starts_with("/api/") {
            assert_eq!(twice.body, once.body, "{path}");
        }
        let bad = client.get(&format!("{path}?{name}={value}&unknown=1&unknown=2")).await;
        assert_eq!(bad.status, once.status, "{path}: unknown parameters are ignored");
    }
    assert_eq!(operator.log_in("operator@example.com", PASSWORD).await.status, StatusCode::CREATED);
}
