//! The shop's log. All tests of this binary run with the most detailed log level, and each line is searched for data that must never
//! be logged: a card, a token, a password or an address aborts the test run.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once};

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use shopease_process::config::Reader;
use shopease_process::telemetry;
use shopease_shared::client::RemoteShop;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::{self as shop_http, App, MAX_RESPONSE_BYTES};
use shopease_shop::ports::{Asset, AssetStore, StoreError};
use shopease_shop::testing::{MapEnv, SeededIds};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tower::ServiceExt as _;

use crate::harness::{Answer, Client, TestShop, both_stores};

/// Visitor data in the tests, and patterns of such data: cards of the payment providers, names of cookies and headers.
const NEVER: [&str; 12] = [
    "@",
    "%40",
    "correct horse",
    "card_",
    "pm_card",
    "4242424242424242",
    "Lovelace",
    "Gartenweg",
    "__Host-",
    "ses_",
    "vis_",
    "whsec_",
];

/// Visitor and session tokens, access keys and form tokens are 256 bits in base64url: 43 characters. Nothing else in the log has such
/// a long run of these characters.
const LONGEST_WORD: usize = 40;

/// The log, line by line.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Starts watching the log, once for all tests.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let env = MapEnv::new([
            ("SHOPEASE_LOG", "trace"),
            ("SHOPEASE_LOG_FORMAT", "json"),
            ("DD_SERVICE", "tests"),
            ("DD_ENV", "ci"),
        ]);
        telemetry::init_to(&env, || Watcher);
    });
}

struct Watcher;

impl io::Write for Watcher {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if let Some(leak) = leak(&text) {
            // A panic here would be caught like a handler's and give a 500, and a test's output would be captured.
            let _ = io::Write::write_all(&mut io::stderr(), format!("a log line holds {leak:?}: {text}").as_bytes());
            std::process::abort();
        }
        if text.contains(TRACE) {
            LINES.lock().expect("nobody panicked").push(text.into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns forbidden data in a line, if any.
fn leak(line: &str) -> Option<&str> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let word = line.split(|c| !is_of_word(c)).find(|word| word.len() > LONGEST_WORD);
    word.or_else(|| NEVER.into_iter().find(|text| line.contains(text)))
}

/// Prefix of the traces of this file.
const TRACE: &str = "1-5f0c1e55-";

/// The parsed lines of the request with this trace.
fn lines_of(trace: &str) -> Vec<Value> {
    let lines = LINES.lock().expect("nobody panicked");
    let own = lines.iter().filter(|line| line.contains(trace));
    own.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_leak_detector_finds_what_must_not_be_logged() {
    let token = shopease_shop::domain::Token::session([7; 32]);
    for line in [
        &format!("token={}", token.expose()),
        &format!("token={}", &token.expose()[4..]),
        &format!("csrf={}", token.csrf()),
        "to ada@example.com",
        "method=card_declined",
    ] {
        assert!(leak(line).is_some(), "{line}");
    }
    let id = shopease_shop::domain::OrderId::derive("1");
    assert_eq!(leak(&format!("an order {id} of shopease_shop::services::payment_steps in 123456789012 ns")), None);
}

/// A unique trace.
fn new_trace() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("{TRACE}{:024x}", MADE.fetch_add(1, Ordering::Relaxed))
}

/// Requests a path with a trace. Returns the response and its log lines.
async fn get_logged(client: &mut Client, path: &str) -> (Answer, Vec<Value>) {
    let trace = new_trace();
    let request = Request::get(path)
        .header("x-amzn-trace-id", format!("Root={trace};Sampled=1"))
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let answer = client.send(request.body(Body::empty()).expect("a request")).await;
    let lines = lines_of(&trace);
    for line in &lines {
        assert_eq!(line["request_id"], answer.header("x-request-id"), "{line}");
        assert_eq!(line["aws"]["xray_trace_id"], trace.as_str(), "{line}");
        assert_eq!(line["dd"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{line}");
        assert_eq!(line["dd"]["span_id"], "67667974448284343", "{line}");
        assert_eq!((&line["dd"]["env"], &line["dd"]["service"]), (&json!("ci"), &json!("tests")), "{line}");
        assert_eq!((&line["service"], &line["ddsource"]), (&json!("tests"), &json!("rust")), "{line}");
        let time = line["timestamp"].as_str().expect("a time");
        assert!(OffsetDateTime::parse(time, &Rfc3339).is_ok(), "{time}");
    }
    (answer, lines)
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["message"].as_str()).collect()
}

/// The URL of an order with its access key.
fn order_page() -> String {
    format!("/orders/ord_01ARZ3NDEKTSV4RRFFQ69G5FAV?key={}", "k".repeat(43))
}

both_stores!(a_request_is_logged_once_with_its_route);

async fn a_request_is_logged_once_with_its_route(shop: TestShop) {
    let mut client = shop.client();
    let (answer, lines) = get_logged(&mut client, &order_page()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(messages(&lines), ["GET /orders/{id} 404"]);
    let line = &lines[0];
    assert_eq!((&line["status"], &line["logger"]["name"]), (&json!("info"), &json!("access")));
    assert_eq!((&line["problem"], &line["area"]), (&json!("/problems/not-found"), &json!("checkout")));
    assert_eq!(line["http"], json!({ "method": "GET", "status_code": 404, "route": "/orders/{id}" }));
    assert!(line["duration"].as_u64().is_some_and(|nanoseconds| nanoseconds > 1_000), "{line}");
    assert_eq!(line["network"]["bytes_written"], answer.body.len());
    // An unknown path, one that is rejected before routing, and a probe.
    assert_eq!(messages(&get_logged(&mut client, "/no/ada/such").await.1), ["GET (no route) 404"]);
    assert_eq!(messages(&get_logged(&mut client, "/products/%zz").await.1), ["GET /products/{handle} 400"]);
    assert_eq!(messages(&get_logged(&mut client, "/healthz").await.1), [""; 0]);
}

#[tokio::test]
async fn an_error_is_logged_with_its_request_id_and_without_its_url() {
    watch();
    // The backend is unreachable.
    let nobody = RemoteShop::new("http://127.0.0.1:1").expect("an address");
    let env = MapEnv::new([]);
    let app = App::new(
        shopease_shop::services::Services::of(nobody),
        Arc::new(SeededIds::new(8)),
        HttpConfig::read(&mut Reader::new(&env)),
    );
    let mut client = Client::new(shop_http::frontend(app));
    let (answer, lines) = get_logged(&mut client, &order_page()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(messages(&lines), ["retrying", "retrying", "unavailable", "GET /orders/{id} 503"]);
    let lines = &lines[2..];
    assert_eq!(lines[0]["status"], "error");
    let said = lines[0]["error"]["message"].as_str().expect("text");
    assert!(said.contains("error sending request") && !said.contains("127.0.0.1"), "{said}");
    assert_eq!(lines[1]["problem"], "/problems/unavailable");
}

struct Defective;

#[async_trait]
impl AssetStore for Defective {
    async fn find_asset(&self, path: &str) -> Result<Option<Asset>, StoreError> {
        let bytes = path.parse().expect("a number of bytes");
        Ok(Some(Asset::new(vec![b'x'; bytes].into())))
    }
}

#[tokio::test]
async fn panics_and_oversized_responses_are_logged_once_with_their_route() {
    watch();
    let nobody = RemoteShop::new("http://127.0.0.1:1").expect("an address");
    let env = MapEnv::new([]);
    let app = App::new(
        shopease_shop::services::Services::of(nobody),
        Arc::new(SeededIds::new(8)),
        HttpConfig::read(&mut Reader::new(&env)),
    );
    let mut client = Client::new(shop_http::frontend(app.with_assets(Arc::new(Defective))));
    let (answer, lines) = get_logged(&mut client, "/assets/none").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(messages(&lines), ["internal error", "GET /assets/{*path} 500"]);
    assert_eq!((&lines[0]["status"], &lines[0]["error"]["message"]), (&json!("error"), &json!("a handler panicked")));
    let (answer, lines) = get_logged(&mut client, &format!("/assets/{}", MAX_RESPONSE_BYTES + 1)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(messages(&lines)[1..], ["GET /assets/{*path} 500"]);
    assert_eq!((&lines[0]["status"], &lines[0]["http"]["route"]), (&json!("error"), &json!("/assets/{*path}")));
    assert_eq!(lines[0]["bytes"], MAX_RESPONSE_BYTES + 1);
    assert_eq!(lines[1]["problem"], "/problems/response-too-large");
}

#[tokio::test]
async fn a_client_that_disconnects_is_logged_too() {
    watch();
    // A backend that accepts connections and does not respond.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (silent, env) = (RemoteShop::new(&url).expect("an address"), MapEnv::new([]));
    let app = App::new(
        shopease_shop::services::Services::of(silent),
        Arc::new(SeededIds::new(8)),
        HttpConfig::read(&mut Reader::new(&env)),
    );
    let trace = new_trace();
    let request = Request::get("/products").header("x-amzn-trace-id", format!("Root={trace}"));
    let answer = shop_http::frontend(app).oneshot(request.body(Body::empty()).expect("a request"));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), answer).await.is_err());
    assert_eq!(messages(&lines_of(&trace)), ["GET /products 499"]);
}
