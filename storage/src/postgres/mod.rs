//! The stores on `PostgreSQL` (15 or newer).
//!
//! Every command is one autocommitted statement: one round trip, and nothing left open when a caller disconnects.
//! Commands with several writes are database functions (see `migrations` and `arguments`). Aggregates are stored as the
//! JSON documents that the domain writes; columns exist only for conditions and sorting. No shop rule is implemented
//! here.

mod accounts;
mod arguments;
mod attempts;
mod audit;
mod budget;
mod carts;
mod catalog;
mod config;
mod error;
mod freeze_detector;
#[cfg(feature = "rds-iam")]
mod iam;
mod idempotency;
mod login;
mod orders;
mod outbox;
mod pool;
mod purge;
mod retry;
mod rows;
mod search;
mod settings;
mod shop_settings;
mod stock;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use shopease_shop::ports::{Health, StoreError};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};

pub use budget::{Budget, BudgetError, BudgetExceeded};
pub use config::{PostgresConfig, Timeouts};
pub(crate) use error::start_problem;
use error::store_error;
#[cfg(feature = "rds-iam")]
pub use iam::IamTokens;
pub use login::PasswordSource;
use pool::Connections;
use rows::{from_bigint, from_json, row_limit, start_after, to_bigint, to_json};
pub use settings::{DatabaseLogin, DatabaseSettings};

/// All store ports on one database. Clones share the connections.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: Connections,
    config: PostgresConfig,
}

impl PostgresStore {
    /// Connects to the database of `config`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database does not respond; [`StoreError::Corrupt`] if the URL or the schema
    /// name is invalid.
    pub async fn connect(config: &PostgresConfig) -> Result<Self, StoreError> {
        let pool = Connections::new(config)?;
        pool.warm_up(config.timeouts.start_timeout).await?;
        Ok(Self { pool, config: config.clone() })
    }

    /// Migrates the tables and functions to this release. Any number of processes may call it concurrently.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database does not respond; [`StoreError::Corrupt`] if a migration fails or
    /// differs from the one that was applied. The next call resumes at the failed migration.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // A separate connection: migrations may take longer than a request's statement, and use transactions.
        let options = PostgresConfig::migration_options(&*self.pool.connect_options().await?);
        let mut connection = PgConnection::connect_with(&options).await.map_err(store_error)?;
        let mut migrator: Migrator = sqlx::migrate!("./migrations");
        if let Some(schema) = &self.config.schema {
            migrator.create_schema(schema.clone());
        }
        migrator.run(&mut connection).await.map_err(error::migration_error)?;
        connection.close().await.map_err(store_error)
    }

    /// Compares the connections that all processes may open with the server's limit.
    ///
    /// # Errors
    /// [`BudgetError::Exceeded`] if there are too many; [`BudgetError::Store`] if the server does not respond.
    pub async fn check_budget(&self, budget: &Budget) -> Result<(), BudgetError> {
        budget.check(budget::capacity(&self.pool).await?).map_err(BudgetError::Exceeded)
    }

    /// Closes all connections after their running statements.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl Health for PostgresStore {
    async fn check(&self) -> Result<(), StoreError> {
        // Reads a table instead of `SELECT 1`, because a database without the migrations cannot serve.
        let read = || sqlx::query_scalar!("SELECT handle FROM category LIMIT 1").fetch_optional(&self.pool);
        retry::repeatable(read).await.map(|_| ())
    }
}
