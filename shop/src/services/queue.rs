//! A limit on concurrent work, with a short queue.

use std::sync::Arc;
use std::time::Duration;

use shopease_process::deadline;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Part of the request's deadline that is kept back for responding.
const RESERVE: Duration = Duration::from_millis(500);

/// Limits concurrent work. Clones share the limit.
#[derive(Clone)]
pub(super) struct Queue {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    max_wait: Duration,
}

impl Queue {
    /// At most `max_waiting` callers wait, each for `max_wait` at most. Their requests hold permits that the rest of the shop needs, so
    /// the queue should be short.
    pub fn new(max_concurrent: usize, max_waiting: usize, max_wait: Duration) -> Self {
        let (running, waiting) = (Semaphore::new(max_concurrent), Semaphore::new(max_waiting));
        Self { running: Arc::new(running), waiting: Arc::new(waiting), max_wait }
    }

    /// Acquires a permit, at once or after a bounded wait.
    pub async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Some(permit);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        let left = deadline::remaining().map_or(self.max_wait, |left| left.saturating_sub(RESERVE).min(self.max_wait));
        tokio::time::timeout(left, Arc::clone(&self.running).acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn some_run_some_wait_and_the_rest_is_refused() {
        let queue = Queue::new(1, 1, Duration::from_millis(50));
        let running = queue.enter().await.expect("a permit");
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.enter().await }
        });
        tokio::task::yield_now().await;
        assert!(queue.enter().await.is_none(), "the queue is full");
        drop(running);
        let _running = waiting.await.expect("no panic").expect("the permit");
        assert!(queue.enter().await.is_none(), "the wait ends");
    }
}
