//! Invalid requests to pages and forms: a table of requests with their exact status. Each gets an HTML page, the same on both stores,
//! and changes nothing. Missing and foreign form tokens are tested in `security`.

use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use shopease_shop::domain::{LineItemId, Token};
use shopease_shop::testing::fixtures;

use crate::harness::{Client, TestShop, both_stores};

both_stores!(every_bad_form_gets_a_page_and_changes_nothing);

const FORM: &str = "application/x-www-form-urlencoded";

/// Maximum size of a page: a Lambda function behind a load balancer may send 1 MB, a quarter less with Base64.
const MAX_PAGE_BYTES: usize = 700 * 1024;

/// One bad request.
struct Case {
    method: Method,
    path: String,
    content_type: Option<&'static str>,
    /// Prefix of the body with the form token.
    with_token: bool,
    body: Vec<u8>,
    by_operator: bool,
    status: u16,
    /// Text of the page to which the response redirects (303).
    shows: Option<&'static str>,
}

impl Case {
    fn name(&self) -> String {
        let body: String = self.body.escape_ascii().take(120).map(char::from).collect();
        format!("{} {} [{:?}] {body}", self.method, self.path, self.content_type)
    }
}

/// A form with the visitor's own token.
fn form(path: &str, fields: impl Into<Vec<u8>>, status: u16) -> Case {
    Case {
        method: Method::POST,
        path: path.to_owned(),
        content_type: Some(FORM),
        with_token: true,
        body: fields.into(),
        by_operator: path.starts_with("/admin"),
        status,
        shows: None,
    }
}

fn request(method: Method, path: &str, status: u16) -> Case {
    Case { method, content_type: None, with_token: false, ..form(path, "", status) }
}

fn get(path: &str, status: u16) -> Case {
    request(Method::GET, path, status)
}

/// The cart's field for the kettle.
fn quantity_field() -> String {
    format!("quantity-{}", LineItemId::derive("KETTLE"))
}

/// What every form rejects before it reads its fields.
fn any_form() -> Vec<Case> {
    let paths = ["/cart/line-items", "/cart", "/checkout", "/register", "/login", "/logout", "/admin/stock/kettle"];
    let refused = |path: &str| {
        let of = |content_type| Case { content_type, ..form(path, "a=b", 415) };
        let bare = |body: Vec<u8>, status| Case { with_token: false, ..form(path, body, status) };
        vec![
            of(None),
            of(Some("")),
            of(Some("text/plain")),
            of(Some("application/json")),
            of(Some("multipart/form-data; boundary=x")),
            of(Some("application/x-www-form-urlencoded2")),
            bare(vec![b'x'; 64 * 1024 + 1], 413),
            bare(vec![b'x'; 256 * 1024 + 1], 413),
            bare(vec![b'x'; 1024 * 1024 + 1], 413),
            form(path, vec![b'x'; 64 * 1024], 413),
            bare(Vec::new(), 403),
            bare(b"csrf".to_vec(), 403),
            bare(b"{\"csrf\":\"x\"}".to_vec(), 403),
            form(path, "csrf=again", 400),
            form(path, "a=%FF", 400),
            form(path, "a=%C3", 400),
            form(path, "a=%ED%A0%80", 400),
            form(path, b"a=\xff".to_vec(), 400),
            form(path, b"\xff=a".to_vec(), 400),
        ]
    };
    paths.into_iter().flat_map(refused).collect()
}

const NO_QUANTITIES: [&str; 14] = [
    "",
    "-1",
    "1.5",
    "1,5",
    "abc",
    "1e3",
    "NaN",
    "0x1",
    "%D9%A1",
    "1%00",
    "1000",
    "2147483648",
    "4294967297",
    "9223372036854775808",
];

fn cart() -> Vec<Case> {
    let add = |fields: &str, status| form("/cart/line-items", format!("product=kettle&{fields}"), status);
    let long = "K".repeat(400);
    let key = "k".repeat(256);
    let mut cases: Vec<_> =
        NO_QUANTITIES.iter().map(|quantity| add(&format!("sku=KETTLE&quantity={quantity}"), 422)).collect();
    for sku in ["", "+", &long, "KET%00TLE", "KET%0D%0ATLE", "%E2%80%AEELTTEK", "kettle", "..%2FKETTLE", "KETTLE%231"] {
        cases.push(add(&format!("sku={sku}&quantity=1"), 422));
    }
    for key in ["cl%C3%A9", "two+words", "a%0D%0Ab", "%00", &key] {
        cases.push(add(&format!("sku=KETTLE&quantity=1&idempotency_key={key}"), 422));
    }
    cases.extend([
        add("", 422),
        add("sku=KETTLE&quantity=0", 422),
        add("sku=KETTLE&quantity=11", 409),
        add("sku=KETTLE&sku=KETTLE&quantity=1", 400),
        // Without a product page to show it on, the problem gets its own page.
        form("/cart/line-items", "sku=KETTLE&quantity=-1", 422),
        form("/cart/line-items", "product=..%2Fx&sku=KETTLE&quantity=-1", 422),
        form("/cart/line-items", "product=none&sku=KETTLE&quantity=-1", 404),
    ]);
    let line = quantity_field();
    cases.extend(NO_QUANTITIES.iter().map(|quantity| form("/cart", format!("{line}={quantity}"), 422)));
    cases.extend([
        form("/cart", format!("{line}=11"), 409),
        form("/cart", "quantity-li_01ARZ3NDEKTSV4RRFFQ69G5FAV=1", 404),
        // Unknown fields and buttons are ignored.
        Case {
            shows: Some("up to date"),
            ..form("/cart", "quantity-KETTLE=2&quantity=2&remove=KETTLE&action=steal", 303)
        },
        Case {
            shows: Some("Removed from your cart"),
            ..form("/cart", "remove=li_01ARZ3NDEKTSV4RRFFQ69G5FAV&remove=%00", 303)
        },
        request(Method::POST, "/cart/line-items/KETTLE", 404),
    ]);
    cases
}

/// A complete checkout form, except for one field.
fn order(field: &str, value: &str) -> String {
    let fields = [
        ("email", "ada%40example.com"),
        ("name", "Ada"),
        ("line1", "Gartenweg+3"),
        ("city", "Berlin"),
        ("postal_code", "10115"),
        ("country", "DE"),
        ("action", "place"),
        ("shipping_method", "standard"),
        ("payment_method", "card_approved"),
        ("expected_total", "2480+EUR"),
        ("idempotency_key", "bad-form"),
    ];
    let mut all: Vec<_> = fields.into_iter().filter(|(name, _)| *name != field).collect();
    all.push((field, value));
    let all: Vec<_> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    all.join("&")
}

fn checkout() -> Vec<Case> {
    let (long, long_mail, key) = ("x".repeat(121), format!("{}%40example.com", "e".repeat(308)), "k".repeat(256));
    let mut cases = vec![form("/checkout", "", 422), form("/checkout", "action=place", 422)];
    for (field, value) in [
        ("email", ""),
        ("email", "nobody"),
        ("email", &long_mail),
        ("email", "a%40example.com%0D%0ABcc:+b%40example.com"),
        ("name", ""),
        ("name", &long),
        ("name", "Ada%00"),
        ("line1", "Street%0D%0AX-Header:+1"),
        ("line2", &long),
        ("city", "+%C2%A0+"),
        ("region", "C%00A"),
        ("postal_code", ""),
        ("country", ""),
        ("country", "UK"),
        ("country", "XX"),
        ("country", "%F0%9F%87%A9%F0%9F%87%AA"),
    ] {
        cases.push(form("/checkout", order(field, value), 422));
    }
    // Rejected attempts redirect to the review, which shows the reason.
    for (field, value) in [
        ("shipping_method", "teleport"),
        ("shipping_method", "express%00"),
        ("payment_method", "4242424242424242"),
        ("expected_total", "1+EUR"),
        ("expected_total", "-2480+EUR"),
        ("expected_total", "2480+USD"),
        ("expected_total", "9223372036854775807+EUR"),
        ("idempotency_key", "cl%C3%A9"),
        ("idempotency_key", "two+words"),
        ("idempotency_key", &key),
    ] {
        cases.push(Case { shows: Some("role=\"alert\""), ..form("/checkout", order(field, value), 303) });
    }
    // Fields of the review are missing or invalid: it is shown again, and nothing is ordered.
    for (field, value) in [
        ("shipping_method", ""),
        ("payment_method", ""),
        ("idempotency_key", ""),
        ("expected_total", "2480"),
        ("expected_total", "24.80+EUR"),
        ("expected_total", "9223372036854775808+EUR"),
        ("expected_total", "2480+XXX"),
        ("action", "steal"),
    ] {
        cases.push(Case { shows: Some("Order and pay"), ..form("/checkout", order(field, value), 303) });
    }
    cases.push(form("/checkout", format!("{}&email=b%40example.com", order("name", "Ada")), 400));
    cases
}

fn accounts() -> Vec<Case> {
    let long_mail = format!("{}%40example.com", "e".repeat(308));
    let mut cases = vec![form("/register", "", 422), form("/login", "", 422)];
    for email in
        ["", "eve", "eve%40", "a%40b%40example.com", "eve%00%40example.com", "e%0D%0A%40example.com", &long_mail]
    {
        cases.push(form("/register", format!("name=Eve&password=long+enough&email={email}"), 422));
        let status = if email.is_empty() { 422 } else { 401 };
        cases.push(form("/login", format!("password=long+enough&email={email}"), status));
    }
    for fields in ["name=&password=long+enough", "name=%00&password=long+enough", "name=Eve&password=short"] {
        cases.push(form("/register", format!("{fields}&email=eve%40example.com"), 422));
    }
    cases.push(form("/register", "name=Eve&password=long+enough&email=operator%40example.com", 409));
    cases.push(form("/register", "name=Eve&name=Eve&password=long+enough&email=eve%40example.com", 400));
    cases.push(form("/login", "email=operator%40example.com&password=wrong", 401));
    cases.push(form("/login", "email=a&email=b&password=wrong", 400));
    cases
}

fn stock() -> Vec<Case> {
    let key = "k".repeat(256);
    let of = |fields: &str, status| form("/admin/stock/kettle", fields, status);
    let mut cases: Vec<_> = ["", "abc", "1.5", "1e3", "9223372036854775808", "2147483648", "%D9%A1", "%00"]
        .into_iter()
        .map(|units| of(&format!("sku=KETTLE&change=adjust&units={units}"), 422))
        .collect();
    for key in ["cl%C3%A9", "two+words", &key] {
        cases.push(of(&format!("sku=KETTLE&change=adjust&units=1&idempotency_key={key}"), 422));
    }
    cases.extend([
        of("", 422),
        of("sku=KETTLE&change=set_available&units=-1", 422),
        of("sku=KETTLE&change=set_available&units=1000000001", 422),
        of("sku=KETTLE&change=steal&units=1", 422),
        of("sku=&change=adjust&units=1", 422),
        of("sku=KET%00TLE&change=adjust&units=1", 422),
        of("sku=NONE&change=adjust&units=1", 404),
        of("sku=KETTLE&change=adjust&units=-11", 409),
    ]);
    cases
}

fn addresses() -> Vec<Case> {
    let long = format!("/search?q={}", "a".repeat(201));
    let mut cases = Vec::new();
    for path in
        ["/a/../admin", "/%2e%2e", "/products/%00", "/products/%FF", "/a%5Cb", "//evil.example", "/%zz", "/%0d%0a"]
    {
        cases.push(get(path, 400));
    }
    for path in [
        "/nowhere",
        "/products/none",
        "/products/%23",
        "/products/a%2Fb",
        "/products/%E2%80%AEkettle",
        "/products/%F0%9F%AB%96",
        "/categories/none",
        "/categories/%3F",
        "/orders/x",
        "/orders/ord_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/orders/ord_01ARZ3NDEKTSV4RRFFQ69G5FAV?key=x",
        "/assets/none.css",
        "/assets/Cargo.toml",
        "/.env",
        "/wp-login.php",
        "/api",
    ] {
        cases.push(get(path, 404));
    }
    for path in [
        "/products?cursor=x",
        "/products?cursor=",
        "/search?q=kettle&cursor=QUJDREVGR0hJ",
        "/search?q=%FF",
        "/search?q=%00",
        "/search?q=100%",
        "/products/kettle?image=first",
        "/products/kettle?image=-1",
    ] {
        cases.push(get(path, 400));
    }
    cases.push(get(&long, 422));
    cases.push(Case { by_operator: true, ..get("/admin?cursor=x", 400) });
    cases.push(Case { by_operator: true, ..get("/admin/stock/none", 404) });
    cases.push(Case { by_operator: true, ..get("/account?cursor=x", 400) });
    for (method, path) in [
        (Method::DELETE, "/cart"),
        (Method::POST, "/products/kettle"),
        (Method::PUT, "/login"),
        (Method::GET, "/logout"),
        (Method::GET, "/cart/line-items"),
        (Method::OPTIONS, "/checkout"),
        (Method::TRACE, "/"),
    ] {
        cases.push(request(method, path, 405));
    }
    cases
}

/// Forms that are shown again with their input, which grows up to five times when escaped as HTML.
fn echoes() -> Vec<Case> {
    let quotes = "\"".repeat(60_000);
    vec![
        form("/cart/line-items", format!("product=kettle&sku=KETTLE&quantity={quotes}"), 422),
        form("/cart/line-items", format!("product=kettle&quantity=1&sku={quotes}"), 422),
        form("/login", format!("password=x&email={quotes}"), 401),
        form("/login", format!("email=x&password=x&next={quotes}"), 401),
        form("/register", format!("name={quotes}"), 422),
        form("/checkout", order("name", &quotes), 422),
        form("/checkout", order("shipping_method", &quotes), 422),
        form("/admin/stock/kettle", format!("sku=KETTLE&change=adjust&units={quotes}"), 422),
        form("/admin/stock/kettle", format!("change=adjust&units=1&sku={quotes}"), 422),
    ]
}

fn table() -> Vec<Case> {
    [any_form(), cart(), checkout(), accounts(), stock(), addresses(), echoes()].into_iter().flatten().collect()
}

/// Sends a case. Returns what is wrong with the response, if anything.
async fn fault_of(case: &Case, client: &mut Client) -> Option<String> {
    let csrf = Token::parse(&client.token()).expect("a token").csrf();
    let mut body = if case.with_token { format!("csrf={csrf}&").into_bytes() } else { Vec::new() };
    body.extend_from_slice(&case.body);
    let mut request = Request::builder().method(&case.method).uri(&case.path);
    if let Some(content_type) = case.content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    let mut answer = client.send(request.body(Body::from(body)).expect("a request")).await;
    let status = answer.status.as_u16();
    if status == 303 {
        answer = client.get(answer.header("location")).await;
    }
    let found = (status, answer.header("content-type"));
    let text = answer.text();
    if case.shows.is_some_and(|shown| !text.contains(shown)) {
        return Some(format!("{} does not show {:?}", answer.status, case.shows));
    }
    if found != (case.status, "text/html; charset=utf-8") {
        let start: String = text.split("<main").last().unwrap_or_default().chars().take(300).collect();
        return Some(format!("expected {}, found {found:?} {start}", case.status));
    }
    if !text.contains("<h1") || !text.contains("href=\"/\"") {
        return Some("no heading or no link".to_owned());
    }
    if answer.body.len() > MAX_PAGE_BYTES {
        return Some(format!("a page of {} bytes", answer.body.len()));
    }
    if case.status == 405 && answer.header("allow").is_empty() {
        return Some("405 without Allow".to_owned());
    }
    None
}

async fn every_bad_form_gets_a_page_and_changes_nothing(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").category("kettle").build(), 10).await;
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
    assert_eq!((shop.levels("KETTLE").await, shop.topics().await.len()), ((10, 0, 0), 0));
    assert_eq!(shop.client().log_in("eve@example.com", "long enough").await.status, StatusCode::UNAUTHORIZED);
}
