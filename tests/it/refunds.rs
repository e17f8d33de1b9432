//! Refunds whose answer got lost and whose key the provider has forgotten, refunds that somebody made at the provider, and
//! refunds that the bank returned. The shop's own id, which the provider keeps with a refund, decides: money is given back
//! once, what was given back is never called refused, and what somebody else gave back is never taken for it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use shopease_payments::fake::{Command, DisputeStatus, Ledger};
use shopease_payments::sign;
use shopease_shop::domain::{Currency, Money, RefundId};
use shopease_shop::ports::{Clock as _, PaymentError, SharedStore};
use shopease_shop::services::{Invariant, audit};
use shopease_shop::testing::fixtures;
use time::Duration;

use crate::fronted::{Before, Fronted};
use crate::harness::{Client, TestShop, WEBHOOK_SECRET, on_stores, text};

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
        let give_back = |minor: i64, refund_id: Option<RefundId>| {
            let ledger = self.ledger.lock().expect("not poisoned").clone().expect("a ledger");
            let intent_id = ledger.captures()[0].intent_id.clone();
            let amount = Money::new(minor, Currency::EUR);
            ledger
                .execute(&format!("before {key}"), Command::Refund { intent_id, amount, refund_id })
                .expect("given back");
        };
        let asked = *self.asked.lock().expect("not poisoned");
        // `<order>:<attempt>:refund:<refund>`
        let ours = key.rsplit(':').next().and_then(|id| id.parse().ok());
        match trouble {
            Trouble::DoneAndForgotten => {
                give_back(asked, ours);
                Err(PaymentError::Unknown("the answer is lost".to_owned()))
            }
            Trouble::DoneBetween => {
                give_back(asked, ours);
                Ok(())
            }
            Trouble::ByOthers(minor) => {
                give_back(minor, None);
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

    async fn order(&mut self) -> Value {
        self.operator.get(&format!("/api/v1/orders/{}", self.order)).await.json()
    }

    /// Somebody refunds in the provider's dashboard.
    fn give_back_at_the_provider(&self, minor: i64) {
        let intent_id = self.shop.ledger.captures()[0].intent_id.clone();
        let amount = Money::new(minor, Currency::EUR);
        let command = Command::Refund { intent_id, amount, refund_id: None };
        self.shop.ledger.execute(&format!("dashboard {minor}"), command).expect("given back");
    }

    /// The bank returns the refund with this number.
    fn bank_returns_refund(&self, number: usize) {
        let intent_id = self.shop.ledger.captures()[0].intent_id.clone();
        let refund = self.shop.ledger.find(&intent_id).expect("an intent").refunds[number].id.clone();
        self.shop
            .ledger
            .execute(&format!("fail {refund}"), Command::FailRefund { intent_id, refund })
            .expect("returned");
    }

    /// The provider sends its newest event.
    async fn webhook(&self) {
        let event = self.shop.ledger.events().pop().expect("an event");
        let body = serde_json::to_vec(&event).expect("JSON");
        let signature = sign(&SecretString::from(WEBHOOK_SECRET), self.shop.clock.now(), &body);
        let request = Request::post("/api/v1/payments/webhooks").header("shopease-signature", signature);
        let answer = self.shop.client().send(request.body(Body::from(body)).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    }

    /// What the provider has given back in all.
    fn given_back(&self) -> i64 {
        self.shop.ledger.captures()[0].refunded.amount_minor
    }

    fn requests(&self) -> usize {
        *self.front.refunds.lock().expect("not poisoned")
    }
}

fn sources(order: &Value) -> Vec<&str> {
    let refunds = order["refunds"].as_array().expect("a list");
    refunds.iter().map(|refund| refund["source"].as_str().expect("text")).collect()
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

async fn what_others_gave_back_is_not_taken_for_a_refund_that_was_refused(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    // Somebody gives back another sum meanwhile, so that ours is too much.
    let (most, others) = (scene.total - 100, 300);
    let order = scene.refund("one", most, Some(Trouble::ByOthers(others))).await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["refused", "succeeded"], &json!("partially_refunded")));
    assert_eq!((sources(&order), scene.given_back()), (vec!["shop", "provider"], others));
    assert_eq!(order["refundable"]["amount_minor"], scene.total - others);
    assert_eq!(scene.requests(), 1, "it is not asked for again");
    scene.shop.assert_books_agree().await;
}

async fn the_same_sum_given_back_by_others_is_booked_beside_the_shops_own(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.give_back_at_the_provider(700);
    // Nobody told the shop, and the amounts agree: the shop asks all the same.
    let order = scene.refund("one", 700, None).await;
    assert_eq!((states(&order), sources(&order)), (vec!["succeeded", "succeeded"], vec!["provider", "shop"]));
    assert_eq!((scene.given_back(), scene.requests()), (1_400, 1));
    // Also when the answer is lost.
    let order = scene.refund("two", 700, Some(Trouble::DoneAndForgotten)).await;
    assert_eq!(states(&order), ["succeeded", "succeeded", "requested"]);
    assert_eq!((states(&scene.later().await), scene.given_back()), (vec!["succeeded"; 3], 2_100));
    assert_eq!(scene.requests(), 2);
    scene.shop.assert_books_agree().await;
}

async fn a_refund_made_at_the_provider_is_booked_by_its_webhook(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.give_back_at_the_provider(700);
    let report =
        audit(&*scene.shop.store, &scene.shop.provider, true, scene.shop.clock.now()).await.expect("the books");
    assert!(report.violations.iter().any(|found| found.invariant == Invariant::Money), "{report:?}");
    for _ in 0..2 {
        scene.webhook().await;
        let order = scene.order().await;
        assert_eq!((states(&order), sources(&order)), (vec!["succeeded"], vec!["provider"]));
        assert_eq!((&order["state"], &order["payment_state"]), (&json!("paid"), &json!("partially_refunded")));
        assert_eq!(order["refundable"]["amount_minor"], scene.total - 700);
    }
    assert_eq!(scene.shop.topics().await, ["order.placed", "order.paid", "order.refunded"]);
    for (path, client) in [("/admin/orders", scene.operator.clone()), ("/orders", scene.shop.visitor("ada"))] {
        let page = { client }.get(&format!("{path}/{}", scene.order)).await.text();
        assert!(page.contains("Issued at the payment provider") && page.contains("€7.00"), "{page}");
    }
    scene.shop.assert_books_agree().await;
}

async fn all_of_it_given_back_at_the_provider_cancels_and_restocks(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.give_back_at_the_provider(scene.total);
    // The shopper looks.
    let path = format!("/api/v1/orders/{}/payment-checks", scene.order);
    let order = scene.shop.visitor("ada").post(&path, &json!({})).await.json();
    assert_eq!((&order["state"], &order["payment_state"]), (&json!("cancelled"), &json!("refunded")));
    assert_eq!(scene.shop.levels("KETTLE").await, (10, 0, 0));
    let cancel = format!("/api/v1/admin/orders/{}/cancellation", scene.order);
    assert_eq!(scene.operator.post(&cancel, &json!({})).await.rules(), ["invalid_value"], "it is cancelled already");
    scene.shop.assert_books_agree().await;
}

async fn a_cancellation_refunds_what_others_have_left(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.give_back_at_the_provider(700);
    let cancel = format!("/api/v1/admin/orders/{}/cancellation", scene.order);
    let order = scene.operator.post(&cancel, &json!({})).await.json();
    assert_eq!((&order["state"], &order["payment_state"]), (&json!("cancelled"), &json!("refunded")));
    assert_eq!((scene.given_back(), scene.requests()), (scene.total, 1));
    scene.shop.assert_books_agree().await;
}

async fn a_refund_that_the_bank_returns_is_failed_and_made_again(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund("one", 500, None).await;
    scene.bank_returns_refund(0);
    scene.webhook().await;
    let order = scene.order().await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["failed"], &json!("captured")));
    assert_eq!(order["refunds"][0]["failure_code"], "lost_or_stolen_card");
    assert_eq!(order["refundable"]["amount_minor"], scene.total);
    assert_eq!(scene.shop.topics().await.pop().as_deref(), Some("order.refund_failed"), "operators are told");
    let page = scene.operator.get(&format!("/admin/orders/{}", scene.order)).await.text();
    assert!(page.contains("Refund returned by the bank"), "{page}");
    scene.shop.assert_books_agree().await;
    let order = scene.refund("two", 500, None).await;
    assert_eq!((states(&order), scene.given_back()), (vec!["failed", "succeeded"], 500));
    scene.shop.assert_books_agree().await;
}

async fn money_of_a_cancelled_order_that_was_returned_is_owed_until_it_is_refunded_again(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund("one", scene.total, None).await;
    scene.bank_returns_refund(0);
    scene.webhook().await;
    let order = scene.order().await;
    assert_eq!((&order["state"], states(&order)), (&json!("cancelled"), vec!["failed"]));
    assert_eq!(scene.shop.levels("KETTLE").await, (10, 0, 0), "the units were sold to nobody meanwhile");
    let page = scene.operator.get(&format!("/admin/orders/{}", scene.order)).await.text();
    assert!(page.contains("is still owed to the shopper"), "{page}");
    let report =
        audit(&*scene.shop.store, &scene.shop.provider, true, scene.shop.clock.now()).await.expect("the books");
    assert_eq!(report.violations.len(), 1, "{report:?}");
    let order = scene.refund("two", scene.total, None).await;
    assert_eq!((&order["state"], states(&order)), (&json!("cancelled"), vec!["failed", "succeeded"]));
    assert_eq!(scene.shop.levels("KETTLE").await, (10, 0, 0));
    scene.shop.assert_books_agree().await;
}

async fn a_dispute_is_seen_and_nothing_is_refunded_beside_it(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    for (state, wire, topic, refundable) in [
        (DisputeStatus::Inquiry, "inquiry", "order.disputed", true),
        (DisputeStatus::Open, "open", "order.disputed", false),
        (DisputeStatus::Won, "won", "order.dispute_won", true),
        (DisputeStatus::Lost, "lost", "order.dispute_lost", false),
    ] {
        let intent_id = scene.shop.ledger.captures()[0].intent_id.clone();
        let report = { scene.shop.ledger.execute(wire, Command::Dispute { intent_id, state }) };
        assert!(report.is_ok(), "{report:?}");
        scene.webhook().await;
        let order = scene.order().await;
        assert_eq!(order["disputes"][0]["state"], wire);
        assert_eq!(order["refundable"]["amount_minor"] != json!(0), refundable, "{wire}");
        assert_eq!(scene.shop.topics().await.pop().as_deref(), Some(topic));
        let page = scene.operator.get(&format!("/admin/orders/{}", scene.order)).await.text();
        assert!(page.contains("fraudulent"), "{page}");
        assert_eq!(page.contains("The bank has taken the money"), state == DisputeStatus::Open, "{wire}");
        let list = scene.operator.get("/api/v1/admin/orders").await.json();
        assert_eq!(list["items"][0]["dispute"], wire, "{list}");
        scene.shop.assert_books_agree().await;
        if !refundable {
            let path = format!("/api/v1/admin/orders/{}", scene.order);
            let refused = scene.operator.post_once(&format!("{path}/refunds"), wire, &json!({"all": true})).await;
            assert_eq!(refused.json()["errors"][0]["rule"], "not_disputed", "{}", refused.text());
            let refused = scene.operator.post(&format!("{path}/cancellation"), &json!({})).await;
            assert_eq!(refused.json()["errors"][0]["rule"], "not_disputed", "{}", refused.text());
        }
    }
    assert_eq!(scene.requests(), 0);
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

on_stores!(
    on_dynamodb,
    on_postgres;
    a_part_is_given_back_once,
    all_of_it_is_done_though_the_provider_refuses,
    more_than_is_left_is_done_when_the_sum_says_so,
    what_others_gave_back_is_not_taken_for_a_refund_that_was_refused,
    the_same_sum_given_back_by_others_is_booked_beside_the_shops_own,
    a_refund_made_at_the_provider_is_booked_by_its_webhook,
    all_of_it_given_back_at_the_provider_cancels_and_restocks,
    a_cancellation_refunds_what_others_have_left,
    a_refund_that_the_bank_returns_is_failed_and_made_again,
    money_of_a_cancelled_order_that_was_returned_is_owed_until_it_is_refunded_again,
    a_dispute_is_seen_and_nothing_is_refunded_beside_it,
    a_refusal_that_changed_nothing_is_one,
);
