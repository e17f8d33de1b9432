//! Interrupted checkouts: a provider without a clear response, a process that crashes between two steps, and resuming with the same
//! key.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::StatusCode;
use serde_json::Value;
use shopease_shop::ports::{PaymentError, SharedStore};
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::fronted::{Before, Fronted};
use crate::harness::{Answer, Client, TestShop, both_stores, text};

both_stores!(
    without_a_clear_response_the_order_is_pending_and_its_stock_reserved,
    the_same_key_resumes_after_the_lease,
    a_crashed_checkout_resumes_where_it_stopped,
    concurrent_resumptions_sell_once,
    a_late_decline_restores_stock_and_cart,
);

/// A fault at a step of the provider.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Nothing,
    Silent(&'static str),
    Dies(&'static str),
}

/// Every step of a payment.
const STEPS: [&str; 3] = ["create", "confirm", "capture"];

/// A fault in front of the provider, and a log of the calls.
#[derive(Debug)]
struct Faulty {
    fault: Mutex<Fault>,
    calls: Mutex<Vec<String>>,
}

impl Faulty {
    /// Sets the fault.
    fn set(&self, fault: Fault) {
        *self.fault.lock().expect("not poisoned") = fault;
    }

    /// The idempotency keys of the calls at a step of an order.
    fn calls(&self, order: &Value, step: &str) -> Vec<String> {
        let (calls, order) = (self.calls.lock().expect("not poisoned"), text(&order["id"]));
        calls.iter().filter(|key| key.starts_with(&order) && key.ends_with(step)).cloned().collect()
    }

    fn note(&self, step: &str, key: &str) -> Result<(), PaymentError> {
        self.calls.lock().expect("not poisoned").push(key.to_owned());
        let fault = *self.fault.lock().expect("not poisoned");
        match fault {
            Fault::Silent(at) if at == step => {
                Err(PaymentError::Unknown("secret of the provider: timed out".to_owned()))
            }
            Fault::Dies(at) => {
                assert!(at != step, "secret of the process: it dies here");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Before for Faulty {
    async fn before(&self, operation: &'static str, key: &str) -> Result<(), PaymentError> {
        self.note(operation, key)
    }
}

/// A shop with faults in front of its provider and ten kettles in stock, and a visitor.
async fn faulty_shop(store: SharedStore) -> (TestShop, Arc<Fronted<Faulty>>, Client) {
    let mut faulty = None;
    let shop = TestShop::with_payments(store, |provider| {
        let front = Faulty { fault: Mutex::new(Fault::Nothing), calls: Mutex::default() };
        let provider = Arc::new(Fronted { front, provider });
        faulty = Some(provider.clone());
        provider
    });
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let client = shop.visitor("ada");
    (shop, faulty.expect("the shop has a provider"), client)
}

/// Adds two kettles to the cart and orders them while the provider has a fault.
async fn order_with_fault(client: &mut Client, provider: &Fronted<Faulty>, fault: Fault, key: &str) -> Answer {
    assert_eq!(client.add("KETTLE", 2).await.status, StatusCode::CREATED);
    provider.front.set(fault);
    client.check_out(key, "card_approved").await
}

fn assert_key_is_in_use(answer: &Answer) {
    assert_eq!(answer.problem(), (409, "idempotency-key-in-use".to_owned()));
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
}

async fn orders(client: &mut Client) -> Vec<Value> {
    client.get("/api/v1/orders").await.json()["items"].as_array().expect("rows").clone()
}

async fn without_a_clear_response_the_order_is_pending_and_its_stock_reserved(shop: TestShop) {
    let (shop, provider, mut client) = faulty_shop(shop.store).await;
    let mut held = 0;
    for step in STEPS {
        let answer = order_with_fault(&mut client, &provider, Fault::Silent(step), step).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{step}: {}", answer.text());
        let order = answer.json();
        assert_eq!((&order["state"], &order["payment_state"]), (&"pending".into(), &"unknown".into()), "{step}");
        assert_eq!(client.get(answer.header("location")).await.json(), order, "{step}");
        held += 2;
        assert_eq!(shop.levels("KETTLE").await, (10 - held, held, 0), "{step}: unknown is not failed");
        assert_eq!(client.cart().await["units"], 0, "{step}: what may be paid is not offered again");
        let again = client.check_out(step, "card_approved").await;
        assert_eq!(
            (again.status, again.json()),
            (StatusCode::ACCEPTED, order),
            "{step}: the same, and nothing is asked"
        );
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
    assert_eq!(shop.topics().await, ["order.placed"; 3]);
    provider.front.set(Fault::Nothing);
    shop.settle().await;
    shop.assert_books_agree().await;
}

async fn the_same_key_resumes_after_the_lease(shop: TestShop) {
    let (shop, provider, mut client) = faulty_shop(shop.store).await;
    let mut sold = 0;
    for step in STEPS {
        let waiting = order_with_fault(&mut client, &provider, Fault::Silent(step), step).await.json();
        shop.clock.advance(Duration::seconds(31));
        let still = client.check_out(step, "card_approved").await;
        assert_eq!((still.status, &still.json()["id"]), (StatusCode::ACCEPTED, &waiting["id"]), "{step}: still silent");
        provider.front.set(Fault::Nothing);
        let paid = client.check_out(step, "card_approved").await;
        assert_eq!(paid.status, StatusCode::CREATED, "{step}: {}", paid.text());
        assert_eq!((&paid.json()["id"], &paid.json()["state"]), (&waiting["id"], &"paid".into()), "{step}");
        let again = client.check_out(step, "card_approved").await;
        assert_eq!((again.status, again.body), (paid.status, paid.body), "{step}");
        sold += 2;
        assert_eq!(shop.levels("KETTLE").await, (10 - sold, 0, sold), "{step}");
        for asked in STEPS {
            let mut keys = provider.front.calls(&waiting, asked);
            keys.dedup();
            assert_eq!(keys.len(), 1, "{step}: one {asked} under one key, however often it is asked");
        }
    }
    assert_eq!(orders(&mut client).await.len(), STEPS.len());
    shop.assert_books_agree().await;
}

async fn a_crashed_checkout_resumes_where_it_stopped(shop: TestShop) {
    let (shop, provider, mut client) = faulty_shop(shop.store).await;
    let mut sold = 0;
    for step in STEPS {
        let died = order_with_fault(&mut client, &provider, Fault::Dies(step), step).await;
        assert_eq!(died.problem(), (500, "internal".to_owned()), "{step}");
        assert!(!died.text().contains("secret"), "{}", died.text());
        assert_key_is_in_use(&client.check_out(step, "card_approved").await);
        provider.front.set(Fault::Nothing);
        shop.clock.advance(Duration::seconds(31));
        let paid = client.check_out(step, "card_approved").await;
        assert_eq!(paid.status, StatusCode::CREATED, "{step}: {}", paid.text());
        sold += 2;
        assert_eq!(shop.levels("KETTLE").await, (10 - sold, 0, sold), "{step}");
        let calls = STEPS.map(|asked| provider.front.calls(&paid.json(), asked).len());
        let expected = match step {
            "create" => [2, 1, 1],
            // Once the intent is recorded, it is not created again.
            "confirm" => [1, 2, 1],
            // Once authorized, only the capture is repeated.
            _ => [1, 1, 2],
        };
        assert_eq!(calls, expected, "{step}");
    }
    assert_eq!(orders(&mut client).await.len(), STEPS.len(), "one order per key");
    shop.assert_books_agree().await;
}

async fn concurrent_resumptions_sell_once(shop: TestShop) {
    let (shop, provider, mut client) = faulty_shop(shop.store).await;
    let waiting = order_with_fault(&mut client, &provider, Fault::Silent("capture"), "key").await.json();
    provider.front.set(Fault::Nothing);
    shop.clock.advance(Duration::seconds(31));
    let resumed: Vec<_> = (0..8)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.check_out("key", "card_approved").await })
        })
        .collect();
    for answer in resumed {
        let answer = answer.await.expect("an answer");
        // Losers of the race respond from the stored order: paid, or still pending.
        assert!(answer.status.is_success(), "{}", answer.text());
        assert_eq!(text(&answer.json()["id"]), text(&waiting["id"]));
    }
    assert_eq!(client.check_out("key", "card_approved").await.status, StatusCode::CREATED);
    assert_eq!(shop.levels("KETTLE").await, (8, 0, 2));
    assert_eq!(shop.topics().await, ["order.placed", "order.paid"]);
    shop.assert_books_agree().await;
}

async fn a_late_decline_restores_stock_and_cart(shop: TestShop) {
    let (shop, provider, mut client) = faulty_shop(shop.store).await;
    client.add("KETTLE", 2).await;
    provider.front.set(Fault::Silent("confirm"));
    assert_eq!(client.check_out("key", "card_declined").await.status, StatusCode::ACCEPTED);
    client.add("KETTLE", 1).await;
    provider.front.set(Fault::Nothing);
    shop.clock.advance(Duration::seconds(31));
    let declined = client.check_out("key", "card_declined").await;
    assert_eq!(declined.problem(), (422, "payment-declined".to_owned()));
    assert_eq!(shop.levels("KETTLE").await, (10, 0, 0));
    assert_eq!(client.cart_lines().await, [("KETTLE".to_owned(), 3)], "merged with what was added in the meantime");
    assert_eq!(shop.topics().await, ["order.placed", "order.cancelled"]);
    shop.assert_books_agree().await;
}
