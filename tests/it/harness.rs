//! A shop over an empty store, with a fixed clock and seeded ids, and a browser-like client for its routers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use shopease_shared::config::{HttpConfig, Reader, ShopConfig};
use shopease_shared::domain::{EmailAddress, Product, StockChange};
use shopease_shared::http::{self as shop_http, App};
use shopease_shared::ports::SharedStore;
use shopease_shared::services::{FakePayments, LocalShop, create_operator};
use shopease_shared::testing::{FixedClock, MapEnv, SeededIds, fixtures};
use tower::ServiceExt as _;

/// Stamps a test for each store: `both_stores!(name);` for `async fn name(shop: TestShop)`.
macro_rules! both_stores {
    ($($name:ident),* $(,)?) => {
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

/// Passwords of everybody in tests.
pub const PASSWORD: &str = "correct horse battery";

/// A shop.
pub struct TestShop {
    pub store: SharedStore,
    pub clock: FixedClock,
    pub ids: Arc<SeededIds>,
    pub local: LocalShop,
    pub app: App,
}

impl TestShop {
    /// A shop without products. The catalog cache is off, so that a test sees its own writes.
    pub fn new(store: SharedStore) -> Self {
        let env = MapEnv::new([("SHOPEASE_CATALOG_CACHE_SECONDS", "0")]);
        let mut reader = Reader::new(&env);
        let (shop, http) = (ShopConfig::read(&mut reader), HttpConfig::read(&mut reader));
        reader.finish().expect("the defaults are right");
        let (clock, ids) = (FixedClock::new(), Arc::new(SeededIds::new(7)));
        let local = LocalShop::new(store.clone(), Arc::new(FakePayments), Arc::new(clock.clone()), ids.clone(), shop);
        let app = App::new(Arc::new(local.clone()), ids.clone(), http);
        Self { store, clock, ids, local, app }
    }

    /// Everything the shop serves.
    pub fn router(&self) -> Router {
        shop_http::all(self.app.clone())
    }

    /// A visitor of everything.
    pub fn client(&self) -> Client {
        Client::new(self.router())
    }

    /// Puts a product on sale with `units` of every variant.
    pub async fn sell(&self, product: &Product, units: u32) {
        self.store.upsert_product(product, &fixtures::index(product)).await.expect("the product is written");
        let levels: Vec<_> = product.variants.iter().map(|variant| (variant.sku.clone(), units)).collect();
        self.store.initialize_stock(&levels).await.expect("the stock is written");
    }

    /// Sets what is available of a SKU.
    pub async fn stock(&self, sku: &str, units: u32) {
        self.store.correct_stock(&fixtures::sku(sku), StockChange::SetAvailable(units)).await.expect("the stock is written");
    }

    /// What is available of a SKU.
    pub async fn available(&self, sku: &str) -> u32 {
        let levels = self.store.find_stock_levels(&[fixtures::sku(sku)]).await.expect("the stock is read");
        levels.first().map_or(0, |level| level.available)
    }

    /// A client that is signed in as an operator.
    pub async fn operator(&self) -> Client {
        let email: EmailAddress = "operator@example.com".parse().expect("an address");
        create_operator(&*self.store, &self.clock, &*self.ids, email, PASSWORD.to_owned()).await.expect("an operator");
        let mut client = self.client();
        let login = serde_json::json!({"email": "operator@example.com", "password": PASSWORD});
        assert_eq!(client.post("/api/v1/sessions", &login).await.status, StatusCode::CREATED);
        client
    }
}

/// A place to send orders to, as JSON.
pub fn address() -> Value {
    serde_json::json!({"name": "Ada Lovelace", "line1": "Gartenweg 3", "city": "Berlin", "postal_code": "10115", "country": "DE"})
}

/// An order of what is in the cart, as JSON, paid with a card.
pub fn order_with(card: &str) -> Value {
    serde_json::json!({"email": "ada@example.com", "shipping_address": address(), "shipping_method": "standard", "payment_method": card})
}

/// An answer.
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

    /// The kind of the problem, without `/problems/`.
    pub fn problem(&self) -> String {
        let kind = self.json()["type"].as_str().unwrap_or_default().to_owned();
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        kind.trim_start_matches("/problems/").to_owned()
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
}

impl Client {
    /// A client of a router, without cookies.
    pub fn new(router: Router) -> Self {
        Self { router, cookies: BTreeMap::new() }
    }

    /// Sends a request as it is, with the cookies.
    pub async fn send(&mut self, mut request: Request<Body>) -> Answer {
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().expect("cookies are visible ASCII"));
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

    /// POST of JSON under an idempotency key.
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

    /// Puts units of an article into the cart.
    pub async fn add(&mut self, sku: &str, quantity: u32) -> Answer {
        self.post("/api/v1/cart/line-items", &serde_json::json!({"sku": sku, "quantity": quantity})).await
    }
}

fn urlencode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
