//! Measures orders per second, and the baseline of the engine: `cargo run --profile measure --example checkout_rate`.
//!
//! Everything runs in one process without HTTP: `LocalShop` with the fake provider on the embedded DynamoDB engine in memory and on the
//! PostgreSQL of `SHOPEASE_TEST_DATABASE_URL`. The baseline is a checkout without the order: carts are filled and saved, with one write
//! each. Runs alternate, so that a slow phase of the machine affects all of them.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a failed measurement aborts with a message")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use shopease_payments::fake::{FakeProvider, Ledger};
use shopease_process::config::Reader;
use shopease_shop::config::ShopConfig;
use shopease_shop::ports::{Env as _, ProcessEnv, SharedStore, SystemClock, SystemIds};
use shopease_shop::services::{AddLineItem, Caller, Carts as _, Checkout as _, LocalShop, PlaceOrder};
use shopease_shop::testing::fixtures;
use shopease_storage::testing::{on_dynamodb, on_postgres};

/// Concurrent buyers, and the duration of each run.
const BUYERS: usize = 32;
const RUN: Duration = Duration::from_secs(6);
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    println!(
        "{BUYERS} buyers at once, {} s a run, median of {ROUNDS} alternating runs; whole checkouts:",
        RUN.as_secs()
    );
    println!("cart, price, place, record the intent, authorize, settle\n");
    on_dynamodb(|store| async move { measure("DynamoDB engine in this process, in memory", store).await }).await;
    if ProcessEnv.var("SHOPEASE_TEST_DATABASE_URL").is_some() {
        on_postgres("rate", |store| async move { measure("PostgreSQL", store).await }).await;
    } else {
        println!("PostgreSQL: skipped, SHOPEASE_TEST_DATABASE_URL is not set");
    }
}

async fn measure(name: &str, store: SharedStore) {
    let config = config();
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
    let ledger = Ledger::in_memory(clock.clone(), ids.clone());
    let provider = FakeProvider::in_process(ledger, None, "unused".into());
    let shop = LocalShop::new(store.clone(), Arc::new(provider), clock, ids, config);
    for number in 0..1000 {
        let product = fixtures::product(&format!("thing-{number}")).build();
        store.upsert_product(&product, &fixtures::index(&product)).await.expect("a product");
        let levels: Vec<_> = product.variants.iter().map(|variant| (variant.sku.clone(), 1_000_000)).collect();
        store.initialize_stock(&levels).await.expect("stock");
    }
    let (mut hot, mut spread, mut carts) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        carts.push(rate(&shop, 1000, round, false).await);
        hot.push(rate(&shop, 1, round, true).await);
        spread.push(rate(&shop, 1000, round, true).await);
    }
    let (hot, spread, carts) = (median(hot), median(spread), median(carts));
    println!("{name}");
    println!("  floor: carts saved, nothing ordered   {carts:8.0} a second");
    println!("  orders, 1,000 SKUs                    {spread:8.0} a second   {:.2} of the floor", spread / carts);
    println!("  orders, one hot SKU                   {hot:8.0} a second   {:.2} of the floor\n", hot / carts);
}

fn config() -> ShopConfig {
    let mut reader = Reader::new(&ProcessEnv);
    let config = ShopConfig::read(&mut reader);
    reader.finish().expect("the configuration is right");
    config
}

/// Orders (or only filled carts) per second.
async fn rate(shop: &LocalShop, skus: usize, round: usize, order: bool) -> f64 {
    let done = Arc::new(AtomicU32::new(0));
    let begun = Instant::now();
    let buyers: Vec<_> = (0..BUYERS)
        .map(|buyer| {
            let (shop, done) = (shop.clone(), done.clone());
            tokio::spawn(async move {
                let mut number = 0;
                while begun.elapsed() < RUN {
                    number += 1;
                    let name = format!("{skus} {round} {order} {buyer} {number}");
                    let caller = Caller::new(fixtures::visitor_token(&name));
                    let sku = format!("THING-{}", (buyer * 31 + number * 7) % skus);
                    buy(&shop, &caller, &sku, &name, order).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for buyer in buyers {
        buyer.await.expect("no order fails");
    }
    f64::from(done.load(Ordering::Relaxed)) / begun.elapsed().as_secs_f64()
}

async fn buy(shop: &LocalShop, caller: &Caller, sku: &str, key: &str, order: bool) {
    let quantity = 1.try_into().expect("one");
    let add = AddLineItem { sku: fixtures::sku(sku), quantity, client_key: None };
    shop.add_line_item(caller, add).await.expect("a cart");
    if !order {
        return;
    }
    let command = PlaceOrder {
        email: "ada@example.com".parse().expect("an address"),
        details: fixtures::order_details(),
        shipping_method: "standard".to_owned(),
        payment_method: "card_approved".to_owned(),
        expected_total: None,
        terms_version: None,
        client_key: String::new(),
    };
    shop.place_order(caller, PlaceOrder { client_key: key.replace(' ', "-"), ..command }).await.expect("an order");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
