//! Retries of statements: at most three attempts, with random pauses (full jitter), within the request's deadline and
//! the process's retry budget, and only if little time has passed.

use std::time::Duration;

use shopease_process::retry::{Policy, RetryBudget};
use shopease_shop::ports::{StoreError, SystemIds};

use super::error::{is_connection_lost, is_rolled_back, store_error};

/// An error that occurs three times in a row is not a passing conflict.
const TRIES: u32 = 3;
/// Longest pause before the second attempt; doubled before the third. Statements take a few milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// No attempt starts later than this after the first one, so that slow failures do not add up.
const BEGIN_WITHIN: Duration = Duration::from_secs(2);

/// Retry budget of this process: a tenth of the statements plus ten per second, saved up for a server restart that
/// breaks every connection of the pool.
static BUDGET: RetryBudget = RetryBudget::new(10, 10, 100);

static POLICY: Policy<'static> = Policy::new(TRIES, FIRST_PAUSE).beginning_within(BEGIN_WITHIN).with_budget(&BUDGET);

/// The outcome of a statement that may have been attempted more than once.
pub(super) struct Outcome<T> {
    /// The last result.
    pub result: Result<T, StoreError>,
    /// An earlier attempt lost its connection, and so may have been executed.
    pub maybe_done_before: bool,
}

/// Runs a statement that is idempotent. Retries if the database rolled it back because of concurrent statements, and if
/// the connection was lost.
pub(super) async fn repeatable<T, F>(statement: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    tracked(statement).await.result
}

/// Runs a statement that must not be executed twice. Retries only if the database rolled it back.
pub(super) async fn once<T, F>(statement: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    run(&POLICY, statement, is_rolled_back).await.result
}

/// Like [`repeatable`], for a statement whose second execution returns something else: the outcome records the retry.
pub(super) async fn tracked<T, F>(statement: impl Fn() -> F) -> Outcome<T>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    run(&POLICY, statement, |error| is_rolled_back(error) || is_connection_lost(error)).await
}

async fn run<T, F>(
    policy: &Policy<'_>,
    statement: impl Fn() -> F,
    is_transient: impl Fn(&sqlx::Error) -> bool,
) -> Outcome<T>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let mut tries = policy.start(&SystemIds);
    let mut maybe_done_before = false;
    loop {
        let error = match statement().await {
            Ok(done) => return Outcome { result: Ok(done), maybe_done_before },
            Err(error) => error,
        };
        if !is_transient(&error) || !tries.pause().await {
            return Outcome { result: Err(store_error(error)), maybe_done_before };
        }
        maybe_done_before |= is_connection_lost(&error);
        tracing::debug!(%error, "retrying the statement");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use shopease_process::deadline;

    use super::*;

    fn lost() -> sqlx::Error {
        sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into())
    }

    #[tokio::test]
    async fn a_lost_connection_is_retried_except_for_statements_that_must_run_once() {
        let calls = AtomicU32::new(0);
        let failing = || {
            calls.fetch_add(1, Ordering::Relaxed);
            async { Err::<(), _>(lost()) }
        };
        assert!(repeatable(failing).await.is_err());
        assert_eq!(calls.swap(0, Ordering::Relaxed), 3);
        assert!(once(failing).await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn retries_end_with_the_budget_and_with_the_request() {
        let (calls, budget) = (AtomicU32::new(0), RetryBudget::new(0, 0, 3));
        let failing = || {
            calls.fetch_add(1, Ordering::Relaxed);
            async { Err::<(), _>(lost()) }
        };
        for expected in [3, 2, 1] {
            assert!(run(&POLICY.with_budget(&budget), failing, is_connection_lost).await.result.is_err());
            assert_eq!(calls.swap(0, Ordering::Relaxed), expected);
        }
        let late = deadline::scope(tokio::time::Instant::now(), repeatable(failing));
        assert!(late.await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn slow_failures_are_not_retried() {
        let calls = AtomicU32::new(0);
        let slow = || {
            calls.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(BEGIN_WITHIN).await;
                Err::<(), _>(lost())
            }
        };
        assert!(repeatable(slow).await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_second_attempt_records_that_the_first_may_have_been_executed() {
        let calls = AtomicU32::new(0);
        let flaky = || {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move { if first { Err(lost()) } else { Ok(()) } }
        };
        let outcome = tracked(flaky).await;
        assert!(outcome.result.is_ok() && outcome.maybe_done_before);
    }
}
