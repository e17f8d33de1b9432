//! The execution environments of one Lambda function: each serves one request at a time, stays for a while without one, and
//! is then taken away.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::{Nanos, seconds};

/// How a request was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// In an environment that was there.
    Warm,
    /// In a new environment.
    Cold,
}

#[derive(Debug, Clone, Copy)]
struct Idle {
    since: Nanos,
    born: Nanos,
}

/// All environments of a function. The one that was used last is used next, so those that are idle form a stack, which
/// ages from its bottom: nothing has to be searched. AWS does not say which environment it takes; a choice that spreads
/// the requests would keep more of them alive.
#[derive(Debug)]
pub struct Environments {
    idle: VecDeque<Idle>,
    /// When each that works will be done, and when it was born.
    busy: BinaryHeap<Reverse<(Nanos, Nanos)>>,
    expiry: Nanos,
    /// Integral of the number of environments over time, seconds, since the last [`Environments::take_measures`].
    alive_seconds: f64,
    counted_upto: Nanos,
    measures: Measures,
}

/// What happened since the last look.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    /// Environments that exist, integrated over time: divided by the time it is their mean number.
    pub alive_seconds: f64,
    /// Environments that ended.
    pub ended: u64,
    /// Sum of their lives.
    pub ended_lifespan_seconds: f64,
    /// Most requests at work at once.
    pub peak_busy: usize,
}

impl Environments {
    /// No environments yet.
    pub fn new(expiry: Nanos) -> Self {
        Self {
            idle: VecDeque::new(),
            busy: BinaryHeap::new(),
            expiry,
            alive_seconds: 0.0,
            counted_upto: 0,
            measures: Measures::default(),
        }
    }

    /// Environments at work, as of the last time that was settled.
    pub fn busy(&self) -> usize {
        self.busy.len()
    }

    /// All environments, as of the last time that was settled.
    pub fn alive(&self) -> usize {
        self.busy.len() + self.idle.len()
    }

    /// Frees environments that are done by `now`, and ends those that have been idle for too long.
    pub fn settle(&mut self, now: Nanos) {
        while let Some(&Reverse((done, born))) = self.busy.peek() {
            if done > now {
                break;
            }
            self.busy.pop();
            self.idle.push_back(Idle { since: done, born });
        }
        while let Some(oldest) = self.idle.front() {
            let end = oldest.since + self.expiry;
            if end > now {
                break;
            }
            self.measures.ended += 1;
            self.measures.ended_lifespan_seconds += seconds(end - oldest.born);
            self.count(end);
            self.idle.pop_front();
        }
    }

    /// A request at `now`, after [`Environments::settle`] for the same instant: `warm` and `cold` are how long it occupies an
    /// environment that is there, or a new one.
    pub fn start(&mut self, now: Nanos, warm: Nanos, cold: Nanos) -> Start {
        let (born, duration, start) = if let Some(idle) = self.idle.pop_back() {
            (idle.born, warm, Start::Warm)
        } else {
            self.count(now);
            (now, cold, Start::Cold)
        };
        self.busy.push(Reverse((now + duration, born)));
        self.measures.peak_busy = self.measures.peak_busy.max(self.busy.len());
        start
    }

    /// What happened until `now` since the last call.
    pub fn take_measures(&mut self, now: Nanos) -> Measures {
        self.settle(now);
        self.count(now);
        let next = Measures { peak_busy: self.busy.len(), ..Measures::default() };
        let alive_seconds = std::mem::take(&mut self.alive_seconds);
        Measures { alive_seconds, ..std::mem::replace(&mut self.measures, next) }
    }

    /// Adds the time up to `now` to the integral. To be called before the number changes.
    #[expect(clippy::cast_precision_loss, reason = "a number of environments")]
    fn count(&mut self, now: Nanos) {
        self.alive_seconds += self.alive() as f64 * seconds(now.saturating_sub(self.counted_upto));
        self.counted_upto = now.max(self.counted_upto);
    }
}

#[cfg(test)]
mod tests {
    use super::super::SECOND;
    use super::*;

    fn request(environments: &mut Environments, at: Nanos) -> Start {
        environments.settle(at * SECOND);
        environments.start(at * SECOND, SECOND, 3 * SECOND)
    }

    #[test]
    fn an_environment_serves_one_request_and_expires_after_its_last() {
        let mut all = Environments::new(600 * SECOND);
        assert_eq!(request(&mut all, 0), Start::Cold);
        // The first works until 3 s, so that a second is needed.
        assert_eq!(request(&mut all, 2), Start::Cold);
        assert_eq!(request(&mut all, 3), Start::Warm);
        assert_eq!(all.alive(), 2);
        // The first was free again at 4, the second has been since 5: it is on top.
        assert_eq!(request(&mut all, 603), Start::Warm);
        assert_eq!(all.alive(), 2);
        assert_eq!(request(&mut all, 604), Start::Warm);
        assert_eq!(all.alive(), 1, "the first ended at 604");
        assert_eq!(request(&mut all, 1204), Start::Warm);
        assert_eq!(request(&mut all, 1805), Start::Cold, "idle since 1205");
        let measures = all.take_measures(1805 * SECOND);
        assert_eq!(measures.ended, 2);
        // 604 s of the first; the second from 2 to 1,805, and then a new one.
        assert!((measures.ended_lifespan_seconds - (604.0 + 1803.0)).abs() < 1e-9, "{measures:?}");
        assert!((measures.alive_seconds - (604.0 + 1803.0)).abs() < 1e-9, "{measures:?}");
    }
}
