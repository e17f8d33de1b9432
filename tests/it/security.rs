//! Attacks: session fixation, cross-site requests, access to other people's data, injected markup and headers, and errors that reveal
//! too much.

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use shopease_shared::http::api::settings::SettingsDocument;
use shopease_shared::http::routes::{self, Area, Surface};
use shopease_shop::domain::{OrderId, Token};
use shopease_shop::testing::fixtures;

use crate::harness::{Answer, COOKIE, Client, PASSWORD, TestShop, address, both_stores, text};
use crate::routes::example;

both_stores!(
    a_token_chosen_by_an_attacker_is_replaced_at_sign_in,
    every_cross_site_write_is_rejected,
    a_form_needs_the_token_of_its_own_visitor,
    nobody_can_access_what_belongs_to_others,
    signing_in_redirects_only_within_the_shop,
    markup_in_names_and_addresses_is_escaped,
    cookies_are_host_only_secure_and_http_only,
    every_response_has_the_security_headers,
    headers_about_the_client_do_not_change_the_response,
);

const FORM: &str = "application/x-www-form-urlencoded";

/// A request for a route with its content type.
fn request(method: &Method, path: &str, surface: Surface, headers: &[(&str, &str)]) -> Request<Body> {
    let (content_type, body) = if surface == Surface::Page { (FORM, "") } else { ("application/json", "{}") };
    let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, content_type);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(if *method == Method::GET { "" } else { body })).expect("a request")
}

/// Returns whether a response rejects a cross-site request.
fn is_rejected_as_cross_site(answer: &Answer) -> bool {
    answer.status == StatusCode::FORBIDDEN && !answer.text().contains("stale-form") && {
        answer.text().contains("cross-site-request") || answer.text().contains("This page is out of date")
    }
}

async fn with_kettle(shop: &TestShop) {
    shop.sell(&fixtures::product("kettle").category("kettle").build(), 10).await;
}

async fn a_token_chosen_by_an_attacker_is_replaced_at_sign_in(shop: TestShop) {
    with_kettle(&shop).await;
    shop.client().register("ada@example.com").await;
    let chosen = [fixtures::visitor_token("mallory"), Token::session([9; 32])];
    for (number, token) in chosen.iter().enumerate() {
        for by_page in [false, true] {
            let (mut victim, mut mallory) = (shop.client(), shop.client());
            victim.carry(token);
            mallory.carry(token);
            victim.add("KETTLE", 1).await;
            let email = format!("victim-{number}-{by_page}@example.com");
            if by_page {
                let form = victim.get("/login").await;
                let fields = [("csrf", &*form.hidden("csrf")), ("email", "ada@example.com"), ("password", PASSWORD)];
                assert_eq!(victim.form("/login", &fields).await.status, StatusCode::SEE_OTHER);
            } else {
                assert_eq!(victim.register(&email).await.status, StatusCode::CREATED);
            }
            assert_ne!(victim.token(), token.expose());
            assert!(victim.token().starts_with("ses_"));
            assert_eq!(victim.get("/api/v1/accounts/me").await.status, StatusCode::OK);
            assert_eq!(mallory.get("/api/v1/accounts/me").await.problem(), (401, "sign-in-required".to_owned()));
            assert_eq!(mallory.cart().await["units"], 0, "nor the victim's cart");
            assert!(victim.cart().await["units"].as_u64() >= Some(1));
        }
    }
}

async fn every_cross_site_write_is_rejected(shop: TestShop) {
    with_kettle(&shop).await;
    let mut client = shop.client();
    client.add("KETTLE", 2).await;
    let before = client.cart().await;
    let foreign: [&[(&str, &str)]; 8] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://shop.test")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "https://shop.test.evil.example")],
        &[("origin", "https://shop.test:8443")],
    ];
    let own: [&[(&str, &str)]; 5] = [
        &[],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://shop.test")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://shop.test")],
    ];
    for route in routes::all().filter(|route| route.method != Method::GET) {
        let path = example(route.path);
        for headers in foreign {
            let answer = client.send(request(&route.method, &path, route.surface, headers)).await;
            assert!(is_rejected_as_cross_site(&answer), "{} {path} {headers:?}: {}", route.method, answer.text());
            if route.surface == Surface::Api {
                assert_eq!(answer.problem(), (403, "cross-site-request".to_owned()), "{path}");
            }
            // Browsers do not send a Lax cookie with such a request. The response must not set another one.
            let mut bare = shop.client();
            let answer = bare.send(request(&route.method, &path, route.surface, headers)).await;
            assert!(
                is_rejected_as_cross_site(&answer),
                "{} {path} {headers:?} without cookie: {}",
                route.method,
                answer.text()
            );
            assert!(bare.cookies.is_empty(), "{path} {headers:?}: a cookie from another site's request");
        }
        for headers in own {
            if route.path.ends_with("/sessions/current") {
                continue;
            }
            let answer = client.send(request(&route.method, &path, route.surface, headers)).await;
            assert!(
                !is_rejected_as_cross_site(&answer) || answer.text().contains("is out of date"),
                "{path} {headers:?}: {}",
                answer.text()
            );
            if route.surface == Surface::Api {
                assert_ne!(answer.problem().1, "cross-site-request", "{path} {headers:?}");
            }
        }
    }
    assert_eq!(client.cart().await, before);
    // A bearer token is sent only by its API client.
    let bearer = format!("Bearer {}", client.token());
    let mut program = shop.client();
    let headers = [("authorization", &*bearer), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let line = json!({"sku": "KETTLE", "quantity": 1});
    let answer = program.json(Method::POST, "/api/v1/cart/line-items", &line, &headers).await;
    assert_eq!((answer.status, &answer.json()["units"]), (StatusCode::CREATED, &3.into()));
    // Reads are allowed: other sites link to the shop.
    let link = Request::get("/cart").header("sec-fetch-site", "cross-site").body(Body::empty()).expect("a request");
    assert_eq!(client.send(link).await.status, StatusCode::OK);
}

async fn a_form_needs_the_token_of_its_own_visitor(shop: TestShop) {
    with_kettle(&shop).await;
    let (mut ada, mut eve) = (shop.client(), shop.client());
    ada.add("KETTLE", 2).await;
    let own = ada.get("/cart").await.hidden("csrf");
    let foreign = eve.get("/products/kettle").await.hidden("csrf");
    let token = ada.token();
    assert_ne!(own, foreign);
    for route in routes::all().filter(|route| route.method == Method::POST && route.surface == Surface::Page) {
        let path = example(route.path);
        let longer = format!("{own}A");
        for csrf in [None, Some(""), Some(&*foreign), Some(&own[1..]), Some(&longer), Some(&token), Some("\u{0}")] {
            let fields: Vec<_> = csrf.map(|csrf| ("csrf", csrf)).into_iter().collect();
            let answer = ada.form(&path, &fields).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {csrf:?}: {}", answer.text());
            assert!(answer.header("content-type").starts_with("text/html"), "{path}");
        }
        // In the URL it is ignored: URLs are logged and sent as referrers.
        let answer = ada.form(&format!("{path}?csrf={own}"), &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(ada.cart().await["units"], 2);
    let quantity = format!("quantity-{}", text(&ada.cart().await["lines"][0]["id"]));
    let fields = [("csrf", &*own), (&quantity, "1"), ("action", "update")];
    assert_eq!(ada.form("/cart", &fields).await.status, StatusCode::SEE_OTHER, "its own token is accepted");
    ada.register("ada@example.com").await;
    assert_eq!(ada.form("/cart", &fields).await.status, StatusCode::FORBIDDEN, "a new session invalidates old forms");
}

async fn nobody_can_access_what_belongs_to_others(shop: TestShop) {
    with_kettle(&shop).await;
    let (mut ada, mut eve) = (shop.client(), shop.client());
    ada.register("ada@example.com").await;
    ada.add("KETTLE", 1).await;
    let order = ada.check_out("key", "card_approved").await.json();
    let line = text(&ada.add("KETTLE", 2).await.json()["lines"][0]["id"]);
    eve.register("eve@example.com").await;
    let csrf = eve.get("/cart").await;
    assert_eq!(csrf.status, StatusCode::OK);
    let path = format!("/api/v1/cart/line-items/{line}");
    assert_eq!(eve.delete(&path).await.problem(), (404, "not-found".to_owned()));
    assert_eq!(eve.json(Method::PATCH, &path, &json!({"quantity": 9}), &[]).await.problem().0, 404);
    assert_eq!(ada.cart().await["units"], 2);
    let (id, other) = (text(&order["id"]), OrderId::derive("none"));
    for page in [format!("/orders/{id}"), format!("/orders/{id}?key=x"), format!("/orders/{other}")] {
        let answer = eve.get(&page).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
        assert!(!answer.text().contains("ada@example.com") && !answer.text().contains("Gartenweg"), "{page}");
    }
    let absent = eve.get(&format!("/orders/{other}")).await.text_without_request_id();
    assert_eq!(eve.get(&format!("/orders/{id}")).await.text_without_request_id(), absent);
    let opened = shop.client().get(&format!("/orders/{id}?key={}", text(&order["access_key"]))).await;
    assert!(opened.status == StatusCode::OK && opened.text().contains("Gartenweg"));
    for route in routes::all().filter(|route| route.area == Area::Admin) {
        let path = example(route.path);
        let mut form = eve.clone();
        let csrf = form.get("/account").await.hidden("csrf");
        let body = if route.surface == Surface::Page {
            format!("csrf={csrf}")
        } else {
            match path.rsplit('/').next() {
                Some("refunds") => json!({"all": true}),
                Some("fulfillments") => json!({"event": "shipped"}),
                Some("settings") => {
                    json!({"expected_version": 1, "settings": SettingsDocument::from(fixtures::settings())})
                }
                Some("products" | "kettle") => crate::products::kettle(),
                Some("restorations") => json!({"version": 1, "expected_version": 1}),
                _ => json!({"sku": "KETTLE", "change": "adjust", "units": 1}),
            }
            .to_string()
        };
        let mut request = request(&route.method, &path, route.surface, &[]);
        if path == "/api/v1/admin/pictures" {
            request.headers_mut().insert(header::CONTENT_TYPE, "application/octet-stream".parse().expect("a type"));
        }
        *request.body_mut() = Body::from(body);
        request.headers_mut().entry("idempotency-key").or_insert("k".parse().expect("a key"));
        request.headers_mut().insert(header::IF_MATCH, "\"1\"".parse().expect("an ETag"));
        let answer = eve.send(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} {path}: {}", route.method, answer.text());
        assert!(!answer.text().contains("ada@example.com"), "{path}");
    }
    for page in ["/admin", "/admin/stock", "/admin/stock/kettle", "/account"] {
        let answer = shop.client().get(page).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (StatusCode::SEE_OTHER, &*format!("/login?next={page}"))
        );
    }
    assert_eq!(shop.levels("KETTLE").await, (9, 0, 1));
}

async fn signing_in_redirects_only_within_the_shop(shop: TestShop) {
    shop.client().register("ada@example.com").await;
    for (next, expected) in [
        ("/checkout", "/checkout"),
        ("/orders/x?key=a%20b&c=d", "/orders/x?key=a%20b&c=d"),
        ("https://evil.example/", "/account"),
        ("//evil.example", "/account"),
        ("///evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("\\/evil.example", "/account"),
        ("/\t/evil.example", "/account"),
        ("javascript:alert(1)", "/account"),
        ("evil.example", "/account"),
        (" /checkout", "/account"),
        ("/checkout\r\nSet-Cookie: a=b", "/account"),
        ("/checkout\u{0}", "/account"),
        ("/küche", "/account"),
        ("", "/account"),
    ] {
        let mut client = shop.client();
        let form = client.get("/login").await;
        let fields =
            [("csrf", &*form.hidden("csrf")), ("email", "ada@example.com"), ("password", PASSWORD), ("next", next)];
        let answer = client.form("/login", &fields).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, expected), "{next:?}");
        assert!(!client.cookies.contains_key("a"), "{next:?}");
    }
    // The form contains the target as escaped text.
    let form = shop.client().get("/login?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(!form.text().contains("<script>"), "{}", form.text());
    assert_eq!(
        shop.client().get("/login?next=%0d%0aSet-Cookie:%20a=b").await.header("set-cookie").matches("a=b").count(),
        0
    );
}

const MARKUP: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}";

/// Asserts that the page contains the markup only as escaped text.
fn assert_escaped(page: &Answer, what: &str) {
    let text = page.text();
    assert!(page.header("content-type").starts_with("text/html"), "{what}: {}", page.status);
    assert!(
        !text.contains("<script>alert") && !text.contains("<img src=x") && !text.contains("\"'>"),
        "{what}: {text}"
    );
    assert!(text.contains("script&#62;alert(1)") || text.contains("script&gt;alert(1)"), "{what} is not shown: {text}");
}

async fn markup_in_names_and_addresses_is_escaped(shop: TestShop) {
    let mut product = fixtures::product("kettle").title(MARKUP).category("kettle").tags(&[MARKUP]).build();
    product.vendor = Some(MARKUP.to_owned());
    product.seo_title = Some(MARKUP.to_owned());
    product.seo_description = Some(MARKUP.to_owned());
    if let Some(category) = &mut product.category {
        category.title = MARKUP.to_owned();
    }
    let sku = "K\"'><script>alert(1)</script>";
    product.variants[0].sku = fixtures::sku(sku);
    shop.sell(&product, 10).await;
    let mut client = shop.client();
    for page in ["/", "/products", "/products/kettle", "/categories/kettle", "/search?q=script"] {
        assert_escaped(&client.get(page).await, page);
    }
    let search =
        client.get("/search?q=%22'%3E%3Cscript%3Ealert(1)%3C/script%3E%3Cimg%20src=x%20onerror=alert(1)%3E").await;
    assert_escaped(&search, "the search");
    assert_eq!(client.add(sku, 1).await.status, StatusCode::CREATED);
    assert_escaped(&client.get("/cart").await, "the cart");
    let csrf = client.get("/cart").await.hidden("csrf");
    let mut fields = vec![("csrf", &*csrf), ("email", "ada@example.com"), ("country", "DE"), ("action", "review")];
    fields.extend(["name", "line1", "line2", "city", "region", "postal_code"].map(|field| (field, MARKUP)));
    assert_eq!(client.form("/checkout", &fields).await.header("location"), "/checkout/review");
    let review = client.get("/checkout/review").await;
    assert_eq!(review.status, StatusCode::OK);
    assert_escaped(&review, "the review");
    fields.retain(|(name, _)| *name != "email");
    fields.push(("email", MARKUP));
    let details = client.form("/checkout", &fields).await;
    assert_eq!(details.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_escaped(&details, "the details");
    let mut order = crate::harness::order_with("card_approved");
    let mut place = address();
    for field in ["name", "line1", "city", "postal_code"] {
        place[field] = MARKUP.into();
    }
    order["shipping_address"] = place;
    let placed = client.post_once("/api/v1/checkout", "key", &order).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    assert_escaped(&client.get(&format!("/orders/{}", text(&placed.json()["id"]))).await, "the order");
    let login = [("csrf", &*csrf), ("email", MARKUP), ("password", "x")];
    assert_escaped(&client.form("/login", &login).await, "the sign-in form");
    let account = json!({"email": "ada@example.com", "name": MARKUP, "password": PASSWORD});
    assert_eq!(client.post("/api/v1/accounts", &account).await.status, StatusCode::CREATED);
    assert_escaped(&client.get("/account").await, "the account");
    let mut operator = shop.operator().await;
    for page in ["/admin/stock", "/admin/stock/kettle"] {
        assert_escaped(&operator.get(page).await, page);
    }
    let api = client.get("/api/v1/products/kettle").await;
    assert_eq!((api.header("content-type"), api.header("x-content-type-options")), ("application/json", "nosniff"));
}

async fn cookies_are_host_only_secure_and_http_only(shop: TestShop) {
    with_kettle(&shop).await;
    let mut seen = std::collections::BTreeSet::new();
    let mut client = shop.client();
    let mut answers = vec![client.get("/api/v1/cart").await, client.add("KETTLE", 1).await];
    answers.push(client.register("ada@example.com").await);
    answers.push(client.log_in("ada@example.com", PASSWORD).await);
    answers.push(client.check_out("key", "card_approved").await);
    let csrf = client.get("/account").await.hidden("csrf");
    answers.push(client.form("/logout", &[("csrf", &csrf)]).await);
    answers.push(shop.client().get("/login").await);
    answers.push(client.delete("/api/v1/sessions/current").await);
    for answer in answers {
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("visible ASCII");
            let (pair, attributes) = cookie.split_once("; ").expect("attributes");
            let name = pair.split('=').next().expect("a name").to_owned();
            let mut attributes: Vec<_> = attributes.split("; ").collect();
            attributes.sort_unstable();
            assert_eq!(attributes, ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"], "{cookie}");
            seen.insert(name);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [COOKIE, "shopease_cart_units"]);
    // The name without the prefix is another cookie, which a subdomain could have set.
    let mut tricked = shop.client();
    tricked.cookies.insert("shopease_token".to_owned(), client.token());
    assert_eq!(tricked.cart().await["units"], 0);
    assert_ne!(tricked.token(), client.token());
}

async fn every_response_has_the_security_headers(shop: TestShop) {
    with_kettle(&shop).await;
    let mut client = shop.client();
    let mut requests: Vec<(String, Request<Body>)> = Vec::new();
    for route in routes::all() {
        let path = example(route.path);
        requests.push((format!("{} {path}", route.method), request(&route.method, &path, route.surface, &[])));
    }
    for path in [
        "/nowhere",
        "/api/v1/nowhere",
        "/a/../b",
        "/%00",
        "/api/v1/products?limit=x",
        "/assets/none.css",
        "/products/none",
    ] {
        requests.push((path.to_owned(), request(&Method::GET, path, Surface::Page, &[])));
    }
    for path in ["/cart", "/api/v1/cart"] {
        requests.push((format!("DELETE {path}"), request(&Method::DELETE, path, Surface::Api, &[])));
    }
    for (path, content_type) in [("/login", FORM), ("/api/v1/sessions", "application/json")] {
        let large =
            Request::post(path).header(header::CONTENT_TYPE, content_type).body(Body::from("x".repeat(300_000)));
        requests.push((format!("too much for {path}"), large.expect("a request")));
        requests.push((format!("text for {path}"), Request::post(path).body(Body::from("x")).expect("a request")));
    }
    for (name, request) in requests {
        let answer = client.send(request).await;
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|found| found.trim() == part), "{name}: {part} in {policy:?}");
        }
        assert!(!policy.contains("unsafe"), "{name}: {policy}");
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
        ] {
            let found: Vec<_> = answer.headers.get_all(header).iter().collect();
            assert_eq!(found, [value], "{name}: {header}");
        }
        assert_eq!(answer.header("x-request-id").len(), 26, "{name}");
        assert!(!answer.header("cache-control").is_empty() || answer.status == StatusCode::OK, "{name}");
        for telling in ["server", "x-powered-by"] {
            assert!(!answer.headers.contains_key(telling), "{name}: {telling}");
        }
        if answer.headers.contains_key(header::SET_COOKIE) {
            assert!(
                ["no-store", "private, no-cache"].contains(&answer.header("cache-control")),
                "{name}: a cached cookie"
            );
        }
    }
}

async fn headers_about_the_client_do_not_change_the_response(shop: TestShop) {
    with_kettle(&shop).await;
    let spoofed = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-for", "127.0.0.1, evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("forwarded", "host=evil.example"),
        ("x-original-url", "/admin"),
        ("x-rewrite-url", "/admin"),
        ("x-http-method-override", "DELETE"),
    ];
    for route in routes::all().filter(|route| route.method == Method::GET) {
        let path = example(route.path);
        let mut client = shop.visitor("ada");
        let plain = client.send(request(&route.method, &path, route.surface, &[])).await;
        let answer = client.send(request(&route.method, &path, route.surface, &spoofed)).await;
        assert_eq!((answer.status, answer.header("location")), (plain.status, plain.header("location")), "{path}");
        assert!(!answer.text().contains("evil.example"), "{path}");
        assert!(
            answer.headers.values().all(|value| !value.as_bytes().windows(4).any(|part| part == b"evil")),
            "{path}"
        );
    }
    let client: &mut Client = &mut shop.visitor("ada");
    let me = client.json(Method::GET, "/api/v1/admin/orders", &Value::Null, &spoofed).await;
    assert_eq!(me.problem(), (401, "sign-in-required".to_owned()));
}
