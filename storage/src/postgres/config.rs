//! How the pool connects. All settings of a session travel in the connection request: a `SET` per query would be a
//! round trip, and would pin the connection in a proxy.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use shopease_shop::ports::{Clock, StoreError, SystemClock};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::timeout;

use super::freeze_detector::FreezeDetector;
use super::login::PasswordSource;
use super::pool::is_settled;

/// Which database, and how many connections to it.
#[derive(Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database?sslmode=verify-full`.
    pub url: SecretString,
    /// Most connections this process opens.
    pub max_connections: u32,
    /// Tables live in this schema, which migrations create; `None`: the role's own search path. Lower-case letters,
    /// digits and `_`.
    pub schema: Option<String>,
    /// Gives the password of each new connection, instead of the URL.
    pub passwords: Option<Arc<dyn PasswordSource>>,
    /// PEM file with the authorities to trust; with it the server must prove that it is the host of the URL.
    pub root_certificate: Option<PathBuf>,
    /// Tells how old passwords are, and that the process was frozen.
    pub clock: Arc<dyn Clock>,
    /// How long callers and statements wait.
    pub timeouts: Timeouts,
}

/// How long a statement may take, and each thing that it waits for (ADR 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A process that starts tries this long to reach a database that is busy, starts or fails over; once at least.
    pub start_timeout: Duration,
    /// A caller that gets no connection in this time is told that the store is unavailable.
    pub acquire_timeout: Duration,
    /// The server ends a statement that runs longer.
    pub statement_timeout: Duration,
    /// The server ends a statement that waits longer for a lock.
    pub lock_timeout: Duration,
}

impl Default for Timeouts {
    /// One try at the start, 1 s for a connection, 5 s for a statement, 2 s for a lock.
    fn default() -> Self {
        Self {
            start_timeout: Duration::ZERO,
            acquire_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(2),
        }
    }
}

impl PostgresConfig {
    /// A connection that was idle must show in this time that it lives; the rest of the second is for a new one.
    const PING_LIMIT: Duration = Duration::from_millis(300);
    /// A connection is replaced at this age, so that load spreads over the hosts a name has come to stand for.
    const MAX_LIFETIME: Duration = Duration::from_mins(30);
    /// The same where passwords run out: no connection outlives by much the right to make it.
    const MAX_LIFETIME_WITH_TOKENS: Duration = Duration::from_mins(9);

    /// 16 connections to the database of a URL.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            schema: None,
            passwords: None,
            root_certificate: None,
            clock: Arc::new(SystemClock),
            timeouts: Timeouts::default(),
        }
    }

    pub(super) fn pool_options(&self, freeze_detector: Arc<FreezeDetector>) -> PgPoolOptions {
        let tokens = self.passwords.is_some();
        PgPoolOptions::new()
            .max_connections(self.max_connections)
            .min_connections(0)
            .acquire_timeout(self.timeouts.acquire_timeout)
            .max_lifetime(if tokens { Self::MAX_LIFETIME_WITH_TOKENS } else { Self::MAX_LIFETIME })
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let trusted = freeze_detector.trusts(meta.idle_for);
                Box::pin(async move {
                    Ok(trusted || matches!(timeout(Self::PING_LIMIT, connection.ping()).await, Ok(Ok(()))))
                })
            })
            .after_release(|connection, _| Box::pin(end_transaction(connection)))
    }

    pub(super) fn session_options(&self) -> Result<PgConnectOptions, StoreError> {
        let milliseconds = |limit: Duration| format!("{}ms", limit.as_millis());
        let limits = [
            ("statement_timeout", &*milliseconds(self.timeouts.statement_timeout)),
            ("lock_timeout", &*milliseconds(self.timeouts.lock_timeout)),
            ("idle_in_transaction_session_timeout", "10s"),
            // Statements are few and each has its index: plan once per connection, and compile none.
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
        ];
        Ok(self.options()?.options(limits))
    }

    /// A session for migrations: as one of the pool, but they may take long.
    pub(super) fn migration_options(session: &PgConnectOptions) -> PgConnectOptions {
        session.clone().options([("statement_timeout", "0"), ("lock_timeout", "0")])
    }

    fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let options = PgConnectOptions::from_str(self.url.expose_secret()).map_err(StoreError::corrupt)?;
        let mut options = options.application_name("shopease");
        if let Some(file) = &self.root_certificate {
            options = options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(file);
        }
        match &self.schema {
            // The name is part of migration statements, unquoted.
            Some(schema) if is_plain_name(schema) => Ok(options.options([("search_path", schema.as_str())])),
            Some(schema) => Err(StoreError::corrupt(format!("{schema:?} cannot be the name of a schema"))),
            None => Ok(options),
        }
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("max_connections", &self.max_connections)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// Guards the pool against a transaction left open on a connection: the next caller's writes would be lost with it. The
/// store begins none, but a future of the driver's `begin` that is dropped leaves one (sqlx 0.9.0). `BEGIN` first, for
/// a `ROLLBACK` without a transaction is a warning in the server's log each time; in a failed transaction it is an
/// error, and the pool closes the connection. Costs a round trip, so not where the pool's user knows better.
async fn end_transaction(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    if is_settled() {
        return Ok(true);
    }
    connection.execute("BEGIN; ROLLBACK").await.map(|_| true)
}

fn is_plain_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    name.len() <= 63
        && name.bytes().next().is_some_and(word)
        && name.bytes().all(|byte| word(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, schema: &str) -> PostgresConfig {
        PostgresConfig { schema: Some(schema.to_owned()), ..PostgresConfig::new(url) }
    }

    #[test]
    fn a_session_has_limits_and_a_migration_has_none() {
        let config = config("postgres://shop:hunter2@db.example/shop", "shop_1");
        let options = |options: PgConnectOptions| options.get_options().unwrap_or_default().to_owned();
        let pooled = config.session_options().expect("valid");
        let migration = options(PostgresConfig::migration_options(&pooled));
        let session = options(pooled);
        assert!(session.contains("search_path=shop_1") && session.contains("statement_timeout=5000ms"), "{session}");
        assert!(migration.contains("search_path=shop_1"), "{migration}");
        assert!(migration.rfind("statement_timeout=0") > migration.rfind("statement_timeout=5000ms"), "{migration}");
    }

    #[test]
    fn a_schema_name_that_is_no_plain_word_is_refused() {
        for name in ["", "1st", "Shop", "a b", "a;drop", "a\"", &"a".repeat(64)] {
            assert!(config("postgres://localhost/shop", name).session_options().is_err(), "{name}");
        }
    }

    #[test]
    fn the_url_is_in_no_debug_output_and_in_no_error() {
        let config = config("postgres://shop:hunter2@db.example:99999999/shop", "shop");
        assert!(!format!("{config:?}").contains("hunter2"));
        let error = config.session_options().expect_err("no such port");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
