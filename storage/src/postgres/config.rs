//! How the pool connects. All settings of a session travel in the connection request: a `SET` per query would be a
//! round trip, and would pin the connection in a proxy.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use shopease_shared::ports::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection};

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
    /// Connect with the first statement, not before.
    pub lazy: bool,
}

impl PostgresConfig {
    /// A caller that gets no connection in this time is told that the store is unavailable.
    const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);
    /// A connection that was idle for longer is tried before use: the server may have restarted, or this process may
    /// have been frozen. Under load none is idle for so long, so no round trip is added where it would count.
    const TRUSTED_IDLE: Duration = Duration::from_secs(1);

    pub(super) fn pool_options(&self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(self.max_connections)
            .min_connections(0)
            .acquire_timeout(Self::ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > Self::TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_release(|connection, _| Box::pin(end_transaction(connection)))
    }

    pub(super) fn session_options(&self) -> Result<PgConnectOptions, StoreError> {
        let limits = [
            ("statement_timeout", "5s"),
            ("lock_timeout", "2s"),
            ("idle_in_transaction_session_timeout", "10s"),
            // Statements are few and each has its index: plan once per connection, and compile none.
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
        ];
        Ok(self.options()?.options(limits))
    }

    pub(super) fn migration_options(&self) -> Result<PgConnectOptions, StoreError> {
        Ok(self.options()?.options([("statement_timeout", "0"), ("lock_timeout", "0")]))
    }

    fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let options = PgConnectOptions::from_str(self.url.expose_secret()).map_err(StoreError::corrupt)?;
        let options = options.application_name("shopease");
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
            .field("lazy", &self.lazy)
            .finish_non_exhaustive()
    }
}

/// Guards the pool against a transaction left open on a connection, whoever left it: the next caller's writes would
/// be lost with it. The store itself opens none. `BEGIN` first, for a `ROLLBACK` without a transaction is a warning
/// in the server's log each time; in a failed transaction it is an error, and the pool closes the connection.
async fn end_transaction(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
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
        let schema = Some(schema.to_owned());
        PostgresConfig { url: SecretString::from(url), max_connections: 1, schema, lazy: true }
    }

    #[test]
    fn a_session_has_limits_and_a_migration_has_none() {
        let config = config("postgres://shop:hunter2@db.example/shop", "shop_1");
        let options = |options: PgConnectOptions| options.get_options().unwrap_or_default().to_owned();
        let session = options(config.session_options().expect("valid"));
        assert!(session.contains("search_path=shop_1") && session.contains("statement_timeout=5s"), "{session}");
        let migration = options(config.migration_options().expect("valid"));
        assert!(migration.contains("search_path=shop_1") && migration.contains("statement_timeout=0"), "{migration}");
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
