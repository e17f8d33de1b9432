//! Connection settings of the pool. All session settings are part of the connection request: a `SET` per query would be
//! a round trip, and would pin the connection in a proxy.

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
use super::pool::is_clean;

/// The database, and how many connections to open to it.
#[derive(Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database?sslmode=verify-full`.
    pub url: SecretString,
    /// Most connections that this process opens.
    pub max_connections: u32,
    /// Schema of the tables, which migrations create; `None` uses the role's search path. Lower-case letters, digits,
    /// and `_`.
    pub schema: Option<String>,
    /// Source of the password of each new connection, instead of the URL.
    pub passwords: Option<Arc<dyn PasswordSource>>,
    /// PEM file with trusted CA certificates. If it is set, the server's certificate must match the host name of the
    /// URL.
    pub root_certificate: Option<PathBuf>,
    /// Determines the age of passwords, and whether the process was frozen.
    pub clock: Arc<dyn Clock>,
    /// Timeouts of callers and statements.
    pub timeouts: Timeouts,
}

/// Limits on a statement, and on everything that it waits for (ADR 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a starting process tries to reach a database that is busy, starting, or failing over; at least one
    /// attempt.
    pub start_timeout: Duration,
    /// A caller that gets no connection within this time receives "unavailable".
    pub acquire_timeout: Duration,
    /// The server cancels a statement that runs longer.
    pub statement_timeout: Duration,
    /// The server cancels a statement that waits longer for a lock.
    pub lock_timeout: Duration,
}

impl Default for Timeouts {
    /// One attempt at start, 1 s for a connection, 5 s for a statement, 2 s for a lock.
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
    /// A connection that was idle must respond to a check within this time; the rest of the second is left for a new
    /// one.
    const PING_LIMIT: Duration = Duration::from_millis(300);
    /// Connections are replaced at this age, so that load spreads over the hosts that a name currently resolves to.
    const MAX_LIFETIME: Duration = Duration::from_mins(30);
    /// The same for passwords that expire: no connection outlives its credentials by much.
    const MAX_LIFETIME_WITH_TOKENS: Duration = Duration::from_mins(9);

    /// Up to 16 connections to the database of a URL.
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
            // There are few statements and each has its index: plan once per connection, and do not use JIT.
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
        ];
        Ok(self.options()?.options(limits))
    }

    /// Session options for migrations: like those of the pool, without time limits.
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
            // The name is inserted into migration statements without quotes.
            Some(schema) if is_plain_name(schema) => Ok(options.options([("search_path", schema.as_str())])),
            Some(schema) => Err(StoreError::corrupt(format!("{schema:?} is not a valid schema name"))),
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

/// Protects the pool from a transaction that was left open on a connection: the next caller's writes would be lost with
/// it. The store starts none, but dropping a future of the driver's `begin` leaves one (sqlx 0.9.0). `BEGIN` comes
/// first, because a `ROLLBACK` without a transaction logs a warning on the server each time. In a failed transaction
/// `BEGIN` is an error, and the pool closes the connection. This costs a round trip, so it is skipped where the pool's
/// user knows that the connection is clean.
async fn end_transaction(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    if is_clean() {
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
    fn an_invalid_schema_name_is_rejected() {
        for name in ["", "1st", "Shop", "a b", "a;drop", "a\"", &"a".repeat(64)] {
            assert!(config("postgres://localhost/shop", name).session_options().is_err(), "{name}");
        }
    }

    #[test]
    fn debug_output_and_errors_do_not_contain_the_url() {
        let config = config("postgres://shop:hunter2@db.example:99999999/shop", "shop");
        assert!(!format!("{config:?}").contains("hunter2"));
        let error = config.session_options().expect_err("no such port");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
