//! How long something took, without the time for which the whole machine stood still: a host that stops this machine for
//! half a second says nothing about the shop.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a thread of its own looks at the time. The kernel lets it, however much the others compute.
const TICK: Duration = Duration::from_millis(5);
/// A machine on which it had no turn for this long stood still.
const STANDSTILL: Duration = Duration::from_millis(50);

/// When the thread last looked, and between which looks it had no turn.
struct Ticks {
    last: Instant,
    standstills: Vec<(Instant, Instant)>,
}

/// Time from one moment on, as far as the machine went on.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Measures from now on.
    pub fn start() -> Self {
        drop(ticks());
        Self(Instant::now())
    }

    /// The time since the start, standstills included: for what must not end before.
    pub fn total(self) -> Duration {
        self.0.elapsed()
    }

    /// For how long the machine stood still since the start.
    pub fn stood_still(self) -> Duration {
        self.total().saturating_sub(self.elapsed())
    }

    /// The time since the start, without standstills of 50 ms and more: for what must end by then.
    pub fn elapsed(self) -> Duration {
        let ticks = ticks();
        let now = Instant::now();
        // The thread may not have had its turn after a standstill that this one has seen the end of.
        let present = (now.duration_since(ticks.last) > STANDSTILL).then_some((ticks.last, now));
        without(ticks.standstills.iter().copied().chain(present), self.0, now)
    }
}

/// What is left of the time between two moments.
fn without(standstills: impl Iterator<Item = (Instant, Instant)>, from: Instant, to: Instant) -> Duration {
    let within = standstills.map(|(begun, ended)| ended.min(to).saturating_duration_since(begun.max(from)));
    within.fold(to.duration_since(from), Duration::saturating_sub)
}

/// The ticks of this process, which the first caller starts.
fn ticks() -> MutexGuard<'static, Ticks> {
    static TICKS: OnceLock<Mutex<Ticks>> = OnceLock::new();
    let ticks = TICKS.get_or_init(|| {
        thread::spawn(|| {
            loop {
                thread::sleep(TICK);
                let mut ticks = self::ticks();
                let now = Instant::now();
                if now.duration_since(ticks.last) > STANDSTILL {
                    let standstill = (ticks.last, now);
                    ticks.standstills.push(standstill);
                }
                ticks.last = now;
            }
        });
        Mutex::new(Ticks { last: Instant::now(), standstills: Vec::new() })
    });
    ticks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standstill_counts_as_far_as_it_is_within() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let standstills = [(at(0), at(200)), (at(400), at(900)), (at(1_800), at(2_500))];
        for (from, to, left) in [(100, 2_000, 1_100), (1_000, 1_500, 500), (500, 800, 0)] {
            assert_eq!(without(standstills.into_iter(), at(from), at(to)), Duration::from_millis(left));
        }
    }

    #[test]
    fn what_takes_long_on_a_machine_that_goes_on_takes_long() {
        // This machine may stand still in some rounds, not in all.
        let told = (0..20).any(|_| {
            let stopwatch = Stopwatch::start();
            thread::sleep(Duration::from_millis(300));
            stopwatch.elapsed() > Duration::from_millis(100)
        });
        assert!(told, "all of 20 rounds of 300 ms seem to be standstills");
    }
}
