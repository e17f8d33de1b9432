//! A server that is killed under load and restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shopease_shop::ports::{Health as _, StoreError};
use shopease_shop::testing::Stopwatch;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::super::PostgresStore;
use super::{Ledger, stock_up};
use crate::postgres::{PostgresConfig, Timeouts};
use crate::testing::OwnPostgres;

const RECEIVED: u32 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_no_confirmed_order_and_the_store_recovers_by_itself() {
    let Some(server) = OwnPostgres::start("killed server", &[]) else { return };
    let server = Arc::new(server);
    let config = PostgresConfig { max_connections: 8, ..PostgresConfig::new(server.url()) };
    let store = PostgresStore::connect(&config).await.expect("a store");
    store.migrate().await.expect("the tables are created");
    stock_up(&store, RECEIVED).await;
    let (ledger, stop) = (Arc::new(Ledger::default()), Arc::new(AtomicBool::new(false)));
    let shoppers: Vec<_> = (0..16)
        .map(|number| {
            let (ledger, store, stop) = (ledger.clone(), store.clone(), stop.clone());
            tokio::spawn(async move {
                let mut round = 0;
                while !stop.load(Ordering::SeqCst) {
                    ledger.shop(&store, &format!("shopper {number} round {round}")).await;
                    round += 1;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
        })
        .collect();
    for kill in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let before = ledger.placed_count();
        let killed = server.clone();
        let down = tokio::task::spawn_blocking(move || {
            killed.kill();
            let began = Instant::now();
            std::thread::sleep(Duration::from_millis(300));
            killed.restart();
            began.elapsed()
        });
        let down = down.await.expect("killed and started");
        let began = Stopwatch::start();
        while store.check().await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(5), "the store does not recover");
        }
        println!("kill {kill}: down {down:?}, recovered {:?} later, {before} orders before", began.elapsed());
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    stop.store(true, Ordering::SeqCst);
    for shopper in shoppers {
        shopper.await.expect("a shopper gets a response");
    }
    println!("{}", ledger.summary());
    assert!(ledger.placed_count() > 100, "most orders were placed");
    ledger.audit(&store, RECEIVED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_starting_process_waits_for_its_database_but_not_after_a_wrong_password() {
    let Some(server) = OwnPostgres::start("start", &[]) else { return };
    let mut administrator = PgConnection::connect(&server.url()).await.expect("an administrator");
    administrator.execute("CREATE ROLE shop LOGIN PASSWORD 'right'").await.expect("a role");
    let at = |password: &str, seconds| PostgresConfig {
        timeouts: Timeouts { start_timeout: Duration::from_secs(seconds), ..Timeouts::default() },
        ..PostgresConfig::new(server.url_of("shop", password))
    };
    let (waits, does_not, is_wrong) = (at("right", 30), at("right", 0), at("wrong", 30));
    server.kill();
    let failed = PostgresStore::connect(&does_not).await;
    let Err(StoreError::Unavailable(reason)) = failed else { panic!("{failed:?}") };
    assert!(reason.to_string().contains("refused"), "{reason}");
    let waiting = tokio::spawn(async move { PostgresStore::connect(&waits).await });
    // Longer than a single attempt.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!waiting.is_finished(), "the database is down");
    let _server = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    })
    .await
    .expect("started");
    waiting.await.expect("no panic").expect("a store");
    let began = Stopwatch::start();
    let rejected = PostgresStore::connect(&is_wrong).await;
    assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "{rejected:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
