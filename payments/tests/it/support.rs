//! Shared by the tests: a ledger, a running service, requests.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use shopease_payments::fake::service::{FaultPlan, ServiceConfig, WebhookConfig, serve};
use shopease_payments::fake::{Command, FakeProvider, Ledger};
use shopease_shop::domain::{Currency, Money, OrderId, RefundId};
use shopease_shop::ports::{ConfirmIntent, CreateIntent, PaymentIntent, PaymentProvider, RefundIntent};
use shopease_shop::testing::{FixedClock, SeededIds};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub const RETURN_URL: &str = "http://localhost:8080/orders/1?paid=1&x=%22";

pub fn secret() -> SecretString {
    SecretString::from("whsec_test")
}

pub fn eur(amount_minor: i64) -> Money {
    Money::new(amount_minor, Currency::EUR)
}

pub fn order(number: u32) -> OrderId {
    OrderId::derive(&number.to_string())
}

pub fn ledger() -> (Arc<Ledger>, FixedClock) {
    let clock = FixedClock::new();
    (Ledger::in_memory(Arc::new(clock.clone()), Arc::new(SeededIds::new(1))), clock)
}

pub fn create(method: &str) -> Command {
    Command::Create { order_id: order(1), amount: eur(2490), method: method.to_owned() }
}

pub fn confirm(intent_id: &str) -> Command {
    Command::Confirm { intent_id: intent_id.to_owned(), return_url: RETURN_URL.to_owned() }
}

pub fn authenticate(intent_id: &str, approved: bool) -> Command {
    Command::Authenticate { intent_id: intent_id.to_owned(), approved }
}

pub fn capture(intent_id: &str) -> Command {
    Command::Capture { intent_id: intent_id.to_owned() }
}

pub fn cancel(intent_id: &str) -> Command {
    Command::Cancel { intent_id: intent_id.to_owned() }
}

pub fn refund(intent_id: &str, amount: i64) -> Command {
    Command::Refund { intent_id: intent_id.to_owned(), amount: eur(amount), refund_id: None }
}

/// A service on its own port; it ends with this value.
pub struct Running {
    pub base: String,
    pub ledger: Arc<Ledger>,
    pub clock: FixedClock,
    server: AbortHandle,
}

impl Running {
    pub async fn start(plan: FaultPlan, webhook: Option<WebhookConfig>) -> Self {
        let (ledger, clock) = ledger();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let config = ServiceConfig { public_url: base.clone(), webhook, faults: plan };
        let server = tokio::spawn(serve(listener, Arc::clone(&ledger), config)).abort_handle();
        Self { base, ledger, clock, server }
    }

    pub fn provider(&self) -> FakeProvider {
        FakeProvider::remote(&self.base, secret()).expect("a provider")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub fn create_request(key: &str, method: &str) -> CreateIntent {
    CreateIntent {
        key: key.to_owned(),
        order_id: order(1),
        amount: eur(2490),
        method: method.to_owned(),
        email: "ada@example.com".parse().expect("an address"),
        return_url: RETURN_URL.to_owned(),
    }
}

pub fn confirm_request(key: &str, intent_id: &str) -> ConfirmIntent {
    ConfirmIntent {
        key: key.to_owned(),
        intent_id: intent_id.to_owned(),
        method: "card_approved".to_owned(),
        return_url: RETURN_URL.to_owned(),
    }
}

pub fn refund_request(key: &str, intent_id: &str, amount: i64) -> RefundIntent {
    RefundIntent {
        key: key.to_owned(),
        intent_id: intent_id.to_owned(),
        amount: eur(amount),
        order_id: order(1),
        refund_id: RefundId::derive(key),
    }
}

/// An authorized intent.
pub async fn authorized(provider: &dyn PaymentProvider) -> PaymentIntent {
    let intent = provider.create_intent(&create_request("create", "card_approved")).await.expect("an intent");
    provider.confirm(&confirm_request("confirm", &intent.id)).await.expect("a result")
}

/// Waits until a condition holds, at most 10 seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
