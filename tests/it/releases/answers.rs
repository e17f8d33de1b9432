//! Recorded requests and responses of every release, checked against the current client and server. A recorded request is sent to the
//! current frontend, whose client calls a server that responds like the release; the result must equal the recorded response.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shopease_payments::sign;
use shopease_process::config::Reader;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::{self as shop_http, App, Problem, openapi};
use shopease_shop::ShopError;
use shopease_shop::domain::{
    Currency, Customer, EmailChange, Field, OutboxMessageId, RuleError, StockChange, Subject, ValueRule,
};
use shopease_shop::ports::{
    Clock as _, Env as _, IdGenerator as _, OutboxMessage, ProcessEnv, SIGNATURE_HEADER, WebhookError,
};
use shopease_shop::services::{Notice, Services};
use shopease_shop::testing::{MapEnv, SeededIds, fixtures};
use shopease_storage::testing::on_dynamodb;
use time::Duration;

use super::{read_json, releases_with, todays_api};
use crate::harness::{Client, PASSWORD, TestShop, WEBHOOK_SECRET, address, order_with, text};
use crate::remote::Server;

/// Directory in which `cargo xtask release` records this release's OpenAPI document and responses.
const RECORD: &str = "SHOPEASE_TEST_RECORD_API";

/// Content type of a file.
const FILE: &str = "application/octet-stream";
const KEY: &str = "idempotency-key";
const IF_MATCH: &str = "if-match";

/// One white pixel as a PNG file.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg==";

const SETTINGS: &str = "/api/v1/admin/settings";

/// A request and its response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Exchange {
    method: String,
    /// Path and query.
    target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    if_match: Option<String>,
    /// A JSON object, or a file as a string in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Value>,
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<Value>,
}

/// Exchanges by operation.
type Recording = BTreeMap<String, Vec<Exchange>>;

/// Sends requests and records the responses.
struct Recorder {
    api: Value,
    recording: Recording,
}

impl Recorder {
    async fn get(&mut self, client: &mut Client, target: &str) -> Value {
        self.call(client, Method::GET, target, &[], None).await
    }

    async fn post(&mut self, client: &mut Client, target: &str, body: Value) -> Value {
        self.call(client, Method::POST, target, &[], Some(body)).await
    }

    async fn once(&mut self, client: &mut Client, target: &str, key: &str, body: Value) -> Value {
        self.call(client, Method::POST, target, &[(KEY, key)], Some(body)).await
    }

    async fn call(
        &mut self,
        client: &mut Client,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Value {
        let exchange = send(client, method, target, headers, body).await;
        let response = exchange.response.clone().unwrap_or_default();
        self.recording.entry(operation(&self.api, &exchange)).or_default().push(exchange);
        response
    }
}

async fn send(
    client: &mut Client,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Exchange {
    let request = body.clone();
    let (content_type, bytes) = match body {
        Some(Value::String(file)) => (FILE, STANDARD.decode(file).expect("Base64")),
        body => ("application/json", body.map(|body| body.to_string().into_bytes()).unwrap_or_default()),
    };
    let mut builder = http::Request::builder().method(&method).uri(target);
    if request.is_some() {
        builder = builder.header(header::CONTENT_TYPE, content_type);
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let of = |wanted| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
    let answer = client.send(builder.body(bytes.into()).expect("a request")).await;
    let response = (!answer.body.is_empty()).then(|| without_request_id(answer.json()));
    Exchange {
        method: method.to_string(),
        target: target.to_owned(),
        idempotency_key: of(KEY),
        if_match: of(IF_MATCH),
        request,
        status: answer.status.as_u16(),
        response,
    }
}

fn without_request_id(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    body
}

/// The operation of the API that a request calls.
fn operation(api: &Value, exchange: &Exchange) -> String {
    let path = exchange.target.split('?').next().unwrap_or_default();
    let matches = |pattern: &str| {
        let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
        pattern.len() == path.len()
            && pattern.iter().zip(&path).all(|(pattern, part)| pattern.starts_with('{') || pattern == part)
    };
    // If two match, the one with fewer parameters.
    let paths = api["paths"].as_object().expect("paths").iter().filter(|(pattern, _)| matches(pattern));
    let methods =
        paths.map(|(pattern, methods)| (pattern.matches('{').count(), methods)).min_by_key(|(count, _)| *count);
    let methods = methods.unwrap_or_else(|| panic!("no operation has {path}")).1;
    text(&methods[exchange.method.to_lowercase()]["operationId"])
}

/// Records the current shop: every operation, and every kind of response that a client distinguishes.
async fn record(test: TestShop) -> Recording {
    test.sell(&fixtures::product("kettle").category("kitchen").image("/assets/kettle.webp", "A kettle").build(), 30)
        .await;
    let gear = fixtures::product("gear").variants(&[("GEAR-S", 4900), ("GEAR-L", 5900)]).option("Size", &["S", "L"]);
    test.sell(&gear.build(), 3).await;
    test.sell(&fixtures::product("voucher").untracked().build(), 0).await;
    let mut recorder = Recorder { api: todays_api(), recording: Recording::new() };
    browse(&mut recorder, &mut test.visitor("ada")).await;
    fill_cart(&mut recorder, &mut test.visitor("ada")).await;
    let orders = check_out(&mut recorder, &test).await;
    sign_in(&mut recorder, &mut test.visitor("bob"), &test).await;
    operate(&mut recorder, &test, &orders).await;
    recorder.recording
}

async fn browse(recorder: &mut Recorder, ada: &mut Client) {
    recorder.get(ada, "/api/v1/categories").await;
    recorder.get(ada, "/api/v1/sale-terms").await;
    recorder.get(ada, "/api/v1/settings").await;
    recorder.get(ada, "/api/v1/settings/images/logo").await;
    recorder.get(ada, "/api/v1/pages/terms").await;
    recorder.get(ada, "/api/v1/pages/terms?version=9").await;
    let first = recorder.get(ada, "/api/v1/products?limit=2&sort=price").await;
    recorder.get(ada, &format!("/api/v1/products?limit=2&sort=price&cursor={}", text(&first["next_cursor"]))).await;
    recorder.get(ada, "/api/v1/products?q=kett&category=kitchen").await;
    recorder.get(ada, "/api/v1/products?category=none").await;
    recorder.get(ada, "/api/v1/products/gear").await;
    recorder.get(ada, "/api/v1/products/none").await;
}

async fn fill_cart(recorder: &mut Recorder, ada: &mut Client) {
    recorder.get(ada, "/api/v1/cart").await;
    let line = |sku: &str, quantity: u32| json!({ "sku": sku, "quantity": quantity });
    recorder.post(ada, "/api/v1/cart/line-items", line("KETTLE", 2)).await;
    recorder.once(ada, "/api/v1/cart/line-items", "gear", line("GEAR-L", 5)).await;
    recorder.once(ada, "/api/v1/cart/line-items", "fewer", line("GEAR-L", 2)).await;
    recorder.post(ada, "/api/v1/cart/line-items", line("NONE", 1)).await;
    let cart = recorder.get(ada, "/api/v1/cart").await;
    let lines = cart["lines"].as_array().expect("lines").clone();
    let line = |sku: &str| {
        let line = lines.iter().find(|line| line["sku"] == sku).expect("a line");
        format!("/api/v1/cart/line-items/{}", text(&line["id"]))
    };
    let quantity = |units: u32| Some(json!({ "quantity": units }));
    recorder.call(ada, Method::PATCH, &line("KETTLE"), &[], quantity(3)).await;
    recorder.call(ada, Method::DELETE, &line("GEAR-L"), &[], None).await;
    recorder.call(ada, Method::PATCH, &line("GEAR-L"), &[], quantity(1)).await;
}

/// A paid order, one that requires confirmation at the bank, and one that waits for a transfer.
struct Orders {
    paid: String,
    asked: String,
    transferred: String,
}

async fn check_out(recorder: &mut Recorder, test: &TestShop) -> Orders {
    let (mut ada, mut bob) = (test.visitor("ada"), test.visitor("bob"));
    recorder.post(&mut ada, "/api/v1/checkout/quote", json!({ "country": "DE", "shipping_method": "express" })).await;
    recorder.post(&mut bob, "/api/v1/checkout/quote", json!({ "country": "DE" })).await;
    let paid = recorder.once(&mut ada, "/api/v1/checkout", "paid", order_with("card_approved")).await;
    recorder.once(&mut ada, "/api/v1/checkout", "paid", order_with("card_declined")).await;
    test.clock.advance(time::Duration::seconds(1));
    ada.add("GEAR-S", 1).await;
    recorder.once(&mut ada, "/api/v1/checkout", "declined", order_with("card_declined")).await;
    test.stock("GEAR-S", 0).await;
    recorder.once(&mut ada, "/api/v1/checkout", "short", order_with("card_approved")).await;
    test.stock("GEAR-S", 20).await;
    let mut order = order_with("card_requires_action");
    order["expected_total"] = json!({ "amount_minor": 1, "currency": "EUR" });
    recorder.once(&mut ada, "/api/v1/checkout", "changed", order).await;
    let asked = recorder.once(&mut ada, "/api/v1/checkout", "asked", order_with("card_requires_action")).await;
    recorder.get(&mut ada, "/api/v1/checkout/payment-options?amount_minor=4900&currency=EUR").await;
    bob.add("GEAR-S", 1).await;
    let transferred = recorder.once(&mut bob, "/api/v1/checkout", "transfer", order_with("bank_transfer")).await;
    let orders = Orders { paid: text(&paid["id"]), asked: text(&asked["id"]), transferred: text(&transferred["id"]) };
    let first = recorder.get(&mut ada, "/api/v1/orders?limit=1").await;
    recorder.get(&mut ada, &format!("/api/v1/orders?limit=1&cursor={}", text(&first["next_cursor"]))).await;
    recorder.get(&mut ada, &format!("/api/v1/orders/{}", orders.asked)).await;
    let shared = format!("/api/v1/orders/{}?key={}", orders.paid, text(&paid["access_key"]));
    recorder.get(&mut bob, &shared).await;
    recorder.get(&mut bob, &format!("/api/v1/orders/{}", orders.paid)).await;
    let link = json!({ "number": paid["order_number"], "email": "ada@example.com" });
    recorder.post(&mut bob, "/api/v1/order-links", link.clone()).await;
    let with_mail = TestShop::new(test.store.clone()).with_mail();
    recorder.post(&mut with_mail.visitor("bob"), "/api/v1/order-links", link).await;
    let check = format!("/api/v1/orders/{}/payment-checks", orders.asked);
    recorder.call(&mut ada, Method::POST, &check, &[], None).await;
    ada.add("GEAR-S", 1).await;
    let unpaid = ada.check_out("unpaid", "bank_transfer").await.json();
    for order in [&text(&unpaid["id"]), &orders.paid] {
        recorder.call(&mut ada, Method::POST, &format!("/api/v1/orders/{order}/cancellation"), &[], None).await;
    }
    let event = test.ledger.events().into_iter().find(|event| event.data.order_id.as_str() == orders.asked);
    let event = json!(event.expect("an event"));
    let signature = sign(&WEBHOOK_SECRET.into(), test.clock.now(), event.to_string().as_bytes());
    let signature = [(SIGNATURE_HEADER, signature.as_str())];
    recorder.call(&mut bob, Method::POST, "/api/v1/payments/webhooks", &signature, Some(event)).await;
    recorder.post(&mut bob, "/api/v1/payments/webhooks", json!({})).await;
    orders
}

async fn sign_in(recorder: &mut Recorder, bob: &mut Client, test: &TestShop) {
    let account = json!({ "email": "bob@example.com", "name": "Bob", "password": PASSWORD });
    recorder.get(bob, "/api/v1/accounts/me").await;
    recorder.post(bob, "/api/v1/accounts", account.clone()).await;
    recorder.post(bob, "/api/v1/accounts", account).await;
    recorder.get(bob, "/api/v1/accounts/me").await;
    for email in ["bob@example.com", "bob at example"] {
        recorder.post(bob, "/api/v1/password-resets", json!({ "email": email })).await;
    }
    let reset = json!({ "token": "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV.00", "password": PASSWORD });
    recorder.call(bob, Method::PUT, "/api/v1/password", &[], Some(reset)).await;
    let event = OutboxMessage {
        id: OutboxMessageId::from_ulid(test.ids.ulid()),
        topic: OutboxMessage::PASSWORD_RESET.to_owned(),
        subject: "bob@example.com".to_owned(),
        occurred_at: test.clock.now(),
    };
    let notice = test.of_worker().notice_to_shopper(&event).await.expect("an account");
    let Some(Notice::PasswordReset { token, .. }) = notice else { panic!("no link") };
    let reset = json!({ "token": token, "password": PASSWORD });
    recorder.call(bob, Method::PUT, "/api/v1/password", &[], Some(reset)).await;
    for password in ["wrong horse battery", PASSWORD] {
        recorder.post(bob, "/api/v1/sessions", json!({ "email": "bob@example.com", "password": password })).await;
    }
    recorder.get(bob, "/api/v1/admin/orders").await;
    change_account(recorder, bob, test).await;
    recorder.call(bob, Method::DELETE, "/api/v1/sessions/current", &[], None).await;
}

async fn change_account(recorder: &mut Recorder, bob: &mut Client, test: &TestShop) {
    let mut put = async |path: &str, body: Value| {
        recorder.call(bob, Method::PUT, &format!("/api/v1/accounts/me/{path}"), &[], Some(body)).await;
    };
    put("name", json!({ "name": "Bob King" })).await;
    for (email, password) in [("ada@example.com", "wrong horse battery"), ("bob@home.example", PASSWORD)] {
        put("email", json!({ "email": email, "password": password })).await;
    }
    put("password", json!({ "password": PASSWORD, "new_password": PASSWORD })).await;
    save_addresses(recorder, bob).await;
    end_sessions(recorder, bob, test).await;
    confirm_email(recorder, bob, test).await;
    for password in ["wrong horse battery", PASSWORD] {
        recorder.post(bob, "/api/v1/accounts/me/deletion", json!({ "password": password })).await;
    }
}

async fn save_addresses(recorder: &mut Recorder, bob: &mut Client) {
    const BOOK: &str = "/api/v1/accounts/me/addresses";
    let mut office = address();
    office["company"] = "Engines & Söhne".into();
    let saved = recorder.post(bob, BOOK, json!({ "address": office })).await;
    recorder.post(bob, BOOK, json!({ "address": { "name": " ", "line1": "", "city": "", "country": "XX" } })).await;
    let saved = format!("{BOOK}/{}", text(&saved["id"]));
    for path in [saved.as_str(), "/api/v1/accounts/me/addresses/adr_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let body = json!({ "address": address(), "is_default": true });
        recorder.call(bob, Method::PUT, path, &[], Some(body)).await;
    }
    recorder.get(bob, BOOK).await;
    recorder.call(bob, Method::DELETE, &saved, &[], None).await;
}

async fn end_sessions(recorder: &mut Recorder, bob: &mut Client, test: &TestShop) {
    const SESSIONS: &str = "/api/v1/accounts/me/sessions";
    let account = json!({ "email": "bob@home.example", "password": PASSWORD });
    let agent = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0");
    test.visitor("desktop").json(Method::POST, "/api/v1/sessions", &account, &[agent]).await;
    let sessions = recorder.get(bob, SESSIONS).await;
    let other = sessions["items"].as_array().into_iter().flatten().find(|session| session["is_current"] == false);
    let other = format!("{SESSIONS}/{}", text(&other.expect("the desktop")["id"]));
    for path in [other.as_str(), other.as_str(), SESSIONS] {
        recorder.call(bob, Method::DELETE, path, &[], None).await;
    }
}

/// Confirms an address as in a shop that sends mail.
async fn confirm_email(recorder: &mut Recorder, bob: &mut Client, test: &TestShop) {
    let another_link = "/api/v1/accounts/me/email-confirmations";
    recorder.call(bob, Method::POST, another_link, &[], None).await;
    let email = "bob@home.example".parse().expect("an address");
    let account = test.store.find_customer_by_email(&email).await.expect("an account is read").expect("an account");
    let email = "bob@work.example".parse().expect("an address");
    let change = EmailChange { email, digest: None, expires_at: test.clock.now() + Duration::hours(1) };
    let next = Customer { email_change: Some(change), version: account.version + 1, ..account.clone() };
    test.store.replace_customer(&account, &next).await.expect("the account is replaced");
    recorder.call(bob, Method::POST, another_link, &[], None).await;
    let event = OutboxMessage {
        id: OutboxMessageId::from_ulid(test.ids.ulid()),
        topic: OutboxMessage::EMAIL_CONFIRMATION.to_owned(),
        subject: account.id.to_string(),
        occurred_at: test.clock.now(),
    };
    let notice = test.of_worker().notice_to_shopper(&event).await.expect("an account");
    let Some(Notice::EmailConfirmation { token, .. }) = notice else { panic!("no link") };
    for password in ["wrong horse battery", PASSWORD, PASSWORD] {
        let confirmation = json!({ "token": token, "password": password });
        recorder.post(bob, "/api/v1/email-confirmations", confirmation).await;
    }
}

async fn operate(recorder: &mut Recorder, test: &TestShop, orders: &Orders) {
    let mut operator = test.operator().await;
    let of = |id: &str, what: &str| format!("/api/v1/admin/orders/{id}/{what}");
    let first = recorder.get(&mut operator, "/api/v1/admin/orders?limit=1").await;
    let cursor = text(&first["next_cursor"]);
    recorder.get(&mut operator, &format!("/api/v1/admin/orders?limit=1&cursor={cursor}")).await;
    recorder.get(&mut operator, "/api/v1/admin/products/gear/stock").await;
    recorder.get(&mut operator, "/api/v1/admin/products/voucher/stock").await;
    let correction = |change: StockChange| match change {
        StockChange::SetAvailable(units) => json!({ "sku": "KETTLE", "change": "set_available", "units": units }),
        StockChange::Adjust(units) => json!({ "sku": "KETTLE", "change": "adjust", "units": units }),
    };
    for change in [StockChange::SetAvailable(5), StockChange::Adjust(-1), StockChange::Adjust(-100)] {
        recorder.post(&mut operator, "/api/v1/admin/stock-corrections", correction(change)).await;
    }
    recorder.call(&mut operator, Method::POST, &of(&orders.asked, "cancellation"), &[], None).await;
    for _ in 0..2 {
        recorder.call(&mut operator, Method::POST, &of(&orders.transferred, "transfer"), &[], None).await;
    }
    let some = json!({ "amount": { "amount_minor": 100, "currency": "EUR" } });
    recorder.once(&mut operator, &of(&orders.paid, "refunds"), "some", some).await;
    for event in ["shipped", "returned"] {
        recorder.post(&mut operator, &of(&orders.paid, "fulfillments"), json!({ "event": event })).await;
    }
    recorder.once(&mut operator, &of(&orders.paid, "refunds"), "rest", json!({"all": true})).await;
    recorder.once(&mut operator, &of(&orders.paid, "refunds"), "more", json!({"all": true})).await;
    change_settings(recorder, &mut operator).await;
    change_products(recorder, &mut operator).await;
    upload_pictures(recorder, &mut operator).await;
    for method in [Method::GET, Method::DELETE] {
        recorder.call(&mut operator, method, "/api/v1/admin/demo-catalog", &[], None).await;
    }
}

async fn change_products(recorder: &mut Recorder, operator: &mut Client) {
    const PRODUCTS: &str = "/api/v1/admin/products";
    let price = json!({ "amount_minor": 1990, "currency": "EUR" });
    let mut pot =
        json!({ "handle": "pot", "title": "Pot", "status": "draft", "variants": [{ "sku": "POT", "price": price }] });
    let created = recorder.post(operator, PRODUCTS, pot.clone()).await;
    // The handle is in use, and the SKU is another product's.
    recorder.post(operator, PRODUCTS, pot.clone()).await;
    let first = recorder.get(operator, &format!("{PRODUCTS}?limit=1")).await;
    recorder.get(operator, &format!("{PRODUCTS}?limit=1&cursor={}", text(&first["next_cursor"]))).await;
    recorder.get(operator, &format!("{PRODUCTS}?status=draft")).await;
    let path = format!("{PRODUCTS}/pot");
    recorder.get(operator, &path).await;
    recorder.get(operator, &format!("{PRODUCTS}/none")).await;
    let tag = format!("\"{}\"", created["version"]);
    pot["status"] = json!("active");
    let changed = recorder.call(operator, Method::PUT, &path, &[(IF_MATCH, &tag)], Some(pot.clone())).await;
    recorder.call(operator, Method::PUT, &path, &[(IF_MATCH, &tag)], Some(pot)).await;
    recorder.call(operator, Method::DELETE, &path, &[(IF_MATCH, &tag)], None).await;
    let tag = format!("\"{}\"", changed["version"]);
    for _ in 0..2 {
        recorder.call(operator, Method::DELETE, &path, &[(IF_MATCH, &tag)], None).await;
    }
}

async fn upload_pictures(recorder: &mut Recorder, operator: &mut Client) {
    let picture = recorder.post(operator, "/api/v1/admin/pictures", PIXEL.into()).await;
    recorder.post(operator, "/api/v1/admin/pictures", "R0lGODlh".into()).await;
    let images = json!([{ "url": picture["url"], "alt": "A pixel" }]);
    let variant = json!({ "sku": "PAN", "price": { "amount_minor": 1990, "currency": "EUR" }, "image": 0 });
    let pan = json!({ "handle": "pan", "title": "Pan", "status": "draft", "variants": [variant], "images": images });
    recorder.post(operator, "/api/v1/admin/products", pan).await;
}

async fn change_settings(recorder: &mut Recorder, operator: &mut Client) {
    let mut settings = recorder.get(operator, SETTINGS).await["settings"].clone();
    settings["shop"]["logo"] = json!({ "base64": PIXEL });
    settings["shop"]["icon"] = json!({ "base64": PIXEL });
    settings["footer"]["links"] = json!([{ "title": "News", "url": "https://example.com" }]);
    for (expected_version, name) in [(1, "Kettles"), (1, "Pots"), (2, "")] {
        settings["shop"]["name"] = json!(name);
        let body = json!({ "expected_version": expected_version, "settings": settings });
        recorder.call(operator, Method::PUT, SETTINGS, &[], Some(body)).await;
    }
    recorder.get(operator, "/api/v1/settings").await;
    recorder.get(operator, "/api/v1/settings/images/logo").await;
    for path in ["versions", "versions/2", "versions/9"] {
        recorder.get(operator, &format!("{SETTINGS}/{path}")).await;
    }
    let restore = json!({ "version": 1, "expected_version": 2 });
    recorder.post(operator, "/api/v1/admin/settings/restorations", restore).await;
}

/// Every problem that the client converts back into an error.
fn problems() -> Vec<Exchange> {
    let (method, actual) = ("drone".to_owned(), fixtures::eur(2));
    let rules = vec![
        RuleError::InvalidValue { field: Field::Quantity, rule: ValueRule::Range { min: 1, max: 999 } },
        RuleError::InvalidValue { field: Field::Amount, rule: ValueRule::Refundable { amount: actual } },
        RuleError::TooManyLines { limit: 100 },
        RuleError::EmptyCart,
        RuleError::CurrencyMismatch { cart: Currency::EUR, variant: Currency::EUR },
        RuleError::NoShipping { country: fixtures::address().country },
        RuleError::ShippingNotOffered { method },
        RuleError::NotSold { sku: fixtures::sku("KETTLE") },
        RuleError::TotalChanged { expected: fixtures::eur(1), actual },
        RuleError::AmountTooLarge,
    ];
    let errors = [
        ShopError::Rules(rules),
        ShopError::NotFound { subject: Subject::Product },
        ShopError::SignInRequired,
        ShopError::WrongCredentials,
        ShopError::TooManyAttempts { retry_after_seconds: 4 },
        ShopError::Forbidden,
        ShopError::AlreadyExists { subject: Subject::Sku(fixtures::sku("KETTLE")) },
        ShopError::OutOfStock { sku: fixtures::sku("KETTLE") },
        ShopError::Conflict,
        ShopError::VersionChanged,
        ShopError::IdempotencyKeyReused,
        ShopError::IdempotencyKeyInUse { retry_after_seconds: 2 },
        ShopError::PaymentDeclined { code: "insufficient_funds".to_owned() },
        ShopError::WebhookRefused(WebhookError::Stale),
        ShopError::Unavailable { retry_after_seconds: 3, source: None },
        ShopError::Internal("for the log".into()),
    ];
    let exchange = |error: ShopError| {
        let problem = Problem::from(error);
        Exchange {
            method: "POST".to_owned(),
            target: "/api/v1/checkout".to_owned(),
            idempotency_key: Some("key".to_owned()),
            if_match: None,
            request: Some(order_with("card_approved")),
            status: problem.status,
            response: Some(without_request_id(json!(problem))),
        }
    };
    errors.into_iter().map(exchange).collect()
}

/// A server that responds to one request like a release, and records the request.
#[derive(Clone, Default)]
struct Release {
    answer: Arc<Mutex<Option<Exchange>>>,
    sent: Arc<Mutex<Option<Exchange>>>,
}

impl Release {
    fn router(&self) -> Router {
        let release = self.clone();
        Router::new().fallback(async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let answer = release.answer.lock().expect("not poisoned").clone().expect("an answer");
            let of = |name| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
            let status = StatusCode::from_u16(answer.status).expect("a status");
            *release.sent.lock().expect("not poisoned") = Some(Exchange {
                method: method.to_string(),
                target: uri.to_string(),
                idempotency_key: of(KEY),
                if_match: of(IF_MATCH),
                request: if headers.get(header::CONTENT_TYPE).is_some_and(|found| found == FILE) {
                    Some(STANDARD.encode(&body).into())
                } else {
                    serde_json::from_slice(&body).ok()
                },
                ..answer.clone()
            });
            let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
            (status, [(header::CONTENT_TYPE, kind)], answer.response.map(|body| body.to_string()).unwrap_or_default())
        })
    }
}

/// Returns whether `all` contains everything in `part`. Null fields may be absent.
fn has(all: &Value, part: &Value) -> bool {
    match (all, part) {
        (Value::Object(all), Value::Object(part)) => {
            part.iter().all(|(name, value)| has(all.get(name).unwrap_or(&Value::Null), value))
        }
        (Value::Array(all), Value::Array(part)) => {
            all.len() == part.len() && all.iter().zip(part).all(|(all, part)| has(all, part))
        }
        (all, part) => all == part,
    }
}

/// The parts of a problem for API clients, without the sentences for people.
fn for_programs(status: u16, body: Option<&Value>) -> Value {
    let mut body = body.cloned().unwrap_or_default();
    if let (400.., Some(problem)) = (status, body.as_object_mut()) {
        problem.retain(|name, _| !["title", "detail", "hint"].contains(&name.as_str()));
        let rules = problem.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten();
        for rule in rules.filter_map(Value::as_object_mut) {
            rule.retain(|name, _| !["message", "reason"].contains(&name.as_str()));
        }
    }
    body
}

/// Returns whether recorded query parameters are missing in the current client's request.
fn lacks_parameters(today: &str, then: &str) -> bool {
    let pairs = |target: &str| -> BTreeSet<(String, String)> {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    !pairs(then).is_subset(&pairs(today))
}

/// Adds an unknown field to every object. Prices of the settings, amounts by currency, are maps: their members are no fields.
fn with_unknown_fields(value: &Value) -> Value {
    let is_map = |name: &str, value: &Value| {
        let amounts = value.as_object().filter(|_| ["price", "free_from"].contains(&name));
        amounts.is_some_and(|amounts| amounts.values().all(Value::is_number))
    };
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let value = if is_map(name, value) { value.clone() } else { with_unknown_fields(value) };
                (name.clone(), value)
            });
            let unknown = ("of_the_next_release".to_owned(), json!({ "units": 1, "lines": [{}] }));
            Value::Object(members.chain([unknown]).collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(with_unknown_fields).collect(),
        value => value.clone(),
    }
}

/// The current frontend with a scripted backend.
struct Frontend {
    release: Release,
    client: Client,
    _server: Server,
}

impl Frontend {
    async fn start() -> Self {
        let release = Release::default();
        let server = Server::start(release.router()).await;
        let env = MapEnv::new([]);
        let mut reader = Reader::new(&env);
        let http = HttpConfig::read(&mut reader);
        reader.finish().expect("the defaults are right");
        let app = App::new(Services::of(server.shop()), Arc::new(SeededIds::new(8)), http);
        let mut client = Client::new(shop_http::backend(app));
        client.carry(&fixtures::visitor_token("ada"));
        Self { release, client, _server: server }
    }

    /// Returns what goes wrong with a recorded exchange, if anything; `reads` changes the release's body in transit.
    async fn check(&self, then: &Exchange, reads: fn(&Value) -> Value) -> Option<String> {
        let served = Exchange { response: then.response.as_ref().map(reads), ..then.clone() };
        *self.release.answer.lock().expect("not poisoned") = Some(served);
        let method = then.method.parse().expect("a method");
        // A refund rejects unknown fields, because it moves money, and so do settings and products, because they replace others.
        let is_strict = then.target.ends_with("/refunds")
            || then.target == SETTINGS
            || then.target.starts_with("/api/v1/admin/products");
        let request = if is_strict { then.request.clone() } else { then.request.as_ref().map(reads) };
        let headers = [(KEY, then.idempotency_key.as_deref()), (IF_MATCH, then.if_match.as_deref())];
        let headers: Vec<_> = headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let today = send(&mut self.client.clone(), method, &then.target, &headers, request).await;
        let sent = self.release.sent.lock().expect("not poisoned").take();
        let response = for_programs(then.status, then.response.as_ref());
        if today.status != then.status || !has(&for_programs(today.status, today.response.as_ref()), &response) {
            let today_reads = today.response.unwrap_or_default();
            return Some(format!("recorded with status {}, today answers {} {today_reads}", then.status, today.status));
        }
        // A request that current rules reject is not sent on.
        let Some(sent) = sent else { return (then.status < 400).then(|| "was not sent on".to_owned()) };
        let path = |target: &str| target.split('?').next().map(str::to_owned);
        let (sent_body, body) = (sent.request.clone().unwrap_or_default(), then.request.clone().unwrap_or_default());
        if (&sent.method, path(&sent.target), &sent.idempotency_key, &sent.if_match)
            != (&then.method, path(&then.target), &then.idempotency_key, &then.if_match)
            || lacks_parameters(&sent.target, &then.target)
            || !has(&sent_body, &body)
        {
            return Some(format!("was sent {then:?}, is {sent:?}"));
        }
        None
    }
}

fn recorded(directory: &Path) -> Recording {
    let files = fs::read_dir(directory).expect("answers").map(|entry| entry.expect("an entry").path());
    files.map(|file| (file.file_stem().expect("a name").to_string_lossy().into_owned(), read_json(&file))).collect()
}

async fn check_every_release(reads: fn(&Value) -> Value) {
    let frontend = Frontend::start().await;
    let mut broken = Vec::new();
    for (version, directory) in releases_with("answers") {
        for (operation, exchanges) in recorded(&directory) {
            for then in exchanges {
                if let Some(what) = frontend.check(&then, reads).await {
                    broken.push(format!("release {version}: {operation} {}: {what}", then.target));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

#[tokio::test]
async fn the_current_client_is_compatible_with_every_release() {
    check_every_release(Value::clone).await;
}

/// Fields added by the next release are unknown to this one and must be ignored.
#[tokio::test]
async fn fields_of_the_next_release_are_ignored() {
    check_every_release(with_unknown_fields).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_current_operation_is_recorded() {
    on_dynamodb(|store| async {
        let mut recording = record(TestShop::new(store)).await;
        let api = todays_api();
        let operations =
            api["paths"].as_object().expect("paths").values().filter_map(|path| path.as_object()).flatten();
        for (_, operation) in operations {
            let name = text(&operation["operationId"]);
            let exchanges = recording.get(&name).unwrap_or_else(|| panic!("{name} is not called"));
            let seen: BTreeSet<_> = exchanges.iter().map(|exchange| exchange.status.to_string()).collect();
            let statuses = operation["responses"].as_object().expect("responses").keys();
            for status in statuses.filter(|status| status.starts_with('2')) {
                assert!(seen.contains(status), "{name} never answers {status}, but {seen:?}");
            }
        }
        recording.insert("problems".to_owned(), problems());
        if let Some(release) = ProcessEnv.var(RECORD).map(PathBuf::from) {
            let answers = release.join("answers");
            fs::create_dir_all(&answers).expect("the directory");
            fs::write(release.join("openapi.json"), openapi::json().expect("the description")).expect("it is written");
            for (operation, exchanges) in &recording {
                let text = serde_json::to_string_pretty(exchanges).expect("JSON") + "\n";
                fs::write(answers.join(format!("{operation}.json")), text).expect("it is written");
            }
        }
    })
    .await;
}

#[test]
fn an_unknown_field_is_added_to_every_object() {
    let strange = with_unknown_fields(&json!({ "a": [{ "b": null }] }));
    assert_eq!(strange["a"][0]["of_the_next_release"]["units"], 1);
    assert!(has(&strange, &json!({ "a": [{ "c": null }] })));
    for part in [json!({ "a": [] }), json!({ "a": [{ "b": 1 }] }), json!({ "b": 1 })] {
        assert!(!has(&strange, &part), "{part}");
    }
}
