//! What a purge deletes, how much at once, which locks it skips, and which indexes it uses.

use shopease_shop::ports::{OutboxMessage, PURGE_ROWS, PurgeStore as _, Purged};
use shopease_shop::testing::Stopwatch;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use time::Duration;

use super::super::{PostgresConfig, PostgresStore};
use super::NOW;
use crate::testing::on_schema;

/// Number of expired rows in each table, and of unexpired ones.
const ROWS: u64 = 1_200;

/// Fills the five tables; every other row is expired.
async fn fill(connection: &mut PgConnection) {
    for table in [
        "INSERT INTO idempotency_key (key, request_hash, lease_until, expires_at)
            SELECT 'key ' || n, 'h', $1, $1 + CASE WHEN n % 2 = 0 THEN interval '1 ms' ELSE interval '0' END
            FROM generate_series(1, $2::bigint) n",
        "INSERT INTO cart (owner, id, version, lines, updated_at, expires_at)
            SELECT 'owner ' || n, 'cart', 1, '[]', $1, $1 + CASE WHEN n % 2 = 0 THEN interval '1 ms' ELSE interval '-1 day' END
            FROM generate_series(1, $2::bigint) n",
        "INSERT INTO session (token_digest, customer_id, signed_in_at, expires_at)
            SELECT 'digest ' || n, 'c', $1, $1 + CASE WHEN n % 2 = 0 THEN interval '1 ms' ELSE interval '0' END
            FROM generate_series(1, $2::bigint) n",
        "INSERT INTO failed_attempt (key, failures, last_at, expires_at)
            SELECT 'key ' || n, 1, $1, $1 + CASE WHEN n % 2 = 0 THEN interval '1 ms' ELSE interval '0' END
            FROM generate_series(1, $2::bigint) n",
        "INSERT INTO outbox (id, topic, subject, occurred_at, delivered_at)
            SELECT 'message ' || n, 't', 's', $1 - interval '8 days',
                CASE n % 4 WHEN 0 THEN NULL WHEN 2 THEN $1 - interval '7 days' + interval '1 ms' ELSE $1 - interval '7 days' END
            FROM generate_series(1, $2::bigint) n",
    ] {
        let rows = i64::try_from(2 * ROWS).expect("small");
        sqlx::query(AssertSqlSafe(table)).bind(NOW).bind(rows).execute(&mut *connection).await.expect("rows");
    }
}

async fn count(connection: &mut PgConnection) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in ["idempotency_key", "cart", "session", "failed_attempt", "outbox"] {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        counts.push(sqlx::query_scalar(count).fetch_one(&mut *connection).await.expect("a number"));
    }
    counts
}

async fn connect(config: &PostgresConfig) -> (PostgresStore, PgConnection) {
    let store = PostgresStore::connect(config).await.expect("a store");
    let options = store.pool.connect_options().await.expect("options");
    let connection = PgConnection::connect_with(&options).await.expect("a connection");
    (store, connection)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_expired_rows_are_deleted_in_batches() {
    on_schema("rows that are over", |config| async move {
        let (store, mut connection) = connect(&config).await;
        fill(&mut connection).await;
        let all = |rows| Purged { idempotency_keys: rows, carts: rows, sessions: rows, attempts: rows, messages: rows };
        for rows in [PURGE_ROWS, PURGE_ROWS, ROWS - 2 * PURGE_ROWS, 0] {
            let purged = store.purge(NOW).await.expect("a purge");
            assert_eq!((purged, purged.may_be_more()), (all(rows), rows == PURGE_ROWS));
        }
        let left = i64::try_from(ROWS).expect("small");
        assert_eq!(count(&mut connection).await, [left; 5]);
        let ends = [
            "SELECT min(expires_at) FROM idempotency_key",
            "SELECT min(expires_at) FROM cart",
            "SELECT min(expires_at) FROM session",
            "SELECT min(expires_at) FROM failed_attempt",
        ];
        for end in ends {
            let end: time::OffsetDateTime = sqlx::query_scalar(end).fetch_one(&mut connection).await.expect("a time");
            assert!(end > NOW, "{end}");
        }
        // Rows that still wait are kept, however old they are.
        while store.purge(NOW + OutboxMessage::KEPT * 10).await.expect("a purge").rows() > 0 {}
        assert_eq!(count(&mut connection).await, [0, 0, 0, 0, left / 2]);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_skips_locked_rows_and_two_purges_share_the_work() {
    on_schema("a purge skips locks", |config| async move {
        let (store, mut connection) = connect(&config).await;
        fill(&mut connection).await;
        let mut other = connection.begin().await.expect("a transaction");
        other.execute("SELECT FROM idempotency_key WHERE key = 'key 1' FOR UPDATE").await.expect("a lock");
        other.execute("SELECT FROM cart WHERE owner = 'owner 1' FOR UPDATE").await.expect("a lock");
        let until = NOW + Duration::days(2);
        let began = Stopwatch::start();
        let all = async || {
            let mut sum = 0;
            loop {
                let purged = store.purge(until).await.expect("a purge");
                if purged.rows() == 0 {
                    return sum;
                }
                sum += purged.rows();
            }
        };
        let (one, two) = tokio::join!(all(), all());
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "it waited: {:?}", began.elapsed());
        other.rollback().await.expect("the locks end");
        assert_eq!(all().await, 2, "the rows that were locked");
        println!("one purged {one} rows, the other {two}");
        let messages = ROWS * 3 / 2;
        assert_eq!(one + two + 2, 4 * 2 * ROWS + messages);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_rows_are_found_by_indexes() {
    on_schema("a purge by indexes", |config| async move {
        let (store, mut connection) = connect(&config).await;
        fill(&mut connection).await;
        connection.execute("ANALYZE").await.expect("statistics");
        for (index, query) in [
            ("idempotency_key_expiry", "SELECT ctid FROM idempotency_key WHERE expires_at <= $1 ORDER BY expires_at"),
            ("cart_expiry", "SELECT ctid FROM cart WHERE expires_on < ($1::timestamptz AT TIME ZONE 'UTC')::date ORDER BY expires_on"),
            ("session_expiry", "SELECT ctid FROM session WHERE expires_at <= $1 ORDER BY expires_at"),
            ("outbox_delivered", "SELECT ctid FROM outbox WHERE delivered_at <= $1 ORDER BY delivered_at"),
        ] {
            let explain = AssertSqlSafe(format!("EXPLAIN {query} LIMIT 500 FOR UPDATE SKIP LOCKED"));
            let at = NOW - Duration::days(7);
            let plan: Vec<String> = sqlx::query_scalar(explain).bind(at).fetch_all(&mut connection).await.expect("a plan");
            let plan = plan.join("\n");
            assert!(plan.contains(index) && !plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn saving_a_cart_again_updates_no_index() {
    on_schema("a cart again", |config| async move {
        let (store, mut connection) = connect(&config).await;
        connection
            .execute(
                "INSERT INTO cart (owner, id, version, lines, updated_at, expires_at) VALUES ('o', 'c', 1, '[]', now(), '2026-01-01 12:00Z');
                 UPDATE cart SET version = version + 1, expires_at = expires_at + interval '1 minute';
                 UPDATE cart SET version = version + 1, expires_at = expires_at + interval '1 minute';
                 SELECT pg_stat_force_next_flush()",
            )
            .await
            .expect("written");
        let hot: i64 = sqlx::query_scalar("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'cart'::regclass")
            .fetch_one(&mut connection)
            .await
            .expect("a number");
        assert_eq!(hot, 2);
        store.close().await;
    })
    .await;
}
