//! Refunds whose answer got lost and whose key the provider has forgotten: the amounts at the provider decide, so that money
//! is given back once, and what was given back is never called refused.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::StatusCode;
use serde_json::{Value, json};
use shopease_payments::fake::{Command, Ledger};
use shopease_shop::domain::{Currency, Money};
use shopease_shop::ports::{PaymentError, SharedStore};
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::fronted::{Before, Fronted};
use crate::harness::{Client, TestShop, text};

/// What happens at the provider before a refund that the shop asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// It is done, but the answer is lost and the key forgotten.
    DoneAndForgotten,
    /// The same, and then the shop's request is seen as a new one. As if it was done between the shop's look and its request.
    DoneBetween,
    /// So much is given back by somebody else, then the shop's request is seen.
    ByOthers(i64),
    /// The shop's request is refused.
    Refused,
}

#[derive(Default)]
struct Front {
    trouble: Mutex<Vec<Trouble>>,
    ledger: Mutex<Option<Arc<Ledger>>>,
    /// What the shop asks for, in cents.
    asked: Mutex<i64>,
    refunds: Mutex<usize>,
}

#[async_trait]
impl Before for Arc<Front> {
    async fn before(&self, operation: &'static str, key: &str) -> Result<(), PaymentError> {
        if operation != "refund" {
            return Ok(());
        }
        *self.refunds.lock().expect("not poisoned") += 1;
        let Some(trouble) = self.trouble.lock().expect("not poisoned").pop() else { return Ok(()) };
        let give_back = |minor: i64| {
            let ledger = self.ledger.lock().expect("not poisoned").clone().expect("a ledger");
            let intent_id = ledger.captures()[0].intent_id.clone();
            let amount = Money::new(minor, Currency::EUR);
            ledger.execute(&format!("before {key}"), Command::Refund { intent_id, amount }).expect("given back");
        };
        let asked = *self.asked.lock().expect("not poisoned");
        match trouble {
            Trouble::DoneAndForgotten => {
                give_back(asked);
                Err(PaymentError::Unknown("the answer is lost".to_owned()))
            }
            Trouble::DoneBetween => {
                give_back(asked);
                Ok(())
            }
            Trouble::ByOthers(minor) => {
                give_back(minor);
                Ok(())
            }
            Trouble::Refused => Err(PaymentError::Refused { code: "expired_or_canceled_card".to_owned() }),
        }
    }
}

/// A shop with a paid order, its operator, and what the provider does to the next refund.
struct Scene {
    shop: TestShop,
    front: Arc<Front>,
    operator: Client,
    order: String,
    total: i64,
}

impl Scene {
    async fn open(store: SharedStore) -> Self {
        let front = Arc::new(Front::default());
        let shop = TestShop::with_payments(store, |provider| Arc::new(Fronted { front: Arc::clone(&front), provider }));
        *front.ledger.lock().expect("not poisoned") = Some(Arc::clone(&shop.ledger));
        shop.sell(&fixtures::product("kettle").build(), 10).await;
        let mut client = shop.visitor("ada");
        client.add("KETTLE", 2).await;
        let placed = client.check_out("paid", "card_approved").await;
        assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
        let placed = placed.json();
        let (order, total) = (text(&placed["id"]), placed["total"]["amount_minor"].as_i64().expect("an amount"));
        let operator = shop.operator().await;
        Self { shop, front, operator, order, total }
    }

    /// Asks for a refund that meets this trouble: the order.
    async fn refund(&mut self, key: &str, minor: i64, trouble: Option<Trouble>) -> Value {
        *self.front.asked.lock().expect("not poisoned") = minor;
        self.front.trouble.lock().expect("not poisoned").extend(trouble);
        let path = format!("/api/v1/admin/orders/{}/refunds", self.order);
        let body = json!({"amount": {"amount_minor": minor, "currency": "EUR"}});
        let answer = self.operator.post_once(&path, key, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()
    }

    /// The order after the worker has had its time.
    async fn later(&mut self) -> Value {
        for minutes in [2, 6] {
            self.shop.clock.advance(Duration::minutes(minutes));
            self.shop.work().await;
        }
        self.operator.get(&format!("/api/v1/orders/{}", self.order)).await.json()
    }

    /// What the provider has given back in all.
    fn given_back(&self) -> i64 {
        self.shop.ledger.captures()[0].refunded.amount_minor
    }

    fn requests(&self) -> usize {
        *self.front.refunds.lock().expect("not poisoned")
    }
}

fn states(order: &Value) -> Vec<&str> {
    order["refunds"].as_array().expect("a list").iter().map(|refund| refund["state"].as_str().expect("text")).collect()
}

async fn a_part_is_given_back_once(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let asked = scene.refund("one", 500, Some(Trouble::DoneAndForgotten)).await;
    assert_eq!((states(&asked), &asked["payment_state"]), (vec!["requested"], &json!("captured")), "not known yet");
    let order = scene.later().await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["succeeded"], &json!("partially_refunded")));
    assert_eq!((scene.given_back(), scene.requests()), (500, 1), "who looks first does not ask again");
    // The next one counts from there.
    let order = scene.refund("two", 70, None).await;
    assert_eq!((states(&order), scene.given_back()), (vec!["succeeded", "succeeded"], 570));
    scene.shop.assert_books_agree().await;
}

async fn all_of_it_is_done_though_the_provider_refuses(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let total = scene.total;
    let order = scene.refund("one", total, Some(Trouble::DoneBetween)).await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["succeeded"], &json!("refunded")));
    assert_eq!((&order["state"], scene.given_back()), (&json!("cancelled"), total));
    assert_eq!(scene.shop.levels("KETTLE").await, (10, 0, 0));
    scene.shop.assert_books_agree().await;
}

async fn more_than_is_left_is_done_when_the_sum_says_so(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let most = scene.total - 100;
    let order = scene.refund("one", most, Some(Trouble::DoneBetween)).await;
    assert_eq!((states(&order), scene.given_back()), (vec!["succeeded"], most), "refused as too much, and yet done");
    scene.shop.assert_books_agree().await;
}

async fn in_doubt_nothing_is_called_refused(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    // Somebody gives back another sum meanwhile, so that ours is too much.
    let (most, others) = (scene.total - 100, 300);
    let order = scene.refund("one", most, Some(Trouble::ByOthers(others))).await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["requested"], &json!("captured")));
    let order = scene.later().await;
    assert_eq!((states(&order), scene.given_back()), (vec!["requested"], others), "it stays open");
    assert_eq!(scene.requests(), 1, "and is not asked for again");
}

async fn a_refusal_that_changed_nothing_is_one(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let order = scene.refund("one", 500, Some(Trouble::Refused)).await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["refused"], &json!("captured")));
    assert_eq!(scene.given_back(), 0);
    let order = scene.refund("two", 500, None).await;
    assert_eq!((states(&order), scene.given_back()), (vec!["refused", "succeeded"], 500));
    scene.shop.assert_books_agree().await;
}

/// Stamps each test for each store.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_dynamodb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                shopease_storage::testing::on_dynamodb(super::$name).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let name = concat!(module_path!(), "::", stringify!($name));
                shopease_storage::testing::on_postgres(name, super::$name).await;
            })*
        }
    };
}
on_both!(
    a_part_is_given_back_once,
    all_of_it_is_done_though_the_provider_refuses,
    more_than_is_left_is_done_when_the_sum_says_so,
    in_doubt_nothing_is_called_refused,
    a_refusal_that_changed_nothing_is_one,
);
