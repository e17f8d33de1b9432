//! A provider whose responses are slow, lost, or wrong, and whose webhooks are missing, duplicated, late, reordered,
//! forged, or stale: 60 combinations. After each, the worker finishes, and orders and ledger are consistent.

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

use crate::shopper::{Response, Shopper};
use crate::site::{SKUS, Shop, Site, Store, WEBHOOK_SECRET};

crate::both_stores!(
    slow_or_lost_requests_lose_no_money,
    lost_or_wrong_responses_lose_no_money,
    wrong_webhooks_lose_no_money,
);

async fn slow_or_lost_requests_lose_no_money(store: Store) {
    run_faults(store, &of_every_operation(&FAULTS[..2])).await;
}

async fn lost_or_wrong_responses_lose_no_money(store: Store) {
    let mut troubles = of_every_operation(&FAULTS[2..]);
    troubles.extend((0..WEBHOOKS.len()).map(|webhooks| (Trouble::Forgotten, webhooks)));
    run_faults(store, &troubles).await;
}

async fn wrong_webhooks_lose_no_money(store: Store) {
    let all: Vec<_> = (0..WEBHOOKS.len()).flat_map(|kind| [(Trouble::None, kind), (Trouble::All, kind)]).collect();
    run_faults(store, &all).await;
}

const FAULTS: [&str; 4] = ["delay", "drop_before", "drop_after", "error_500_after_commit"];
const OPERATIONS: [&str; 6] = ["create", "confirm", "capture", "retrieve", "cancel", "refund"];
/// Faults of webhooks, with delays. Ten minutes are longer than the test, so such webhooks never arrive.
const WEBHOOKS: [(&str, &str, u64); 6] = [
    ("none", "webhook_delay", 600_000),
    ("twice", "webhook_duplicate", 0),
    ("late", "webhook_delay", 700),
    ("reordered", "webhook_reorder", 0),
    ("forged", "webhook_forge", 0),
    ("stale", "webhook_stale", 0),
];
/// Occurrences of a fault in one combination: more than the attempts of one call.
const TIMES: u32 = 3;

/// Number of times that a validly signed webhook arrives.
fn copies(webhooks: usize) -> usize {
    match WEBHOOKS[webhooks].0 {
        "none" => 0,
        "twice" => 2,
        _ => 1,
    }
}

/// One kind of fault.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// No fault.
    None,
    /// A fault of one operation.
    One(&'static str, &'static str),
    /// Responses to refunds are lost, and their keys forgotten.
    Forgotten,
    /// Every fault of every operation, each with a probability of 10%.
    All,
}

/// Every operation with these faults, each with two of the webhook faults, so that each operation and each fault is
/// combined with every webhook fault.
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

/// The expected final state of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Paid,
    /// Paid, and this amount of it refunded.
    PartlyRefunded(i64),
    Refunded,
    Cancelled,
}

/// An order that was affected by a fault.
struct Case {
    shopper: Shopper,
    order_id: String,
    end: End,
}

/// Orders of five kinds are subjected to one fault after the other.
async fn run_faults(store: Store, troubles: &[(Trouble, usize)]) {
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
            confirmed_at_the_bank(&site, &shop, number),
            refunded(&site, &shop, &operator, number, matches!(trouble, Trouble::Forgotten).then_some(webhooks)),
            cancelled(&site, &shop, &operator, number),
        );
        let made = [made.0, made.1, made.2, made.3, made.4];
        office.worker.run_once().await.expect("the worker runs");
        for fault in faults(&site).await["faults"].as_array().expect("a list") {
            *fired.entry(fault["kind"].to_string()).or_insert(0) += fault["fired"].as_u64().expect("a number");
        }
        if matches!(trouble, Trouble::All) {
            // The audit queries every payment, and gets a response.
            plan(&site, Trouble::None, webhooks, number).await;
        }
        office.settle(&name).await;
        if let Trouble::One(fault, operation) = trouble {
            let times = &faults(&site).await["faults"][0]["fired"];
            assert_ne!(times, 0, "{fault} of {operation} never happened");
        }
        if matches!(trouble, Trouble::Forgotten) {
            // Once, because a first check does not query again.
            assert_eq!(faults(&site).await["faults"][1]["fired"], 1, "{name}");
        }
        let ledger = site.ledger().await;
        for case in &made {
            check(&name, &shop, &ledger, case).await;
        }
        cases.extend(made);
    }
    site.http.delete(format!("{}/v1/faults", site.provider_url())).send().await.expect("a response");
    // Late and reordered webhooks arrive, and change nothing anymore.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    office.settle("at the end").await;
    let ledger = site.settled_ledger().await;
    for case in &cases {
        check("at the end", &shop, &ledger, case).await;
    }
    let collected = cases.iter().filter(|case| case.end != End::Cancelled).count() + 1;
    assert_eq!(ledger["captures"].as_array().map(Vec::len), Some(collected), "captured only for paid orders");
    drop(office);
    shop.kill();
    site.audit().await;
    let webhooks = check_webhooks(&site);
    println!("{} orders, {collected} paid; faults {fired:?}; webhooks {webhooks:?}", cases.len());
    site.close().await;
}

/// Configures the provider's faults.
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
    let response = site.http.put(format!("{}/v1/faults", site.provider_url())).json(&plan).send().await;
    assert!(response.expect("a response").status().is_success(), "{plan}");
}

async fn faults(site: &Site) -> Value {
    let response = site.http.get(format!("{}/v1/faults", site.provider_url())).send().await.expect("a response");
    response.json().await.expect("JSON")
}

/// A visitor orders. Returns the shop's response and the order's ID, whatever its result.
async fn order(site: &Site, shop: &Shop, sku: usize, card: &str) -> (Shopper, Response, String) {
    let shopper = Shopper::new(site);
    shopper.add(&shop.url, SKUS[sku % SKUS.len()]).await.expect("a response");
    let response = shopper.check_out(&shop.url, "once", card).await.expect("a response");
    assert!(matches!(response.status, 201 | 202 | 422), "{card}: {response:?}");
    let orders = shopper.orders(&shop.url).await;
    assert_eq!(orders.len(), 1, "{card}: {response:?}");
    let order_id = orders[0]["id"].as_str().expect("an id").to_owned();
    (shopper, response, order_id)
}

async fn approved(site: &Site, shop: &Shop, number: usize) -> Case {
    let (shopper, response, order_id) = order(site, shop, number, "card_approved").await;
    assert_ne!(response.status, 422, "{response:?}");
    Case { shopper, order_id, end: End::Paid }
}

async fn declined(site: &Site, shop: &Shop, number: usize) -> Case {
    let (shopper, response, order_id) = order(site, shop, number + 1, "card_declined").await;
    assert_ne!(response.status, 201, "{response:?}");
    Case { shopper, order_id, end: End::Cancelled }
}

/// An order that waits at the bank's page, once the provider has processed the requests.
async fn at_the_bank(site: &Site, shop: &Shop, sku: usize) -> (Shopper, String, String) {
    let (shopper, mut response, order_id) = order(site, shop, sku, "card_requires_action").await;
    for _ in 0..20 {
        if let Some(page) = response.body["payment_action_url"].as_str() {
            return (shopper, order_id, page.to_owned());
        }
        response = shopper.check_payment(&shop.url, &order_id).await.expect("a response");
        assert_eq!(response.status, 200, "{response:?}");
    }
    panic!("never sent to the bank: {response:?}");
}

/// The shopper confirms and returns; every second one also checks the payment at once.
async fn confirmed_at_the_bank(site: &Site, shop: &Shop, number: usize) -> Case {
    let (shopper, order_id, page) = at_the_bank(site, shop, number + 2).await;
    shopper.approve(&page).await;
    if number.is_multiple_of(2) {
        let response = shopper.check_payment(&shop.url, &order_id).await.expect("a response");
        assert_eq!(response.status, 200, "{response:?}");
    }
    Case { shopper, order_id, end: End::Paid }
}

/// Paid, then refunded in part or in full, requested twice with one key. A provider that forgets keys at once does so after
/// its webhooks have arrived, because advancing an order for a webhook uses the same key.
async fn refunded(site: &Site, shop: &Shop, operator: &Shopper, number: usize, after: Option<usize>) -> Case {
    let (shopper, mut response, order_id) = order(site, shop, number + 3, "card_approved").await;
    for _ in 0..20 {
        if response.states().0 == "paid" {
            break;
        }
        response = shopper.check_payment(&shop.url, &order_id).await.expect("a response");
    }
    assert_eq!(response.states().0, "paid", "{response:?}");
    if let Some(webhooks) = after {
        site.receiver.until_delivered(&order_id, copies(webhooks)).await;
    }
    let (amount, end) = if number.is_multiple_of(2) {
        (Some(json!({"amount_minor": 500, "currency": "EUR"})), End::PartlyRefunded(500))
    } else {
        (None, End::Refunded)
    };
    for _ in 0..2 {
        let response = operator.refund(&shop.url, &order_id, "once", amount.clone()).await.expect("a response");
        assert_eq!(response.status, 201, "{response:?}");
    }
    Case { shopper, order_id, end }
}

/// The operator cancels while the bank waits for the shopper.
async fn cancelled(site: &Site, shop: &Shop, operator: &Shopper, number: usize) -> Case {
    let (shopper, order_id, _) = at_the_bank(site, shop, number).await;
    let response = operator.cancel(&shop.url, &order_id).await.expect("a response");
    assert_eq!(response.status, 200, "{response:?}");
    Case { shopper, order_id, end: End::Cancelled }
}

/// Checks that the order has the expected state, consistent with the ledger.
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

/// An order that a webhook would advance, and that only the validly signed one advances.
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
        request.send().await.expect("a response").status().as_u16()
    };
    for signature in &wrong {
        assert_eq!(send(signature.as_deref()).await, 400, "{signature:?}");
        let after = shopper.order(&shop.url, &order_id).await;
        assert_eq!(after.body, before.body, "{signature:?}");
    }
    assert_eq!(send(Some(&right)).await, 204);
    assert_eq!(shopper.order(&shop.url, &order_id).await.states(), ("paid", "captured"));
}

/// Checks that every received webhook got the response that its signature requires. Returns the number of each kind.
fn check_webhooks(site: &Site) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for seen in site.receiver.webhooks() {
        let (kind, expected) = match &seen.flaw {
            None => ("right", 204),
            Some(WebhookError::Forged) => ("forged", 400),
            Some(WebhookError::Stale) => ("stale", 400),
            Some(WebhookError::Unreadable(_)) => ("unreadable", 400),
        };
        assert_eq!(seen.status, Some(expected), "{kind}: {}", String::from_utf8_lossy(&seen.body));
        *counts.entry(kind.to_owned()).or_default() += 1;
    }
    for kind in ["right", "forged", "stale"] {
        assert!(counts.contains_key(kind), "{counts:?}");
    }
    counts
}

/// Worker and audit beside the running shop, on its store. In this process, because there are many runs.
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
        let worker = Worker::new(shop, vec![Arc::new(LogSink)]);
        Self { store, payments, worker, clock }
    }

    /// Lets the worker finish what is open, and checks consistency.
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
