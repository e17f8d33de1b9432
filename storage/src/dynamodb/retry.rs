//! When a command on the table is tried again, and how much of that a process may do.

use std::time::Duration;

use shopease_process::retry::{Policy, RetryBudget, TryError};
use shopease_shop::ports::StoreError;

use super::writes::Refused;

/// Tries of one command that clashes with others, and how long they take together: a shopper waits.
const TRIES: u32 = 8;
const BEGIN_WITHIN: Duration = Duration::from_secs(3);
/// Longest first pause: about as long as the transaction takes that it clashed with.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// How long a command waits its turn that no shopper waits for, such as one product of an import.
const WAIT_WITHIN: Duration = Duration::from_mins(1);
/// Longest pause between two checks whose turn it is.
const LONGEST_WAIT: Duration = Duration::from_millis(160);

/// Retries of this process. Clashes are part of working on items that many want: when half of all tries clash, every
/// command needs one retry on average, so the budget is one a command. A table that throttles everything then sees two
/// tries a command in the long run, not eight.
static BUDGET: RetryBudget = RetryBudget::new(100, 10, 500);

/// For a command that clashes with others.
pub(super) static CLASHES: Policy<'static> = Policy::new(TRIES, FIRST_PAUSE)
    .with_longest_pause(LONGEST_PAUSE)
    .beginning_within(BEGIN_WITHIN)
    .with_budget(&BUDGET);

/// For a command that has time, and waits for others more than it clashes with them: only its time is bounded, and no
/// budget is charged.
pub(super) static WAITING: Policy<'static> =
    Policy::new(u32::MAX, FIRST_PAUSE).with_longest_pause(LONGEST_WAIT).beginning_within(WAIT_WITHIN);

/// A throttled write is a clash with a transaction on the same item, as well as too much load.
pub(super) fn throttled_is_transient(refused: Refused) -> TryError<Refused> {
    TryError::transient_if(refused, |refused| matches!(refused, Refused::Failed(StoreError::Throttled(_))))
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use shopease_process::deadline;
    use shopease_shop::testing::SeededIds;
    use tokio::time::Instant;

    use super::*;

    /// Pauses until there shall be no next try.
    async fn tries(policy: &Policy<'_>, seed: u64) -> u32 {
        let ids = SeededIds::new(seed);
        let (mut tries, mut count) = (policy.start(&ids), 1);
        while tries.pause().await {
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn tries_end_with_the_budget_and_with_the_request() {
        let (small, seed) = (RetryBudget::new(0, 0, 9), 11);
        let policy = CLASHES.with_budget(&small);
        assert_eq!(tries(&policy, seed).await, TRIES, "seed {seed}");
        assert_eq!(tries(&policy, seed).await, 1 + 9 - (TRIES - 1), "seed {seed}: what is left of the budget");
        assert_eq!(tries(&policy, seed).await, 1, "seed {seed}: nothing is left");
        for policy in [&CLASHES, &WAITING] {
            let begun = Instant::now();
            let time = Duration::from_millis(100);
            let tried = deadline::scope(begun + time, tries(policy, seed)).await;
            assert!(tried > 1 && tried < TRIES, "seed {seed}: {tried}");
            assert!(begun.elapsed() < time, "seed {seed}");
        }
    }
}
