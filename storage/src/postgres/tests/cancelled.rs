//! Callers that disconnect: dropping a future of the driver's `begin` at any of its awaits leaves a transaction open
//! (sqlx 0.9.0). No later statement may run in it.

use std::sync::Arc;
use std::time::Duration;

use shopease_shop::ports::SystemClock;
use shopease_shop::testing::SeededRandom;
use sqlx::{Connection as _, PgConnection, PgPool};

use super::super::freeze_detector::FreezeDetector;
use crate::testing::on_schema;

/// With a write after every tenth, and 200 at the end.
const CANCELLED: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_runs_in_a_transaction_that_a_canceled_begin_left_open() {
    on_schema("cancelled begin", |config| async move {
        let seed = 20_261;
        println!("seed {seed}");
        let mut random = SeededRandom::new(seed);
        let session = config.session_options().expect("options").application_name("cancelled");
        let pool = config.pool_options(Arc::new(FreezeDetector::new(Arc::new(SystemClock))));
        let pool = pool.connect_with(session.clone()).await.expect("the database responds");
        sqlx::query("CREATE TABLE written (number int)").execute(&pool).await.expect("a table");
        let mut in_time = 0;
        for number in 0..CANCELLED {
            // A round trip takes about 100 us here: some futures are dropped before the request is sent, some before
            // its response arrives.
            let limit = Duration::from_micros(random.below(400) as u64);
            let cancelled = async { tokio::time::timeout(limit, pool.begin()).await };
            if random.below(2) == 0 {
                in_time += usize::from(cancelled.await.is_ok_and(|began| began.is_ok()));
            } else {
                // Polled a few times at most, then dropped.
                in_time += usize::from(polled(&pool, random.below(6)).await);
            }
            if number % 10 == 0 {
                write(&pool, number).await;
            }
        }
        println!("{in_time} of {CANCELLED} completed before they were dropped");
        // Longer than the guard needs, shorter than the server's own limit for idle transactions.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut writers = Vec::new();
        for number in CANCELLED..CANCELLED + 200 {
            let pool = pool.clone();
            writers.push(tokio::spawn(async move { write(&pool, number).await }));
        }
        for writer in writers {
            writer.await.expect("no panic");
        }
        // Checked from outside: open transactions now, and the writes that remain after all connections of the pool
        // have closed.
        let other = session.application_name("observer");
        let mut other = PgConnection::connect_with(&other).await.expect("a connection");
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'cancelled' AND state LIKE 'idle in transaction%'",
        )
        .fetch_one(&mut other)
        .await
        .expect("a count");
        pool.close().await;
        let written: i64 =
            sqlx::query_scalar("SELECT count(*) FROM written").fetch_one(&mut other).await.expect("a count");
        assert_eq!((open, written), (0, 300), "open transactions, and writes that remain");
    })
    .await;
}

async fn write(pool: &PgPool, number: usize) {
    let number = i32::try_from(number).expect("small");
    sqlx::query("INSERT INTO written VALUES ($1)").bind(number).execute(pool).await.expect("a write");
}

/// Polls a `begin` this many times and drops it. Returns whether it had completed.
async fn polled(pool: &PgPool, polls: usize) -> bool {
    let mut begin = Box::pin(pool.begin());
    for _ in 0..polls {
        if let std::task::Poll::Ready(began) = futures_util::poll!(&mut begin) {
            return began.is_ok();
        }
        tokio::task::yield_now().await;
    }
    false
}
