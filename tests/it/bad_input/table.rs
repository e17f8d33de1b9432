//! The invalid requests, grouped by what is invalid.

use http::Method;
use serde_json::{Value, json};
use shopease_shop::domain::LineItemId;

use super::{CHECKOUT, CORRECTIONS, LINE_ITEMS};
use crate::harness::order_with;

/// One invalid request.
pub struct Case {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Vec<u8>,
    pub by_operator: bool,
    pub status: u16,
    pub kind: &'static str,
}

impl Case {
    /// The case in one line.
    pub fn name(&self) -> String {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {}", value.escape_ascii())).collect();
        let body: String = self.body.escape_ascii().take(120).map(char::from).collect();
        format!("{} {} [{}] {body}", self.method, &self.path[..self.path.len().min(120)], headers.join(", "))
    }
}

fn case(method: Method, path: impl Into<String>, body: impl Into<Vec<u8>>, status: u16, kind: &'static str) -> Case {
    let headers = vec![("content-type", b"application/json".to_vec())];
    Case { method, path: path.into(), headers, body: body.into(), by_operator: false, status, kind }
}

const MALFORMED: (u16, &str) = (400, "malformed-request");
const BROKEN: (u16, &str) = (422, "rule-broken");
const NOT_FOUND: (u16, &str) = (404, "not-found");

fn post(path: &str, body: impl Into<Vec<u8>>, (status, kind): (u16, &'static str)) -> Case {
    case(Method::POST, path, body, status, kind)
}

fn get(path: impl Into<String>, (status, kind): (u16, &'static str)) -> Case {
    Case { headers: Vec::new(), ..case(Method::GET, path, "", status, kind) }
}

/// Adds a kettle to the cart with an invalid body.
fn add(body: impl Into<Vec<u8>>, expected: (u16, &'static str)) -> Case {
    post(LINE_ITEMS, body, expected)
}

fn line(sku: &str, quantity: &str) -> String {
    format!("{{\"sku\":{},\"quantity\":{quantity}}}", json!(sku))
}

fn padded(body: &str, size_bytes: usize) -> String {
    format!("{}{body}", " ".repeat(size_bytes - body.len()))
}

fn bodies() -> Vec<Case> {
    let good = line("UNKNOWN", "1");
    let mut invalid_utf8 = b"{\"sku\":\"KET".to_vec();
    invalid_utf8.extend_from_slice(b"\xff\xfe\",\"quantity\":1}");
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let kettle = line("KETTLE", "1");
    vec![
        add("", MALFORMED),
        add(" \r\n", MALFORMED),
        add(padded(&good, 256 * 1024), BROKEN),
        add(padded(&good, 256 * 1024 + 1), (413, "body-too-large")),
        add(padded(&good, 1024 * 1024 + 1), (413, "body-too-large")),
        add("x".repeat(256 * 1024 + 1), (413, "body-too-large")),
        add(deep("[", "]"), BROKEN),
        add(deep("{\"sku\":", "}"), MALFORMED),
        add(format!("{{\"sku\":\"KETTLE\",\"quantity\":{}}}", deep("[", "]")), BROKEN),
        add("[".repeat(10_000), MALFORMED),
        Case { by_operator: true, ..post(CORRECTIONS, format!("{{\"units\":{}}}", deep("[", "]")), MALFORMED) },
        add(r#"{"sku":"KETTLE","sku":"LAMP","quantity":1}"#, BROKEN),
        add(r#"{"sku":"KETTLE","quantity":1,"quantity":2}"#, BROKEN),
        add(line("KETTLE", "NaN"), MALFORMED),
        add(line("KETTLE", "Infinity"), MALFORMED),
        add(line("KETTLE", "1e999"), MALFORMED),
        add(line("KETTLE", "01"), MALFORMED),
        add(line("KETTLE", "0x1"), MALFORMED),
        add(format!("{kettle}x"), MALFORMED),
        add(format!("{kettle}{kettle}"), MALFORMED),
        add(format!("{kettle}\0"), MALFORMED),
        add(format!("\u{feff}{kettle}"), MALFORMED),
        add(invalid_utf8, MALFORMED),
        add(utf16, MALFORMED),
        add(r#"{"sku":"\ud800","quantity":1}"#, MALFORMED),
        add("{\"sku\":\"KET\0TLE\",\"quantity\":1}", MALFORMED),
        add("{\"sku\":\"KET\r\nTLE\",\"quantity\":1}", MALFORMED),
        add("{'sku':'KETTLE','quantity':1}", MALFORMED),
        add(r#"{"sku":"KETTLE","quantity":1,}"#, MALFORMED),
        add(r#"{"sku":"KETTLE","quantity":1"#, MALFORMED),
        add("sku=KETTLE&quantity=1", MALFORMED),
        add("null", BROKEN),
        add("1", BROKEN),
        add("\"KETTLE\"", BROKEN),
        add("[]", BROKEN),
        add("[\"KETTLE\",1]", BROKEN),
        add("{}", BROKEN),
        add(r#"{"sku":"KETTLE"}"#, BROKEN),
        add(r#"{"SKU":"KETTLE","quantity":1}"#, BROKEN),
        // Responses must not grow with quoted input: a Lambda function behind a load balancer may send 1 MB.
        add(line("KETTLE", &json!("\"".repeat(100_000)).to_string()), BROKEN),
        add(format!("{{\"{}\":1}}", "x".repeat(200_000)), BROKEN),
        add(line(&"x".repeat(200_000), "1"), BROKEN),
    ]
}

fn content_types() -> Vec<Case> {
    let of = |content_type: &[u8], expected| Case {
        headers: vec![("content-type", content_type.to_vec())],
        ..add(line("UNKNOWN", "1"), expected)
    };
    let refused = (415, "unsupported-media-type");
    vec![
        Case { headers: Vec::new(), ..add(line("UNKNOWN", "1"), refused) },
        of(b"", refused),
        of(b"text/plain", refused),
        of(b"text/json", refused),
        of(b"application/jsonp", refused),
        of(b"application/problem+json", refused),
        of(b"application/x-www-form-urlencoded", refused),
        of(b"multipart/form-data; boundary=x", refused),
        of(b"application/json\xff", refused),
        of(b"application/json; charset=utf-8", BROKEN),
        of(b"Application/JSON ;charset=latin1", BROKEN),
    ]
}

fn quantities() -> Vec<Case> {
    let path = format!("{LINE_ITEMS}/{}", LineItemId::derive("KETTLE"));
    let bad = [
        "-1",
        "0",
        "-0",
        "1.5",
        "1.0",
        "1e0",
        "\"1\"",
        "\"\"",
        "true",
        "null",
        "[1]",
        "{}",
        "1000",
        "4294967296",
        "2147483648",
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775809",
        "340282366920938463463374607431768211456",
    ];
    let both = |quantity: &str| {
        let set = case(Method::PATCH, &*path, format!("{{\"quantity\":{quantity}}}"), BROKEN.0, BROKEN.1);
        [add(line("KETTLE", quantity), BROKEN), set]
    };
    bad.into_iter().flat_map(both).collect()
}

fn skus() -> Vec<Case> {
    let long = "K".repeat(400);
    let refused = [
        "",
        " ",
        "\t",
        &long,
        "KET\u{0}TLE",
        "KET\r\nTLE",
        "\u{202E}ELTTEK",
        "KETTLE\u{202E}",
        "\u{2066}KETTLE",
        // Well-formed, but not for sale.
        "kettle",
        "../KETTLE",
        "../../etc/passwd",
        "KETTLE%00",
        "%4BETTLE",
        "KETTLE#1",
        "KETTLE:1",
        "KETTLE|1",
        "🫖",
        "KET TLE",
        "' OR 1=1 --",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "KETTLE\u{200B}",
        "КETTLE",
        &long[..255],
    ];
    refused.into_iter().map(|sku| add(line(sku, "1"), BROKEN)).collect()
}

fn keys() -> Vec<Case> {
    let long = "k".repeat(256);
    let bad: [&[u8]; 7] = [b"", long.as_bytes(), "clé".as_bytes(), b"\xff", b"two words", b"a\tb", "🔑".as_bytes()];
    let with = |key: &[u8], path: &str, body: String, by_operator| {
        let mut case = Case { by_operator, ..post(path, body, BROKEN) };
        case.headers.push(("idempotency-key", key.to_vec()));
        case
    };
    let correction = r#"{"sku":"KETTLE","change":"adjust","units":1}"#;
    let mut cases: Vec<_> = bad
        .into_iter()
        .flat_map(|key| {
            [
                with(key, LINE_ITEMS, line("KETTLE", "1"), false),
                with(key, CHECKOUT, order_with("card_approved").to_string(), false),
                with(key, CORRECTIONS, correction.to_owned(), true),
            ]
        })
        .collect();
    cases.push(post(CHECKOUT, order_with("card_approved").to_string(), MALFORMED));
    cases
}

fn queries() -> Vec<Case> {
    let of = |query: &str, expected| get(format!("/api/v1/products?{query}"), expected);
    let mut cases = vec![
        of("limit=0", BROKEN),
        of("limit=101", BROKEN),
        of("limit=65535", BROKEN),
        of("limit=abc", MALFORMED),
        of("limit=", MALFORMED),
        of("limit=-1", MALFORMED),
        of("limit=1.5", MALFORMED),
        of("limit=1&limit=x", MALFORMED),
        of("limit=99999999999999999999", MALFORMED),
        of("limit=%D9%A1", MALFORMED),
        of("sort=garbage", BROKEN),
        of("sort=Title", BROKEN),
        of("sort=relevance", BROKEN),
        of("sort=title;drop+table+products", BROKEN),
        of(&format!("q={}", "a".repeat(201)), BROKEN),
        of(&format!("q={}", "%C3%A4".repeat(201)), BROKEN),
        of("q=%00", MALFORMED),
        of("q=%FF", MALFORMED),
        of("q=%C3", MALFORMED),
        of("q=%ED%A0%80", MALFORMED),
        of("q=100%", MALFORMED),
        of("q=%zz", MALFORMED),
        of("category=../admin", NOT_FOUND),
        of(&format!("category={}", "c".repeat(400)), NOT_FOUND),
        of("category=%E2%80%AEx", NOT_FOUND),
        get("/api/v1/orders?limit=0", BROKEN),
        get("/api/v1/orders?limit=abc", MALFORMED),
        Case { by_operator: true, ..get("/api/v1/admin/orders?limit=101", BROKEN) },
    ];
    let long = "QUJD".repeat(2_000);
    for cursor in ["", "x", "!!!!", "QUJDREVG", "QUJDREVGR0g=", "%2E%2E", "null", &long] {
        cases.push(of(&format!("cursor={cursor}"), MALFORMED));
        cases.push(get(format!("/api/v1/orders?cursor={cursor}"), MALFORMED));
    }
    cases
}

fn paths() -> Vec<Case> {
    let malformed = [
        "/api/v1/products/../admin",
        "/api/v1/products/%2e%2e/admin",
        "/api/v1/products/.%2E",
        "/api/v1/./products",
        "/api/v1/products/%00",
        "/api/v1/products/kettle%00.jpg",
        "/api/v1/products/%FF",
        "/api/v1/products/%C3",
        "/api/v1/products/a%5Cb",
        "/api/v1/products/%0d%0aSet-Cookie:x=1",
        "/api/v1//products",
        "/api/v1/products/%",
        "/api/v1/products/%zz",
        "/api/v1/products/%7F",
    ];
    let unknown = [
        "/api/v1/products/%23",
        "/api/v1/products/a%3Ab",
        "/api/v1/products/a%2Fb",
        "/api/v1/products/a%20b",
        "/api/v1/products/%E2%80%AEkettle",
        "/api/v1/products/%F0%9F%AB%96",
        "/api/v1/products/KETTLE%3F",
        "/api/v1/products/",
        "/api/v1/products/kettle/",
        "/api/v1/products/kettle/stock",
        "/api/v1/product",
        "/api/v1",
        "/api/v2/products",
        "/api/v1/Products",
        "/api/v1/orders/1",
        "/api/v1/orders/ord_",
        "/api/v1/orders/ord_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/api/v1/orders/ord_01arz3ndektsv4rrffq69g5fav",
        "/api/v1/orders/prd_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/api/v1/orders/ord_81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/api/v1/orders/%E2%80%AE",
        "/api/v1/sessions/current/x",
        "/api/v1/.env",
    ];
    let long = format!("/api/v1/products/{}", "k".repeat(400));
    let mut cases: Vec<_> = malformed.into_iter().map(|path| get(path, MALFORMED)).collect();
    cases.extend(unknown.into_iter().chain([long.as_str()]).map(|path| get(path, NOT_FOUND)));
    for id in
        ["x", "li_", "li_01ARZ3NDEKTSV4RRFFQ69G5FAV", "li_01ARZ3NDEKTSV4RRFFQ69G5FAV%20", "KETTLE", "%F0%9F%AB%96"]
    {
        let path = format!("{LINE_ITEMS}/{id}");
        cases.push(case(Method::DELETE, &*path, "", NOT_FOUND.0, NOT_FOUND.1));
        cases.push(case(Method::PATCH, path, "{\"quantity\":1}", NOT_FOUND.0, NOT_FOUND.1));
    }
    for handle in ["none", "%23", "%F0%9F%AB%96"] {
        let path = format!("/api/v1/admin/products/{handle}/stock");
        cases.push(Case { by_operator: true, ..get(path, NOT_FOUND) });
    }
    cases
}

fn methods() -> Vec<Case> {
    let brew = Method::from_bytes(b"BREW").expect("a method");
    [
        (Method::POST, "/api/v1/products"),
        (Method::DELETE, "/api/v1/products/kettle"),
        (Method::PUT, "/api/v1/cart"),
        (Method::PUT, "/api/v1/cart/line-items"),
        (Method::GET, "/api/v1/cart/line-items"),
        (Method::GET, "/api/v1/checkout"),
        (Method::PATCH, "/api/v1/checkout/quote"),
        (Method::DELETE, "/api/v1/orders/ord_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        (Method::GET, "/api/v1/sessions"),
        (Method::GET, "/api/v1/sessions/current"),
        (Method::OPTIONS, "/api/v1/cart"),
        (Method::TRACE, "/api/v1/cart"),
        (brew, "/api/v1/checkout"),
    ]
    .into_iter()
    .map(|(method, path)| case(method, path, "{}", 405, "method-not-allowed"))
    .collect()
}

fn accounts() -> Vec<Case> {
    let good = json!({"email": "eve@example.com", "name": "Eve", "password": "long enough"});
    let long_mail = format!("{}@{}.example", "e".repeat(64), "x".repeat(320 - 64 - 9));
    let mut cases = Vec::new();
    let mails = [
        "",
        " ",
        "eve",
        "@",
        "eve@",
        "@example.com",
        "a@b@example.com",
        "eve@exa mple.com",
        "eve\r\n@example.com",
        "eve@example.com\r\nBcc: all@example.com",
        "eve\u{0}@example.com",
        "Eve <eve@example.com>",
        "eve@[127.0.0.1]",
        "eve@example..com",
        &long_mail,
    ];
    for mail in mails {
        let mut body = good.clone();
        body["email"] = mail.into();
        cases.push(post("/api/v1/accounts", body.to_string(), BROKEN));
        let login = json!({"email": mail, "password": "long enough"});
        cases.push(post("/api/v1/sessions", login.to_string(), BROKEN));
    }
    let (long_name, long_password) = ("n".repeat(121), "p".repeat(257));
    for (field, value) in [
        ("name", ""),
        ("name", " \u{a0} "),
        ("name", &*long_name),
        ("name", "Eve\r\nX: 1"),
        ("name", "Eve\u{0}"),
        ("name", "\u{1b}[31m"),
        ("password", ""),
        ("password", "seven77"),
        ("password", &long_password),
    ] {
        let mut body = good.clone();
        body[field] = value.into();
        cases.push(post("/api/v1/accounts", body.to_string(), BROKEN));
    }
    cases.push(post("/api/v1/sessions", "{\"email\":\"eve@example.com\",\"password\":5}", BROKEN));
    cases.push(post(
        "/api/v1/sessions",
        "{\"email\":\"eve@example.com\",\"password\":\"wrong\"}",
        (401, "wrong-credentials"),
    ));
    cases.push(get("/api/v1/accounts/me", (401, "sign-in-required")));
    cases.push(get("/api/v1/admin/orders", (401, "sign-in-required")));
    cases
}

fn orders() -> Vec<Case> {
    let long = "x".repeat(100_000);
    let mail = format!("{}@example.com", "e".repeat(308));
    let big = json!({"amount_minor": 9_223_372_036_854_775_808_u64, "currency": "EUR"});
    let wrong: Vec<(&str, Value)> = vec![
        ("/email", json!("nobody")),
        ("/email", json!(mail)),
        ("/email", json!("a@example.com\r\nBcc: b@example.com")),
        ("/shipping_address/country", json!("UK")),
        ("/shipping_address/country", json!("DEU")),
        ("/shipping_address/country", json!("ÄÖ")),
        ("/shipping_address/country", json!("XX")),
        ("/shipping_address/name", json!("")),
        ("/shipping_address/line1", json!("Street\u{0}")),
        ("/shipping_address/line1", json!("Street\r\nX-Header: 1")),
        ("/shipping_address/city", json!(long)),
        ("/shipping_address/postal_code", json!(10115)),
        ("/shipping_address", Value::Null),
        ("/shipping_method", json!("")),
        ("/shipping_method", json!("standard\u{0}")),
        ("/shipping_method", json!(long)),
        ("/payment_method", json!("")),
        ("/payment_method", json!("card_approved\u{0}")),
        ("/payment_method", json!(long)),
        ("/expected_total", json!(24.80)),
        ("/expected_total", json!({"amount_minor": 24.80, "currency": "EUR"})),
        ("/expected_total", json!({"amount_minor": 2480, "currency": "XXX"})),
        ("/expected_total", json!({"amount_minor": 2480, "currency": "USD"})),
        ("/expected_total", json!({"amount_minor": -2480, "currency": "EUR"})),
        ("/expected_total", json!({"amount_minor": i64::MAX, "currency": "EUR"})),
        ("/expected_total", big),
    ];
    let order = |(pointer, value): (&str, Value)| {
        let mut body = order_with("card_approved");
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => body[&pointer[1..]] = value,
        }
        let mut case = post(CHECKOUT, body.to_string(), BROKEN);
        case.headers.push(("idempotency-key", b"bad-order".to_vec()));
        case
    };
    let mut cases: Vec<_> = wrong.into_iter().map(order).collect();
    for body in [
        r#"{"country":"UK"}"#,
        r#"{"country":"US"}"#,
        r#"{"country":"US","region":"Ontario"}"#,
        r#"{"country":""}"#,
        r#"{"country":"DE","shipping_method":"x"}"#,
        r#"{"country":"XK","shipping_method":"standard"}"#,
    ] {
        cases.push(post("/api/v1/checkout/quote", body, BROKEN));
    }
    for units in ["\"1\"", "1.5", "null", "4294967296", "-2147483649"] {
        let body = format!("{{\"sku\":\"KETTLE\",\"change\":\"adjust\",\"units\":{units}}}");
        cases.push(Case { by_operator: true, ..post(CORRECTIONS, body, BROKEN) });
    }
    cases
}

/// All invalid requests.
pub fn table() -> Vec<Case> {
    [bodies(), content_types(), quantities(), skus(), keys(), queries(), paths(), methods(), accounts(), orders()]
        .into_iter()
        .flatten()
        .collect()
}
