//! Tests of this adapter's connections against a real server: what a caller sees when the server, the network, the
//! password or the process itself does not go on as if nothing were.

mod arguments;
mod budget;
mod cancelled;
mod documents;
mod faults;
mod killed;
mod login;
mod purge;
mod releases;
mod timing;

use std::sync::atomic::{AtomicU32, Ordering};

use shopease_shop::domain::{Cart, Order, OrderId, PageLimit, Position};
use shopease_shop::ports::{
    CartStore as _, Claimed, IdempotencyStore as _, OrderStore as _, StockStore as _, StoreError,
};
use shopease_shop::testing::FixedClock;
use shopease_shop::testing::fixtures::{self, cart, checkout_key, claim, placement, sku, visitor};
use time::{Duration, OffsetDateTime};

use super::PostgresStore;

const NOW: OffsetDateTime = FixedClock::START;
const LATER: OffsetDateTime = FixedClock::START.saturating_add(Duration::days(30));
/// Longer than any call may take: the start of the last try, waiting for a connection, the statement itself.
const CALL_LIMIT: std::time::Duration = std::time::Duration::from_secs(11);
const SKUS: [&str; 4] = ["F-1", "F-2", "F-3", "F-4"];

/// Shoppers that save carts, place orders and take keys while something goes wrong, and what they were told.
#[derive(Default)]
struct Ledger {
    placed: std::sync::Mutex<Vec<Order>>,
    unknown: std::sync::Mutex<Vec<Order>>,
    answers: AtomicU32,
    unavailable: AtomicU32,
}

impl Ledger {
    fn count<T>(&self, result: &Result<T, StoreError>) {
        self.answers.fetch_add(1, Ordering::SeqCst);
        match result {
            Ok(_) | Err(StoreError::Conflict | StoreError::OutOfStock { .. }) => {}
            Err(StoreError::Unavailable(_) | StoreError::Throttled(_)) => {
                self.unavailable.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => panic!("not an answer for a shopper: {error:?}"),
        }
    }

    /// One shopper: a cart, a key, an order, each in bounded time.
    async fn shop(&self, store: &PostgresStore, name: &str) {
        let owner = visitor(name);
        let at =
            |offset: usize| SKUS[(name.len() + name.bytes().map(usize::from).sum::<usize>() + offset) % SKUS.len()];
        let lines = [(at(0), 1), (at(1), 2)];
        let saved = timed("save_cart", store.save_cart(&cart(&owner, &lines), LATER)).await;
        self.count(&saved);
        let claimed =
            timed("claim", store.claim_idempotency_key(&claim(checkout_key(&owner, "other"), "r", NOW), NOW)).await;
        self.count(&claimed);
        let order = fixtures::order(&owner, name, &lines);
        let placed = timed("place_order", store.place_order(&placement(&order, 1))).await;
        self.count(&placed);
        match placed {
            Ok(claimed) => {
                assert_eq!(claimed, Claimed::New, "{name}: nobody else has this key");
                self.placed.lock().expect("not poisoned").push(order);
            }
            Err(StoreError::Conflict) if !matches!(saved, Ok(())) => {}
            Err(StoreError::Unavailable(_)) => self.unknown.lock().expect("not poisoned").push(order),
            Err(StoreError::Throttled(_)) => {}
            Err(error) => panic!("{name}: {error:?} after {saved:?}"),
        }
    }

    fn placed_count(&self) -> usize {
        self.placed.lock().expect("not poisoned").len()
    }

    fn summary(&self) -> String {
        let (answers, unavailable) = (self.answers.load(Ordering::SeqCst), self.unavailable.load(Ordering::SeqCst));
        let unknown = self.unknown.lock().expect("not poisoned").len();
        let placed = self.placed_count();
        format!("{answers} answers, {unavailable} unavailable, {placed} orders promised, {unknown} unknown")
    }

    /// Every order that was promised exists once, none exists that nobody tried, stock and outbox agree with them.
    async fn audit(&self, store: &PostgresStore, received: u32) {
        let list = |orders: &std::sync::Mutex<Vec<Order>>| orders.lock().expect("not poisoned").clone();
        let (placed, unknown) = (list(&self.placed), list(&self.unknown));
        let stored = all_orders(store).await;
        let mut ids: Vec<&OrderId> = stored.iter().map(|order| &order.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), stored.len(), "each order exists once");
        for order in &placed {
            assert!(ids.contains(&&order.id), "{} was promised and is lost", order.id.as_str());
        }
        let tried: Vec<&OrderId> = placed.iter().chain(&unknown).map(|order| &order.id).collect();
        assert!(ids.iter().all(|id| tried.contains(id)), "an order that nobody was told of");
        for code in SKUS {
            let held: u32 = stored
                .iter()
                .flat_map(|order| &order.reservations)
                .filter(|held| held.sku == sku(code))
                .map(|held| held.quantity.get())
                .sum();
            let level = store.find_stock_levels(&[sku(code)]).await.expect("levels").pop().expect("a level");
            assert_eq!((level.available, level.reserved, level.sold), (received - held, held, 0), "{code}: {level:?}");
            assert_eq!(level.received, received);
        }
        for order in &stored {
            let cart: Cart = store.find_cart(&order.owner, NOW).await.expect("a read").expect("the cart is kept");
            assert!(cart.lines.is_empty() && cart.version == 2, "the cart of an order is empty: {cart:?}");
        }
        let count = i64::try_from(stored.len()).expect("few");
        let messages: i64 =
            sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&store.pool).await.expect("a count");
        let distinct: i64 = sqlx::query_scalar("SELECT count(DISTINCT subject) FROM outbox")
            .fetch_one(&store.pool)
            .await
            .expect("a count");
        assert_eq!((messages, distinct), (count, count), "one message an order");
    }
}

/// The result of a call that must not take longer than all its limits together.
async fn timed<T>(what: &str, call: impl Future<Output = T>) -> T {
    tokio::time::timeout(CALL_LIMIT, call).await.unwrap_or_else(|_| panic!("{what} takes longer than its limits"))
}

async fn all_orders(store: &PostgresStore) -> Vec<Order> {
    let (mut after, mut orders): (Option<Position>, _) = (None, Vec::new());
    loop {
        let page = store.list_orders(after.as_ref(), PageLimit::new(100).expect("100")).await.expect("a page");
        for summary in page.items {
            orders.push(store.find_order(&summary.id).await.expect("a read").expect("a listed order exists"));
        }
        after = page.next;
        if after.is_none() {
            return orders;
        }
    }
}

async fn stock_up(store: &PostgresStore, received: u32) {
    let levels = SKUS.map(|code| (sku(code), received));
    assert_eq!(store.initialize_stock(&levels).await.expect("stock comes in").len(), SKUS.len());
}

/// The server's processes behind `count` connections of the pool, all of which are open afterwards.
async fn backends(store: &PostgresStore, count: usize) -> Vec<i32> {
    let mut pids = Vec::new();
    // Long enough that no connection is given back before all are on loan; on a machine that stands still for that long,
    // once more.
    for seconds in [0.2, 1.0] {
        pids = asked_at_once(store, count, seconds).await;
        if pids.len() == count {
            break;
        }
    }
    // Until all are back in the pool.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    pids
}

async fn asked_at_once(store: &PostgresStore, count: usize, seconds: f64) -> Vec<i32> {
    let ids = (0..count).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let question = "SELECT pg_backend_pid() FROM pg_sleep($1)";
            let ask = || sqlx::query_scalar(question).bind(seconds).fetch_one(&store.pool);
            // Where hashing a password takes long, the first ones may wait a second for a connection in vain.
            match ask().await {
                Err(sqlx::Error::PoolTimedOut) => ask().await,
                answer => answer,
            }
        })
    });
    let mut pids = Vec::new();
    for id in ids.collect::<Vec<_>>() {
        let pid: i32 = id.await.expect("no panic").expect("a connection");
        pids.push(pid);
    }
    pids.sort_unstable();
    pids.dedup();
    pids
}
