//! Refunds whose response was lost and whose key has expired at the provider, refunds made at the provider, and refunds returned by the
//! bank. They are matched by the shop's refund ID, which the provider stores: each refund is made once, a completed refund is never
//! marked as refused, and a refund made elsewhere is never mistaken for the shop's.

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

/// A fault at the provider for a refund requested by the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The refund is made, but the response is lost and the key expires.
    DoneAndForgotten,
    /// The same, and then the request is treated as new, as if the refund was made between retrieving and requesting.
    DoneBetween,
    /// This amount is refunded elsewhere before the request.
    ByOthers(i64),
    /// The request is rejected.
    Refused,
}

#[derive(Default)]
struct Front {
    trouble: Mutex<Vec<Trouble>>,
    ledger: Mutex<Option<Arc<Ledger>>>,
    /// Amount requested by the shop, in cents.
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

/// A shop with a paid order, its operator, and the fault of the next refund.
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

    /// Requests a refund with this fault. Returns the order.
    async fn refund(&mut self, key: &str, minor: i64, trouble: Option<Trouble>) -> Value {
        *self.front.asked.lock().expect("not poisoned") = minor;
        self.front.trouble.lock().expect("not poisoned").extend(trouble);
        let path = format!("/api/v1/admin/orders/{}/refunds", self.order);
        let body = json!({"amount": {"amount_minor": minor, "currency": "EUR"}});
        let answer = self.operator.post_once(&path, key, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()
    }

    /// The order after the worker has run.
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

    /// A refund in the provider's dashboard.
    fn refund_at_the_provider(&self, minor: i64) {
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

    /// Total refunded at the provider.
    fn refunded(&self) -> i64 {
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

async fn a_partial_refund_is_made_once(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let asked = scene.refund("one", 500, Some(Trouble::DoneAndForgotten)).await;
    assert_eq!((states(&asked), &asked["payment_state"]), (vec!["requested"], &json!("captured")), "not known yet");
    let order = scene.later().await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["succeeded"], &json!("partially_refunded")));
    assert_eq!((scene.refunded(), scene.requests()), (500, 1), "the refund is found and not requested again");
    // The next refund is made as usual.
    let order = scene.refund("two", 70, None).await;
    assert_eq!((states(&order), scene.refunded()), (vec!["succeeded", "succeeded"], 570));
    scene.shop.assert_books_agree().await;
}

async fn a_full_refund_is_booked_although_the_provider_rejects_the_retry(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let total = scene.total;
    let order = scene.refund("one", total, Some(Trouble::DoneBetween)).await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["succeeded"], &json!("refunded")));
    assert_eq!((&order["state"], scene.refunded()), (&json!("cancelled"), total));
    assert_eq!(scene.shop.levels("KETTLE").await, (10, 0, 0));
    scene.shop.assert_books_agree().await;
}

async fn a_rejected_retry_of_a_refund_is_booked_if_the_refund_exists(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let most = scene.total - 100;
    let order = scene.refund("one", most, Some(Trouble::DoneBetween)).await;
    assert_eq!((states(&order), scene.refunded()), (vec!["succeeded"], most), "rejected as too much, but made");
    scene.shop.assert_books_agree().await;
}

async fn a_refund_made_elsewhere_is_not_mistaken_for_a_rejected_one(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    // Another amount is refunded elsewhere in the meantime, so that ours is too much.
    let (most, others) = (scene.total - 100, 300);
    let order = scene.refund("one", most, Some(Trouble::ByOthers(others))).await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["refused", "succeeded"], &json!("partially_refunded")));
    assert_eq!((sources(&order), scene.refunded()), (vec!["shop", "provider"], others));
    assert_eq!(order["refundable"]["amount_minor"], scene.total - others);
    assert_eq!(scene.requests(), 1, "it is not requested again");
    scene.shop.assert_books_agree().await;
}

async fn an_equal_refund_made_elsewhere_is_booked_in_addition_to_the_shops_own(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund_at_the_provider(700);
    // The shop does not know of it, and the amounts are equal: the shop's refund is still requested.
    let order = scene.refund("one", 700, None).await;
    assert_eq!((states(&order), sources(&order)), (vec!["succeeded", "succeeded"], vec!["provider", "shop"]));
    assert_eq!((scene.refunded(), scene.requests()), (1_400, 1));
    // Also when the response is lost.
    let order = scene.refund("two", 700, Some(Trouble::DoneAndForgotten)).await;
    assert_eq!(states(&order), ["succeeded", "succeeded", "requested"]);
    assert_eq!((states(&scene.later().await), scene.refunded()), (vec!["succeeded"; 3], 2_100));
    assert_eq!(scene.requests(), 2);
    scene.shop.assert_books_agree().await;
}

async fn a_refund_made_at_the_provider_is_booked_by_its_webhook(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund_at_the_provider(700);
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

async fn a_full_refund_at_the_provider_cancels_and_restocks(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund_at_the_provider(scene.total);
    // The shopper polls the order.
    let path = format!("/api/v1/orders/{}/payment-checks", scene.order);
    let order = scene.shop.visitor("ada").post(&path, &json!({})).await.json();
    assert_eq!((&order["state"], &order["payment_state"]), (&json!("cancelled"), &json!("refunded")));
    assert_eq!(scene.shop.levels("KETTLE").await, (10, 0, 0));
    let cancel = format!("/api/v1/admin/orders/{}/cancellation", scene.order);
    assert_eq!(scene.operator.post(&cancel, &json!({})).await.rules(), ["invalid_value"], "it is already canceled");
    scene.shop.assert_books_agree().await;
}

async fn a_cancellation_refunds_the_remaining_amount(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund_at_the_provider(700);
    let cancel = format!("/api/v1/admin/orders/{}/cancellation", scene.order);
    let order = scene.operator.post(&cancel, &json!({})).await.json();
    assert_eq!((&order["state"], &order["payment_state"]), (&json!("cancelled"), &json!("refunded")));
    assert_eq!((scene.refunded(), scene.requests()), (scene.total, 1));
    scene.shop.assert_books_agree().await;
}

async fn a_refund_returned_by_the_bank_fails_and_can_be_repeated(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund("one", 500, None).await;
    scene.bank_returns_refund(0);
    scene.webhook().await;
    let order = scene.order().await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["failed"], &json!("captured")));
    assert_eq!(order["refunds"][0]["failure_code"], "lost_or_stolen_card");
    assert_eq!(order["refundable"]["amount_minor"], scene.total);
    assert_eq!(scene.shop.topics().await.pop().as_deref(), Some("order.refund_failed"), "operators are notified");
    let page = scene.operator.get(&format!("/admin/orders/{}", scene.order)).await.text();
    assert!(page.contains("Refund returned by the bank"), "{page}");
    scene.shop.assert_books_agree().await;
    let order = scene.refund("two", 500, None).await;
    assert_eq!((states(&order), scene.refunded()), (vec!["failed", "succeeded"], 500));
    scene.shop.assert_books_agree().await;
}

async fn a_returned_refund_of_a_canceled_order_is_owed_until_it_is_refunded_again(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund("one", scene.total, None).await;
    scene.bank_returns_refund(0);
    scene.webhook().await;
    let order = scene.order().await;
    assert_eq!((&order["state"], states(&order)), (&json!("cancelled"), vec!["failed"]));
    assert_eq!(scene.shop.levels("KETTLE").await, (10, 0, 0), "the units are still in stock");
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

async fn a_disputed_payment_cannot_be_refunded(store: SharedStore) {
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
        assert_eq!(page.contains("The bank withholds the money"), state == DisputeStatus::Open, "{wire}");
        let list = scene.operator.get("/api/v1/admin/orders").await.json();
        assert_eq!(list["items"][0]["dispute"], wire, "{list}");
        scene.shop.assert_books_agree().await;
        if !refundable {
            let path = format!("/api/v1/admin/orders/{}", scene.order);
            let refused = scene.operator.post_once(&format!("{path}/refunds"), wire, &json!({"all": true})).await;
            assert_eq!(refused.json()["errors"][0]["rule"], "not_disputed", "{}", refused.text());
            let canceled = scene.operator.post(&format!("{path}/cancellation"), &json!({})).await;
            if state == DisputeStatus::Open {
                assert_eq!(canceled.json()["errors"][0]["rule"], "not_disputed", "{}", canceled.text());
            } else {
                assert_eq!(canceled.json()["state"], "cancelled", "nothing is left to refund: {}", canceled.text());
                assert_eq!(scene.shop.levels("KETTLE").await, (10, 0, 0));
                scene.shop.assert_books_agree().await;
            }
        }
    }
    assert_eq!(scene.requests(), 0);
}

async fn an_order_whose_rest_is_lost_in_a_dispute_can_be_canceled(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    scene.refund_at_the_provider(500);
    scene.webhook().await;
    let intent_id = scene.shop.ledger.captures()[0].intent_id.clone();
    let lost = Command::Dispute { intent_id, state: DisputeStatus::Lost };
    scene.shop.ledger.execute("lost", lost).expect("disputed");
    scene.webhook().await;
    let order = scene.order().await;
    assert_eq!((&order["state"], &order["refundable"]["amount_minor"]), (&json!("paid"), &json!(0)), "{order}");
    let path = format!("/api/v1/admin/orders/{}/cancellation", scene.order);
    let canceled = scene.operator.post(&path, &json!({})).await;
    assert_eq!(canceled.json()["state"], "cancelled", "{}", canceled.text());
    scene.shop.assert_books_agree().await;
}

async fn a_long_report_of_the_provider_is_booked_in_parts(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let intent_id = scene.shop.ledger.captures()[0].intent_id.clone();
    for number in 0..130 {
        let (intent_id, amount) = (intent_id.clone(), Money::new(1, Currency::EUR));
        let command = Command::Refund { intent_id, amount, refund_id: None };
        scene.shop.ledger.execute(&format!("cent {number}"), command).expect("given back");
    }
    scene.webhook().await;
    let order = scene.order().await;
    assert_eq!(states(&order), ["succeeded"; 130]);
    assert_eq!(order["refundable"]["amount_minor"], scene.total - 130);
    scene.shop.assert_books_agree().await;
}

async fn a_rejection_without_effect_is_a_refused_refund(store: SharedStore) {
    let mut scene = Scene::open(store).await;
    let order = scene.refund("one", 500, Some(Trouble::Refused)).await;
    assert_eq!((states(&order), &order["payment_state"]), (vec!["refused"], &json!("captured")));
    assert_eq!(scene.refunded(), 0);
    let order = scene.refund("two", 500, None).await;
    assert_eq!((states(&order), scene.refunded()), (vec!["refused", "succeeded"], 500));
    scene.shop.assert_books_agree().await;
}

on_stores!(
    on_dynamodb,
    on_postgres;
    a_partial_refund_is_made_once,
    a_full_refund_is_booked_although_the_provider_rejects_the_retry,
    a_rejected_retry_of_a_refund_is_booked_if_the_refund_exists,
    a_refund_made_elsewhere_is_not_mistaken_for_a_rejected_one,
    an_equal_refund_made_elsewhere_is_booked_in_addition_to_the_shops_own,
    a_refund_made_at_the_provider_is_booked_by_its_webhook,
    a_full_refund_at_the_provider_cancels_and_restocks,
    a_cancellation_refunds_the_remaining_amount,
    a_refund_returned_by_the_bank_fails_and_can_be_repeated,
    a_returned_refund_of_a_canceled_order_is_owed_until_it_is_refunded_again,
    a_disputed_payment_cannot_be_refunded,
    an_order_whose_rest_is_lost_in_a_dispute_can_be_canceled,
    a_long_report_of_the_provider_is_booked_in_parts,
    a_rejection_without_effect_is_a_refused_refund,
);
