//! Each limit of a session and of the pool, against a real server: when a wait ends, and which limit ended it.

use std::ops::Range;
use std::time::Duration;

use shopease_shop::ports::StoreError;
use shopease_shop::testing::Stopwatch;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::super::super::PostgresStore;
use super::super::super::error::store_error;
use crate::postgres::PostgresConfig;
use crate::testing::{FaultProxy, on_schema};

fn assert_took(stopwatch: Stopwatch, seconds: Range<f64>) {
    let (total, elapsed) = (stopwatch.total(), stopwatch.elapsed());
    let is_within = total.as_secs_f64() >= seconds.start && elapsed.as_secs_f64() < seconds.end;
    assert!(is_within, "{total:?}, of which {elapsed:?} without suspensions");
}

#[tokio::test]
async fn the_server_ends_a_statement_after_5_seconds() {
    on_schema("statement timeout", |config| async move {
        let store = PostgresStore::connect(&config).await.expect("a store");
        let began = Stopwatch::start();
        let error = sqlx::query("SELECT pg_sleep(20)").execute(&store.pool).await.expect_err("too long");
        assert_took(began, 5.0..5.9);
        assert!(error.to_string().contains("statement timeout"), "{error}");
        assert!(matches!(store_error(error), StoreError::Unavailable(_)));
    })
    .await;
}

#[tokio::test]
async fn a_lock_wait_ends_after_2_seconds_and_the_caller_is_throttled() {
    on_schema("lock timeout", |config| async move {
        let store = PostgresStore::connect(&config).await.expect("a store");
        let mut other = PgConnection::connect_with(&config.session_options().expect("options")).await.expect("another");
        other.execute("BEGIN; LOCK TABLE cart").await.expect("a lock");
        let began = Stopwatch::start();
        let error = sqlx::query("UPDATE cart SET version = 1").execute(&store.pool).await.expect_err("locked");
        assert_took(began, 2.0..2.9);
        assert!(error.to_string().contains("lock timeout"), "{error}");
        assert!(matches!(store_error(error), StoreError::Throttled(_)));
    })
    .await;
}

#[tokio::test]
async fn an_idle_transaction_is_ended_by_the_server_after_10_seconds() {
    on_schema("idle transaction", |config| async move {
        let options = config.session_options().expect("options");
        let mut idle = PgConnection::connect_with(&options).await.expect("one");
        let mut other = PgConnection::connect_with(&options).await.expect("another");
        idle.execute("BEGIN").await.expect("a transaction");
        tokio::time::sleep(Duration::from_secs(2)).await;
        // The timeout restarts with each statement.
        let began = Stopwatch::start();
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut idle).await.expect("an id");
        let mut is_there = async || -> bool {
            let sessions = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)");
            sessions.bind(pid).fetch_one(&mut other).await.expect("a response")
        };
        while is_there().await {
            assert!(began.elapsed() < Duration::from_secs(20), "it is not ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_took(began, 10.0..10.9);
        let error = idle.execute("SELECT 1").await.expect_err("ended");
        let error = store_error(error);
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_caller_without_a_connection_gets_an_error_after_a_second() {
    on_schema("acquire timeout", |config| async move {
        let store = PostgresStore::connect(&PostgresConfig { max_connections: 1, ..config }).await.expect("a store");
        let busy = store.clone();
        let busy = tokio::spawn(async move { sqlx::query("SELECT pg_sleep(4)").execute(&busy.pool).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Stopwatch::start();
        let error = sqlx::query("SELECT 1").execute(&store.pool).await.expect_err("no connection is free");
        assert_took(began, 1.0..1.5);
        assert!(matches!(error, sqlx::Error::PoolTimedOut), "{error}");
        assert!(!busy.is_finished(), "the connection would have been free");
        assert!(matches!(store_error(error), StoreError::Unavailable(_)));
        busy.await.expect("no panic").expect("the other one is not disturbed");
    })
    .await;
}

/// The server's limits do not help if the network delivers nothing anymore.
#[tokio::test]
async fn a_silent_network_delays_a_caller_by_6_seconds_and_blocks_no_pool_slot() {
    on_schema("silent network", |config| async move {
        use secrecy::ExposeSecret as _;
        let url = config.url.expose_secret().to_owned();
        let port = url.parse::<sqlx::postgres::PgConnectOptions>().expect("a URL").get_port();
        let proxy = FaultProxy::start(port).await;
        let config = PostgresConfig { max_connections: 2, url: proxy.url(&url).into(), ..config };
        let store = PostgresStore::connect(&config).await.expect("a store");
        // One connection is in the middle of a statement, and one caller has disconnected from the other.
        let began = Stopwatch::start();
        let caller = store.clone();
        let caller = tokio::spawn(async move { sqlx::query("SELECT pg_sleep(3)").execute(&caller.pool).await });
        let gone = store.clone();
        let gone = tokio::spawn(async move { sqlx::query("SELECT pg_sleep(3)").execute(&gone.pool).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        proxy.black_hole();
        gone.abort();
        let error = caller.await.expect("no panic").expect_err("no response");
        assert_took(began, 6.0..6.9);
        assert!(matches!(store_error(error), StoreError::Unavailable(_)));
        // Both slots of the pool are free again.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let both = super::super::backends(&store, 2).await;
        assert_eq!(both.len(), 2);
    })
    .await;
}
