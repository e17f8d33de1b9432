//! Trying again: full jitter, within the request's deadline and the process's budget, from the shop's own randomness.

use std::sync::Arc;
use std::time::Duration;

use shopease_process::deadline;
use shopease_process::retry::{RetryBudget, full_jitter};
use shopease_shop::ports::IdGenerator;
use tokio::time::Instant;

/// Tries of one command that clashes with others, and how long they take together: a shopper waits.
const TRIES: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a command waits its turn that nobody looks at, such as one product of an import.
const MUCH_PATIENCE: Duration = Duration::from_mins(1);
/// Longest pause between looks at whose turn it is.
const SHORT_PAUSE: Duration = Duration::from_millis(160);
/// Longest first pause; doubles with every try.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Retries of this process. Clashes are part of working on items that many want: when half of all tries clash, every
/// command needs one retry on average, so the budget is one a command. A table that throttles everything then sees two
/// tries a command in the long run, not eight.
static BUDGET: RetryBudget = RetryBudget::new(100, 10, 500);

/// The pauses of one command.
pub(super) struct Backoff {
    ids: Arc<dyn IdGenerator>,
    deadline: Instant,
    tries: u32,
    most_tries: u32,
    longest_pause: Duration,
    budget: Option<&'static RetryBudget>,
}

impl Backoff {
    /// Starts the clock of a command.
    pub fn new(ids: &Arc<dyn IdGenerator>) -> Self {
        BUDGET.note_request();
        Self {
            ids: Arc::clone(ids),
            deadline: Instant::now() + deadline::remaining().map_or(PATIENCE, |left| left.min(PATIENCE)),
            tries: 1,
            most_tries: TRIES,
            longest_pause: LONGEST_PAUSE,
            budget: Some(&BUDGET),
        }
    }

    /// Starts the clock of a command that has time, and waits for others more than it clashes with them:
    /// that costs no budget.
    pub fn patient(ids: &Arc<dyn IdGenerator>) -> Self {
        let deadline = Instant::now() + MUCH_PATIENCE;
        Self { deadline, most_tries: u32::MAX, longest_pause: SHORT_PAUSE, budget: None, ..Self::new(ids) }
    }

    /// Waits before the next try, anywhere between nothing and the longest pause of this try, so that those who
    /// clashed do not clash again. `false`, at once, when there shall be no next try.
    pub async fn pause(&mut self) -> bool {
        if self.tries >= self.most_tries {
            return false;
        }
        let longest = FIRST_PAUSE.saturating_mul(1 << (self.tries - 1).min(10)).min(self.longest_pause);
        self.tries += 1;
        let pause = full_jitter(&*self.ids, longest);
        if Instant::now() + pause > self.deadline || !self.budget.is_none_or(RetryBudget::allows_retry) {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use shopease_shop::testing::SeededIds;

    use super::*;

    /// Pauses until there shall be no next try.
    async fn tries(mut backoff: Backoff) -> u32 {
        let mut tries = 1;
        while backoff.pause().await {
            tries += 1;
        }
        tries
    }

    #[tokio::test]
    async fn tries_end_with_the_budget_and_with_the_request() {
        static SMALL: RetryBudget = RetryBudget::new(0, 0, 9);
        let seed = 11;
        let ids: Arc<dyn IdGenerator> = Arc::new(SeededIds::new(seed));
        let command = || Backoff { budget: Some(&SMALL), ..Backoff::new(&ids) };
        assert_eq!(tries(command()).await, TRIES, "seed {seed}");
        assert_eq!(tries(command()).await, 1 + 9 - (TRIES - 1), "seed {seed}: what is left of the budget");
        assert_eq!(tries(command()).await, 1, "seed {seed}: nothing is left");
        let begun = Instant::now();
        let time = Duration::from_millis(100);
        deadline::scope(begun + time, async {
            let tried = tries(Backoff { budget: None, ..Backoff::new(&ids) }).await;
            assert!(tried > 1 && tried < TRIES, "seed {seed}: {tried}");
        })
        .await;
    }
}
