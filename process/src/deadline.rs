//! The deadline of a request: set when the request is accepted, respected by whatever waits or retries on its behalf.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs work under a deadline that [`remaining`] returns. The work itself is not interrupted. A task that it spawns has
/// no deadline.
pub async fn scope<F: Future>(deadline: Instant, work: F) -> F::Output {
    DEADLINE.scope(deadline, work).await
}

/// Time left until the deadline of the current request; `None` outside of requests.
pub fn remaining() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}

/// Whether there is time for a pause of this length and for work after it.
pub fn allows(pause: Duration) -> bool {
    remaining().is_none_or(|left| left > pause)
}
