//! Two releases side by side on one store: a shopper and an operator whose requests alternate between the releases. `cargo xtask test
//! --only releases` builds the binaries of the next release and runs these tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use front_door::alb::{Pair, Weights};
use front_door::event::http_api::Front;
use front_door::gateway::Gateway;
use front_door::lambda::{Function, Settings};
use front_door::live::Live;
use front_door::site::{Binaries, Fargate, Options, Site, Store};
use serde_json::{Value, json};
use shopease_shared::http::routes::Area;
use shopease_shop::ports::{Env as _, ProcessEnv};
use shopease_shop::testing::free_port;
use shopease_storage::testing::lend_schema;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::client::{Answer, Call, Client};
use crate::deployment::{PASSWORD, directory_of_binaries, listen};
use crate::journeys::{chosen, escape, hidden_fields_of};

/// Directory with the binaries of the next release.
const NEXT: &str = "SHOPEASE_NEXT_RELEASE";

/// Functions that are deployed from the next release.
const FUNCTIONS: [Area; 3] = [Area::Cart, Area::Checkout, Area::Admin];

const OPERATOR: &str = "operator@releases.test";

type Variables = BTreeMap<String, String>;

fn next_release() -> PathBuf {
    ProcessEnv.var(NEXT).unwrap_or_else(|| panic!("{NEXT} names the binaries of the next release")).into()
}

fn variables<const N: usize>(pairs: [(&str, &str); N]) -> Variables {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A server of a release.
struct Task {
    client: Client,
    url: String,
    _process: Child,
}

impl Task {
    /// Starts `shopease` and waits until it is ready.
    async fn start(release: &Path, arguments: &[&str], variables: &Variables) -> Self {
        let port = free_port();
        let mut process = Command::new(release.join("shopease"))
            .args(arguments)
            .args(["--port", &port.to_string()])
            .envs(variables)
            .env("SHOPEASE_LOG", "warn")
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let (client, path) = (Client::new(([127, 0, 0, 1], port).into(), 'a'), "/readyz");
        for _ in 0..1200 {
            let ended = process.try_wait().expect("a process");
            assert!(ended.is_none(), "{release:?} {arguments:?} ended with {ended:?}");
            // The payment provider has no such path, so any response counts.
            if client.send(&Call::get(path)).await.is_ok_and(|answer| [200, 404].contains(&answer.status)) {
                return Self { client, url: format!("http://127.0.0.1:{port}"), _process: process };
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{release:?} {arguments:?} is not ready");
    }
}

/// Runs a command of a release to completion.
async fn run(release: &Path, arguments: &[&str], input: &str, variables: &Variables) {
    let mut process = Command::new(release.join("shopease"))
        .args(arguments)
        .envs(variables)
        .env("SHOPEASE_LOG", "warn")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    process.stdin.take().expect("its input").write_all(input.as_bytes()).await.expect("it reads");
    let output = process.wait_with_output().await.expect("it ends");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
}

/// A client with cookies that uses either release.
#[derive(Default)]
struct Visitor {
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    async fn send(&mut self, door: &Client, call: Call) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = if cookies.is_empty() { call } else { call.with("cookie", cookies.join("; ")) };
        let (answer, set) = door.send_with_cookies(&call).await.expect("an answer");
        self.cookies.extend(set);
        answer
    }

    async fn page(&mut self, door: &Client, target: &str) -> Answer {
        let page = self.send(door, Call::get(target).header("accept", "text/html")).await;
        assert_eq!(page.status, 200, "{target}: {}", title(&page));
        page
    }

    /// Submits the form that contains `mark`.
    async fn submit(
        &mut self,
        door: &Client,
        page: &Answer,
        mark: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let form = page.raw.split("<form").skip(1).find(|form| form.contains(mark));
        let form = form.unwrap_or_else(|| panic!("no form with {mark}: {}", page.raw));
        let mut pairs = hidden_fields_of(form.split("</form>").next().unwrap_or_default());
        for (name, value) in fields {
            pairs.retain(|(known, _)| known != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        let body: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        let call = Call::new("POST", target).body("application/x-www-form-urlencoded", body.join("&"));
        self.send(door, call.header("accept", "text/html")).await
    }

    async fn get(&mut self, door: &Client, target: &str) -> Value {
        let answer = self.send(door, Call::get(target)).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.raw);
        serde_json::from_str(&answer.raw).expect("JSON")
    }

    async fn post(&mut self, door: &Client, target: &str, key: Option<&str>, body: &Value) -> Value {
        let mut call = Call::new("POST", target).body("application/json", body.to_string());
        if let Some(key) = key {
            call = call.header("idempotency-key", key);
        }
        let answer = self.send(door, call).await;
        assert_eq!(answer.status, 201, "{target}: {}", answer.raw);
        serde_json::from_str(&answer.raw).expect("JSON")
    }

    async fn log_in(door: &Client) -> Self {
        let mut operator = Self::default();
        operator.post(door, "/api/v1/sessions", None, &json!({ "email": OPERATOR, "password": PASSWORD })).await;
        operator
    }
}

/// The title of a page, which distinguishes an error page from the expected one.
fn title(page: &Answer) -> &str {
    page.raw.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or(&page.raw)
}

/// Handle and SKU of a product with one variant in stock.
async fn something_to_buy(door: &Client) -> (String, String) {
    let mut visitor = Visitor::default();
    let products = visitor.get(door, "/api/v1/products?limit=20").await;
    for product in products["items"].as_array().expect("products") {
        let handle = product["handle"].as_str().expect("a handle");
        let product = visitor.get(door, &format!("/api/v1/products/{handle}")).await;
        if let [variant] = &product["variants"].as_array().expect("variants")[..]
            && variant["available"].as_u64().is_some_and(|units| units > 20)
        {
            return (handle.to_owned(), variant["sku"].as_str().expect("a SKU").to_owned());
        }
    }
    panic!("nothing to buy: {products}");
}

/// The API of one release, and that of the other.
struct Api<'a> {
    one: &'a Client,
    other: &'a Client,
    /// Expected values of the next release's field in an order placed through `one`: in the response of `one` and of the other.
    channels: [Option<&'a str>; 2],
}

/// Orders through both releases and pays once; the operator refunds through both.
async fn order_by_api(api: &Api<'_>, sku: &str) {
    let (one, other) = (api.one, api.other);
    let mut shopper = Visitor::default();
    let line = json!({ "sku": sku, "quantity": 1 });
    shopper.post(one, "/api/v1/cart/line-items", Some("first"), &line).await;
    shopper.post(other, "/api/v1/cart/line-items", Some("first"), &line).await;
    let cart = shopper.post(other, "/api/v1/cart/line-items", Some("second"), &line).await;
    assert_eq!(cart["units"], 2, "the repeated line is not added again: {cart}");
    let carts = (shopper.get(one, "/api/v1/cart").await, shopper.get(other, "/api/v1/cart").await);
    assert_eq!(carts.0["lines"], carts.1["lines"]);
    let address =
        json!({ "name": "Ada", "line1": "Gartenweg 3", "postal_code": "10115", "city": "Berlin", "country": "DE" });
    let order = json!({
        "email": "ada@releases.test",
        "shipping_address": address,
        "shipping_method": "standard",
        "payment_method": "card_approved",
    });
    let placed = shopper.post(one, "/api/v1/checkout", Some("order"), &order).await;
    assert_eq!(placed["state"], "paid", "{placed}");
    let channels = |orders: &[Value; 2]| orders.each_ref().map(|order| order["channel"].as_str().map(str::to_owned));
    let id = placed["id"].as_str().expect("an id");
    for door in [other, one] {
        let again = shopper.post(door, "/api/v1/checkout", Some("order"), &order).await;
        assert_eq!((&again["id"], &again["total"]), (&placed["id"], &placed["total"]), "the same key, the same order");
    }
    let target = format!("/api/v1/orders/{id}");
    let seen = [shopper.get(one, &target).await, shopper.get(other, &target).await];
    assert_eq!(channels(&seen), api.channels.map(|channel| channel.map(str::to_owned)));

    let mut operator = Visitor::log_in(other).await;
    let refunds = format!("/api/v1/admin/orders/{id}/refunds");
    let some = json!({ "amount": { "amount_minor": 100, "currency": placed["total"]["currency"] } });
    for (door, key, count) in [(other, "some", 1), (one, "some", 1), (one, "more", 2), (other, "more", 2)] {
        let refunded = operator.post(door, &refunds, Some(key), &some).await;
        assert_eq!(refunded["refunds"].as_array().map(Vec::len), Some(count), "{key}: {refunded}");
    }
    operator.post(one, &format!("/api/v1/admin/orders/{id}/fulfillments"), None, &json!({ "event": "shipped" })).await;
    let seen = [operator.get(one, &target).await, operator.get(other, &target).await];
    assert_eq!(seen[0]["refundable"], seen[1]["refundable"]);
    assert_eq!((&seen[0]["fulfillment"], &seen[1]["fulfillment"]), (&json!("fulfilled"), &json!("fulfilled")));
    // The current release has written the order without the unknown field.
    assert_eq!(channels(&seen), api.channels.map(|channel| channel.map(|_| String::new())));
}

/// The same on pages: each frontend has the other release as its backend.
async fn order_on_pages(one: &Client, other: &Client, api: &Client, (handle, sku): (&str, &str)) {
    let mut shopper = Visitor::default();
    for target in ["/", "/products", "/search?q=linen"] {
        shopper.page(one, target).await;
    }
    let product = shopper.page(one, &format!("/products/{handle}")).await;
    let form = "/cart/line-items";
    let added = shopper.submit(one, &product, form, form, &[("sku", sku), ("quantity", "1")]).await;
    assert_eq!(added.status, 303, "{}", title(&added));
    assert!(shopper.page(other, "/cart").await.raw.contains(&format!("/products/{handle}")));
    let checkout = shopper.page(one, "/checkout").await;
    let place = [
        ("email", "ada@releases.test"),
        ("name", "Ada Lovelace"),
        ("line1", "Gartenweg 3"),
        ("postal_code", "10115"),
        ("city", "Berlin"),
        ("country", "DE"),
        ("action", "review"),
    ];
    shopper.submit(other, &checkout, "action=\"/checkout\"", "/checkout", &place).await;
    let review = shopper.page(other, "/checkout/review").await;
    let method = chosen(&review.raw, "shipping_method");
    let order = [("shipping_method", method.as_str()), ("payment_method", "card_approved"), ("action", "place")];
    let mut orders = Vec::new();
    for door in [one, other, one] {
        let placed = shopper.submit(door, &review, "action=\"/checkout\"", "/checkout", &order).await;
        assert_eq!(placed.status, 303, "{}", title(&placed));
        orders.push(placed.location.expect("an order"));
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "the same form, the same order: {orders:?}");
    for door in [one, other] {
        shopper.page(door, &orders[0]).await;
    }

    let mut operator = Visitor::default();
    let login = operator.page(one, "/login").await;
    let account = [("email", OPERATOR), ("password", PASSWORD)];
    let signed_in = operator.submit(other, &login, "action=\"/login\"", "/login", &account).await;
    assert_eq!(signed_in.status, 303, "{}", title(&signed_in));
    let id = orders[0].split(['/', '?']).nth(2).expect("an id");
    let target = format!("/admin/orders/{id}");
    let page = operator.page(one, &target).await;
    for door in [other, one] {
        let fields = [("amount", "1.00"), ("action", "refund")];
        let mut refunded = operator.submit(door, &page, "value=\"refund\"", &target, &fields).await;
        // The first shows the confirmation; the second finds that it was already done.
        if refunded.status == 200 {
            let confirmed = [("action", "refund")];
            refunded = operator.submit(door, &refunded, "value=\"refund\"", &target, &confirmed).await;
        }
        assert_eq!(refunded.status, 303, "{}", title(&refunded));
    }
    let refunds = operator.get(api, &format!("/api/v1/orders/{id}")).await["refunds"].clone();
    assert_eq!(refunds.as_array().map(Vec::len), Some(1), "the same form, the same refund: {refunds}");
}

async fn audit_by_both(today: &Path, variables: &Variables) {
    for release in [today, &next_release()] {
        run(release, &["audit"], "", variables).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the binaries of the next release: cargo xtask test --only releases"]
async fn frontends_and_backends_of_two_releases_share_postgres() {
    let Some(schema) = lend_schema("parity::releases").await else { panic!("a database is needed") };
    let (today, next) = (directory_of_binaries(), next_release());
    let payments = Task::start(&today, &["fake-payments"], &Variables::new()).await;
    let settings = variables([
        ("SHOPEASE_STORE", "postgres"),
        ("SHOPEASE_DATABASE_URL", schema.url()),
        ("SHOPEASE_DATABASE_ACQUIRE_TIMEOUT_MS", "30000"),
        ("SHOPEASE_FAKE_PAYMENTS_URL", &payments.url),
        ("SHOPEASE_PUBLIC_URL", "http://shop.test"),
        ("SHOPEASE_CATALOG_CACHE_SECONDS", "0"),
    ]);
    // As in a deployment: the last release runs, then the next one's migration, then both serve.
    run(&today, &["migrate"], "", &settings).await;
    let before = Task::start(&today, &["serve", "--role", "backend", "--demo"], &settings).await;
    run(&next, &["migrate"], "", &settings).await;
    run(&today, &["operator", OPERATOR], PASSWORD, &settings).await;
    let after = Task::start(&next, &["serve", "--role", "backend"], &settings).await;
    let frontend = async |release: &Path, backend: &Task| {
        let mut settings = settings.clone();
        settings.insert("SHOPEASE_BACKEND_URL".to_owned(), backend.url.clone());
        Task::start(release, &["serve", "--role", "frontend"], &settings).await
    };
    let (today_over_next, next_over_today) = (frontend(&today, &after).await, frontend(&next, &before).await);

    let (handle, sku) = something_to_buy(&before.client).await;
    order_by_api(&Api { one: &before.client, other: &after.client, channels: [None, Some("")] }, &sku).await;
    order_by_api(&Api { one: &after.client, other: &before.client, channels: [Some("next"), None] }, &sku).await;
    let (one, other) = (&today_over_next.client, &next_over_today.client);
    order_on_pages(one, other, &before.client, (&handle, &sku)).await;
    order_on_pages(other, one, &after.client, (&handle, &sku)).await;
    audit_by_both(&today, &settings).await;
    drop((today_over_next, next_over_today, before, after, payments));
    schema.give_back().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the binaries of the next release: cargo xtask test --only releases"]
async fn functions_of_two_releases_share_a_table() {
    let data = tempfile::tempdir().expect("a directory");
    let live = || {
        let weights = Arc::new(Weights::new(Pair { fargate: 0, lambda: 1 }));
        Arc::new(Live::new("DynamoDB".to_owned(), weights, false))
    };
    let options = Options {
        public_url: "http://shop.test".to_owned(),
        store: Store::Embedded(data.path().join("shop")),
        fargate: Fargate::One,
        memory_mb: 256,
        concurrency: 10,
        timeout: Duration::from_secs(29),
        idle_expiry: Duration::from_mins(5),
        freeze: true,
        variables: vec![("SHOPEASE_CATALOG_CACHE_SECONDS".to_owned(), "0".to_owned())],
    };
    let today = directory_of_binaries();
    let binaries = Binaries::at(&today).expect("cargo has built the binaries");
    let site = Site::start(options, &binaries, live()).await.expect("the site starts");
    let settings: Variables = site.variables().iter().cloned().collect();
    run(&next_release(), &["migrate"], "", &settings).await;
    run(&today, &["operator", OPERATOR], PASSWORD, &settings).await;

    let mut functions = site.functions();
    for area in FUNCTIONS {
        let settings = Settings { name: format!("next-{}", area.name()), ..functions[&area].settings().clone() };
        let function = Function::new(settings, live());
        function.deploy(&next_release().join(area.name())).expect("the function of the next release");
        functions.insert(area, Arc::new(function));
    }
    let mut servers = JoinSet::new();
    let mut doors = Vec::new();
    for functions in [site.functions(), functions] {
        let (listener, address) = listen().await;
        let gateway = Gateway::new(Front::HttpApi, address.port(), functions, live());
        servers.spawn(Arc::new(gateway).serve(listener));
        doors.push(Client::new(address, 'a'));
    }
    let (before, after) = (&doors[0], &doors[1]);
    let (_, sku) = something_to_buy(before).await;
    order_by_api(&Api { one: before, other: after, channels: [None, Some("")] }, &sku).await;
    order_by_api(&Api { one: after, other: before, channels: [Some("next"), None] }, &sku).await;
    audit_by_both(&today, &settings).await;
    drop(servers);
    site.stop().await;
}
