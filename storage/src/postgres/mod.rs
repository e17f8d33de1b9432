//! The stores on `PostgreSQL` (15 or newer).
//!
//! Every command is one autocommitted statement: one round trip, nothing to leave open when a caller goes away. What
//! takes several writes is a function in the database (see `migrations` and `arguments`). Aggregates are kept as the JSON documents
//! the domain writes; columns exist only for conditions and orders. No rule of the shop lives here.

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
mod pool;
mod purge;
mod retry;
mod rows;
mod search;
mod settings;
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

/// All store ports on one database. Cloning shares the connections.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: Connections,
    config: PostgresConfig,
}

impl PostgresStore {
    /// A store on the database of `config`, to which a connection has been made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; [`StoreError::Corrupt`] when the URL or the
    /// schema's name cannot be right.
    pub async fn connect(config: &PostgresConfig) -> Result<Self, StoreError> {
        let pool = Connections::new(config)?;
        pool.warm_up(config.timeouts.start_timeout).await?;
        Ok(Self { pool, config: config.clone() })
    }

    /// Brings the tables and functions to this version of the program. Any number of processes may call it at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer; [`StoreError::Corrupt`] when a migration fails
    /// or differs from the one that ran. The next call begins at the migration that failed.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // Its own connection: migrations may take longer than a request's statement, and open transactions.
        let options = PostgresConfig::migration_options(&*self.pool.connect_options().await?);
        let mut connection = PgConnection::connect_with(&options).await.map_err(store_error)?;
        let mut migrator: Migrator = sqlx::migrate!("./migrations");
        if let Some(schema) = &self.config.schema {
            migrator.create_schema(schema.clone());
        }
        migrator.run(&mut connection).await.map_err(error::migration_error)?;
        connection.close().await.map_err(store_error)
    }

    /// Compares what all processes together may open with what the server admits.
    ///
    /// # Errors
    /// [`BudgetError::Exceeded`] when it is more; [`BudgetError::Store`] when the server does not answer.
    pub async fn check_budget(&self, budget: &Budget) -> Result<(), BudgetError> {
        budget.check(budget::capacity(&self.pool).await?).map_err(BudgetError::Exceeded)
    }

    /// Closes all connections, after the statements that run on them.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl Health for PostgresStore {
    async fn check(&self) -> Result<(), StoreError> {
        // A table, not `SELECT 1`: a database without the migrations cannot serve.
        let read = || sqlx::query_scalar!("SELECT handle FROM category LIMIT 1").fetch_optional(&self.pool);
        retry::repeatable(read).await.map(|_| ())
    }
}
