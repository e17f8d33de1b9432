//! Trying a statement again: at most three times, after random pauses (full jitter), within the request's deadline and
//! the process's budget, and not when much time has passed.

use std::time::Duration;

use shopease_process::retry::{Policy, RetryBudget};
use shopease_shop::ports::{StoreError, SystemIds};

use super::error::{is_connection_lost, is_rolled_back, store_error};

/// What fails three times in a row is not a passing clash.
const TRIES: u32 = 3;
/// The longest pause before the second try; twice as long before the third. Statements take a few milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// No try begins later than this after the first began, so that slow failures do not add up.
const BEGIN_WITHIN: Duration = Duration::from_secs(2);

/// Retries of this process: a tenth of the statements, ten a second besides; saved up for a server that restarts under
/// every connection of the pool.
static BUDGET: RetryBudget = RetryBudget::new(10, 10, 100);

static POLICY: Policy<'static> = Policy::new(TRIES, FIRST_PAUSE).beginning_within(BEGIN_WITHIN).with_budget(&BUDGET);

/// How a statement ended that may have been tried more than once.
pub(super) struct Outcome<T> {
    /// The last answer.
    pub result: Result<T, StoreError>,
    /// An earlier try lost its connection, and so may have been carried out.
    pub maybe_done_before: bool,
}

/// Runs a statement that may be carried out twice without harm. Tries again when the database rolled it back because
/// of others, and when the connection was lost.
pub(super) async fn repeatable<T, F>(statement: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    tracked(statement).await.result
}

/// Runs a statement that must not be carried out twice. Tries again only when the database rolled it back.
pub(super) async fn once<T, F>(statement: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    run(&POLICY, statement, is_rolled_back).await.result
}

/// As [`repeatable`], for a statement whose second run answers differently: the caller is told.
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
        tracing::debug!(%error, "trying the statement again");
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
    async fn a_lost_connection_is_tried_three_times_and_not_for_what_must_run_once() {
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
    async fn tries_end_with_the_budget_and_with_the_request() {
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
    async fn what_failed_slowly_is_not_tried_again() {
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
    async fn a_second_try_says_that_the_first_may_have_counted() {
        let calls = AtomicU32::new(0);
        let flaky = || {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move { if first { Err(lost()) } else { Ok(()) } }
        };
        let outcome = tracked(flaky).await;
        assert!(outcome.result.is_ok() && outcome.maybe_done_before);
    }
}
