//! A shop on an empty store, with a fixed clock and seeded IDs, and a browser-like client for its routers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use shopease_payments::fake::{FakeProvider, Ledger};
use shopease_pictures::{Maker, PictureDirectory};
use shopease_process::config::Reader;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::{self as shop_http, App, ClientAddress, EmbeddedAssets};
use shopease_shop::config::ShopConfig;
use shopease_shop::domain::{EmailAddress, Order, Product, StockChange, StockLevel, Token};
use shopease_shop::ports::{
    AuditRecord, Clock as _, Consumer, Env as _, EventSink, IdGenerator, LogSink, PaymentProvider, ProcessEnv,
    SharedStore,
};
use shopease_shop::services::{AuditReport, LocalShop, Services, Worker, WorkerReport, audit, create_operator};
use shopease_shop::testing::{FixedClock, MapEnv, SeededIds, fixtures};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// Generates a test for each store: `both_stores!(name);` for `async fn name(shop: TestShop)`.
macro_rules! both_stores {
    ($($name:ident),* $(,)?) => {
        /// The same tests, for a test that provides its own shop.
        #[allow(dead_code, reason = "not every group of tests covers use cases of functions")]
        pub const SCENARIOS: &[(&str, crate::harness::Scenario)] =
            &[$((stringify!($name), |shop| Box::pin($name(shop)))),*];

        mod on_dynamodb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                shopease_storage::testing::on_dynamodb(|store| async {
                    super::$name(crate::harness::TestShop::new(store)).await;
                })
                .await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let name = concat!(module_path!(), "::", stringify!($name));
                shopease_storage::testing::on_postgres(name, |store| async {
                    super::$name(crate::harness::TestShop::new(store)).await;
                })
                .await;
            })*
        }
    };
}
pub(crate) use both_stores;

/// Generates a test for each store that opens a shop itself: `on_stores!(on_dynamodb, on_postgres; name);` for
/// `async fn name(store: SharedStore)`, with the names of the modules for both.
macro_rules! on_stores {
    ($dynamodb:ident, $postgres:ident; $($name:ident),* $(,)?) => {
        mod $dynamodb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                shopease_storage::testing::on_dynamodb(super::$name).await;
            })*
        }
        mod $postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let name = concat!(module_path!(), "::", stringify!($name));
                shopease_storage::testing::on_postgres(name, super::$name).await;
            })*
        }
    };
}
pub(crate) use on_stores;

/// A test of [`both_stores`].
pub type Scenario = fn(TestShop) -> Pin<Box<dyn Future<Output = ()>>>;

/// Name of the cookie that holds the token.
pub const COOKIE: &str = "__Host-shopease_token";

/// Password of all accounts in tests.
pub const PASSWORD: &str = "correct horse battery";

/// Base URL of the bank's page.
pub const BANK: &str = "http://bank.test";

/// Secret that webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_test";

/// Factor for the number of rounds of random tests, from `SHOPEASE_TEST_SCALE`; 1 by default, more in nightly runs.
pub fn scale() -> u32 {
    let scale = ProcessEnv.var("SHOPEASE_TEST_SCALE");
    scale.map_or(1, |text| text.parse().expect("SHOPEASE_TEST_SCALE is a number"))
}

/// The configuration of every test shop.
fn config() -> (ShopConfig, HttpConfig) {
    let env = MapEnv::new([
        ("SHOPEASE_CATALOG_CACHE_SECONDS", "0"),
        ("SHOPEASE_REQUEST_TIMEOUT_MS", "60000"),
        ("SHOPEASE_CHECKOUT_TIMEOUT_MS", "60000"),
        ("SHOPEASE_BANK_ACCOUNT", "Ada GmbH, IBAN DE02 1203 0000 0000 2020 51"),
    ]);
    let mut reader = Reader::new(&env);
    let configuration = (ShopConfig::read(&mut reader), HttpConfig::read(&mut reader));
    reader.finish().expect("the defaults are right");
    configuration
}

/// A shop.
pub struct TestShop {
    pub store: SharedStore,
    pub clock: FixedClock,
    pub ids: Arc<SeededIds>,
    /// The payment provider's ledger.
    pub ledger: Arc<Ledger>,
    /// The payment provider itself, without a test's interceptor.
    pub provider: FakeProvider,
    pub local: LocalShop,
    pub app: App,
    /// Built once, from `app`: it takes longer than a request.
    router: OnceLock<Router>,
    /// Router and worker of separate functions, if they replace those of one process.
    functions: Option<(Router, LocalShop)>,
    sends_mail: bool,
    /// Where uploaded pictures are.
    pictures: Arc<TempDir>,
}

/// The pictures in a directory, and all other assets.
fn pictures_in(directory: &TempDir) -> Arc<PictureDirectory> {
    Arc::new(PictureDirectory::new(directory.path(), Arc::new(EmbeddedAssets)))
}

impl TestShop {
    /// A shop without products. The catalog cache is off, so that a test sees its own writes. The request timeout is a minute, so that
    /// a busy machine does not fail a test.
    pub fn new(store: SharedStore) -> Self {
        Self::with_payments(store, Arc::new)
    }

    /// The same with an interceptor in front of its payment provider.
    pub fn with_payments<P: PaymentProvider + 'static>(
        store: SharedStore,
        payments: impl FnOnce(FakeProvider) -> Arc<P>,
    ) -> Self {
        crate::logs::watch();
        let (shop, http) = config();
        let (clock, ids) = (FixedClock::new(), Arc::new(SeededIds::new(7)));
        // With its own IDs, too.
        let ledger = Ledger::in_memory(Arc::new(clock.clone()), Arc::new(SeededIds::new(9)));
        let provider = FakeProvider::in_process(ledger.clone(), Some(BANK.to_owned()), WEBHOOK_SECRET.into());
        let payments: Arc<dyn PaymentProvider> = payments(provider.clone());
        let pictures = Arc::new(tempfile::tempdir().expect("a directory"));
        let local = LocalShop::new(store.clone(), payments, Arc::new(clock.clone()), ids.clone(), shop)
            .with_pictures(Arc::new(Maker), pictures_in(&pictures));
        // With its own IDs, so that the shop's IDs do not depend on the number of requests.
        let app = App::new(Services::of(local.clone()), Arc::new(SeededIds::new(8)), http)
            .with_api_reference()
            .with_assets(pictures_in(&pictures));
        let router = OnceLock::new();
        Self { store, clock, ids, ledger, provider, local, app, router, functions: None, sends_mail: false, pictures }
    }

    /// The same shop as functions, with their router and worker.
    pub fn with_functions(self, router: Router, worker: LocalShop) -> Self {
        Self { functions: Some((router, worker)), ..self }
    }

    /// The shop of a function: the same clock and payment provider, with another store on the same table. Its IDs are seeded with
    /// `seed`.
    pub fn function(&self, store: SharedStore, seed: u64) -> (LocalShop, App) {
        let (mut shop, http) = config();
        shop.sends_mail = self.sends_mail;
        let payments: Arc<dyn PaymentProvider> = Arc::new(self.provider.clone());
        let local = LocalShop::new(store, payments, Arc::new(self.clock.clone()), self.ids.clone(), shop)
            .with_pictures(Arc::new(Maker), pictures_in(&self.pictures));
        let app = App::new(Services::of(local.clone()), Arc::new(SeededIds::new(seed)), http);
        (local, app.with_api_reference().with_assets(pictures_in(&self.pictures)))
    }

    /// The same shop without a place for pictures.
    pub fn without_pictures(self) -> Self {
        let ids = self.ids.clone();
        self.with_ids(ids)
    }

    /// The same shop with another ID generator.
    pub fn with_ids(self, ids: Arc<dyn IdGenerator>) -> Self {
        let (shop, http) = config();
        let payments: Arc<dyn PaymentProvider> = Arc::new(self.provider.clone());
        let local = LocalShop::new(self.store.clone(), payments, Arc::new(self.clock.clone()), ids, shop);
        let app = App::new(Services::of(local.clone()), Arc::new(SeededIds::new(8)), http).with_api_reference();
        self.serving(local, app)
    }

    /// The same shop, sending mail: accounts confirm their email address with a link.
    pub fn with_mail(self) -> Self {
        if self.functions.is_some() {
            assert!(self.sends_mail, "the functions are not configured to send mail");
            return self;
        }
        let shop = Self { sends_mail: true, ..self };
        let (local, app) = shop.function(shop.store.clone(), 8);
        shop.serving(local, app)
    }

    /// The same shop, which ships with a demo catalog of these products.
    pub fn with_demo_catalog(self, products: &[Product]) -> Self {
        let (mut shop, http) = config();
        let skus = |product: &Product| product.variants.iter().map(|variant| variant.sku.clone()).collect();
        shop.demo_catalog = products.iter().map(|product| (product.handle.clone(), skus(product))).collect();
        let payments: Arc<dyn PaymentProvider> = Arc::new(self.provider.clone());
        let local = LocalShop::new(self.store.clone(), payments, Arc::new(self.clock.clone()), self.ids.clone(), shop);
        let app = App::new(Services::of(local.clone()), Arc::new(SeededIds::new(8)), http).with_api_reference();
        self.serving(local, app)
    }

    /// The same shop with other use cases and their pages.
    fn serving(self, local: LocalShop, app: App) -> Self {
        Self { local, app, router: OnceLock::new(), ..self }
    }

    /// The router of all pages and the whole API.
    pub fn router(&self) -> Router {
        let all = || self.router.get_or_init(|| shop_http::all(self.app.clone())).clone();
        self.functions.as_ref().map_or_else(all, |(router, _)| router.clone())
    }

    /// A new visitor.
    pub fn client(&self) -> Client {
        Client::new(self.router())
    }

    /// A returning visitor: the same name is the same visitor.
    pub fn visitor(&self, name: &str) -> Client {
        let mut client = self.client();
        client.carry(&fixtures::visitor_token(name));
        client
    }

    /// Puts a product on sale with `units` of every variant.
    pub async fn sell(&self, product: &Product, units: u32) {
        self.store.upsert_product(product, &fixtures::index(product)).await.expect("the product is written");
        let levels: Vec<_> = product.variants.iter().map(|variant| (variant.sku.clone(), units)).collect();
        self.store.initialize_stock(&levels).await.expect("the stock is written");
    }

    /// Sets the available units of a SKU.
    pub async fn stock(&self, sku: &str, units: u32) {
        self.store
            .correct_stock(&fixtures::sku(sku), StockChange::SetAvailable(units))
            .await
            .expect("the stock is written");
    }

    /// Available, reserved and sold units of a SKU.
    pub async fn levels(&self, sku: &str) -> (u32, u32, u32) {
        let levels = self.store.find_stock_levels(&[fixtures::sku(sku)]).await.expect("the stock is read");
        let level = levels.into_iter().next().unwrap_or_else(|| StockLevel::initial(fixtures::sku(sku), 0));
        (level.available, level.reserved, level.sold)
    }

    /// Topics of the outbox messages, oldest first.
    pub async fn topics(&self) -> Vec<String> {
        let messages = self.store.list_outbox().await.expect("the outbox is read");
        messages.into_iter().map(|message| message.topic).collect()
    }

    /// Topics of the messages in the backlog of a consumer, oldest first.
    pub async fn backlog(&self, consumer: Consumer) -> Vec<String> {
        let messages = self.store.list_backlog(consumer, None).await.expect("the backlog is read");
        messages.into_iter().map(|message| message.topic).collect()
    }

    /// The worker's next run.
    pub async fn work(&self) -> WorkerReport {
        self.worker(vec![Arc::new(LogSink)]).run_once().await.expect("the worker runs")
    }

    /// A worker that delivers to these sinks.
    pub fn worker(&self, sinks: Vec<Arc<dyn EventSink>>) -> Worker {
        Worker::new(self.of_worker().clone(), sinks)
    }

    /// The use cases in the worker's process.
    pub fn of_worker(&self) -> &LocalShop {
        self.functions.as_ref().map_or(&self.local, |(_, worker)| worker)
    }

    /// Advances the clock and runs the worker until nothing is open and every payment is settled.
    pub async fn settle(&self) {
        for _ in 0..40 {
            self.clock.advance(time::Duration::minutes(6));
            let report = self.work().await;
            if report.looked_at == 0 {
                return;
            }
        }
        panic!("orders are still open: {:?}", self.store.list_due_orders(self.clock.now()).await);
    }

    /// Asserts that the audit finds no violations, with nothing open.
    pub async fn assert_books_agree(&self) -> AuditReport {
        let report = audit(&*self.store, &self.provider, true, self.clock.now()).await.expect("the books are read");
        assert_eq!(report.violations, [], "{report:?}");
        // Conversely, every capture at the provider matches the total of exactly one order.
        let orders = self.orders().await;
        let intents: BTreeMap<_, _> = orders.iter().map(|order| (order.payment.intent_id.as_deref(), order)).collect();
        for collected in self.ledger.captures() {
            let order = intents.get(&Some(collected.intent_id.as_str()));
            let order = order.unwrap_or_else(|| panic!("money for no order: {collected:?}"));
            assert_eq!((order.id.clone(), order.total), (collected.order_id.clone(), collected.captured));
            assert_eq!((collected.captures, order.payment.state.is_collected()), (1, true), "{collected:?}");
        }
        report
    }

    /// All records that the auditor reads.
    pub async fn records(&self) -> Vec<AuditRecord> {
        let (mut records, mut from) = (Vec::new(), None);
        loop {
            let page = self.store.audit_page(from.as_deref()).await.expect("the books are read");
            records.extend(page.records);
            from = page.next;
            if from.is_none() {
                return records;
            }
        }
    }

    /// All orders, read without listings.
    pub async fn orders(&self) -> Vec<Order> {
        let orders = self.records().await.into_iter().filter_map(|record| match record {
            AuditRecord::Order(order) => Some(*order),
            _ => None,
        });
        orders.collect()
    }

    /// A client that is signed in as an operator.
    pub async fn operator(&self) -> Client {
        let email: EmailAddress = "operator@example.com".parse().expect("an address");
        create_operator(&*self.store, &self.clock, &*self.ids, email, PASSWORD.to_owned()).await.expect("an operator");
        let mut client = self.client();
        assert_eq!(client.log_in("operator@example.com", PASSWORD).await.status, StatusCode::CREATED);
        client
    }
}

/// A shipping address, as JSON.
pub fn address() -> Value {
    serde_json::json!({"name": "Ada Lovelace", "line1": "Gartenweg 3", "city": "Berlin", "postal_code": "10115", "country": "DE"})
}

/// The JSON of an order paid with a card.
pub fn order_with(card: &str) -> Value {
    serde_json::json!({"email": "ada@example.com", "shipping_address": address(), "shipping_method": "standard", "payment_method": card})
}

/// A response.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Status and type of a problem, which must be a complete problem document.
    pub fn problem(&self) -> (u16, String) {
        let problem = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json", "{problem}");
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        assert_eq!(self.header("x-request-id").len(), 26, "{problem}");
        let kind = problem["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
        (self.status.as_u16(), kind.unwrap_or_else(|| panic!("no kind: {problem}")).to_owned())
    }

    /// The codes of the rules in a `rule-broken` problem.
    pub fn rules(&self) -> Vec<String> {
        assert_eq!(self.problem(), (422, "rule-broken".to_owned()), "{}", self.text());
        let problem = self.json();
        let rules = problem["errors"].as_array().expect("a list of rules");
        rules.iter().map(|rule| rule["code"].as_str().expect("a code").to_owned()).collect()
    }

    /// The body without the request ID, which differs in every response.
    pub fn text_without_request_id(&self) -> String {
        self.text().replace(self.header("x-request-id"), "REQUEST-ID")
    }

    /// A header as text; empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The value of a form's hidden field.
    pub fn hidden(&self, name: &str) -> String {
        let text = self.text();
        let field = text.split("<input").find(|tag| tag.contains(&format!("name=\"{name}\"")));
        let value = field.and_then(|tag| tag.split("value=\"").nth(1)).and_then(|rest| rest.split('"').next());
        value.unwrap_or_else(|| panic!("no field {name} in {text}")).replace("&amp;", "&")
    }
}

/// A client that keeps cookies as a browser does.
#[derive(Clone)]
pub struct Client {
    router: Router,
    pub cookies: BTreeMap<String, String>,
    /// Its IP address, as a front door would state it.
    pub address: Option<IpAddr>,
}

impl Client {
    /// A client of a router, without cookies.
    pub fn new(router: Router) -> Self {
        Self { router, cookies: BTreeMap::new(), address: None }
    }

    /// Sets a token as its cookie.
    pub fn carry(&mut self, token: &Token) {
        self.cookies.insert(COOKIE.to_owned(), token.expose().to_owned());
    }

    /// The token in its cookie.
    pub fn token(&self) -> String {
        self.cookies.get(COOKIE).cloned().unwrap_or_default()
    }

    /// Sends a request with the cookies, unless it has its own.
    pub async fn send(&mut self, mut request: Request<Body>) -> Answer {
        if !self.cookies.is_empty() && !request.headers().contains_key(header::COOKIE) {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request
                .headers_mut()
                .insert(header::COOKIE, cookies.join("; ").parse().expect("cookies are visible ASCII"));
        }
        if let Some(address) = self.address {
            request.extensions_mut().insert(ClientAddress(address));
        }
        request.headers_mut().entry(header::HOST).or_insert("shop.test".parse().expect("a host"));
        let response = self.router.clone().oneshot(request).await.expect("routers do not fail");
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("cookies are visible ASCII");
            let (name, value) = text.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the body ends").to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// GET.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// POST of JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body, &[]).await
    }

    /// POST of JSON with an idempotency key.
    pub async fn post_once(&mut self, path: &str, key: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body, &[("idempotency-key", key)]).await
    }

    /// JSON with a method and headers.
    pub async fn json(&mut self, method: Method, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// POST of a form.
    pub async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", urlencode(value))).collect();
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body.join("&"))).expect("a request")).await
    }

    /// DELETE.
    pub async fn delete(&mut self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).expect("a request")).await
    }

    /// Registers an account with [`PASSWORD`].
    pub async fn register(&mut self, email: &str) -> Answer {
        let command = serde_json::json!({"email": email, "name": "Ada", "password": PASSWORD});
        self.post("/api/v1/accounts", &command).await
    }

    /// Signs in.
    pub async fn log_in(&mut self, email: &str, password: &str) -> Answer {
        self.post("/api/v1/sessions", &serde_json::json!({"email": email, "password": password})).await
    }

    /// Checks out the cart and pays with a card.
    pub async fn check_out(&mut self, key: &str, card: &str) -> Answer {
        self.post_once("/api/v1/checkout", key, &order_with(card)).await
    }

    /// The cart as JSON.
    pub async fn cart(&mut self) -> Value {
        self.get("/api/v1/cart").await.json()
    }

    /// Variants and units in the cart.
    pub async fn cart_lines(&mut self) -> Vec<(String, u64)> {
        let cart = self.cart().await;
        let line = |line: &Value| (text(&line["sku"]), line["quantity"].as_u64().expect("units"));
        cart["lines"].as_array().expect("lines").iter().map(line).collect()
    }

    /// Adds units of a variant to the cart.
    pub async fn add(&mut self, sku: &str, quantity: u32) -> Answer {
        self.post("/api/v1/cart/line-items", &serde_json::json!({"sku": sku, "quantity": quantity})).await
    }
}

/// A JSON string.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn urlencode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
