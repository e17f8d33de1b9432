//! The worker apart from payments: it delivers events and deletes expired rows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use shopease_shop::ports::{Clock as _, Consumer, Delivery, EventSink, OutboxMessage};
use shopease_shop::testing::{FixedClock, fixtures};
use time::Duration;

use crate::harness::{TestShop, both_stores};
use crate::payments::{paid_order, paid_order_of};

both_stores!(
    a_consumer_that_refuses_delays_no_other,
    a_slow_consumer_delays_no_other,
    two_workers_deliver_each_message_once,
    events_are_delivered_in_order_until_the_sink_takes_no_more,
    one_rejected_event_does_not_delay_the_others,
    events_behind_any_number_of_rejected_ones_are_delivered,
    an_unavailable_receiver_is_tried_once_a_run,
    a_checkout_wakes_an_idle_worker,
    expired_rows_are_deleted_and_reported,
    an_order_that_leaves_few_units_publishes_stock_low,
);

/// Accepts this many events, then rejects all.
struct Tired(Mutex<(usize, Vec<String>)>);

#[async_trait::async_trait]
impl EventSink for Tired {
    fn consumer(&self) -> Consumer {
        Consumer::Http
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        let mut state = self.0.lock().expect("not poisoned");
        let taken: Vec<_> = messages.iter().take(state.0).cloned().collect();
        state.0 -= taken.len();
        state.1.extend(taken.iter().map(|message| message.topic.clone()));
        Delivery { is_away: taken.len() < messages.len(), taken }
    }
}

async fn events_are_delivered_in_order_until_the_sink_takes_no_more(shop: TestShop) {
    paid_order(&shop).await;
    paid_order_of(&shop, "grace").await;
    let sink = Arc::new(Tired(Mutex::new((3, Vec::new()))));
    let worker = shop.worker(vec![sink.clone()]);
    let report = worker.run_once().await.expect("a run");
    assert_eq!((report.delivered, report.undelivered), (3, 1));
    assert_eq!(sink.0.lock().expect("not poisoned").1, ["order.placed", "order.paid", "order.placed"]);
    assert_eq!(shop.backlog(Consumer::Http).await, ["order.paid"], "what was not taken waits");
    sink.0.lock().expect("not poisoned").0 = 9;
    assert_eq!(worker.run_once().await.expect("a run").delivered, 1);
    assert_eq!(worker.run_once().await.expect("a run").delivered, 0);
    shop.assert_books_agree().await;
}

/// Rejects each `order.placed`.
struct Choosy;

#[async_trait::async_trait]
impl EventSink for Choosy {
    fn consumer(&self) -> Consumer {
        Consumer::Http
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        let taken = messages.iter().filter(|message| message.topic != "order.placed").cloned().collect();
        Delivery { taken, is_away: false }
    }
}

async fn one_rejected_event_does_not_delay_the_others(shop: TestShop) {
    paid_order(&shop).await;
    paid_order_of(&shop, "grace").await;
    let worker = shop.worker(vec![Arc::new(Choosy)]);
    for delivered in [2, 0] {
        let report = worker.run_once().await.expect("a run");
        assert_eq!((report.delivered, report.undelivered), (delivered, 2));
    }
    assert_eq!(shop.backlog(Consumer::Http).await, ["order.placed", "order.placed"]);
}

/// Accepts the subject `good` and the topic `late` and rejects the rest, or is unavailable; records the size of each delivery.
struct Picky {
    is_away: bool,
    sizes: Mutex<Vec<usize>>,
    taken: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl EventSink for Picky {
    fn consumer(&self) -> Consumer {
        Consumer::Http
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        self.sizes.lock().expect("not poisoned").push(messages.len());
        let good = messages.iter().filter(|message| message.subject == "good" || message.topic == "late");
        let taken: Vec<_> = if self.is_away { Vec::new() } else { good.cloned().collect() };
        self.taken.lock().expect("not poisoned").extend(taken.iter().map(|message| message.topic.clone()));
        Delivery { taken, is_away: self.is_away }
    }
}

/// Writes 150 messages, each with its own subject, then one with the first subject and one with the subject `good`.
async fn fill_outbox(shop: &TestShop) {
    let owner = fixtures::visitor("ada");
    shop.store.save_cart(&fixtures::cart(&owner, &[]), shop.clock.now() + Duration::days(1)).await.expect("a cart");
    let at = |second: usize| shop.clock.now() + Duration::seconds(i64::try_from(second).expect("small"));
    for batch in 0..4 {
        let mut order = fixtures::order(&owner, &format!("order {batch}"), &[("ANY", 1)]);
        order.reservations.clear();
        let mut placement = fixtures::placement(&order, batch + 1);
        let first = usize::try_from(batch).expect("small") * 50;
        let message = |topic: &str, number: usize, subject: String| OutboxMessage {
            subject,
            ..fixtures::message(&order, topic, at(number))
        };
        placement.outbox = if batch < 3 {
            (first..first + 50).map(|number| message("early", number, format!("rejected {number}"))).collect()
        } else {
            vec![message("late", first, "rejected 0".to_owned()), message("behind", first + 1, "good".to_owned())]
        };
        shop.store.place_order(&placement).await.expect("the order is placed");
    }
}

/// Runs the worker once. Returns the numbers of delivered and undelivered messages, the sizes of the deliveries, and the topics of
/// the accepted messages.
async fn run_with(shop: &TestShop, is_away: bool) -> (usize, usize, Vec<usize>, Vec<String>) {
    let sink = Arc::new(Picky { is_away, sizes: Mutex::default(), taken: Mutex::default() });
    let report = shop.worker(vec![sink.clone()]).run_once().await.expect("a run");
    let (sizes, taken) = (sink.sizes.lock().expect("not poisoned"), sink.taken.lock().expect("not poisoned"));
    (report.delivered, report.undelivered, sizes.clone(), taken.clone())
}

async fn events_behind_any_number_of_rejected_ones_are_delivered(shop: TestShop) {
    fill_outbox(&shop).await;
    let first = run_with(&shop, false).await;
    assert_eq!(first, (1, 151, vec![100, 51], vec!["behind".to_owned()]), "a later event of a rejected subject waits");
    let again = run_with(&shop, false).await;
    assert_eq!(again, (0, 151, vec![100, 50], Vec::new()), "each event is tried once a run");
}

async fn an_unavailable_receiver_is_tried_once_a_run(shop: TestShop) {
    fill_outbox(&shop).await;
    assert_eq!(run_with(&shop, true).await, (0, 100, vec![100], Vec::new()));
}

/// A consumer that delivers one by one, or several at once; that is up or down; and that takes some time.
struct Part {
    consumer: Consumer,
    one_by_one: bool,
    is_up: AtomicBool,
    takes: Duration,
    clock: FixedClock,
    taken: Mutex<Vec<String>>,
}

impl Part {
    fn new(shop: &TestShop, consumer: Consumer, one_by_one: bool, is_up: bool) -> Arc<Self> {
        let (takes, clock) = (Duration::ZERO, shop.clock.clone());
        Arc::new(Self { consumer, one_by_one, is_up: is_up.into(), takes, clock, taken: Mutex::default() })
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.taken.lock().expect("not poisoned"))
    }
}

#[async_trait::async_trait]
impl EventSink for Part {
    fn consumer(&self) -> Consumer {
        self.consumer
    }

    fn wants(&self, topic: &str) -> bool {
        !self.one_by_one || topic == "order.paid"
    }

    fn one_by_one(&self) -> bool {
        self.one_by_one
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        assert!(!self.one_by_one || messages.len() == 1, "{messages:?}");
        self.clock.advance(self.takes);
        tokio::task::yield_now().await;
        if !self.is_up.load(Ordering::SeqCst) {
            return Delivery { taken: Vec::new(), is_away: true };
        }
        self.taken.lock().expect("not poisoned").extend(messages.iter().map(|message| message.topic.clone()));
        Delivery { taken: messages.to_vec(), is_away: false }
    }
}

async fn a_consumer_that_refuses_delays_no_other(shop: TestShop) {
    let (http, mail) =
        (Part::new(&shop, Consumer::Http, false, false), Part::new(&shop, Consumer::ShopperMail, true, true));
    let worker = shop.worker(vec![http.clone(), mail.clone()]);
    paid_order(&shop).await;
    let report = worker.run_once().await.expect("a run");
    assert_eq!((report.delivered, report.undelivered, mail.taken()), (1, 2, vec!["order.paid".to_owned()]));
    http.is_up.store(true, Ordering::SeqCst);
    mail.is_up.store(false, Ordering::SeqCst);
    paid_order_of(&shop, "grace").await;
    let report = worker.run_once().await.expect("a run");
    assert_eq!((report.delivered, report.undelivered), (4, 1));
    assert_eq!(http.taken(), ["order.placed", "order.paid", "order.placed", "order.paid"], "late, and in order");
    assert_eq!((shop.topics().await, shop.backlog(Consumer::Http).await), (Vec::new(), Vec::new()));
    assert_eq!(shop.backlog(Consumer::ShopperMail).await, ["order.paid"]);
    mail.is_up.store(true, Ordering::SeqCst);
    worker.run_once().await.expect("a run");
    assert_eq!((mail.taken().len(), http.taken().len()), (1, 0), "each message once");
    assert!(worker.run_once().await.expect("a run").is_idle());
    shop.assert_books_agree().await;
}

async fn a_slow_consumer_delays_no_other(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    for name in ["ada", "grace", "alan", "edsger"] {
        paid_order_of(&shop, name).await;
    }
    let mut http = Part::new(&shop, Consumer::Http, false, true);
    Arc::get_mut(&mut http).expect("not shared").takes = Duration::seconds(15);
    let mail = Part::new(&shop, Consumer::ShopperMail, true, true);
    let worker = shop.worker(vec![http.clone(), mail.clone()]);
    worker.run_once().await.expect("a run");
    assert_eq!(mail.taken().len(), 4, "a minute of deliveries to the other would exceed the time of a run");
    for _ in 0..2 {
        worker.run_once().await.expect("a run");
    }
    assert_eq!((http.taken().len(), mail.taken().len()), (8, 0));
}

async fn two_workers_deliver_each_message_once(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    for name in ["ada", "grace", "alan", "edsger"] {
        paid_order_of(&shop, name).await;
    }
    let mail = Part::new(&shop, Consumer::ShopperMail, true, true);
    let worker = shop.worker(vec![mail.clone()]);
    let runs = (0..6).map(|_| {
        let worker = worker.clone();
        tokio::spawn(async move { worker.run_once().await.expect("a run") })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.expect("no panic");
    }
    worker.run_once().await.expect("a run");
    assert_eq!(mail.taken().len(), 4);
}

/// Reports the events it accepts.
struct Telling(tokio::sync::mpsc::UnboundedSender<String>);

#[async_trait::async_trait]
impl EventSink for Telling {
    fn consumer(&self) -> Consumer {
        Consumer::Http
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        for message in messages {
            self.0.send(message.topic.clone()).expect("somebody listens");
        }
        Delivery { taken: messages.to_vec(), is_away: false }
    }
}

async fn a_checkout_wakes_an_idle_worker(shop: TestShop) {
    use std::time::Duration;
    shop.sell(&fixtures::product("kettle").build(), 10).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let worker = shop.worker(vec![Arc::new(Telling(tell))]);
    let working = tokio::spawn(async move { worker.run_forever(Duration::from_millis(400)).await });
    // After pauses of 0.4, 0.8, 1.6 and 3.2 seconds, the next is 4.8 seconds.
    tokio::time::sleep(Duration::from_millis(6_300)).await;
    paid_order_of(&shop, "grace").await;
    let heard = tokio::time::timeout(Duration::from_secs(3), told.recv()).await;
    assert_eq!(heard.expect("not in time"), Some("order.placed".to_owned()));
    working.abort();
}

async fn expired_rows_are_deleted_and_reported(shop: TestShop) {
    paid_order(&shop).await;
    assert_eq!(shop.work().await.purged, 0);
    shop.clock.advance(Duration::days(8));
    let messages = shop.work().await.purged;
    shop.clock.advance(Duration::days(40));
    let rest = shop.work().await.purged;
    // On PostgreSQL, two messages, then the key and the cart; DynamoDB deletes expired items itself.
    assert!([(2, 2), (0, 0)].contains(&(messages, rest)), "{messages} messages, then {rest} rows");
    assert_eq!(shop.work().await.purged, 0);
    shop.assert_books_agree().await;
}

async fn an_order_that_leaves_few_units_publishes_stock_low(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 6).await;
    for (name, units, topics) in [
        ("ada", 2, vec!["order.placed", "order.paid"]),
        ("grace", 1, vec!["order.placed", "stock.low", "order.paid"]),
        ("alan", 1, vec!["order.placed", "stock.low", "order.paid"]),
    ] {
        let mut client = shop.visitor(name);
        client.add("KETTLE", units).await;
        assert_eq!(client.check_out("k", "card_approved").await.status, StatusCode::CREATED);
        assert_eq!(shop.topics().await, topics, "{name}");
        shop.work().await;
    }
}
