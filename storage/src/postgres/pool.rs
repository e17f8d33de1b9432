//! The connections of a store. Nothing here waits without an end: the pool's own limits are those of the server, which
//! do not help where the network swallows packets.

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
use super::error::{is_login_refused, may_come, store_error};
use super::freeze_detector::FreezeDetector;
use super::login::Login;

tokio::task_local! {
    /// Whether the connection that this task gives back has run one autocommitted statement, to its end.
    static SETTLED: bool;
}

/// Whether the connection that is given back can have no transaction; unknown is no.
pub(super) fn is_settled() -> bool {
    SETTLED.try_with(|settled| *settled).unwrap_or(false)
}

/// A pool that renews its password, gives up on silent connections, and takes back only clean ones. Runs statements
/// as the pool does; there is no way to begin a transaction.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    pool: PgPool,
    login: Option<Arc<Login>>,
    freeze_detector: Arc<FreezeDetector>,
    /// A caller that has no answer in this time goes without one, and a connection whose caller went away must have
    /// finished that caller's statement by then. The server ends a statement a second earlier.
    statement_limit: Duration,
}

impl Connections {
    /// A connection whose caller has its answer must be clean by then.
    const RETURN_LIMIT: Duration = Duration::from_secs(1);
    /// What is spent to learn why no connection can be made.
    const REASON_LIMIT: Duration = Duration::from_millis(500);
    /// Between two tries to reach the database at the start of a process.
    const START_PAUSE: Duration = Duration::from_millis(500);

    pub(super) fn new(config: &PostgresConfig) -> Result<Self, StoreError> {
        let freeze_detector = Arc::new(FreezeDetector::new(config.clock.clone()));
        let pool = config.pool_options(freeze_detector.clone()).connect_lazy_with(config.session_options()?);
        let login = config.passwords.clone().map(|source| Arc::new(Login::new(source, config.clock.clone())));
        let statement_limit = config.timeouts.statement_timeout + Duration::from_secs(1);
        Ok(Self { pool, login, freeze_detector, statement_limit })
    }

    /// Makes a connection now, for the start of a process, and waits until it is free for the first caller. Tries for
    /// this long to reach a database that may come.
    pub(super) async fn warm_up(&self, start_timeout: Duration) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut borrowed = loop {
            match self.acquire().await {
                Err(error) => {
                    let error = self.reason(error).await;
                    if !may_come(&error) || began.elapsed() + Self::START_PAUSE >= start_timeout {
                        return Err(store_error(error));
                    }
                    tracing::warn!(%error, "the database does not answer; trying again");
                    sleep(Self::START_PAUSE).await;
                }
                Ok(borrowed) => break borrowed,
            }
        };
        let returned = timeout(Self::RETURN_LIMIT, borrowed.connection.return_to_pool()).await;
        returned.map_err(|elapsed| StoreError::Unavailable(elapsed.into()))
    }

    /// Why a connection could not be made: the pool says of a server that refuses it only that the time is over.
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

    /// The password of a connection beside the pool, if it is not the one of the URL.
    pub(super) async fn connect_options(&self) -> Result<Arc<sqlx::postgres::PgConnectOptions>, StoreError> {
        if let Some(login) = &self.login {
            login.keep_fresh(&self.pool).await.map_err(store_error)?;
        }
        Ok(self.pool.connect_options())
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    fn lend(&self, connection: PoolConnection<Postgres>) -> Borrowed {
        let (freeze_detector, statement_limit) = (self.freeze_detector.clone(), self.statement_limit);
        Borrowed { connection, state: BorrowState::Running, freeze_detector, statement_limit }
    }

    async fn acquire(&self) -> Result<Borrowed, sqlx::Error> {
        self.freeze_detector.check();
        let Some(login) = &self.login else { return self.pool.acquire().await.map(|connection| self.lend(connection)) };
        // Open connections go on whatever became of the password.
        if self.pool.num_idle() == 0 {
            login.keep_fresh(&self.pool).await?;
        }
        let generation = login.generation();
        match self.pool.acquire().await {
            Err(error) if is_login_refused(&error) => {
                tracing::debug!(%error, "the database refuses the password; asking for a new one");
                login.renew(&self.pool, generation).await?;
                self.pool.acquire().await.map(|connection| self.lend(connection))
            }
            acquired => acquired.map(|connection| self.lend(connection)),
        }
    }
}

/// A connection on loan, which goes back when dropped.
struct Borrowed {
    connection: PoolConnection<Postgres>,
    state: BorrowState,
    freeze_detector: Arc<FreezeDetector>,
    statement_limit: Duration,
}

/// What is known of a connection's last statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BorrowState {
    /// It may still run.
    Running,
    /// It has ended.
    Settled,
    /// It did not end in time.
    Silent,
}

impl Borrowed {
    /// The result of a statement, unless it took too long.
    fn settle<T>(&mut self, result: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, sqlx::Error> {
        if let Ok(result) = result {
            self.state = BorrowState::Settled;
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
            BorrowState::Settled => Connections::RETURN_LIMIT,
            BorrowState::Silent => return self.connection.close_on_drop(),
        };
        // What the pool does by itself, but with an end: else a dead connection would keep its place in the pool, for
        // example one whose process was frozen before it was back.
        let (returned, freeze_detector) =
            (timeout(limit, self.connection.return_to_pool()), self.freeze_detector.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(SETTLED.scope(self.state == BorrowState::Settled, async move {
                tokio::select! {
                    _ = returned => {}
                    () = freeze_detector.noticed() => {}
                }
            }));
        }
    }
}

/// One call of the driver on a connection on loan, within the limit.
macro_rules! run {
    ($connections:expr, $method:ident($($argument:expr),*)) => {
        Box::pin(async move {
            let mut borrowed = $connections.acquire().await?;
            let limit = borrowed.statement_limit;
            let result = timeout(limit, (&mut *borrowed.connection).$method($($argument),*)).await;
            borrowed.settle(result)
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

    /// Reads to the end first: the store's answers are pages.
    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let all: BoxFuture<'e, Result<Vec<_>, sqlx::Error>> = Box::pin(async move {
            let mut borrowed = self.acquire().await?;
            let all = borrowed.connection.fetch_many(query).try_collect();
            let result = timeout(self.statement_limit, all).await;
            borrowed.settle(result)
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
