//! Checks the number of connections that all processes together may open against the server's limit. Each process knows
//! only its own pool. Whether the sum fits depends on the deployment, so it is checked when a process starts.

use std::fmt;

use shopease_shop::ports::StoreError;

use super::pool::Connections;
use super::retry;

/// The processes that may connect to the database at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most tasks that run at the same time, including those of a deployment in progress.
    pub tasks: u32,
    /// Connections of a task.
    pub task_connections: u32,
    /// Most concurrent execution environments of all functions together.
    pub lambda_concurrency: u32,
    /// Connections of an execution environment.
    pub lambda_connections: u32,
    /// Connections reserved for operators and migrations.
    pub reserved: u32,
}

/// The server's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capacity {
    /// `max_connections`.
    pub max_connections: u32,
    /// Connections reserved for superusers and other privileged roles.
    pub privileged: u32,
}

/// The budget exceeds the server's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct BudgetExceeded {
    budget: Budget,
    capacity: Capacity,
}

/// Why the budget check failed.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// The budget exceeds the limit.
    #[error(transparent)]
    Exceeded(#[from] BudgetExceeded),
    /// The server's limits could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Budget {
    /// The total number of connections.
    pub fn connections(&self) -> u64 {
        let product = |count: u32, each: u32| u64::from(count) * u64::from(each);
        // At most three times 2^64 / 4.
        product(self.tasks, self.task_connections)
            .saturating_add(product(self.lambda_concurrency, self.lambda_connections))
            .saturating_add(u64::from(self.reserved))
    }

    pub(super) fn check(self, capacity: Capacity) -> Result<(), BudgetExceeded> {
        let allowed = u64::from(capacity.max_connections.saturating_sub(capacity.privileged));
        if self.connections() <= allowed { Ok(()) } else { Err(BudgetExceeded { budget: self, capacity }) }
    }
}

impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budget, capacity } = self;
        let Budget { tasks, task_connections, lambda_concurrency, lambda_connections, reserved } = budget;
        let Capacity { max_connections, privileged } = capacity;
        let (sum, allowed) = (budget.connections(), max_connections.saturating_sub(*privileged));
        write!(
            f,
            "{tasks} tasks x {task_connections} + {lambda_concurrency} execution environments of functions x \
             {lambda_connections} + {reserved} reserved = {sum} connections, but the database allows {allowed} \
             (max_connections {max_connections} - {privileged} for superusers): see SHOPEASE_DATABASE_TASKS, \
             SHOPEASE_DATABASE_LAMBDA_CONCURRENCY and SHOPEASE_DATABASE_CONNECTIONS"
        )
    }
}

/// Reads the server's limits. Reserved connections have a second setting since `PostgreSQL` 16, and a third one on RDS.
pub(super) async fn capacity(connections: &Connections) -> Result<Capacity, StoreError> {
    let read = || {
        sqlx::query_as::<_, (i32, i32)>(
            "SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int
                + coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0)
                + coalesce(nullif(current_setting('rds.rds_superuser_reserved_connections', true), '')::int, 0)",
        )
        .fetch_one(connections)
    };
    let (max_connections, privileged) = retry::repeatable(read).await?;
    let count = |setting: i32| u32::try_from(setting).map_err(StoreError::corrupt);
    Ok(Capacity { max_connections: count(max_connections)?, privileged: count(privileged)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_must_not_exceed_the_servers_limit() {
        // tasks x each + environments x each + reserved, max_connections, privileged, fits
        let table = [
            ([4, 16, 0, 2, 5], 100, 3, true),
            ([5, 16, 0, 2, 17], 100, 3, true),
            ([5, 16, 0, 2, 18], 100, 3, false),
            ([6, 16, 0, 2, 5], 100, 3, false),
            ([0, 16, 46, 2, 5], 100, 3, true),
            ([0, 16, 47, 2, 5], 100, 3, false),
            ([2, 16, 32, 2, 5], 104, 3, true),
            ([2, 16, 33, 2, 5], 104, 3, false),
            ([0, 16, 0, 2, 0], 3, 3, true),
            ([0, 16, 0, 2, 1], 3, 5, false),
            ([u32::MAX, u32::MAX, u32::MAX, u32::MAX, u32::MAX], u32::MAX, 0, false),
        ];
        for (
            [tasks, task_connections, lambda_concurrency, lambda_connections, reserved],
            max_connections,
            privileged,
            fits,
        ) in table
        {
            let budget = Budget { tasks, task_connections, lambda_concurrency, lambda_connections, reserved };
            let checked = budget.check(Capacity { max_connections, privileged });
            assert_eq!(checked.is_ok(), fits, "{budget:?} in {max_connections} - {privileged}");
        }
    }

    #[test]
    fn the_message_shows_the_sum() {
        let budget =
            Budget { tasks: 6, task_connections: 16, lambda_concurrency: 10, lambda_connections: 2, reserved: 5 };
        let message = budget.check(Capacity { max_connections: 100, privileged: 3 }).expect_err("too many").to_string();
        let sum = "6 tasks x 16 + 10 execution environments of functions x 2 + 5 reserved = 121 connections, but the \
                   database allows 97 (max_connections 100 - 3 for superusers)";
        assert!(message.starts_with(sum), "{message}");
    }
}
