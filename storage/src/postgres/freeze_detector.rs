//! Detects that the process was frozen, as Lambda does between two requests. The server may have closed the connections
//! in the meantime, and the monotonic clock, which the pool uses to measure idle time, may have stopped.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shopease_shop::ports::Clock;
use time::OffsetDateTime;
use tokio::sync::Notify;

/// What is known about the last freeze.
pub(super) struct FreezeDetector {
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
    noticed: Notify,
}

#[derive(Clone, Copy)]
struct Seen {
    wall: OffsetDateTime,
    monotonic: Instant,
    thawed_at: Option<Instant>,
}

impl FreezeDetector {
    /// A connection that was idle longer is tested before use. Under load none is, so there is no extra round trip when
    /// it would matter.
    pub(super) const TRUSTED_IDLE: Duration = Duration::from_secs(1);

    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Mutex::new(Seen { wall: clock.now(), monotonic: Instant::now(), thawed_at: None });
        Self { clock, seen, noticed: Notify::new() }
    }

    /// Compares both clocks; called before each use of the pool.
    pub(super) fn check(&self) {
        let (wall, monotonic) = (self.clock.now(), Instant::now());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let by_wall = Duration::try_from(wall - seen.wall).unwrap_or_default();
        if by_wall.saturating_sub(monotonic - seen.monotonic) > Self::TRUSTED_IDLE {
            seen.thawed_at = Some(monotonic);
            self.noticed.notify_waiters();
        }
        (seen.wall, seen.monotonic) = (wall, monotonic);
    }

    /// Completes when a freeze is detected.
    pub(super) async fn noticed(&self) {
        self.noticed.notified().await;
    }

    /// Whether a connection that was idle for this long, by the monotonic clock, can be used without a test.
    pub(super) fn trusts(&self, idle_for: Duration) -> bool {
        let used_since = |thawed_at: Instant| Instant::now().checked_sub(idle_for).is_some_and(|used| used > thawed_at);
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        idle_for <= Self::TRUSTED_IDLE && seen.thawed_at.is_none_or(used_since)
    }
}

impl fmt::Debug for FreezeDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreezeDetector").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use shopease_shop::testing::FixedClock;

    use super::*;

    #[test]
    fn a_connection_from_before_a_freeze_is_not_trusted_however_briefly_it_was_idle() {
        let clock = FixedClock::new();
        let freeze_detector = FreezeDetector::new(Arc::new(clock.clone()));
        freeze_detector.check();
        assert!(
            freeze_detector.trusts(Duration::from_millis(10)) && !freeze_detector.trusts(Duration::from_millis(1_001))
        );
        clock.advance(time::Duration::minutes(5));
        freeze_detector.check();
        assert!(!freeze_detector.trusts(Duration::from_millis(10)), "the wall clock advanced without the process");
        std::thread::sleep(Duration::from_millis(20));
        assert!(freeze_detector.trusts(Duration::from_millis(1)), "used after the freeze");
        assert!(!freeze_detector.trusts(Duration::from_millis(100)), "the other connection of the pool");
    }
}
