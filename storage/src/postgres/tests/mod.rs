//! Tests of this adapter's connections against a real server: what a caller sees when the server, the network, the
//! password, or the process itself fails.

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
/// Longer than any call may take: the start of the last attempt, the wait for a connection, the statement itself.
const CALL_LIMIT: std::time::Duration = std::time::Duration::from_secs(11);
const SKUS: [&str; 4] = ["F-1", "F-2", "F-3", "F-4"];

/// Shoppers that save carts, place orders, and claim keys while faults occur, with the results that they received.
#[derive(Default)]
struct Ledger {
    placed: std::sync::Mutex<Vec<Order>>,
    unknown: std::sync::Mutex<Vec<Order>>,
    results: AtomicU32,
    unavailable: AtomicU32,
}

impl Ledger {
    fn count<T>(&self, result: &Result<T, StoreError>) {
        self.results.fetch_add(1, Ordering::SeqCst);
        match result {
            Ok(_) | Err(StoreError::Conflict | StoreError::OutOfStock { .. }) => {}
            Err(StoreError::Unavailable(_) | StoreError::Throttled(_)) => {
                self.unavailable.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => panic!("not a result for a shopper: {error:?}"),
        }
    }

    /// One shopper: a cart, a key, and an order, each in bounded time.
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
                assert_eq!(claimed, Claimed::New, "{name}: no other order has this key");
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
        let (results, unavailable) = (self.results.load(Ordering::SeqCst), self.unavailable.load(Ordering::SeqCst));
        let unknown = self.unknown.lock().expect("not poisoned").len();
        let placed = self.placed_count();
        format!("{results} results, {unavailable} unavailable, {placed} orders confirmed, {unknown} unknown")
    }

    /// Every confirmed order exists once, no order exists that was not attempted, and stock and outbox are consistent
    /// with them.
    async fn audit(&self, store: &PostgresStore, received: u32) {
        let list = |orders: &std::sync::Mutex<Vec<Order>>| orders.lock().expect("not poisoned").clone();
        let (placed, unknown) = (list(&self.placed), list(&self.unknown));
        let stored = all_orders(store).await;
        let mut ids: Vec<&OrderId> = stored.iter().map(|order| &order.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), stored.len(), "each order exists once");
        for order in &placed {
            assert!(ids.contains(&&order.id), "{} was confirmed and is lost", order.id.as_str());
        }
        let tried: Vec<&OrderId> = placed.iter().chain(&unknown).map(|order| &order.id).collect();
        assert!(ids.iter().all(|id| tried.contains(id)), "an order that no shopper attempted");
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
        assert_eq!((messages, distinct), (count, count), "one message per order");
    }
}

/// The result of a call, which must not take longer than all its limits together.
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
    assert_eq!(store.initialize_stock(&levels).await.expect("the stock is initialized").len(), SKUS.len());
}

/// The server processes behind `count` connections of the pool, which are all open afterwards.
async fn backends(store: &PostgresStore, count: usize) -> Vec<i32> {
    let mut pids = Vec::new();
    // Long enough that no connection is returned before all are borrowed; if the machine is suspended for that long,
    // retry once.
    for seconds in [0.2, 1.0] {
        pids = query_concurrently(store, count, seconds).await;
        if pids.len() == count {
            break;
        }
    }
    // Wait until all are back in the pool.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    pids
}

async fn query_concurrently(store: &PostgresStore, count: usize, seconds: f64) -> Vec<i32> {
    let ids = (0..count).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let statement = "SELECT pg_backend_pid() FROM pg_sleep($1)";
            let query = || sqlx::query_scalar(statement).bind(seconds).fetch_one(&store.pool);
            // Where hashing a password is slow, the first ones may time out after a second while waiting for a
            // connection.
            match query().await {
                Err(sqlx::Error::PoolTimedOut) => query().await,
                result => result,
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
