//! Helpers of the guarantees: races, paging, and short queries of a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use tokio::sync::Barrier;

use crate::domain::{
    Cart, CartOwner, EmailAddress, Handle, OrderSummary, Page, PageLimit, Position, Product, ProductSort,
    ProductSummary, Sku, StockLevel,
};
use crate::ports::{Claimed, OrderOfEmail, OutboxMessage, Placement, ProductListing, SharedStore, StoreError};
use crate::testing::FixedClock;
use crate::testing::fixtures::{cart, index, sku};

/// Buyers, requests or workers in a race.
pub(super) const RACERS: usize = 32;

/// The time at which a test begins.
pub(super) const NOW: OffsetDateTime = FixedClock::START;

/// A time after which nothing that these tests write has expired.
pub(super) const KEPT_UNTIL: OffsetDateTime = FixedClock::START.saturating_add(Duration::days(30));

/// Runs `count` tasks that all start at the same moment. Returns their results in order.
pub(super) async fn race<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let start = |number| {
        let (barrier, task) = (Arc::clone(&barrier), task(number));
        tokio::spawn(async move {
            barrier.wait().await;
            task.await
        })
    };
    let tasks: Vec<_> = (0..count).map(start).collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.expect("a racer does not panic"));
    }
    results
}

/// A page size.
pub(super) fn limit(rows: u16) -> PageLimit {
    PageLimit::new(rows).expect("1 to 100 rows")
}

/// The first page, of up to 100 products, without search and category.
pub(super) fn listing(sort: ProductSort) -> ProductListing {
    ProductListing { search: None, category: None, sort, after: None, limit: limit(100) }
}

/// The pages of a listing from its first to its last.
pub(super) async fn pages(store: &SharedStore, first: &ProductListing) -> Vec<Page<ProductSummary>> {
    let (mut listing, mut pages) = (first.clone(), Vec::new());
    loop {
        let page = store.list_products(&listing).await.expect("a page");
        listing.after.clone_from(&page.next);
        pages.push(page);
        if listing.after.is_none() {
            return pages;
        }
        assert!(pages.len() < 1_000, "paging does not end: {listing:?}");
    }
}

/// The handles of all products of a listing, in its order.
pub(super) async fn listed(store: &SharedStore, first: &ProductListing) -> Vec<Handle> {
    pages(store, first).await.into_iter().flat_map(|page| page.items).map(|summary| summary.handle).collect()
}

/// Writes products with the search terms of an English catalog.
pub(super) async fn upsert(store: &SharedStore, products: &[Product]) {
    for product in products {
        store.upsert_product(product, &index(product)).await.expect("a product is written");
    }
}

/// Adds stock of SKUs that have no level yet.
pub(super) async fn stock(store: &SharedStore, units: &[(&str, u32)]) {
    let levels: Vec<_> = units.iter().map(|(code, units)| (sku(code), *units)).collect();
    let inserted = store.initialize_stock(&levels).await.expect("stock comes in");
    assert_eq!(inserted.len(), levels.len(), "every SKU is new");
}

/// Available, reserved and sold units of a SKU, after checking that they add up to what was received.
pub(super) async fn units(store: &SharedStore, code: &str) -> (u32, u32, u32) {
    let level = level(store, code).await.unwrap_or_else(|| panic!("{code} has a stock level"));
    (level.available, level.reserved, level.sold)
}

/// The stock level of a SKU, after checking that it adds up.
pub(super) async fn level(store: &SharedStore, code: &str) -> Option<StockLevel> {
    let mut levels = store.find_stock_levels(&[sku(code)]).await.expect("levels are read");
    assert!(levels.len() <= 1, "one SKU has one level: {levels:?}");
    let level = levels.pop()?;
    let sum = level.available + level.reserved + level.sold;
    assert_eq!(sum, level.received, "available + reserved + sold = received: {level:?}");
    Some(level)
}

/// All levels of these SKUs, by SKU.
pub(super) async fn levels(store: &SharedStore, codes: &[&str]) -> BTreeMap<Sku, StockLevel> {
    let mut levels = BTreeMap::new();
    for code in codes {
        levels.extend(level(store, code).await.map(|level| (level.sku.clone(), level)));
    }
    levels
}

/// Writes the owner's first cart.
pub(super) async fn save_first_cart(store: &SharedStore, owner: &CartOwner, lines: &[(&str, u32)]) -> Cart {
    let cart = cart(owner, lines);
    store.save_cart(&cart, KEPT_UNTIL).await.expect("the first cart is saved");
    cart
}

/// Places an order that must succeed.
pub(super) async fn place(store: &SharedStore, placement: &Placement) {
    assert_eq!(store.place_order(placement).await.expect("the order is placed"), Claimed::New);
}

/// All orders of the shop, or of one owner, read in pages of `rows`.
pub(super) async fn orders(store: &SharedStore, owner: Option<&CartOwner>, rows: u16) -> Vec<OrderSummary> {
    let (mut after, mut orders) = (None, Vec::new());
    loop {
        let page = match owner {
            Some(owner) => store.list_orders_of(owner, after.as_ref(), limit(rows)).await,
            None => store.list_orders(after.as_ref(), limit(rows)).await,
        };
        after = add_page(&mut orders, page, rows);
        if after.is_none() {
            return orders;
        }
    }
}

/// All orders of an email address, read in pages of `rows`.
pub(super) async fn orders_by_email(store: &SharedStore, email: &EmailAddress, rows: u16) -> Vec<OrderOfEmail> {
    let (mut after, mut orders) = (None, Vec::new());
    loop {
        let page = store.list_orders_by_email(email, after.as_ref(), limit(rows)).await;
        after = add_page(&mut orders, page, rows);
        if after.is_none() {
            return orders;
        }
    }
}

/// Adds a page of at most `rows` to the rows before it. Returns where the next page starts.
fn add_page<T>(orders: &mut Vec<T>, page: Result<Page<T>, StoreError>, rows: u16) -> Option<Position> {
    let page = page.expect("a page of orders");
    assert!(page.items.len() <= usize::from(rows), "a page has at most {rows} rows");
    assert!(page.next.is_none() || page.items.len() == usize::from(rows), "only the last page is short");
    orders.extend(page.items);
    assert!(orders.len() < 10_000, "paging does not end");
    page.next
}

/// What an order store shows from outside: compared before and after a command that must change nothing.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    levels: BTreeMap<Sku, StockLevel>,
    cart: Option<Cart>,
    orders: Vec<OrderSummary>,
    outbox: Vec<OutboxMessage>,
}

/// Takes a snapshot of these SKUs, this owner's cart, all orders and the outbox.
pub(super) async fn snapshot(store: &SharedStore, owner: &CartOwner, codes: &[&str]) -> Snapshot {
    Snapshot {
        levels: levels(store, codes).await,
        cart: store.find_cart(owner, NOW).await.expect("a cart is read"),
        orders: orders(store, None, 100).await,
        outbox: store.list_outbox().await.expect("the outbox is read"),
    }
}

/// How many results are as they should be for exactly one winner: one `Ok`, all others `Conflict`.
pub(super) fn assert_one_winner<T: std::fmt::Debug>(results: &[Result<T, StoreError>]) -> usize {
    let winners: Vec<usize> = (0..results.len()).filter(|index| results[*index].is_ok()).collect();
    assert_eq!(winners.len(), 1, "one wins: {results:?}");
    let lost = results.iter().filter(|result| matches!(result, Err(StoreError::Conflict))).count();
    assert_eq!(lost, results.len() - 1, "all others get a conflict: {results:?}");
    winners[0]
}
