//! A shopper: a token, an address, and requests that may fail.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use shopease_shop::domain::Token;
use shopease_shop::ports::{IdGenerator as _, SystemIds};

use crate::site::{OPERATOR, Shop, Site};

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub content_type: String,
    /// Value of `Retry-After` in seconds, if present.
    pub retry_after: Option<u64>,
    /// Null if the body is not JSON.
    pub body: Value,
}

impl Response {
    /// The ID of the order in the body.
    pub fn order_id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no order: {self:?}")).to_owned()
    }

    /// State of the order in the body and of its payment.
    pub fn states(&self) -> (&str, &str) {
        (self.body["state"].as_str().unwrap_or_default(), self.body["payment_state"].as_str().unwrap_or_default())
    }
}

/// A client with a token; a response of `None` means that the connection failed.
#[derive(Clone)]
pub struct Shopper {
    http: reqwest::Client,
    token: String,
    /// Its own, as a load balancer would state it: the declined cards of others do not delay it.
    address: Ipv4Addr,
}

impl Shopper {
    /// A new visitor.
    pub fn new(site: &Site) -> Self {
        Self::with(site.http.clone())
    }

    /// Another new visitor.
    pub fn another(&self) -> Self {
        Self::with(self.http.clone())
    }

    fn with(http: reqwest::Client) -> Self {
        static SHOPPERS: AtomicU32 = AtomicU32::new(0);
        let address = Ipv4Addr::from_bits(0x0a00_0000 + SHOPPERS.fetch_add(1, Ordering::Relaxed));
        Self { http, token: Token::visitor(SystemIds.secret()).expose().to_owned(), address }
    }

    /// The operator.
    pub async fn operator(site: &Site, shop: &Shop) -> Self {
        let visitor = Self::new(site);
        let log_in = json!({"email": OPERATOR.0, "password": OPERATOR.1});
        let response = visitor.post(&shop.url, "/api/v1/sessions", None, &log_in).await.expect("a response");
        let token = response.body["token"].as_str().unwrap_or_else(|| panic!("{response:?}")).to_owned();
        Self { token, ..visitor }
    }

    /// Adds one unit of a variant to the cart.
    pub async fn add(&self, shop: &str, sku: &str) -> Option<Response> {
        self.post(shop, "/api/v1/cart/line-items", None, &json!({"sku": sku, "quantity": 1})).await
    }

    /// The same with an idempotency key.
    pub async fn add_once(&self, shop: &str, key: &str, sku: &str) -> Option<Response> {
        self.post(shop, "/api/v1/cart/line-items", Some(key), &json!({"sku": sku, "quantity": 1})).await
    }

    /// Requests a page.
    pub async fn visit(&self, shop: &str, page: &str) -> Option<Response> {
        response(self.http.get(format!("{shop}{page}")).bearer_auth(&self.token)).await
    }

    /// Orders the cart.
    pub async fn check_out(&self, shop: &str, key: &str, card: &str) -> Option<Response> {
        let command = json!({
            "email": "ada@example.test",
            "shipping_address": {"name": "Ada", "line1": "Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"},
            "shipping_method": "standard",
            "payment_method": card,
        });
        self.post(shop, "/api/v1/checkout", Some(key), &command).await
    }

    /// Checks the payment of an order.
    pub async fn check_payment(&self, shop: &str, order_id: &str) -> Option<Response> {
        self.post(shop, &format!("/api/v1/orders/{order_id}/payment-checks"), None, &json!({})).await
    }

    /// The operator refunds an amount, or everything that is left.
    pub async fn refund(&self, shop: &str, order_id: &str, key: &str, amount: Option<Value>) -> Option<Response> {
        let command = amount.map_or_else(|| json!({"all": true}), |amount| json!({"amount": amount}));
        self.post(shop, &format!("/api/v1/admin/orders/{order_id}/refunds"), Some(key), &command).await
    }

    /// The operator cancels an order.
    pub async fn cancel(&self, shop: &str, order_id: &str) -> Option<Response> {
        self.post(shop, &format!("/api/v1/admin/orders/{order_id}/cancellation"), None, &json!({})).await
    }

    /// An order.
    pub async fn order(&self, shop: &str, order_id: &str) -> Response {
        self.get(shop, &format!("/api/v1/orders/{order_id}")).await
    }

    /// The shopper's orders.
    pub async fn orders(&self, shop: &str) -> Vec<Value> {
        let response = self.get(shop, "/api/v1/orders?limit=100").await;
        response.body["items"].as_array().unwrap_or_else(|| panic!("no list: {response:?}")).clone()
    }

    /// Confirms on the bank's page.
    pub async fn approve(&self, bank_page: &str) {
        let request = self.http.post(bank_page).header("content-type", "application/x-www-form-urlencoded");
        // The bank redirects the browser to the shop, which may be down.
        let _ = request.body("answer=approve").send().await;
    }

    async fn get(&self, shop: &str, path: &str) -> Response {
        self.visit(shop, path).await.expect("a response")
    }

    async fn post(&self, shop: &str, path: &str, key: Option<&str>, body: &Value) -> Option<Response> {
        let mut request = self.http.post(format!("{shop}{path}")).bearer_auth(&self.token).json(body);
        request = request.header("x-forwarded-for", self.address.to_string());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        response(request).await
    }
}

async fn response(request: reqwest::RequestBuilder) -> Option<Response> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let content_type = header("content-type").unwrap_or_default().to_owned();
    let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
    let bytes = response.bytes().await.ok()?;
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Some(Response { status, content_type, retry_after, body })
}
