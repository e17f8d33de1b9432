//! Measures durations without the time during which the whole machine was suspended: a host that suspends the machine
//! for half a second says nothing about the shop.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Interval at which a dedicated thread reads the time. The kernel schedules it however busy the other threads are.
const TICK: Duration = Duration::from_millis(5);
/// If that thread did not run for this long, the machine was suspended.
const STANDSTILL: Duration = Duration::from_millis(50);

/// When the thread last ran, and the intervals in which it did not.
struct Ticks {
    last: Instant,
    suspensions: Vec<(Instant, Instant)>,
}

/// Time since a moment, without suspensions.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub fn start() -> Self {
        drop(ticks());
        Self(Instant::now())
    }

    /// Time since the start, including suspensions: for lower bounds.
    pub fn total(self) -> Duration {
        self.0.elapsed()
    }

    /// Total suspension since the start.
    pub fn suspended(self) -> Duration {
        self.total().saturating_sub(self.elapsed())
    }

    /// Time since the start without suspensions of 50 ms and more: for upper bounds.
    pub fn elapsed(self) -> Duration {
        let ticks = ticks();
        let now = Instant::now();
        // The thread may not have run yet after a suspension whose end this thread has already seen.
        let present = (now.duration_since(ticks.last) > STANDSTILL).then_some((ticks.last, now));
        without(ticks.suspensions.iter().copied().chain(present), self.0, now)
    }
}

/// The time between two moments without the suspensions.
fn without(suspensions: impl Iterator<Item = (Instant, Instant)>, from: Instant, to: Instant) -> Duration {
    let within = suspensions.map(|(begun, ended)| ended.min(to).saturating_duration_since(begun.max(from)));
    within.fold(to.duration_since(from), Duration::saturating_sub)
}

/// The ticks of this process; the first call starts the thread.
fn ticks() -> MutexGuard<'static, Ticks> {
    static TICKS: OnceLock<Mutex<Ticks>> = OnceLock::new();
    let ticks = TICKS.get_or_init(|| {
        thread::spawn(|| {
            loop {
                thread::sleep(TICK);
                let mut ticks = self::ticks();
                let now = Instant::now();
                if now.duration_since(ticks.last) > STANDSTILL {
                    let suspension = (ticks.last, now);
                    ticks.suspensions.push(suspension);
                }
                ticks.last = now;
            }
        });
        Mutex::new(Ticks { last: Instant::now(), suspensions: Vec::new() })
    });
    ticks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_counts_as_far_as_it_overlaps() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let suspensions = [(at(0), at(200)), (at(400), at(900)), (at(1_800), at(2_500))];
        for (from, to, left) in [(100, 2_000, 1_100), (1_000, 1_500, 500), (500, 800, 0)] {
            assert_eq!(without(suspensions.into_iter(), at(from), at(to)), Duration::from_millis(left));
        }
    }

    #[test]
    fn a_long_duration_on_a_running_machine_is_measured_as_long() {
        // This machine may be suspended in some rounds, but not in all.
        let measured = (0..20).any(|_| {
            let stopwatch = Stopwatch::start();
            thread::sleep(Duration::from_millis(300));
            stopwatch.elapsed() > Duration::from_millis(100)
        });
        assert!(measured, "all of 20 rounds of 300 ms seem to be suspensions");
    }
}
