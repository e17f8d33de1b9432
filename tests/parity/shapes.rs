//! Every route in every shape of request that a front door might treat differently.

use http::Method;
use serde_json::Value;
use shopease_shared::http::openapi;
use shopease_shared::http::routes::{self, Route};
use shopease_shop::domain::Picture;

use crate::client::{Call, LETTER};
use crate::deployment::Deployment;

/// Changes a usual request into a special one.
type Shape = (&'static str, fn(Call) -> Call);

/// Where pictures are uploaded, and their content type.
const PICTURES: &str = "/api/v1/admin/pictures";
const FILE: &str = "application/octet-stream";
/// A ULID that does not exist.
const NOBODY: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

const SHAPES: &[Shape] = &[
    ("as usual", |call| call),
    ("for a browser", |call| call.header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")),
    ("for a program", |call| call.header("accept", "application/json")),
    ("two accept headers", |call| call.header("accept", "text/html").header("accept", "application/json")),
    ("HEAD", |call| method(call, "HEAD")),
    ("OPTIONS", |call| method(call, "OPTIONS")),
    ("PUT", |call| method(call, "PUT")),
    ("a method of its own", |call| method(call, "BREW")),
    ("with a query", |call| query(call, "q=linen")),
    ("words in UTF-8", |call| query(call, "q=caf%C3%A9+cr%C3%A8me%20x")),
    ("a query of many names in order", |call| query(call, "z=1&y=2&x=3&w=4&q=tea&b=5&a=6&sort=price")),
    ("a parameter twice", |call| query(call, "q=tea&q=cup&limit=2")),
    ("a name without value", |call| query(call, "flag&q=tea&other")),
    ("values without names", |call| query(call, "=a&&=b&q=tea")),
    ("reserved characters in a value", |call| query(call, "q=a%26b%3Dc%23d%2Bf%2Fg%3F")),
    ("a percent sign alone in the query", |call| query(call, "q=100%")),
    ("a broken escape in the query", |call| query(call, "q=%zz")),
    ("a query that is not UTF-8", |call| query(call, "u=%FF")),
    ("NUL in the query", |call| query(call, "q=%00")),
    ("line ends in the query", |call| query(call, "q=a%0D%0Aset-cookie:%20x=y")),
    ("a limit out of range", |call| query(call, "limit=0")),
    ("a limit that is no number", |call| query(call, "limit=many")),
    ("a forged cursor", |call| query(call, "cursor=bm9uc2Vuc2U")),
    ("a query of 2 KB", |call| query(call, &format!("q={}", "x".repeat(2000)))),
    ("an empty query", |call| query(call, "")),
    ("a slash at the end", |call| path(call, |path| format!("{path}/"))),
    ("two slashes", |call| path(call, |path| path.replacen('/', "//", 1))),
    ("dot segments", |call| path(call, |path| format!("/x/..{path}"))),
    ("escaped dot segments", |call| path(call, |path| format!("/x/%2e%2E{path}"))),
    ("a dot", |call| path(call, |path| format!("/.{path}"))),
    ("a backslash", |call| path(call, |path| format!("{path}\\x"))),
    ("an escaped backslash", |call| path(call, |path| format!("{path}%5Cx"))),
    ("an escaped slash", |call| path(call, |path| format!("{path}%2Fx"))),
    ("NUL in the path", |call| path(call, |path| format!("{path}%00"))),
    ("a path that is not UTF-8", |call| path(call, |path| format!("{path}%FF"))),
    ("a path in UTF-8", |call| path(call, |path| format!("{path}-v%C3%A4xel"))),
    ("a blank in the path", |call| path(call, |path| format!("{path}%20x"))),
    ("a plus in the path", |call| path(call, |path| format!("{path}+x"))),
    ("a semicolon in the path", |call| path(call, |path| format!("{path};v=1"))),
    ("capital letters in the path", |call| path(call, str::to_uppercase)),
    ("two cookie headers", |call| call.header("cookie", "a=1; shopease_cart_units=2").header("cookie", "b=2")),
    // Well formed, with a different visitor for each front door, so that their carts are separate.
    ("a forged token", |call| call.with("cookie", format!("__Host-shopease_token=vis_{LETTER}{}", "A".repeat(42)))),
    ("a cookie that is none", |call| call.header("cookie", ";;=;\"a b\"; __Host-shopease_token=\"\"")),
    ("a broken bearer", |call| call.with("authorization", "Bearer nonsense")),
    ("basic credentials", |call| call.with("authorization", "Basic YTpi")),
    ("whatever the ETag", |call| call.header("if-none-match", "*")),
    ("two ETags", |call| call.header("if-none-match", "\"a\"").header("if-none-match", "\"b\"")),
    ("a range", |call| call.header("range", "bytes=0-9")),
    ("compressed, please", |call| call.header("accept-encoding", "gzip, br")),
    ("compressed, and a visitor that is known", |call| {
        call.header("accept-encoding", "gzip")
            .with("cookie", format!("__Host-shopease_token=vis_{LETTER}{}", "B".repeat(42)))
    }),
    ("compressed, and known to another site", |call| {
        call.header("accept-encoding", "gzip")
            .header("sec-fetch-site", "cross-site")
            .with("cookie", format!("__Host-shopease_token=vis_{LETTER}{}", "B".repeat(42)))
    }),
    ("in no encoding at all", |call| call.header("accept-encoding", "identity;q=0, *;q=0")),
    ("another language", |call| call.header("accept-language", "sv-SE,sv;q=0.9")),
    ("an address that the client claims", |call| {
        call.header("x-forwarded-for", "203.0.113.9, 198.51.100.1")
            .header("x-forwarded-proto", "https")
            .header("forwarded", "for=203.0.113.9")
    }),
    ("another host", |call| call.header("x-forwarded-host", "evil.test")),
    ("a form of another site", |call| {
        call.header("origin", "https://evil.test").header("sec-fetch-site", "cross-site")
    }),
    ("header fields of 12 KB", |call| call.header("x-filler", "a".repeat(6000)).header("x-more", "b".repeat(6000))),
    ("a header in Latin-1", |call| call.header("user-agent", b"caf\xe9")),
    ("a key twice", |call| {
        call.header("idempotency-key", "one-door-{door}").header("idempotency-key", "two-door-{door}")
    }),
    ("an empty key", |call| call.with("idempotency-key", "")),
    ("a key of 300 characters", |call| call.with("idempotency-key", "k".repeat(300))),
    ("no body", |call| body(call, "application/json", "")),
    ("JSON of another shape", |call| body(call, "application/json", r#"{"unexpected":[1,2,{"deep":null}]}"#)),
    ("JSON that breaks off", |call| body(call, "application/json", r#"{"sku":"#)),
    ("JSON with a byte order mark", |call| body(call, "application/json", "\u{feff}{}")),
    ("JSON that is not UTF-8", |call| body(call, "application/json", b"{\"sku\":\"\xff\"}")),
    ("a body without a type", |mut call| {
        call.headers.retain(|(name, _)| *name != "content-type");
        call.body = b"sku=TEA".to_vec();
        call
    }),
    ("a form", |call| body(call, "application/x-www-form-urlencoded", "a=1&b=%C3%A9&a=2")),
    ("a form that is not UTF-8", |call| body(call, "application/x-www-form-urlencoded", "a=%FF&b=\u{e9}")),
    ("a file", |call| {
        body(
            call,
            "multipart/form-data; boundary=x",
            "--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
        )
    }),
    ("bytes", |call| body(call, "application/octet-stream", [0, 159, 146, 150])),
    ("text in Latin-1", |call| body(call, "text/plain; charset=iso-8859-1", b"caf\xe9")),
    ("a body that says it is compressed", |call| {
        body(call, "application/json", "{}").header("content-encoding", "gzip")
    }),
    ("a body in chunks", |mut call| {
        call.chunked = !call.body.is_empty();
        call
    }),
    ("a body of 256 KB and a byte", |call| body(call, "application/json", vec![b' '; 256 * 1024 + 1])),
];

/// The shapes before this one are sent to every route; a rotating third of the shapes from here on is sent to each route.
const FIRST_SPREAD: &str = "a blank in the path";
const SPREAD: usize = 3;

/// Route, shape and request, for all of them.
pub fn all(deployment: &Deployment) -> Vec<(String, &'static str, Call)> {
    let description = openapi::json().expect("the API is described");
    let description = serde_json::from_str(&description).expect("JSON");
    let mut calls = Vec::new();
    let spread = SHAPES.iter().position(|(shape, _)| *shape == FIRST_SPREAD).expect("the shape is there");
    for (number, route) in routes::all().enumerate() {
        let name = format!("{} {}", route.method, route.path);
        let usual = usual(deployment, &description, route);
        let chosen = SHAPES
            .iter()
            .enumerate()
            .filter(|(at, _)| *at < spread || (at + number) % SPREAD == 0)
            .map(|(_, shape)| shape);
        for (shape, change) in chosen {
            calls.push((name.clone(), *shape, change(usual.clone())));
        }
    }
    // The largest file that the shop accepts must get through every front door, also as Base64.
    let file = body(Call::new("POST", PICTURES), FILE, vec![0; Picture::MAX_FILE_BYTES]);
    calls.push((format!("POST {PICTURES}"), "a file of 690 KB", file));
    calls
}

/// The usual request for a route. It must not change what later requests see.
fn usual(deployment: &Deployment, description: &Value, route: &Route) -> Call {
    let Deployment { handle, sku, .. } = deployment;
    let target = route
        .path
        .replace("{handle}", handle)
        .replace("{id}", NOBODY)
        .replace("{*path}", "shop.css")
        .replace("{file}", "swagger-ui.css");
    let target = target
        .replace("{name}", "terms")
        .replace("{version}", "1")
        .replace("{section}", "shop")
        .replace("{image}", "logo");
    let method = match route.method.as_str() {
        "POST" => "POST",
        "PATCH" => "PATCH",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "GET",
    };
    let call = Call::new(method, &target);
    if route.method == Method::GET || route.method == Method::DELETE {
        return call;
    }
    let operation = &description["paths"][route.path][method.to_lowercase()];
    match operation["requestBody"]["content"]["application/json"].get("schema") {
        Some(schema) => call.body("application/json", body_of(description, sku, "", schema).to_string()),
        None if route.path == PICTURES => call.body(FILE, "not a picture"),
        None if route.path.starts_with("/api/") => call.body("application/json", "{}"),
        None => call.body("application/x-www-form-urlencoded", format!("sku={sku}&quantity=1&csrf=none")),
    }
}

/// A valid value for a schema of the OpenAPI document: its example, or the smallest value of its type.
fn body_of(description: &Value, sku: &str, name: &str, schema: &Value) -> Value {
    let of = |name: &str, schema: &Value| body_of(description, sku, name, schema);
    // Values that would be found, or would change what later requests see.
    match name {
        "sku" => return sku.into(),
        // An invalid address: a wrong password would be counted, and the pauses would differ between front doors.
        "email" => return format!("nobody-door-{LETTER}").into(),
        _ => {}
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return of(name, description.pointer(&reference[1..]).expect("a reference to a schema"));
    }
    let example = schema.get("example").or_else(|| schema["examples"].get(0)).filter(|example| !example.is_object());
    if let Some(value) = example.or_else(|| schema["enum"].get(0)) {
        return value.clone();
    }
    if let Some(first) = schema["oneOf"].get(0) {
        return of(name, first);
    }
    let whole = schema["allOf"].as_array().into_iter().flatten().map(|part| of(name, part));
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut object: serde_json::Map<_, _> = whole.filter_map(|part| part.as_object().cloned()).flatten().collect();
    object.extend(properties.map(|(name, schema)| (name.clone(), of(name, schema))));
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str());
    match kind {
        Some("string") => "text".into(),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        Some("boolean") => true.into(),
        Some("array") => Value::Array(Vec::new()),
        _ => object.into(),
    }
}

fn query(mut call: Call, query: &str) -> Call {
    call.target = format!("{}?{query}", call.target);
    call
}

fn path(mut call: Call, change: fn(&str) -> String) -> Call {
    call.target = change(&call.target);
    call
}

fn method(mut call: Call, method: &'static str) -> Call {
    call.method = method;
    if method == "HEAD" {
        call.body.clear();
        call.headers.clear();
    }
    call
}

/// Sets the body if the method allows one.
fn body(call: Call, content_type: &'static str, body: impl AsRef<[u8]>) -> Call {
    if matches!(call.method, "GET" | "DELETE") { call } else { call.body(content_type, body) }
}
