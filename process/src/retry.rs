//! Retries that do not make an outage worse: how often, after which pause, and how many per process. A [`Policy`]
//! bounds the retries of one operation; a [`RetryBudget`] bounds their sum, so that a failing dependency gets hardly
//! more load than a working one. The caller decides what may be repeated, and after which errors.

mod budget;

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

pub use self::budget::RetryBudget;
use crate::ambient::{IdGenerator, SystemIds};
use crate::deadline;

/// How an attempt failed. `?` on a plain error makes it permanent, so that a retry is always a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryError<E> {
    /// Another attempt may succeed.
    Transient(E),
    /// Another attempt would fail too, or must not be made.
    Permanent(E),
}

impl<E> TryError<E> {
    /// Transient if `is_transient` says so, permanent otherwise.
    pub fn transient_if(error: E, is_transient: impl FnOnce(&E) -> bool) -> Self {
        if is_transient(&error) { Self::Transient(error) } else { Self::Permanent(error) }
    }

    /// The error, whether transient or permanent.
    pub fn into_inner(self) -> E {
        match self {
            Self::Transient(error) | Self::Permanent(error) => error,
        }
    }
}

impl<E> From<E> for TryError<E> {
    fn from(error: E) -> Self {
        Self::Permanent(error)
    }
}

/// Upper limit of a pause without [`Policy::with_longest_pause`].
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// When a failed operation is retried. Always within the deadline of the request that it is part of.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    tries: u32,
    first_pause: Duration,
    longest_pause: Duration,
    begin_within: Option<Duration>,
    reserve: Duration,
    budget: Option<&'a RetryBudget>,
}

impl<'a> Policy<'a> {
    /// At most `tries` attempts, including the first, with random pauses: up to `first_pause` before the second
    /// attempt, and up to twice the previous limit before each further one (full jitter).
    pub const fn new(tries: u32, first_pause: Duration) -> Self {
        let (longest_pause, begin_within, reserve, budget) = (LONGEST_PAUSE, None, Duration::ZERO, None);
        Self { tries, first_pause, longest_pause, begin_within, reserve, budget }
    }

    /// Sets the number of attempts.
    #[must_use]
    pub const fn with_tries(self, tries: u32) -> Self {
        Self { tries, ..self }
    }

    /// Sets the longest pause.
    #[must_use]
    pub const fn with_longest_pause(self, longest_pause: Duration) -> Self {
        Self { longest_pause, ..self }
    }

    /// Starts no attempt later than this after the first one started.
    #[must_use]
    pub const fn beginning_within(self, begin_within: Duration) -> Self {
        Self { begin_within: Some(begin_within), ..self }
    }

    /// Starts an attempt only if this much of the request's deadline is left.
    #[must_use]
    pub const fn with_reserve(self, reserve: Duration) -> Self {
        Self { reserve, ..self }
    }

    /// Sets the budget that every retry is charged to. A policy without one has no such bound.
    #[must_use]
    pub const fn with_budget<'b>(self, budget: &'b RetryBudget) -> Policy<'b>
    where
        'a: 'b,
    {
        Policy { budget: Some(budget), ..self }
    }

    /// Repeats until an attempt succeeds, fails permanently, or no further one is allowed. For operations without state
    /// between attempts; others use [`Policy::start`].
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn run<T, E, F>(&self, ids: &dyn IdGenerator, mut attempt: impl FnMut() -> F) -> Result<T, E>
    where
        E: fmt::Display,
        // An `AsyncFnMut` could change what it borrows, but the compiler cannot see that its futures are `Send`.
        F: Future<Output = Result<T, TryError<E>>>,
    {
        let mut tries = self.start(ids);
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(TryError::Permanent(error)) => return Err(error),
                Err(TryError::Transient(error)) => error,
            };
            if !tries.pause().await {
                return Err(error);
            }
            tracing::debug!(%error, attempt = tries.tried, "retrying");
        }
    }

    /// Starts the clock of an operation whose first attempt starts now.
    pub fn start<'b>(&self, ids: &'b dyn IdGenerator) -> Tries<'b>
    where
        'a: 'b,
    {
        if let Some(budget) = self.budget {
            budget.note_request();
        }
        Tries { policy: *self, ids, tried: 1, began: Instant::now() }
    }
}

/// The attempts of one operation under a [`Policy`].
pub struct Tries<'a> {
    policy: Policy<'a>,
    ids: &'a dyn IdGenerator,
    tried: u32,
    began: Instant,
}

impl Tries<'_> {
    /// Waits before the next attempt. Returns `false`, at once, if there is to be none.
    pub async fn pause(&mut self) -> bool {
        let Some(pause) = self.next_pause(self.began.elapsed()) else { return false };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        self.tried = self.tried.saturating_add(1);
        true
    }

    fn next_pause(&self, elapsed: Duration) -> Option<Duration> {
        let Policy { tries, first_pause, longest_pause, begin_within, reserve, budget } = self.policy;
        if self.tried >= tries {
            return None;
        }
        let doubled = first_pause.saturating_mul(2_u32.saturating_pow(self.tried - 1));
        let pause = full_jitter(self.ids, doubled.min(longest_pause));
        let in_time = begin_within.is_none_or(|within| elapsed + pause < within) && deadline::allows(pause + reserve);
        // The budget is checked last, because the check charges it: a retry that does not happen costs nothing.
        let allowed = in_time && budget.is_none_or(RetryBudget::allows_retry);
        allowed.then_some(pause)
    }
}

/// Optimistic concurrency: loads, decides, and writes on the condition that nothing changed since the load; starts
/// over, at once, if something did. `attempt` does all three and fails with [`TryError::Transient`] if its write lost.
/// There is no pause and no budget: each lost write means that another one succeeded.
///
/// # Errors
/// The error of the last attempt: after `tries` attempts, the caller's error for a lost write.
pub async fn until_written<T, E, F>(tries: u32, attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: fmt::Display,
    F: Future<Output = Result<T, TryError<E>>>,
{
    Policy::new(tries, Duration::ZERO).run(&SystemIds, attempt).await
}

/// A random duration up to `longest` (full jitter), so that clients that failed together do not retry together.
pub fn full_jitter(ids: &dyn IdGenerator, longest: Duration) -> Duration {
    let [a, b, ..] = ids.secret();
    longest.mul_f64(f64::from(u16::from_be_bytes([a, b])) / f64::from(u16::MAX))
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::future::ready;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::testing::SeededIds;

    const NO_PAUSE: Duration = Duration::ZERO;

    /// How often a policy attempts an operation that always fails.
    async fn tries(policy: Policy<'_>) -> u32 {
        let mut tries = 0;
        let failing = || {
            tries += 1;
            ready(Err::<(), _>(TryError::Transient("clash")))
        };
        assert_eq!(policy.run(&SeededIds::new(1), failing).await, Err("clash"));
        tries
    }

    /// The pause after this many attempts, the first of which started this long ago.
    fn pause_after(policy: Policy<'_>, seed: u64, tried: u32, elapsed: Duration) -> Option<Duration> {
        let ids = SeededIds::new(seed);
        Tries { tried, ..policy.start(&ids) }.next_pause(elapsed)
    }

    #[test]
    fn pauses_use_the_whole_range() {
        for seed in 0..20 {
            let (ids, longest) = (SeededIds::new(seed), Duration::from_millis(800));
            let pauses: Vec<_> = (0..1_000).map(|_| full_jitter(&ids, longest)).collect();
            let mean = pauses.iter().sum::<Duration>() / 1_000;
            assert!(pauses.iter().all(|pause| *pause <= longest), "seed {seed}");
            assert!(pauses.iter().any(|pause| *pause < longest / 20), "seed {seed}");
            assert!(pauses.iter().any(|pause| *pause > longest * 19 / 20), "seed {seed}");
            assert!((350..450).contains(&mean.as_millis()), "seed {seed}: {mean:?}");
        }
    }

    #[tokio::test]
    async fn transient_errors_are_retried_until_an_attempt_succeeds() {
        let (ids, mut tried) = (SeededIds::new(1), 0);
        let policy = Policy::new(5, Duration::from_millis(1));
        let done = policy.run(&ids, || {
            tried += 1;
            ready(if tried < 3 { Err(TryError::Transient("clash")) } else { Ok(tried) })
        });
        assert_eq!(done.await, Ok(3));
        for allowed in 1..6 {
            assert_eq!(tries(policy.with_tries(allowed)).await, allowed);
        }
        assert_eq!(tries(policy.with_tries(0)).await, 1, "the first attempt is always made");
    }

    #[tokio::test]
    async fn a_permanent_error_ends_the_tries() {
        let (ids, mut tried) = (SeededIds::new(1), 0);
        let policy = Policy::new(5, NO_PAUSE);
        let permanent = policy.run(&ids, || {
            tried += 1;
            // As `?` does.
            async { Ok(Err::<(), _>("refused")?) }
        });
        assert_eq!(permanent.await, Err("refused"));
        assert_eq!(tried, 1);
        assert_eq!(TryError::transient_if(7, |code| *code == 7), TryError::Transient(7));
        assert_eq!(TryError::transient_if(8, |code| *code == 7), TryError::Permanent(8));
    }

    #[tokio::test]
    async fn the_next_attempt_starts_after_its_pause() {
        for seed in 0..5 {
            let ids = SeededIds::new(seed);
            let expected = full_jitter(&SeededIds::new(seed), Duration::from_millis(50));
            let began = Instant::now();
            let mut tries = Policy::new(2, Duration::from_millis(50)).start(&ids);
            assert!(tries.pause().await, "seed {seed}");
            assert!(began.elapsed() >= expected, "seed {seed}: {expected:?}");
            assert!(!tries.pause().await, "seed {seed}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let policy = Policy::new(u32::MAX, Duration::from_millis(20)).with_longest_pause(Duration::from_millis(100));
        for (tried, longest_ms) in [(1, 20), (2, 40), (3, 80), (4, 100), (5, 100), (90, 100), (u32::MAX - 1, 100)] {
            let bound = Duration::from_millis(longest_ms);
            let pauses: Vec<_> = (0..500).filter_map(|seed| pause_after(policy, seed, tried, NO_PAUSE)).collect();
            assert_eq!(pauses.len(), 500, "after {tried}");
            assert!(pauses.iter().all(|pause| *pause <= bound), "after {tried}");
            assert!(pauses.iter().any(|pause| *pause > bound * 19 / 20), "after {tried}");
            assert!(pauses.iter().any(|pause| *pause < bound / 20), "after {tried}");
        }
        let unbounded = Policy::new(u32::MAX, Duration::from_hours(1));
        assert!((0..9).all(|seed| pause_after(unbounded, seed, 1, NO_PAUSE) <= Some(LONGEST_PAUSE)));
    }

    #[tokio::test]
    async fn retries_end_with_the_budget_and_first_attempts_fill_it() {
        let empty = RetryBudget::new(0, 0, 3);
        let policy = Policy::new(3, NO_PAUSE).with_budget(&empty);
        for expected in [3, 2, 1, 1] {
            assert_eq!(tries(policy).await, expected);
        }
        assert_eq!(tries(Policy::new(3, NO_PAUSE)).await, 3, "without a budget");
        let filling = RetryBudget::new(50, 0, 1);
        assert!(filling.allows_retry());
        let policy = policy.with_budget(&filling);
        for expected in [1, 2, 1, 2] {
            assert_eq!(tries(policy).await, expected, "every second request pays for a retry");
        }
    }

    #[tokio::test]
    async fn a_retry_that_does_not_happen_costs_no_budget() {
        let budget = RetryBudget::new(0, 0, 1);
        let policy = Policy::new(3, NO_PAUSE).with_budget(&budget);
        assert_eq!(tries(policy.with_tries(1)).await, 1);
        assert_eq!(deadline::scope(Instant::now(), tries(policy)).await, 1);
        assert_eq!(tries(policy.beginning_within(NO_PAUSE)).await, 1);
        assert!(budget.allows_retry(), "the budget is untouched");
    }

    #[tokio::test]
    async fn no_attempt_starts_that_leaves_less_than_the_reserve_of_the_deadline() {
        let policy = Policy::new(3, NO_PAUSE).with_reserve(Duration::from_mins(1));
        assert_eq!(tries(policy).await, 3, "outside of requests");
        let until = |left| Instant::now() + Duration::from_secs(left);
        assert_eq!(deadline::scope(until(70), tries(policy)).await, 3);
        assert_eq!(deadline::scope(until(60), tries(policy)).await, 1);
        assert_eq!(deadline::scope(until(0), tries(Policy::new(3, NO_PAUSE))).await, 1);
        // A pause that would end after the deadline is not started.
        let slow = Policy::new(2, Duration::from_hours(2)).with_longest_pause(Duration::from_hours(2));
        assert_eq!(deadline::scope(until(1), tries(slow)).await, 1);
    }

    #[test]
    fn no_attempt_starts_after_its_time() {
        let within = Duration::from_secs(2);
        let policy = Policy::new(3, Duration::from_millis(20)).beginning_within(within);
        let next = |elapsed| pause_after(policy, 1, 1, elapsed);
        let pause = next(NO_PAUSE).unwrap_or_default();
        assert!(pause > NO_PAUSE);
        assert!(next(within.saturating_sub(Duration::from_millis(21))).is_some());
        assert!(next(within.saturating_sub(pause)).is_none(), "the pause counts");
        assert!(next(within).is_none());
    }

    /// Stands for a use case: a conditional write to the contents of `&self`.
    struct Shelf {
        version: AtomicU32,
        /// Number of writes that will happen between a load and its write.
        rivals: AtomicU32,
    }

    impl Shelf {
        fn with_rivals(rivals: u32) -> Self {
            Self { version: AtomicU32::new(0), rivals: AtomicU32::new(rivals) }
        }

        /// A use case behind a `dyn` trait: its future must be `Send` with everything that it borrows.
        fn add<'a>(&'a self, units: &'a [u32]) -> Pin<Box<dyn Future<Output = Result<u32, &'static str>> + Send + 'a>> {
            Box::pin(async move {
                until_written(5, async || {
                    let seen = self.load().await?;
                    self.save(seen, units).await
                })
                .await
            })
        }

        async fn load(&self) -> Result<u32, &'static str> {
            tokio::task::yield_now().await;
            let seen = self.version.load(Ordering::Relaxed);
            let rival = self.rivals.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if rival.is_ok() {
                self.version.fetch_add(1, Ordering::Relaxed);
            }
            Ok(seen)
        }

        async fn save(&self, seen: u32, units: &[u32]) -> Result<u32, TryError<&'static str>> {
            tokio::task::yield_now().await;
            let next = seen + units.iter().sum::<u32>();
            match self.version.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => Ok(next),
                Err(_) => Err(TryError::Transient("changed concurrently")),
            }
        }
    }

    #[tokio::test]
    async fn a_lost_write_is_decided_again_from_the_current_state() {
        for (rivals, expected) in [(0, Ok(10)), (1, Ok(11)), (4, Ok(14)), (5, Err("changed concurrently"))] {
            assert_eq!(Shelf::with_rivals(rivals).add(&[3, 7]).await, expected, "{rivals} rivals");
        }
        let shelf = Shelf::with_rivals(5);
        assert_eq!(deadline::scope(Instant::now(), shelf.add(&[1])).await, Err("changed concurrently"));
        assert_eq!(shelf.rivals.into_inner(), 4, "one attempt, without waiting");
    }
}
