//! When a command on the table is retried, and how many retries a process may make.

use std::time::Duration;

use shopease_process::retry::{Policy, RetryBudget, TryError};
use shopease_shop::ports::StoreError;

use super::writes::WriteError;

/// Attempts of one command that conflicts with others, and their total time, because a shopper is waiting.
const TRIES: u32 = 8;
const BEGIN_WITHIN: Duration = Duration::from_secs(3);
/// Longest first pause: about the duration of the conflicting transaction.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// How long a command without a waiting shopper, such as one product of an import, waits for its turn.
const WAIT_WITHIN: Duration = Duration::from_mins(1);
/// Longest pause between two checks for its turn.
const LONGEST_WAIT: Duration = Duration::from_millis(160);

/// Retry budget of this process. Conflicts are normal on items in high demand: if half of all attempts conflict, every
/// command needs one retry on average, so the budget is one per command. A table that throttles everything then gets
/// two attempts per command in the long run, not eight.
static BUDGET: RetryBudget = RetryBudget::new(100, 10, 500);

/// For a command that conflicts with others.
pub(super) static CLASHES: Policy<'static> = Policy::new(TRIES, FIRST_PAUSE)
    .with_longest_pause(LONGEST_PAUSE)
    .beginning_within(BEGIN_WITHIN)
    .with_budget(&BUDGET);

/// For a command that has time, and waits for others rather than conflicting with them: only its time is limited, and
/// no budget is charged.
pub(super) static WAITING: Policy<'static> =
    Policy::new(u32::MAX, FIRST_PAUSE).with_longest_pause(LONGEST_WAIT).beginning_within(WAIT_WITHIN);

/// A throttled write may be a conflict with a transaction on the same item as well as overload.
pub(super) fn throttled_is_transient(error: WriteError) -> TryError<WriteError> {
    TryError::transient_if(error, |error| matches!(error, WriteError::Failed(StoreError::Throttled(_))))
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use shopease_process::deadline;
    use shopease_shop::testing::SeededIds;
    use tokio::time::Instant;

    use super::*;

    /// Pauses until no further attempt is allowed.
    async fn tries(policy: &Policy<'_>, seed: u64) -> u32 {
        let ids = SeededIds::new(seed);
        let (mut tries, mut count) = (policy.start(&ids), 1);
        while tries.pause().await {
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn retries_end_with_the_budget_and_with_the_request() {
        let (small, seed) = (RetryBudget::new(0, 0, 9), 11);
        let policy = CLASHES.with_budget(&small);
        assert_eq!(tries(&policy, seed).await, TRIES, "seed {seed}");
        assert_eq!(tries(&policy, seed).await, 1 + 9 - (TRIES - 1), "seed {seed}: the rest of the budget");
        assert_eq!(tries(&policy, seed).await, 1, "seed {seed}: the budget is used up");
        for policy in [&CLASHES, &WAITING] {
            let begun = Instant::now();
            let time = Duration::from_millis(100);
            let tried = deadline::scope(begun + time, tries(policy, seed)).await;
            assert!(tried > 1 && tried < TRIES, "seed {seed}: {tried}");
            assert!(begun.elapsed() < time, "seed {seed}");
        }
    }
}
