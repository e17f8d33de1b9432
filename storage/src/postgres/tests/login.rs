//! Passwords that change while the store runs.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use shopease_shop::ports::{Source, StoreError};
use shopease_shop::testing::{FixedClock, Stopwatch};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::super::error::store_error;
use super::super::retry;
use super::super::{PasswordSource, PostgresStore};
use super::backends;
use crate::postgres::{PostgresConfig, Timeouts};
use crate::testing::{LONG, OwnPostgres};

/// Returns the password that the test has set.
#[derive(Default)]
struct TestPasswords {
    password: Mutex<String>,
    requests: AtomicU32,
    fails: AtomicBool,
    slow: AtomicBool,
}

impl TestPasswords {
    fn set(&self, password: &str) {
        password.clone_into(&mut self.password.lock().expect("not poisoned"));
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl PasswordSource for TestPasswords {
    async fn password(&self) -> Result<SecretString, Source> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if self.slow.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err("no credentials".into());
        }
        Ok(self.password.lock().expect("not poisoned").as_str().into())
    }
}

struct Bench {
    server: OwnPostgres,
    passwords: Arc<TestPasswords>,
    clock: FixedClock,
    config: PostgresConfig,
}

impl Bench {
    async fn start(test: &str) -> Option<Self> {
        let server = OwnPostgres::start(test, &[])?;
        let (passwords, clock) = (Arc::new(TestPasswords::default()), FixedClock::new());
        let url = format!("postgres://shop@127.0.0.1:{}/postgres", server.port());
        let config = PostgresConfig {
            max_connections: 8,
            passwords: Some(passwords.clone()),
            clock: Arc::new(clock.clone()),
            ..PostgresConfig::new(url)
        };
        let bench = Self { server, passwords, clock, config };
        bench.administer("CREATE ROLE shop LOGIN").await;
        bench.change("first").await;
        bench.passwords.set("first");
        Some(bench)
    }

    async fn administer(&self, statement: &str) {
        let mut administrator = PgConnection::connect(&self.server.url()).await.expect("an administrator");
        administrator.execute(AssertSqlSafe(statement.to_owned())).await.expect("done");
    }

    async fn change(&self, password: &str) {
        self.administer(&format!("ALTER ROLE shop PASSWORD '{password}'")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_closes_no_connection_and_fails_no_caller() {
    let Some(bench) = Bench::start("changed password").await else { return };
    // Few, because an unoptimized SCRAM takes a tenth of a second.
    let config = PostgresConfig { max_connections: 4, ..bench.config.clone() };
    let store = PostgresStore::connect(&config).await.expect("the first password is right");
    let (working, stop) = (store.clone(), Arc::new(AtomicBool::new(false)));
    let stopped = stop.clone();
    let work = tokio::spawn(async move {
        let mut done = 0_u32;
        while !stopped.load(Ordering::SeqCst) {
            let callers = (0..4).map(|_| {
                let store = working.clone();
                tokio::spawn(async move {
                    retry::repeatable(|| sqlx::query("SELECT pg_sleep(0.01)").execute(&store.pool)).await
                })
            });
            for caller in callers.collect::<Vec<_>>() {
                caller.await.expect("no panic").expect("no caller fails");
                done += 1;
            }
        }
        done
    });
    // The source gets the new password a moment after the server: the order in which a rotation can go wrong.
    for password in ["second", "third", "fourth"] {
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.passwords.set(password);
        bench.change(password).await;
        // Close the open connections, so that new ones must be opened with the new password.
        bench
            .administer(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop' AND state = 'idle'",
            )
            .await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    stop.store(true, Ordering::SeqCst);
    let done = work.await.expect("no caller fails");
    bench.administer("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'shop'").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(!backends(&store, 4).await.is_empty(), "connections with the fourth password");
    assert!(bench.passwords.requests() >= 2);
    println!("{done} statements; the source was queried {} times", bench.passwords.requests());
    assert!(done > 100);
    let mut old = PgConnection::connect(&bench.server.url_of("shop", "first")).await;
    assert!(old.as_mut().is_err(), "the server does require the password");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_stay_and_new_ones_use_the_new_password() {
    let Some(bench) = Bench::start("new password").await else { return };
    let store = PostgresStore::connect(&bench.config).await.expect("the first password is right");
    let before = backends(&store, 2).await;
    assert_eq!((before.len(), bench.passwords.requests()), (2, 1), "one password for all connections");
    bench.passwords.set("second");
    bench.change("second").await;
    assert_eq!(backends(&store, 2).await, before, "open connections stay");
    assert_eq!(bench.passwords.requests(), 1);
    // More at once: they are rejected with the old password, one caller requests the new one, and none fails.
    let after = backends(&store, 8).await;
    assert!(before.iter().all(|pid| after.contains(pid)) && after.len() >= 4, "{before:?} {after:?}");
    assert_eq!(bench.passwords.requests(), 2, "one request for all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_kept_ten_minutes_and_requested_again_only_for_a_new_connection() {
    let Some(bench) = Bench::start("kept password").await else { return };
    let store = PostgresStore::connect(&bench.config).await.expect("the first password is right");
    bench.clock.advance(time::Duration::seconds(599));
    backends(&store, 2).await;
    assert_eq!(bench.passwords.requests(), 1, "not yet ten minutes");
    bench.clock.advance(time::Duration::seconds(2));
    backends(&store, 1).await;
    assert_eq!(bench.passwords.requests(), 1, "an open connection needs none");
    backends(&store, 4).await;
    assert_eq!(bench.passwords.requests(), 2, "new connections, and the old one is too old");
    // A freeze of hours.
    bench.clock.advance(time::Duration::hours(8));
    bench.passwords.set("second");
    bench.change("second").await;
    bench.administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'").await;
    assert_eq!(backends(&store, 2).await.len(), 2);
    assert_eq!(bench.passwords.requests(), 3);
    assert_eq!(bench.config.pool_options(freeze_detector()).get_max_lifetime(), Some(Duration::from_mins(9)));
}

fn freeze_detector() -> Arc<super::super::freeze_detector::FreezeDetector> {
    Arc::new(super::super::freeze_detector::FreezeDetector::new(Arc::new(FixedClock::new())))
}

/// `cargo xtask test` runs it last, with nothing beside it.
mod timing {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failing_source_affects_no_caller_while_the_kept_password_is_valid() {
        let Some(bench) = Bench::start("failing source").await else { return };
        // A machine that is suspended for a second must not end the running statements.
        let timeouts = Timeouts { statement_timeout: LONG.statement_timeout, ..bench.config.timeouts };
        let config = PostgresConfig { timeouts, ..bench.config.clone() };
        let store = PostgresStore::connect(&config).await.expect("the first password is right");
        bench.passwords.fails.store(true, Ordering::SeqCst);
        bench.clock.advance(time::Duration::minutes(11));
        assert_eq!(backends(&store, 4).await.len(), 4, "the server still accepts the old one");
        assert_eq!(bench.passwords.requests(), 2, "not requested again at once");
        // Now it is wrong as well: callers without a connection get "unavailable" in bounded time.
        bench.change("second").await;
        bench.clock.advance(time::Duration::minutes(11));
        bench.passwords.slow.store(true, Ordering::SeqCst);
        let callers = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { sqlx::query("SELECT pg_sleep(4)").execute(&store.pool).await })
        });
        let began = Stopwatch::start();
        let (mut served, mut unavailable) = (0, 0);
        for caller in callers.collect::<Vec<_>>() {
            match caller.await.expect("no panic").map_err(store_error) {
                Ok(_) => served += 1,
                Err(StoreError::Unavailable(_)) => unavailable += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!((served, unavailable), (4, 4), "open connections keep serving");
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn with_a_root_certificate_the_server_must_prove_its_name_in_tls() {
    let Some(bench) = Bench::start("TLS").await else { return };
    let at = |host: &str, root_certificate: Option<std::path::PathBuf>| PostgresConfig {
        url: format!("postgres://shop@{host}:{}/postgres?sslmode=disable", bench.server.port()).into(),
        root_certificate,
        timeouts: LONG,
        ..bench.config.clone()
    };
    let unlike = tempfile::NamedTempFile::new().expect("a file");
    let rejected = PostgresStore::connect(&at("localhost", Some(unlike.path().into()))).await;
    assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "a server without TLS: {rejected:?}");
    let certificate = bench.server.with_tls();
    let store = PostgresStore::connect(&at("localhost", Some(certificate.clone()))).await.expect("its name is proven");
    let encrypted: bool = sqlx::query_scalar("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .fetch_one(&store.pool)
        .await
        .expect("a response");
    assert!(encrypted, "whatever the URL says");
    let rejected = PostgresStore::connect(&at("127.0.0.1", Some(certificate))).await;
    assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "another name: {rejected:?}");
    let rejected = PostgresStore::connect(&at("localhost", Some(unlike.path().into()))).await;
    assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "another authority: {rejected:?}");
    assert!(PostgresStore::connect(&at("localhost", None)).await.is_ok(), "the password alone is right");
}

#[tokio::test]
async fn a_start_without_a_password_reports_the_reason() {
    let Some(bench) = Bench::start("no password").await else { return };
    bench.passwords.fails.store(true, Ordering::SeqCst);
    let error = PostgresStore::connect(&bench.config).await.expect_err("no password");
    assert!(
        matches!(&error, StoreError::Unavailable(source) if source.to_string().contains("no credentials")),
        "{error:?}"
    );
}
