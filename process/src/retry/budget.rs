//! Limits the retries of a process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Tokens that one retry costs.
const RETRY: u64 = 1000;

/// A token bucket shared by all callers of one dependency: every first attempt adds a fraction of a retry, every retry
/// removes one. A constant refill lets a process with little traffic retry at all.
#[derive(Debug)]
pub struct RetryBudget {
    percent_of_requests: u32,
    floor_per_second: u32,
    most: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// In thousandths of a retry.
    tokens: u64,
    filled_at: Option<Instant>,
}

impl RetryBudget {
    /// A budget that allows retries for this percentage of the requests, and this many per second in addition, and
    /// saves up at most `most`. It starts full.
    pub const fn new(percent_of_requests: u32, floor_per_second: u32, most: u32) -> Self {
        let state = State { tokens: most as u64 * RETRY, filled_at: None };
        Self { percent_of_requests, floor_per_second, most, state: Mutex::new(state) }
    }

    /// Records the first attempt of a request.
    pub fn note_request(&self) {
        self.note_request_at(Instant::now());
    }

    /// Whether one more retry is allowed; if so, charges it.
    pub fn allows_retry(&self) -> bool {
        self.allows_retry_at(Instant::now())
    }

    fn note_request_at(&self, now: Instant) {
        let mut state = self.filled(now);
        state.tokens = (state.tokens + u64::from(self.percent_of_requests) * RETRY / 100).min(self.most_tokens());
    }

    fn allows_retry_at(&self, now: Instant) -> bool {
        let mut state = self.filled(now);
        let left = state.tokens.checked_sub(RETRY);
        state.tokens = left.unwrap_or(state.tokens);
        left.is_some()
    }

    fn most_tokens(&self) -> u64 {
        u64::from(self.most) * RETRY
    }

    /// The state including the refill.
    fn filled(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let filled_at = *state.filled_at.get_or_insert(now);
        // A thousandth per millisecond is one per second. Fractions of a millisecond are carried over to the next call.
        let passed_ms = u64::try_from(now.saturating_duration_since(filled_at).as_millis()).unwrap_or(u64::MAX);
        let trickle = passed_ms.saturating_mul(self.floor_per_second.into());
        state.tokens = state.tokens.saturating_add(trickle).min(self.most_tokens());
        state.filled_at = Some(filled_at + Duration::from_millis(passed_ms));
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A budget with a simulated clock.
    struct Trial {
        budget: RetryBudget,
        now: Instant,
    }

    impl Trial {
        fn of(budget: RetryBudget) -> Self {
            Self { budget, now: Instant::now() }
        }

        fn allows(&self) -> bool {
            self.budget.allows_retry_at(self.now)
        }

        /// Counts the retries of requests whose every attempt fails, at most two per request.
        fn retries(&self, requests: u32) -> usize {
            let retries = (0..requests).map(|_| {
                self.budget.note_request_at(self.now);
                (0..2).filter(|_| self.allows()).count()
            });
            retries.sum()
        }
    }

    #[test]
    fn retries_are_a_part_of_the_requests_and_what_was_saved() {
        let trial = Trial::of(RetryBudget::new(10, 0, 20));
        // The first request cannot save more than a full bucket holds.
        assert_eq!(trial.retries(10_001), 20 + 1_000);
    }

    #[test]
    fn the_floor_depends_on_time_alone_and_is_saved_up_to_a_limit() {
        let mut trial = Trial::of(RetryBudget::new(0, 2, 5));
        assert_eq!(trial.retries(100), 5);
        trial.now += Duration::from_millis(499);
        assert!(!trial.allows());
        trial.now += Duration::from_millis(1);
        assert!(trial.allows() && !trial.allows());
        trial.now += Duration::from_hours(1);
        assert_eq!(trial.retries(100), 5);
    }

    #[test]
    fn frequent_checks_do_not_lose_the_floor() {
        let mut trial = Trial::of(RetryBudget::new(0, 1, 1));
        assert!(trial.allows());
        for _ in 0..4_999 {
            trial.now += Duration::from_micros(200);
            assert!(!trial.allows());
        }
        trial.now += Duration::from_micros(200);
        assert!(trial.allows());
    }
}
