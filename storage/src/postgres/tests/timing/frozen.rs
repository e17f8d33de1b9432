//! A process that was frozen, as Lambda does between requests, or whose connections the server closed in the meantime.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use shopease_shop::testing::{FixedClock, Stopwatch};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::super::super::PostgresStore;
use super::super::backends;
use crate::postgres::{PostgresConfig, Timeouts};
use crate::testing::{FaultProxy, LONG, on_schema};

/// Waits longer for a connection than a shop does, so that a server that is busy for a second is not mistaken for a
/// failed connection; [`query`] checks the time limit of the store.
fn config_of(config: PostgresConfig, max_connections: u32) -> PostgresConfig {
    let timeouts = Timeouts { acquire_timeout: LONG.acquire_timeout, ..config.timeouts };
    PostgresConfig { max_connections, timeouts, ..config }
}

/// Queries once, without the store's retry: the pool alone must not return a dead connection.
async fn query(store: &PostgresStore) -> i32 {
    let began = Stopwatch::start();
    let pid = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()").fetch_one(&store.pool).await;
    let pid = pid.expect("the query succeeds");
    assert!(began.elapsed() < Duration::from_millis(900), "no waiting for a dead connection: {:?}", began.elapsed());
    pid
}

async fn terminate(url: &str, pids: &[i32]) {
    let mut operator = PgConnection::connect(url).await.expect("an operator");
    for pid in pids {
        let statement = format!("SELECT pg_terminate_backend({pid}, 5000)");
        let ended: bool = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut operator).await.expect("ended");
        assert!(ended);
    }
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_the_server_ended_while_idle_is_replaced() {
    on_schema("ended while idle", |config| async move {
        let url = config.url.expose_secret().to_owned();
        let store = PostgresStore::connect(&config_of(config, 1)).await.expect("a store");
        let pid = query(&store).await;
        for _ in 0..20 {
            assert_eq!(query(&store).await, pid, "one connection serves request after request");
        }
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(query(&store).await, pid, "also after a pause");
        terminate(&url, &[pid]).await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_ne!(query(&store).await, pid);
    })
    .await;
}

/// Only the wall clock shows it; by the monotonic clock nothing was idle.
#[tokio::test]
async fn after_a_freeze_every_connection_is_tested_before_use() {
    on_schema("freeze", |config| async move {
        let url = config.url.expose_secret().to_owned();
        let clock = FixedClock::new();
        let config = PostgresConfig { clock: Arc::new(clock.clone()), ..config_of(config, 2) };
        let store = PostgresStore::connect(&config).await.expect("a store");
        for _ in 0..5 {
            let before = backends(&store, 2).await;
            terminate(&url, &before).await;
            clock.advance(time::Duration::minutes(5));
            let after = backends(&store, 2).await;
            assert!(after.iter().all(|pid| !before.contains(pid)), "{before:?} {after:?}");
        }
    })
    .await;
}

/// A router that has forgotten the connection sends no response at all.
#[tokio::test]
async fn after_a_freeze_a_silent_connection_is_dropped_at_once() {
    on_schema("silent after a freeze", |config| async move {
        let url = config.url.expose_secret().to_owned();
        let port = url.parse::<sqlx::postgres::PgConnectOptions>().expect("a URL").get_port();
        let proxy = FaultProxy::start(port).await;
        let clock = FixedClock::new();
        let config =
            PostgresConfig { url: proxy.url(&url).into(), clock: Arc::new(clock.clone()), ..config_of(config, 2) };
        let store = PostgresStore::connect(&config).await.expect("a store");
        for _ in 0..3 {
            let before = backends(&store, 2).await;
            proxy.black_hole();
            clock.advance(time::Duration::minutes(5));
            assert!(!before.contains(&query(&store).await));
            assert!(!before.contains(&query(&store).await));
        }
    })
    .await;
}

/// The child process of [`a_stopped_process_resumes_without_an_error`]: queries, prints the process IDs, waits for a
/// line.
#[tokio::test]
async fn child_of_the_stopped_process_test() {
    use std::io::{BufRead as _, Write as _};
    let env = |name: &str| shopease_shop::ports::Env::var(&shopease_shop::ports::ProcessEnv, name);
    let Some(url) = env("SHOPEASE_TEST_CHILD_URL") else { return };
    let config = config_of(PostgresConfig::new(url), 2);
    let store = PostgresStore::connect(&config).await.expect("a store");
    let mut lines = std::io::stdin().lock().lines();
    loop {
        let pids = backends(&store, 2).await;
        writeln!(std::io::stderr(), "queried {} {}", pids[0], pids[1]).expect("stderr is writable");
        // Blocks the runtime: nothing runs between two requests, as on Lambda.
        if lines.next().is_none() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_resumes_without_an_error() {
    on_schema("stopped process", |config| async move {
        use std::io::{BufRead as _, BufReader, Write as _};
        use std::process::{Command, Stdio};
        let url = config.url.expose_secret().to_owned();
        let port = url.parse::<sqlx::postgres::PgConnectOptions>().expect("a URL").get_port();
        let proxy = FaultProxy::start(port).await;
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "--nocapture", "postgres::tests::timing::frozen::child_of_the_stopped_process_test"])
            .env("SHOPEASE_TEST_CHILD_URL", proxy.url(&url))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a child");
        let (mut stdin, stderr) = (child.stdin.take().expect("piped"), child.stderr.take().expect("piped"));
        let mut lines = BufReader::new(stderr).lines();
        let mut queried = move || {
            let line = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("queried "));
            let line = line.expect("the child queries without an error");
            line.split(' ').skip(1).map(|pid| pid.parse().expect("a process id")).collect::<Vec<i32>>()
        };
        let signal = |name: &str| {
            let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
            assert!(sent.success());
        };
        let (mut before, mut queried) =
            tokio::task::spawn_blocking(move || (queried(), queried)).await.expect("a response");
        for round in 0..4 {
            signal("-STOP");
            if round % 2 == 0 {
                terminate(&url, &before).await;
            } else {
                proxy.black_hole();
            }
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            signal("-CONT");
            let began = Stopwatch::start();
            stdin.write_all(b"\n").expect("a line");
            let after;
            (after, queried) = tokio::task::spawn_blocking(move || (queried(), queried)).await.expect("a response");
            assert!(began.elapsed() < Duration::from_secs(2), "round {round}: {:?}", began.elapsed());
            assert!(after.iter().all(|pid| !before.contains(pid)), "round {round}: {before:?} {after:?}");
            before = after;
        }
        drop(stdin);
        assert!(child.wait().expect("the child ends").success());
    })
    .await;
}
