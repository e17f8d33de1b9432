//! A store that always fails: visitors see that it failed, but no details.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use http::{Method, Request, header};
use serde_json::json;
use shopease_process::config::Reader;
use shopease_shared::client::RemoteShop;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::App;
use shopease_shared::http::api::settings::SettingsDocument;
use shopease_shared::http::routes::{self, Surface};
use shopease_shop::domain::{
    Cart, CartOwner, Category, Customer, CustomerId, EmailAddress, Handle, Order, OrderId, OrderSummary,
    OutboxMessageId, Page, PageLimit, Position, Product, ProductSummary, SearchTerms, Session, Sku, StockChange,
    StockLevel, Token,
};
use shopease_shop::ports::{
    AccountStore, AttemptKey, AttemptStore, AuditPage, AuditStore, CartStore, CatalogStore, Claim, Claimed, Consumer,
    Dispatched, FailedAttempts, Health, IdempotencyKey, IdempotencyRecord, IdempotencyStore, KeyAnswer, OrderAdvance,
    OrderOfEmail, OrderStore, OutboxMessage, OutboxStore, Placement, ProductListing, PurgeStore, Purged, SessionStore,
    SettingsStore, SettingsVersion, StatusListing, StockStore, StoreError, Upserted, VersionedProduct,
    VersionedSettings,
};
use shopease_shop::services::Services;
use shopease_shop::testing::{MapEnv, SeededIds, fixtures};
use time::OffsetDateTime;

use crate::harness::{Client, TestShop, address, order_with};
use crate::routes::example;

/// Always fails with the same error.
struct FailingStore(fn() -> StoreError);

/// Implements ports with methods that always fail.
macro_rules! fails {
    ($($port:ident { $($method:ident($($argument:ident: $type:ty),*) -> $value:ty;)* })*) => {$(
        #[async_trait]
        impl $port for FailingStore {
            $(async fn $method(&self, $($argument: $type),*) -> Result<$value, StoreError> {
                $(let _ = $argument;)*
                Err((self.0)())
            })*
        }
    )*};
}

fails! {
    CatalogStore {
        upsert_product(a: &Product, b: &SearchTerms) -> Upserted;
        insert_product(a: &Product, b: &SearchTerms) -> u64;
        update_product(a: u64, b: &Product, c: &SearchTerms) -> u64;
        delete_product(a: &Handle, b: u64) -> bool;
        find_versioned_product(a: &Handle) -> Option<VersionedProduct>;
        list_handles(a: &StatusListing) -> Page<Handle>;
        find_products(a: &[Handle]) -> Vec<Product>;
        find_products_by_sku(a: &[Sku]) -> Vec<Product>;
        list_products(a: &ProductListing) -> Page<ProductSummary>;
        list_categories() -> Vec<Category>;
        remove_empty_category(a: &Handle) -> ();
        has_products() -> bool;
    }
    StockStore {
        find_stock_levels(a: &[Sku]) -> Vec<StockLevel>;
        initialize_stock(a: &[(Sku, u32)]) -> Vec<Sku>;
        correct_stock(a: &Sku, b: StockChange) -> StockLevel;
        move_available(a: &Sku, b: &Sku) -> Option<u32>;
        replace_stock_level_under_key(a: Option<&StockLevel>, b: &StockLevel, c: &KeyAnswer) -> ();
    }
    CartStore {
        find_cart(a: &CartOwner, b: OffsetDateTime) -> Option<Cart>;
        save_cart(a: &Cart, b: OffsetDateTime) -> ();
        save_cart_under_key(a: &Cart, b: OffsetDateTime, c: &KeyAnswer) -> ();
        merge_carts(a: &Cart, b: &Cart, c: OffsetDateTime) -> ();
    }
    OrderStore {
        place_order(a: &Placement) -> Claimed;
        advance_order(a: &OrderAdvance) -> ();
        find_order(a: &OrderId) -> Option<Order>;
        list_orders_of(a: &CartOwner, b: Option<&Position>, c: PageLimit) -> Page<OrderSummary>;
        list_orders_by_email(a: &EmailAddress, b: Option<&Position>, c: PageLimit) -> Page<OrderOfEmail>;
        list_orders(a: Option<&Position>, b: PageLimit) -> Page<OrderSummary>;
        list_due_orders(a: OffsetDateTime) -> Vec<OrderId>;
    }
    OutboxStore {
        insert_outbox_message(a: &OutboxMessage) -> ();
        remove_outbox_message(a: &OutboxMessageId) -> ();
        list_outbox() -> Vec<OutboxMessage>;
        dispatch(a: &[Dispatched], b: OffsetDateTime) -> ();
        list_backlog(a: Consumer, b: Option<&OutboxMessageId>) -> Vec<OutboxMessage>;
        remove_from_backlog(a: Consumer, b: &[OutboxMessageId]) -> ();
        take_outbox_lease(a: &str, b: OffsetDateTime, c: OffsetDateTime) -> bool;
        renew_outbox_lease(a: &str, b: OffsetDateTime) -> bool;
        release_outbox_lease(a: &str) -> ();
    }
    PurgeStore {
        purge(a: OffsetDateTime) -> Purged;
    }
    AccountStore {
        insert_customer(a: &Customer) -> ();
        find_customer_by_email(a: &EmailAddress) -> Option<Customer>;
        find_customer(a: &CustomerId) -> Option<Customer>;
        replace_customer(a: &Customer, b: &Customer) -> ();
        remove_customer(a: &Customer) -> ();
    }
    AttemptStore {
        find_failed_attempts(a: &[AttemptKey], b: OffsetDateTime) -> Vec<Option<FailedAttempts>>;
        count_failed_attempt(a: &[AttemptKey], b: OffsetDateTime, c: OffsetDateTime) -> ();
    }
    SessionStore {
        insert_session(a: &Session) -> ();
        find_session(a: &str, b: OffsetDateTime) -> Option<Session>;
        list_sessions(a: &CustomerId, b: OffsetDateTime) -> Vec<Session>;
        remove_sessions(a: &[Session]) -> ();
    }
    IdempotencyStore {
        find_idempotency_record(a: &IdempotencyKey, b: OffsetDateTime) -> Option<IdempotencyRecord>;
        claim_idempotency_key(a: &Claim, b: OffsetDateTime) -> Claimed;
        release_idempotency_key(a: &IdempotencyKey) -> ();
    }
    AuditStore {
        audit_page(a: Option<&str>) -> AuditPage;
    }
    SettingsStore {
        find_settings_version() -> u64;
        find_settings(a: u64) -> Option<VersionedSettings>;
        insert_settings(a: &VersionedSettings) -> ();
        list_settings_versions() -> Vec<SettingsVersion>;
    }
    Health {
        check() -> ();
    }
}

/// Driver message that no visitor may see.
const SECRET: &str = "connection to 10.0.0.7:5432 as shopease_app refused: password=hunter2";

/// A valid body, so that each write reaches the store.
fn body(path: &str, surface: Surface, csrf: &str) -> (&'static str, String) {
    if path.starts_with("/admin/settings/images/") {
        let part = |name: &str, value: &str| {
            format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let form = format!("{}{}--b--\r\n", part("csrf", csrf), part("action", "remove"));
        return ("multipart/form-data; boundary=b", form);
    }
    if surface == Surface::Page {
        let fields = "sku=KETTLE&quantity=1&change=adjust&units=1&email=a@example.com&password=long+enough&name=A\
            &line1=B&city=C&postal_code=D&country=DE&currency=EUR&action=place&shipping_method=standard&payment_method=card_approved\
            &new_password=long+enough&number=0GXB7-65C6F&expected_total=2480+EUR&idempotency_key=k&version=1&expected_version=2&end=others";
        return ("application/x-www-form-urlencoded", format!("csrf={csrf}&{fields}"));
    }
    if path == "/api/v1/admin/pictures" {
        return ("application/octet-stream", "GIF89a".to_owned());
    }
    let body = match path {
        "/api/v1/checkout" => order_with("card_approved"),
        "/api/v1/checkout/quote" => json!({"country": "DE"}),
        "/api/v1/accounts" => json!({"email": "a@example.com", "name": "A", "password": "long enough"}),
        "/api/v1/sessions" | "/api/v1/accounts/me/email" => {
            json!({"email": "a@example.com", "password": "long enough"})
        }
        "/api/v1/order-links" => json!({"number": "0GXB7-65C6F", "email": "a@example.com"}),
        "/api/v1/password-resets" => json!({"email": "a@example.com"}),
        "/api/v1/accounts/me/name" => json!({"name": "A"}),
        "/api/v1/accounts/me/password" => json!({"password": "long enough", "new_password": "long enough"}),
        "/api/v1/accounts/me/deletion" => json!({"password": "long enough"}),
        "/api/v1/email-confirmations" | "/api/v1/password" => {
            json!({"token": "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV.00", "password": "long enough"})
        }
        path if path.starts_with("/api/v1/accounts/me/addresses") => json!({"address": address()}),
        "/api/v1/admin/settings" => {
            json!({"expected_version": 1, "settings": SettingsDocument::from(fixtures::settings())})
        }
        path if path == "/api/v1/admin/products" || path.starts_with("/api/v1/admin/products/") => {
            let price = json!({"amount_minor": 1990, "currency": "EUR"});
            json!({"title": "A", "status": "draft", "variants": [{"sku": "A", "price": price}]})
        }
        "/api/v1/admin/settings/restorations" => json!({"version": 1, "expected_version": 2}),
        path if path.ends_with("/fulfillments") => json!({"event": "shipped"}),
        path if path.ends_with("/refunds") => json!({"all": true}),
        "/api/v1/admin/stock-corrections" => json!({"sku": "KETTLE", "change": "adjust", "units": 1}),
        "/api/v1/cart/line-items" => json!({"sku": "KETTLE", "quantity": 1}),
        _ => json!({"quantity": 1}),
    };
    ("application/json", body.to_string())
}

async fn assert_every_route_fails(error: fn() -> StoreError, status: u16, kind: &str, retry_after: &str) {
    let shop = TestShop::new(Arc::new(FailingStore(error))).with_mail();
    let mut failed = 0;
    for route in routes::all() {
        let mut client = shop.client();
        let token = Token::session([3; 32]);
        client.carry(&token);
        let path = example(route.path);
        if path == "/api/v1/payments/webhooks" {
            // Its signature cannot be valid here.
            continue;
        }
        let query = match path.as_str() {
            "/search" => "?q=kettle",
            "/api/v1/checkout/payment-options" => "?amount_minor=2490&currency=EUR",
            _ => "",
        };
        let (content_type, text) = body(&path, route.surface, &token.csrf());
        let request = Request::builder().method(&route.method).uri(format!("{path}{query}"));
        let request = request.header(header::CONTENT_TYPE, content_type).header("idempotency-key", "k");
        let request = request.header(header::IF_MATCH, "\"1\"");
        let body = if route.method == Method::GET { Body::empty() } else { Body::from(text) };
        let answer = client.send(request.body(body).expect("a request")).await;
        let name = format!("{} {path}: {}", route.method, answer.text());
        for part in ["10.0.0.7", "shopease_app", "hunter2", "password=", "refused", "panicked", "src/"] {
            assert!(!answer.text().contains(part) || path == "/api/openapi.json", "{part} in {name}");
        }
        if answer.status.is_success() || answer.status.is_redirection() {
            let needs_no_store = [
                "/healthz",
                "/assets/shop.css",
                "/robots.txt",
                "/api/v1/checkout/payment-options",
                // Neutral while no settings are known.
                "/theme.css",
                "/favicon.svg",
                "/api/openapi.json",
                "/api/docs",
                "/api/docs/swagger-ui.css",
                "/search",
                "/login",
                "/register",
                "/orders/find",
                "/password/forgot",
                // These redirect without reading the store: to a list, and to the form while there is no input.
                "/categories",
                "/orders",
                "/checkout/review",
            ];
            assert!(needs_no_store.contains(&path.as_str()), "{name}");
            continue;
        }
        failed += 1;
        let ready = path == "/readyz";
        let expected = if ready { 503 } else { status };
        assert_eq!(answer.status.as_u16(), expected, "{name}");
        assert_eq!(answer.header("retry-after"), if ready { "1" } else { retry_after }, "{name}");
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        if route.surface == Surface::Api {
            assert_eq!(answer.problem(), (status, kind.to_owned()), "{name}");
        } else {
            assert!(answer.header("content-type").starts_with("text/html"), "{name}");
            assert!(ready || answer.text().contains("href=\"/\""), "a way onward: {name}");
        }
    }
    assert!(failed > 30, "{failed} routes need the store");
}

#[tokio::test]
async fn an_unavailable_store_is_reported_without_details() {
    assert_every_route_fails(|| StoreError::Unavailable(SECRET.into()), 503, "unavailable", "1").await;
}

#[tokio::test]
async fn a_throttling_store_is_reported_with_retry_after() {
    assert_every_route_fails(|| StoreError::Throttled(SECRET.into()), 503, "unavailable", "1").await;
}

#[tokio::test]
async fn a_corrupt_store_is_an_internal_error() {
    assert_every_route_fails(|| StoreError::Corrupt(SECRET.into()), 500, "internal", "").await;
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_the_process_continues() {
    let mut client = TestShop::new(Arc::new(FailingStore(|| panic!("{SECRET}")))).client();
    assert_eq!(client.get("/api/v1/cart").await.problem(), (500, "internal".to_owned()));
    // An order is placed in its own task.
    let order = client.post_once("/api/v1/checkout", "k", &order_with("card_approved")).await;
    assert_eq!(order.problem(), (500, "internal".to_owned()));
    let page = client.get("/products").await;
    assert_eq!(page.status, 500);
    assert!(page.header("content-type").starts_with("text/html") && page.text().contains("href=\"/\""));
    assert_eq!(page.header("x-request-id").len(), 26);
    for answer in [order, page] {
        assert!(!answer.text().contains("hunter2") && !answer.text().contains("panicked"), "{}", answer.text());
    }
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn the_process_stays_up_while_its_store_is_unavailable() {
    let shop = TestShop::new(Arc::new(FailingStore(|| StoreError::Unavailable(SECRET.into()))));
    assert_eq!(shop.client().get("/healthz").await.status, 200);
    assert_eq!(shop.client().get("/readyz").await.status, 503);
    let sku = fixtures::sku("KETTLE");
    assert!(shop.store.find_stock_levels(&[sku]).await.is_err());
}

/// A failover of the database takes one to two minutes; a load balancer replaces a task after half a minute of failed checks.
#[tokio::test]
async fn no_target_is_unhealthy_while_the_store_is_unavailable() {
    let load_balancer = include_str!("../../terraform/modules/alb/main.tf");
    let check = load_balancer.split_once("health_check {").expect("a health check").1;
    let path = check.split('"').nth(1).expect("its path");
    let shop = TestShop::new(Arc::new(FailingStore(|| StoreError::Unavailable(SECRET.into()))));
    for probe in 0..12 {
        assert_eq!(shop.client().get("/api/v1/cart").await.status, 503, "the store is away");
        assert_eq!(shop.client().get(path).await.status, 200, "probe {probe} of {path}");
    }
    // The frontend of a backend that cannot be reached.
    let nobody = Services::of(RemoteShop::new("http://127.0.0.1:1").expect("an address"));
    let app = App::new(nobody, Arc::new(SeededIds::new(8)), HttpConfig::read(&mut Reader::new(&MapEnv::new([]))));
    let mut frontend = Client::new(shopease_shared::http::frontend(app));
    assert_eq!(frontend.get("/cart").await.status, 503);
    assert_eq!(frontend.get(path).await.status, 200, "{path} of the frontend");
}
