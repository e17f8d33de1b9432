//! A provider whose answers are slow, lost or wrong, and whose webhooks come not at all, twice, late, in another order,
//! forged or stale: 60 combinations. After each the worker finishes, and orders and ledger say the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use shopease_payments::sign;
use shopease_process::config::Reader;
use shopease_shop::config::ShopConfig;
use shopease_shop::ports::{Clock, LogSink, SystemClock, SystemIds, WebhookError};
use shopease_shop::services::{LocalShop, Worker, audit};
use shopease_shop::testing::MapEnv;
use shopease_storage::OpenStore;
use time::{Duration, OffsetDateTime};

use crate::shopper::{Answer, Shopper};
use crate::site::{SKUS, Shop, Site, Store, WEBHOOK_SECRET};

crate::both_stores!(
    requests_that_are_slow_or_lost_cost_no_money,
    answers_that_are_lost_or_wrong_cost_no_money,
    webhooks_that_lie_cost_no_money,
);

async fn requests_that_are_slow_or_lost_cost_no_money(store: Store) {
    meet(store, &of_every_operation(&FAULTS[..2])).await;
}

async fn answers_that_are_lost_or_wrong_cost_no_money(store: Store) {
    let mut troubles = of_every_operation(&FAULTS[2..]);
    troubles.extend((0..WEBHOOKS.len()).map(|webhooks| (Trouble::Forgotten, webhooks)));
    meet(store, &troubles).await;
}

async fn webhooks_that_lie_cost_no_money(store: Store) {
    let all: Vec<_> = (0..WEBHOOKS.len()).flat_map(|kind| [(Trouble::None, kind), (Trouble::All, kind)]).collect();
    meet(store, &all).await;
}

const FAULTS: [&str; 4] = ["delay", "drop_before", "drop_after", "error_500_after_commit"];
const OPERATIONS: [&str; 6] = ["create", "confirm", "capture", "retrieve", "cancel", "refund"];
/// What happens to webhooks: a fault, and its delay. Ten minutes are longer than the test: such webhooks never come.
const WEBHOOKS: [(&str, &str, u64); 6] = [
    ("none", "webhook_delay", 600_000),
    ("twice", "webhook_duplicate", 0),
    ("late", "webhook_delay", 700),
    ("reordered", "webhook_reorder", 0),
    ("forged", "webhook_forge", 0),
    ("stale", "webhook_stale", 0),
];
/// How often a fault happens in one combination: more often than whoever asks tries in one go.
const TIMES: u32 = 3;

/// How often a webhook comes that is signed as it should be.
fn copies(webhooks: usize) -> usize {
    match WEBHOOKS[webhooks].0 {
        "none" => 0,
        "twice" => 2,
        _ => 1,
    }
}

/// One way of things going wrong.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// Answers are as they should be.
    None,
    /// A fault of one operation.
    One(&'static str, &'static str),
    /// Answers to refunds are lost, and their keys forgotten.
    Forgotten,
    /// Every fault of every operation, each with a probability of 10%.
    All,
}

/// Every operation with these faults, each with two of the webhooks' troubles, so that each operation and each fault
/// meets every one of those.
fn of_every_operation(faults: &[&'static str]) -> Vec<(Trouble, usize)> {
    let mut all = Vec::new();
    for (row, fault) in faults.iter().enumerate() {
        for (column, operation) in OPERATIONS.into_iter().enumerate() {
            let trouble = Trouble::One(fault, operation);
            all.extend([row + column, row + column + 3].map(|webhooks| (trouble, webhooks % WEBHOOKS.len())));
        }
    }
    all
}

/// What an order must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Paid,
    /// Paid, and so much of it given back.
    PartlyRefunded(i64),
    Refunded,
    Cancelled,
}

/// An order that met trouble.
struct Case {
    shopper: Shopper,
    order_id: String,
    end: End,
}

/// Orders of five kinds meet one trouble after the other.
async fn meet(store: Store, troubles: &[(Trouble, usize)]) {
    let site = Site::open(store).await;
    let shop = site.serve(&[]).await;
    site.receiver.forward_to(&shop.url);
    let office = Office::open(&site).await;
    let operator = Shopper::operator(&site, &shop).await;
    a_forged_or_stale_webhook_changes_nothing(&site, &shop).await;
    let (mut cases, mut fired) = (Vec::new(), BTreeMap::new());
    for (number, (trouble, webhooks)) in troubles.iter().copied().enumerate() {
        let name = format!("{trouble:?} with webhooks {}", WEBHOOKS[webhooks].0);
        plan(&site, trouble, webhooks, number).await;
        let made = tokio::join!(
            approved(&site, &shop, number),
            declined(&site, &shop, number),
            asked_by_the_bank(&site, &shop, number),
            given_back(&site, &shop, &operator, number, matches!(trouble, Trouble::Forgotten).then_some(webhooks)),
            called_off(&site, &shop, &operator, number),
        );
        let made = [made.0, made.1, made.2, made.3, made.4];
        office.worker.run_once().await.expect("the worker runs");
        for fault in faults(&site).await["faults"].as_array().expect("a list") {
            *fired.entry(fault["kind"].to_string()).or_insert(0) += fault["fired"].as_u64().expect("a number");
        }
        if matches!(trouble, Trouble::All) {
            // The auditor asks about every payment, and gets an answer.
            plan(&site, Trouble::None, webhooks, number).await;
        }
        office.settle(&name).await;
        if let Trouble::One(fault, operation) = trouble {
            let times = &faults(&site).await["faults"][0]["fired"];
            assert_ne!(times, 0, "{fault} of {operation} never happened");
        }
        if matches!(trouble, Trouble::Forgotten) {
            // Once: who looks first does not ask again.
            assert_eq!(faults(&site).await["faults"][1]["fired"], 1, "{name}");
        }
        let ledger = site.ledger().await;
        for case in &made {
            check(&name, &shop, &ledger, case).await;
        }
        cases.extend(made);
    }
    site.http.delete(format!("{}/v1/faults", site.provider_url())).send().await.expect("an answer");
    // Late and reordered webhooks come, and change nothing any more.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    office.settle("at the end").await;
    let ledger = site.settled_ledger().await;
    for case in &cases {
        check("at the end", &shop, &ledger, case).await;
    }
    let collected = cases.iter().filter(|case| case.end != End::Cancelled).count() + 1;
    assert_eq!(ledger["captures"].as_array().map(Vec::len), Some(collected), "collected for paid orders alone");
    drop(office);
    shop.kill();
    site.audit().await;
    let webhooks = check_webhooks(&site);
    println!("{} orders, {collected} paid; faults {fired:?}; webhooks {webhooks:?}", cases.len());
    site.close().await;
}

/// Tells the provider what shall go wrong.
async fn plan(site: &Site, trouble: Trouble, webhooks: usize, seed: usize) {
    let mut faults = match trouble {
        Trouble::None => Vec::new(),
        Trouble::One(kind, operation) => {
            vec![json!({"kind": kind, "operation": operation, "count": TIMES, "delay_ms": 150})]
        }
        Trouble::Forgotten => ["drop_after", "forget_key"]
            .map(|kind| json!({"kind": kind, "operation": "refund", "count": TIMES}))
            .to_vec(),
        Trouble::All => FAULTS.map(|kind| json!({"kind": kind, "probability": 0.1, "delay_ms": 150})).to_vec(),
    };
    let (_, kind, delay_ms) = WEBHOOKS[webhooks];
    faults.push(json!({"kind": kind, "delay_ms": delay_ms}));
    let plan = json!({"seed": seed, "faults": faults});
    let answer = site.http.put(format!("{}/v1/faults", site.provider_url())).json(&plan).send().await;
    assert!(answer.expect("an answer").status().is_success(), "{plan}");
}

async fn faults(site: &Site) -> Value {
    let answer = site.http.get(format!("{}/v1/faults", site.provider_url())).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

/// A visitor orders: what the shop answered, with the order's id, whatever became of it.
async fn order(site: &Site, shop: &Shop, sku: usize, card: &str) -> (Shopper, Answer, String) {
    let shopper = Shopper::new(site);
    shopper.add(&shop.url, SKUS[sku % SKUS.len()]).await.expect("an answer");
    let answer = shopper.check_out(&shop.url, "once", card).await.expect("an answer");
    assert!(matches!(answer.status, 201 | 202 | 422), "{card}: {answer:?}");
    let orders = shopper.orders(&shop.url).await;
    assert_eq!(orders.len(), 1, "{card}: {answer:?}");
    let order_id = orders[0]["id"].as_str().expect("an id").to_owned();
    (shopper, answer, order_id)
}

async fn approved(site: &Site, shop: &Shop, number: usize) -> Case {
    let (shopper, answer, order_id) = order(site, shop, number, "card_approved").await;
    assert_ne!(answer.status, 422, "{answer:?}");
    Case { shopper, order_id, end: End::Paid }
}

async fn declined(site: &Site, shop: &Shop, number: usize) -> Case {
    let (shopper, answer, order_id) = order(site, shop, number + 1, "card_declined").await;
    assert_ne!(answer.status, 201, "{answer:?}");
    Case { shopper, order_id, end: End::Cancelled }
}

/// An order at the bank's page, once the provider has let it come so far.
async fn at_the_bank(site: &Site, shop: &Shop, sku: usize) -> (Shopper, String, String) {
    let (shopper, mut answer, order_id) = order(site, shop, sku, "card_requires_action").await;
    for _ in 0..20 {
        if let Some(page) = answer.body["payment_action_url"].as_str() {
            return (shopper, order_id, page.to_owned());
        }
        answer = shopper.check_payment(&shop.url, &order_id).await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    panic!("never sent to the bank: {answer:?}");
}

/// The shopper approves and comes back; every second one also asks at once.
async fn asked_by_the_bank(site: &Site, shop: &Shop, number: usize) -> Case {
    let (shopper, order_id, page) = at_the_bank(site, shop, number + 2).await;
    shopper.approve(&page).await;
    if number.is_multiple_of(2) {
        let answer = shopper.check_payment(&shop.url, &order_id).await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    Case { shopper, order_id, end: End::Paid }
}

/// Paid, then given back: a part, or all, each asked for twice with one key. If the provider forgets keys at once instead
/// of after a day, not before its webhooks came: who carries the order on because of one asks under the same key.
async fn given_back(site: &Site, shop: &Shop, operator: &Shopper, number: usize, after: Option<usize>) -> Case {
    let (shopper, mut answer, order_id) = order(site, shop, number + 3, "card_approved").await;
    for _ in 0..20 {
        if answer.states().0 == "paid" {
            break;
        }
        answer = shopper.check_payment(&shop.url, &order_id).await.expect("an answer");
    }
    assert_eq!(answer.states().0, "paid", "{answer:?}");
    if let Some(webhooks) = after {
        site.receiver.until_told(&order_id, copies(webhooks)).await;
    }
    let (amount, end) = if number.is_multiple_of(2) {
        (Some(json!({"amount_minor": 500, "currency": "EUR"})), End::PartlyRefunded(500))
    } else {
        (None, End::Refunded)
    };
    for _ in 0..2 {
        let answer = operator.refund(&shop.url, &order_id, "once", amount.clone()).await.expect("an answer");
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    Case { shopper, order_id, end }
}

/// The operator cancels while the bank waits for the shopper.
async fn called_off(site: &Site, shop: &Shop, operator: &Shopper, number: usize) -> Case {
    let (shopper, order_id, _) = at_the_bank(site, shop, number).await;
    let answer = operator.cancel(&shop.url, &order_id).await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    Case { shopper, order_id, end: End::Cancelled }
}

/// The order is what it must be, and the ledger says the same.
async fn check(name: &str, shop: &Shop, ledger: &Value, case: &Case) {
    let order = case.shopper.order(&shop.url, &case.order_id).await;
    let (state, payment) = match case.end {
        End::Paid => ("paid", &["captured"][..]),
        End::PartlyRefunded(_) => ("paid", &["partially_refunded"][..]),
        End::Refunded => ("cancelled", &["refunded"][..]),
        End::Cancelled => ("cancelled", &["declined", "voided"][..]),
    };
    assert_eq!(order.states().0, state, "{name}: {:?}: {order:?}", case.end);
    assert!(payment.contains(&order.states().1), "{name}: {:?}: {order:?}", case.end);
    let rows = ledger["captures"].as_array().expect("a list");
    let rows: Vec<_> = rows.iter().filter(|row| row["order_id"] == *case.order_id).collect();
    let total = order.body["total"]["amount_minor"].as_i64().expect("an amount");
    let refunded = match case.end {
        End::Cancelled => return assert!(rows.is_empty(), "{name}: {rows:?}"),
        End::Paid => 0,
        End::PartlyRefunded(part) => part,
        End::Refunded => total,
    };
    assert_eq!(rows.len(), 1, "{name}: {rows:?}");
    let money = (&rows[0]["captures"], &rows[0]["captured"]["amount_minor"], &rows[0]["refunded"]["amount_minor"]);
    assert_eq!(money, (&json!(1), &json!(total), &json!(refunded)), "{name}: {:?}", case.end);
}

/// An order that a webhook would take on, and that only the rightly signed one takes on.
async fn a_forged_or_stale_webhook_changes_nothing(site: &Site, shop: &Shop) {
    plan(site, Trouble::None, 0, 0).await;
    let (shopper, order_id, page) = at_the_bank(site, shop, 0).await;
    shopper.approve(&page).await;
    let before = shopper.order(&shop.url, &order_id).await;
    assert_eq!(before.states(), ("pending", "requires_action"));
    let intent_id = page.rsplit('/').next().expect("an id");
    let data = json!({"intent_id": intent_id, "order_id": order_id, "amount": before.body["total"]});
    let event = json!({"id": "evt_1", "type": "payment_intent.authorized", "created": 0, "data": data}).to_string();
    let now = SystemClock.now();
    let right = sign(&WEBHOOK_SECRET.into(), now, event.as_bytes());
    let wrong = [
        None,
        Some(String::new()),
        Some(sign(&"another secret".into(), now, event.as_bytes())),
        Some(sign(&WEBHOOK_SECRET.into(), now, b"another body")),
        Some(sign(&WEBHOOK_SECRET.into(), now - Duration::hours(1), event.as_bytes())),
        Some(sign(&WEBHOOK_SECRET.into(), now + Duration::hours(1), event.as_bytes())),
        Some(right.replace("v1=", "v0=")),
    ];
    let send = async |signature: Option<&str>| {
        let mut request = site.http.post(format!("{}/api/v1/payments/webhooks", shop.url)).body(event.clone());
        if let Some(signature) = signature {
            request = request.header("shopease-signature", signature);
        }
        request.send().await.expect("an answer").status().as_u16()
    };
    for signature in &wrong {
        assert_eq!(send(signature.as_deref()).await, 400, "{signature:?}");
        let after = shopper.order(&shop.url, &order_id).await;
        assert_eq!(after.body, before.body, "{signature:?}");
    }
    assert_eq!(send(Some(&right)).await, 204);
    assert_eq!(shopper.order(&shop.url, &order_id).await.states(), ("paid", "captured"));
}

/// Every webhook that came got the answer that its signature deserves; how many of each.
fn check_webhooks(site: &Site) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for seen in site.receiver.webhooks() {
        let (kind, wanted) = match &seen.flaw {
            None => ("right", 204),
            Some(WebhookError::Forged) => ("forged", 400),
            Some(WebhookError::Stale) => ("stale", 400),
            Some(WebhookError::Unreadable(_)) => ("unreadable", 400),
        };
        assert_eq!(seen.status, Some(wanted), "{kind}: {}", String::from_utf8_lossy(&seen.body));
        *counts.entry(kind.to_owned()).or_default() += 1;
    }
    for kind in ["right", "forged", "stale"] {
        assert!(counts.contains_key(kind), "{counts:?}");
    }
    counts
}

/// Worker and auditor beside the shop that serves, on its store. In this process, since there are many runs.
struct Office {
    store: OpenStore,
    payments: Arc<dyn shopease_shop::ports::PaymentProvider>,
    worker: Worker,
    clock: Arc<Ahead>,
}

/// A clock that can be set ahead.
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> OffsetDateTime {
        SystemClock.now() + Duration::seconds(self.0.load(Ordering::SeqCst))
    }
}

impl Office {
    async fn open(site: &Site) -> Self {
        let (store, payments) = site.open_beside().await;
        let clock = Arc::new(Ahead(AtomicI64::new(0)));
        let config = ShopConfig::read(&mut Reader::new(&MapEnv::default()));
        let shop =
            LocalShop::new(Arc::clone(&store.store), Arc::clone(&payments), clock.clone(), Arc::new(SystemIds), config);
        let worker = Worker::new(shop, Arc::new(LogSink));
        Self { store, payments, worker, clock }
    }

    /// Lets the worker finish what is open, and sees that the books agree.
    async fn settle(&self, name: &str) {
        for ahead in [61, 180, 420, 840, 1_200, 1_700] {
            self.clock.0.store(ahead, Ordering::SeqCst);
            let done = self.worker.run_once().await.expect("the worker runs");
            if done.still_open + done.failed > 0 {
                continue;
            }
            let report = audit(&*self.store.store, &*self.payments, true, self.clock.now()).await.expect("an audit");
            if report.violations.is_empty() {
                return;
            }
        }
        let report = audit(&*self.store.store, &*self.payments, true, self.clock.now()).await.expect("an audit");
        assert!(report.violations.is_empty(), "{name}: {report:?}");
    }
}
