//! Trying again without making things worse: how often, after which pause, and how often a process may at all. A
//! [`Policy`] bounds the retries of one operation; a [`RetryBudget`] bounds their sum, so that a failing neighbor sees
//! hardly more load than a working one. What may be repeated, and after which errors, is the caller's knowledge.

mod budget;

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

pub use self::budget::RetryBudget;
use crate::ambient::{IdGenerator, SystemIds};
use crate::deadline;

/// How a try failed. `?` on a plain error makes it permanent, so that no retry happens without a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryError<E> {
    /// Another try may succeed.
    Transient(E),
    /// Another try would fail too, or must not be made.
    Permanent(E),
}

impl<E> TryError<E> {
    /// Transient if the error is so, permanent otherwise.
    pub fn transient_if(error: E, is_transient: impl FnOnce(&E) -> bool) -> Self {
        if is_transient(&error) { Self::Transient(error) } else { Self::Permanent(error) }
    }

    /// The error, whatever another try would do.
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

/// No pause is longer than this without [`Policy::with_longest_pause`].
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// When an operation that failed is tried again. Always within the deadline of the request that it is part of.
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
    /// At most `tries` tries, counting the first, after random pauses: any time up to `first_pause` before the second
    /// try, up to twice as long before each further one (full jitter).
    pub const fn new(tries: u32, first_pause: Duration) -> Self {
        let (longest_pause, begin_within, reserve, budget) = (LONGEST_PAUSE, None, Duration::ZERO, None);
        Self { tries, first_pause, longest_pause, begin_within, reserve, budget }
    }

    /// Another number of tries.
    #[must_use]
    pub const fn with_tries(self, tries: u32) -> Self {
        Self { tries, ..self }
    }

    /// No pause is longer than this.
    #[must_use]
    pub const fn with_longest_pause(self, longest_pause: Duration) -> Self {
        Self { longest_pause, ..self }
    }

    /// No try begins later than this after the first one began.
    #[must_use]
    pub const fn beginning_within(self, begin_within: Duration) -> Self {
        Self { begin_within: Some(begin_within), ..self }
    }

    /// What a try must leave of the request's deadline when it begins.
    #[must_use]
    pub const fn with_reserve(self, reserve: Duration) -> Self {
        Self { reserve, ..self }
    }

    /// The budget that every retry is paid from. A policy without one has no such bound.
    #[must_use]
    pub const fn with_budget<'b>(self, budget: &'b RetryBudget) -> Policy<'b>
    where
        'a: 'b,
    {
        Policy { budget: Some(budget), ..self }
    }

    /// Tries until a try succeeds, fails permanently, or no further one is allowed. For an operation that has nothing to
    /// remember from one try to the next; one that has uses [`Policy::start`].
    ///
    /// # Errors
    /// The error of the last try.
    pub async fn run<T, E, F>(&self, ids: &dyn IdGenerator, mut attempt: impl FnMut() -> F) -> Result<T, E>
    where
        E: fmt::Display,
        // An `AsyncFnMut` could change what it borrows, but the compiler does not see that its futures are `Send`.
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
            tracing::debug!(%error, attempt = tries.tried, "trying again");
        }
    }

    /// Starts the clock of an operation whose first try begins now.
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

/// The tries of one operation under a [`Policy`].
pub struct Tries<'a> {
    policy: Policy<'a>,
    ids: &'a dyn IdGenerator,
    tried: u32,
    began: Instant,
}

impl Tries<'_> {
    /// Waits before the next try. `false`, at once, when there shall be no next try.
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
        // The budget comes last, because it is charged here: a retry that does not happen costs nothing.
        let allowed = in_time && budget.is_none_or(RetryBudget::allows_retry);
        allowed.then_some(pause)
    }
}

/// Optimistic concurrency: loads, decides and writes on the condition that nothing changed since the load; starts over, at
/// once, when something did. `attempt` does all three and fails with [`TryError::Transient`] when its write lost. There
/// is no pause and no budget: each lost write means that another one won.
///
/// # Errors
/// The error of the last try: after `tries` tries, what a lost write means to the caller.
pub async fn until_written<T, E, F>(tries: u32, attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: fmt::Display,
    F: Future<Output = Result<T, TryError<E>>>,
{
    Policy::new(tries, Duration::ZERO).run(&SystemIds, attempt).await
}

/// Any time between nothing and `longest` (full jitter), so that those who failed together do not return together.
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

    /// How often a policy lets an operation be tried that always fails.
    async fn tries(policy: Policy<'_>) -> u32 {
        let mut tries = 0;
        let failing = || {
            tries += 1;
            ready(Err::<(), _>(TryError::Transient("clash")))
        };
        assert_eq!(policy.run(&SeededIds::new(1), failing).await, Err("clash"));
        tries
    }

    /// The pause that follows so many tries, the first of which began this long ago.
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
    async fn transient_errors_are_tried_again_until_one_try_succeeds() {
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
        assert_eq!(tries(policy.with_tries(0)).await, 1, "the first try is always made");
    }

    #[tokio::test]
    async fn a_permanent_error_ends_the_tries() {
        let (ids, mut tried) = (SeededIds::new(1), 0);
        let policy = Policy::new(5, NO_PAUSE);
        let refused = policy.run(&ids, || {
            tried += 1;
            // As `?` does.
            async { Ok(Err::<(), _>("refused")?) }
        });
        assert_eq!(refused.await, Err("refused"));
        assert_eq!(tried, 1);
        assert_eq!(TryError::transient_if(7, |code| *code == 7), TryError::Transient(7));
        assert_eq!(TryError::transient_if(8, |code| *code == 7), TryError::Permanent(8));
    }

    #[tokio::test]
    async fn the_next_try_begins_after_its_pause() {
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
    async fn tries_end_with_the_budget_and_first_tries_fill_it() {
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
        assert!(budget.allows_retry(), "all of it is left");
    }

    #[tokio::test]
    async fn no_try_begins_that_leaves_less_than_the_reserve_of_the_deadline() {
        let policy = Policy::new(3, NO_PAUSE).with_reserve(Duration::from_mins(1));
        assert_eq!(tries(policy).await, 3, "outside of requests");
        let until = |left| Instant::now() + Duration::from_secs(left);
        assert_eq!(deadline::scope(until(70), tries(policy)).await, 3);
        assert_eq!(deadline::scope(until(60), tries(policy)).await, 1);
        assert_eq!(deadline::scope(until(0), tries(Policy::new(3, NO_PAUSE))).await, 1);
        // A pause that ends after the deadline is not begun.
        let slow = Policy::new(2, Duration::from_hours(2)).with_longest_pause(Duration::from_hours(2));
        assert_eq!(deadline::scope(until(1), tries(slow)).await, 1);
    }

    #[test]
    fn no_try_begins_after_its_time() {
        let within = Duration::from_secs(2);
        let policy = Policy::new(3, Duration::from_millis(20)).beginning_within(within);
        let next = |elapsed| pause_after(policy, 1, 1, elapsed);
        let pause = next(NO_PAUSE).unwrap_or_default();
        assert!(pause > NO_PAUSE);
        assert!(next(within.saturating_sub(Duration::from_millis(21))).is_some());
        assert!(next(within.saturating_sub(pause)).is_none(), "the pause counts");
        assert!(next(within).is_none());
    }

    /// What a use case retries: a conditional write to what `&self` holds.
    struct Shelf {
        version: AtomicU32,
        /// Writes that will come between a load and its write.
        rivals: AtomicU32,
    }

    impl Shelf {
        fn with_rivals(rivals: u32) -> Self {
            Self { version: AtomicU32::new(0), rivals: AtomicU32::new(rivals) }
        }

        /// A use case behind a `dyn` trait: its future must be `Send` with all that it borrows.
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
                Err(_) => Err(TryError::Transient("changed meanwhile")),
            }
        }
    }

    #[tokio::test]
    async fn a_lost_write_is_decided_anew_from_what_is_there_now() {
        for (rivals, expected) in [(0, Ok(10)), (1, Ok(11)), (4, Ok(14)), (5, Err("changed meanwhile"))] {
            assert_eq!(Shelf::with_rivals(rivals).add(&[3, 7]).await, expected, "{rivals} rivals");
        }
        let shelf = Shelf::with_rivals(5);
        assert_eq!(deadline::scope(Instant::now(), shelf.add(&[1])).await, Err("changed meanwhile"));
        assert_eq!(shelf.rivals.into_inner(), 4, "one try, after which nobody waits");
    }
}
