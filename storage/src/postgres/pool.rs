//! The connections of a store. Nothing here waits without a limit: the server's own limits do not help if the network
//! drops packets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use shopease_shop::ports::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Connection as _, Describe, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr};

use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout};

use super::config::PostgresConfig;
use super::error::{is_login_rejected, may_recover, store_error};
use super::freeze_detector::FreezeDetector;
use super::login::Login;

tokio::task_local! {
    /// Whether the connection that this task returns has completed one autocommitted statement.
    static CLEAN: bool;
}

/// Whether the returned connection certainly has no open transaction.
pub(super) fn is_clean() -> bool {
    CLEAN.try_with(|clean| *clean).unwrap_or(false)
}

/// A pool that renews its password, drops connections that do not respond, and takes back only clean ones. It runs
/// statements like sqlx's pool, but cannot start a transaction.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    pool: PgPool,
    login: Option<Arc<Login>>,
    freeze_detector: Arc<FreezeDetector>,
    /// A caller without a response within this time gets an error, and a connection whose caller disconnected must have
    /// finished that caller's statement by then. The server cancels a statement one second earlier.
    statement_limit: Duration,
}

impl Connections {
    /// Time limit for returning a connection whose statement has ended.
    const RETURN_LIMIT: Duration = Duration::from_secs(1);
    /// Time limit for determining why no connection could be opened.
    const REASON_LIMIT: Duration = Duration::from_millis(500);
    /// Pause between two attempts to reach the database at start.
    const START_PAUSE: Duration = Duration::from_millis(500);

    pub(super) fn new(config: &PostgresConfig) -> Result<Self, StoreError> {
        let freeze_detector = Arc::new(FreezeDetector::new(config.clock.clone()));
        let pool = config.pool_options(freeze_detector.clone()).connect_lazy_with(config.session_options()?);
        let login = config.passwords.clone().map(|source| Arc::new(Login::new(source, config.clock.clone())));
        let statement_limit = config.timeouts.statement_timeout + Duration::from_secs(1);
        Ok(Self { pool, login, freeze_detector, statement_limit })
    }

    /// Opens a connection at start, and waits until it is free for the first caller. For `start_timeout`, keeps trying
    /// to reach a database that may recover.
    pub(super) async fn warm_up(&self, start_timeout: Duration) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut borrowed = loop {
            match self.acquire().await {
                Err(error) => {
                    let error = self.reason(error).await;
                    if !may_recover(&error) || began.elapsed() + Self::START_PAUSE >= start_timeout {
                        return Err(store_error(error));
                    }
                    tracing::warn!(%error, "the database does not respond; retrying");
                    sleep(Self::START_PAUSE).await;
                }
                Ok(borrowed) => break borrowed,
            }
        };
        let returned = timeout(Self::RETURN_LIMIT, borrowed.connection.return_to_pool()).await;
        returned.map_err(|elapsed| StoreError::Unavailable(elapsed.into()))
    }

    /// Determines why a connection could not be opened: if the server rejects it, the pool reports only a timeout.
    async fn reason(&self, error: sqlx::Error) -> sqlx::Error {
        if !matches!(error, sqlx::Error::PoolTimedOut) {
            return error;
        }
        let options = self.pool.connect_options();
        match timeout(Self::REASON_LIMIT, PgConnection::connect_with(&options)).await {
            Ok(Err(reason)) => reason,
            Ok(Ok(_)) | Err(_) => error,
        }
    }

    /// Options for a connection outside of the pool, with the current password.
    pub(super) async fn connect_options(&self) -> Result<Arc<sqlx::postgres::PgConnectOptions>, StoreError> {
        if let Some(login) = &self.login {
            login.keep_fresh(&self.pool).await.map_err(store_error)?;
        }
        Ok(self.pool.connect_options())
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    fn borrow(&self, connection: PoolConnection<Postgres>) -> Borrowed {
        let (freeze_detector, statement_limit) = (self.freeze_detector.clone(), self.statement_limit);
        Borrowed { connection, state: BorrowState::Running, freeze_detector, statement_limit }
    }

    async fn acquire(&self) -> Result<Borrowed, sqlx::Error> {
        self.freeze_detector.check();
        let Some(login) = &self.login else {
            return self.pool.acquire().await.map(|connection| self.borrow(connection));
        };
        // Open connections do not need the password.
        if self.pool.num_idle() == 0 {
            login.keep_fresh(&self.pool).await?;
        }
        let generation = login.generation();
        match self.pool.acquire().await {
            Err(error) if is_login_rejected(&error) => {
                tracing::debug!(%error, "the database rejected the password; requesting a new one");
                login.renew(&self.pool, generation).await?;
                self.pool.acquire().await.map(|connection| self.borrow(connection))
            }
            acquired => acquired.map(|connection| self.borrow(connection)),
        }
    }
}

/// A borrowed connection, which is returned when dropped.
struct Borrowed {
    connection: PoolConnection<Postgres>,
    state: BorrowState,
    freeze_detector: Arc<FreezeDetector>,
    statement_limit: Duration,
}

/// State of a connection's last statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BorrowState {
    /// It may still run.
    Running,
    /// It has ended.
    Ended,
    /// It did not end in time.
    Silent,
}

impl Borrowed {
    /// Records how a statement ended; returns its result, or a timeout.
    fn complete<T>(&mut self, result: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, sqlx::Error> {
        if let Ok(result) = result {
            self.state = BorrowState::Ended;
            return result;
        }
        self.state = BorrowState::Silent;
        Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let limit = match self.state {
            BorrowState::Running => self.statement_limit,
            BorrowState::Ended => Connections::RETURN_LIMIT,
            BorrowState::Silent => return self.connection.close_on_drop(),
        };
        // Does what the pool would do, but with a time limit. Otherwise a dead connection would keep its slot in the
        // pool, for example if the process was frozen before the connection was returned.
        let (returned, freeze_detector) =
            (timeout(limit, self.connection.return_to_pool()), self.freeze_detector.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(CLEAN.scope(self.state == BorrowState::Ended, async move {
                tokio::select! {
                    _ = returned => {}
                    () = freeze_detector.noticed() => {}
                }
            }));
        }
    }
}

/// One driver call on a borrowed connection, with the time limit.
macro_rules! run {
    ($connections:expr, $method:ident($($argument:expr),*)) => {
        Box::pin(async move {
            let mut borrowed = $connections.acquire().await?;
            let limit = borrowed.statement_limit;
            let result = timeout(limit, (&mut *borrowed.connection).$method($($argument),*)).await;
            borrowed.complete(result)
        })
    };
}

impl<'p> Executor<'p> for &'p Connections {
    type Database = Postgres;

    fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<PgQueryResult, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        run!(self, execute(query))
    }

    /// Reads to the end first: the store's results are pages.
    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let all: BoxFuture<'e, Result<Vec<_>, sqlx::Error>> = Box::pin(async move {
            let mut borrowed = self.acquire().await?;
            let all = borrowed.connection.fetch_many(query).try_collect();
            let result = timeout(self.statement_limit, all).await;
            borrowed.complete(result)
        });
        stream::once(all).map_ok(|all| stream::iter(all.into_iter().map(Ok))).try_flatten().boxed()
    }

    fn fetch_all<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Vec<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        run!(self, fetch_all(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        run!(self, fetch_optional(query))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        run!(self, prepare_with(sql, parameters))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        run!(self, describe(sql))
    }
}
