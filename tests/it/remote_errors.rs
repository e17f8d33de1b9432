//! Errors between `RemoteShop` and its backend: each kind is received as it was sent, and other responses count as unavailable or as an
//! internal error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use http::StatusCode;
use shopease_process::deadline;
use shopease_shared::client::RemoteShop;
use shopease_shared::http::Problem;
use shopease_shop::ShopError;
use shopease_shop::domain::{
    Field, Format, LineItemId, OrderId, PageLimit, RuleError, StockChange, Subject, ValueRule,
};
use shopease_shop::ports::WebhookError;
use shopease_shop::services::{
    Accounts as _, Carts as _, Catalog as _, Checkout as _, CorrectStock, CurrentCustomer, FindOrder, FindProduct,
    ListAllOrders, ListCategories, ListOrders, LogIn, LogOut, Operations as _, PlaceOrder, ProductStock, QuoteCart,
    Readiness as _, Register, RemoveLineItem, SetLineItem, ViewCart,
};
use shopease_shop::testing::{fixtures, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::harness::PASSWORD;
use crate::remote::{Server, add, caller, listen, listing, order, problem};

/// The errors of every use case of a shop at `url`.
async fn errors_at(url: &str) -> Vec<ShopError> {
    let shop = RemoteShop::new(url).expect("a plain http URL");
    let (ada, kettle, limit) = (caller("ada"), fixtures::handle("kettle"), PageLimit::DEFAULT);
    let quote = QuoteCart { country: "DE".parse().expect("a country"), region: None, shipping_method: None };
    let email = || "ada@example.com".parse().expect("an address");
    let register = Register { email: email(), name: "Ada".to_owned(), password: PASSWORD.to_owned() };
    let log_in = LogIn { email: email(), password: PASSWORD.to_owned() };
    let more = CorrectStock { sku: fixtures::sku("KETTLE"), change: StockChange::Adjust(1), client_key: None };
    let line = LineItemId::derive("KETTLE");
    let set = SetLineItem { id: line.clone(), quantity: 1.try_into().expect("a unit") };
    let errors = [
        shop.list_products(listing(None, None, None, 1)).await.err(),
        shop.find_product(FindProduct { handle: kettle.clone() }).await.err(),
        shop.list_categories(ListCategories).await.err(),
        shop.view_cart(&ada, ViewCart).await.err(),
        shop.add_line_item(&ada, add("KETTLE", 1)).await.err(),
        shop.set_line_item(&ada, set).await.err(),
        shop.remove_line_item(&ada, RemoveLineItem { id: line.clone() }).await.err(),
        shop.quote(&ada, quote).await.err(),
        shop.place_order(&ada, PlaceOrder { client_key: "k".to_owned(), ..order("card_approved") }).await.err(),
        shop.find_order(&ada, FindOrder { id: OrderId::derive("x"), access_key: None }).await.err(),
        shop.list_orders(&ada, ListOrders { after: None, limit }).await.err(),
        shop.register(&ada, register).await.err(),
        shop.log_in(&ada, log_in).await.err(),
        shop.current_customer(&ada, CurrentCustomer).await.err(),
        shop.list_all_orders(&ada, ListAllOrders { number: None, after: None, limit }).await.err(),
        shop.product_stock(&ada, ProductStock { handle: kettle.clone() }).await.err(),
        shop.correct_stock(&ada, more).await.err(),
        shop.log_out(&ada, LogOut).await.err(),
        shop.ready().await.err(),
    ];
    let count = errors.len();
    let errors: Vec<_> = errors.into_iter().flatten().collect();
    assert_eq!(errors.len(), count, "every use case fails");
    errors
}

#[tokio::test]
async fn every_kind_of_error_is_received_as_it_was_sent() {
    let kinds: [fn() -> ShopError; 20] = [
        || {
            ShopError::Rules(vec![
                RuleError::invalid(Field::Name, ValueRule::Line { min: 1, max: 120 }),
                RuleError::malformed(Field::IdempotencyKey, Format::IdempotencyKey),
                RuleError::Other {
                    code: "new".to_owned(),
                    field: Some("fïeld".to_owned()),
                    rule: Some("rule".to_owned()),
                    message: "reason \"x\"".to_owned(),
                },
                RuleError::TooManyLines { limit: 50 },
                RuleError::EmptyCart,
                RuleError::AmountTooLarge,
                RuleError::TotalChanged { expected: fixtures::eur(i64::MIN), actual: fixtures::eur(i64::MAX) },
            ])
        },
        || ShopError::NotFound { subject: Subject::Other("ärticle".to_owned()) },
        || ShopError::NotFound { subject: Subject::LineItem },
        || ShopError::SignInRequired,
        || ShopError::WrongCredentials,
        || ShopError::TooManyAttempts { retry_after_seconds: 40 },
        || ShopError::Forbidden,
        || ShopError::AlreadyExists { subject: Subject::Sku(fixtures::sku("Ä")) },
        || ShopError::AlreadyExists { subject: Subject::Email },
        || ShopError::OutOfStock { sku: fixtures::sku("KÄT/1") },
        || ShopError::Conflict,
        || ShopError::VersionChanged,
        || ShopError::IdempotencyKeyReused,
        || ShopError::IdempotencyKeyInUse { retry_after_seconds: 3 },
        || ShopError::WebhookRefused(WebhookError::Forged),
        || ShopError::WebhookRefused(WebhookError::Stale),
        || ShopError::WebhookRefused(WebhookError::Unreadable("no \"id\"".to_owned())),
        || ShopError::PaymentDeclined { code: "insufficient_funds".to_owned() },
        || ShopError::Unavailable { retry_after_seconds: 7, source: None },
        || ShopError::Internal("secret".into()),
    ];
    for kind in kinds {
        // Every request gets this problem.
        let server = Server::start(Router::new().fallback(any(move || async move { Problem::from(kind()) }))).await;
        for error in errors_at(&server.url).await {
            assert_eq!(problem(error), problem(kind()));
        }
    }
}

#[tokio::test]
async fn a_backend_that_is_down_is_unavailable() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for error in errors_at(&url).await {
        assert!(matches!(error, ShopError::Unavailable { retry_after_seconds: 1, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_load_balancers_error_is_unavailable() {
    for status in [
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
        StatusCode::TOO_MANY_REQUESTS,
    ] {
        let server =
            Server::start(Router::new().fallback(any(move || async move { (status, "<html>busy</html>") }))).await;
        for error in errors_at(&server.url).await {
            assert!(matches!(error, ShopError::Unavailable { .. }), "{status}: {error:?}");
        }
    }
}

#[tokio::test]
async fn an_incomplete_response_is_unavailable() {
    let (url, listener) = listen().await;
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"items\":").await;
        }
    });
    for error in errors_at(&url).await {
        assert!(matches!(error, ShopError::Unavailable { .. }), "{error:?}");
    }
    task.abort();
}

#[tokio::test]
async fn an_unknown_response_is_an_internal_error() {
    for (status, body) in
        [(StatusCode::OK, "<html>"), (StatusCode::FOUND, ""), (StatusCode::BAD_REQUEST, "{\"type\":\"/problems/new\"}")]
    {
        let server = Server::start(Router::new().fallback(any(move || async move { (status, body) }))).await;
        let shop = server.shop();
        for error in
            [shop.list_categories(ListCategories).await.err(), shop.view_cart(&caller("ada"), ViewCart).await.err()]
        {
            assert!(matches!(error, Some(ShopError::Internal(_))), "{status}: {error:?}");
        }
    }
    for url in ["https://backend", "backend:8080", "", "ftp://backend", "mailto:a@b"] {
        assert!(RemoteShop::new(url).is_err(), "{url}");
    }
}

/// A backend that accepts every request and disconnects. Counts the requests.
async fn disconnecting_backend() -> (String, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let (url, listener) = listen().await;
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (url, count, task)
}

#[tokio::test]
async fn repeatable_requests_are_tried_three_times_within_the_budget() {
    let (url, count, task) = disconnecting_backend().await;
    let (ada, shop) = (caller("ada"), RemoteShop::new(&url).expect("a plain http URL"));
    let tries = || count.swap(0, Ordering::SeqCst);
    assert!(shop.list_categories(ListCategories).await.is_err());
    assert_eq!(tries(), 3, "a read");
    assert!(shop.place_order(&ada, PlaceOrder { client_key: "k".to_owned(), ..order("card_approved") }).await.is_err());
    assert_eq!(tries(), 3, "a write with a key");
    assert!(shop.add_line_item(&ada, add("KETTLE", 1)).await.is_err());
    assert_eq!(tries(), 1, "a write without a key");
    assert!(shop.ready().await.is_err());
    assert_eq!(tries(), 1, "a probe");
    let late = deadline::scope(Instant::now() + Duration::from_millis(100), shop.list_categories(ListCategories));
    assert!(late.await.is_err());
    assert_eq!(tries(), 0, "the rest of the deadline is kept for the response");

    let begun = Instant::now();
    for _ in 0..200 {
        assert!(shop.list_categories(ListCategories).await.is_err());
    }
    let (tries, floor) = (tries(), usize::try_from(begun.elapsed().as_secs()).expect("few") + 1);
    assert!(tries >= 220, "{tries}: a tenth of the requests at least");
    assert!(tries <= 200 + 20 + 20 + floor, "{tries}: a tenth of the requests, what was saved, one a second");
    task.abort();
}

#[tokio::test]
async fn a_503_of_the_backend_is_not_retried() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let answer = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Problem::from(ShopError::Unavailable { retry_after_seconds: 7, source: None }) }
    };
    let server = Server::start(Router::new().fallback(any(answer))).await;
    let error = server.shop().list_categories(ListCategories).await.err();
    assert!(matches!(error, Some(ShopError::Unavailable { retry_after_seconds: 7, .. })), "{error:?}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
