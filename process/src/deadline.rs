//! The deadline of a request: set where the request is let in, read by whatever waits or tries again on its behalf.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs work under a deadline that [`remaining`] tells. The work itself is not stopped. A task that it spawns has no
/// deadline.
pub async fn scope<F: Future>(deadline: Instant, work: F) -> F::Output {
    DEADLINE.scope(deadline, work).await
}

/// What is left until the deadline of the running request; `None` outside of requests.
pub fn remaining() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}

/// Whether there is time left for a pause of this length and something after it.
pub fn allows(pause: Duration) -> bool {
    remaining().is_none_or(|left| left > pause)
}
