//! Time, IDs, and environment that a test controls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use ulid::Ulid;

use crate::ambient::{Clock, Env, IdGenerator};

/// A clock that changes only when a test sets it. Clones share the time.
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    /// The initial time.
    pub const START: OffsetDateTime = datetime!(2026-01-15 12:00 UTC);

    /// A clock at [`FixedClock::START`].
    pub fn new() -> Self {
        let clock = Self(Arc::default());
        clock.set(Self::START);
        clock
    }

    /// Sets the time, truncated to the millisecond.
    pub fn set(&self, now: OffsetDateTime) {
        self.0.store(unix_ms(now), Ordering::SeqCst);
    }

    /// Advances the time.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.whole_milliseconds()).expect("tests span less than 292 million years");
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FixedClock {
    fn now(&self) -> OffsetDateTime {
        let now_ns = i128::from(self.0.load(Ordering::SeqCst)) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(now_ns).expect("the time is in range")
    }
}

/// IDs and secrets that are the same in every run: each call returns a new one, and each seed starts another series.
///
/// ULIDs increase from call to call, one millisecond each, starting at [`FixedClock::START`].
#[derive(Debug, Default)]
pub struct SeededIds {
    seed: u64,
    calls: AtomicU64,
}

impl SeededIds {
    /// The series of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, calls: AtomicU64::new(0) }
    }

    fn next(&self, kind: &str) -> (u64, [u8; 32]) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let hash = Sha256::new().chain_update(kind).chain_update(self.seed.to_be_bytes());
        (call, hash.chain_update(call.to_be_bytes()).finalize().into())
    }
}

impl IdGenerator for SeededIds {
    fn ulid(&self) -> Ulid {
        let (call, bytes) = self.next("ulid");
        let random = bytes[..16].iter().fold(0_u128, |random, byte| (random << 8) | u128::from(*byte));
        Ulid::from_parts(unix_ms(FixedClock::START).unsigned_abs() + call, random)
    }

    fn secret(&self) -> [u8; 32] {
        self.next("secret").1
    }
}

/// An environment with exactly these variables.
#[derive(Debug, Clone, Default)]
pub struct MapEnv(BTreeMap<String, String>);

impl MapEnv {
    /// Creates an environment from pairs of name and value.
    pub fn new<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl Env for MapEnv {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

fn unix_ms(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("the range of OffsetDateTime fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_changes_only_when_set_and_clones_share_it() {
        let (clock, twin) = (FixedClock::new(), FixedClock::new());
        let clone = clock.clone();
        clock.advance(Duration::milliseconds(1_500));
        assert_eq!(clone.now(), datetime!(2026-01-15 12:00:01.5 UTC));
        assert_eq!(twin.now(), FixedClock::START);
        clone.set(datetime!(2027-01-01 0:00 UTC));
        assert_eq!(clock.now(), datetime!(2027-01-01 0:00 UTC));
    }

    #[test]
    fn ids_repeat_with_the_seed_and_never_within_a_series() {
        let draw = |seed| {
            let ids = SeededIds::new(seed);
            (0..100).map(|_| (ids.ulid(), ids.secret())).collect::<Vec<_>>()
        };
        let (series, other) = (draw(1), draw(2));
        assert_eq!(series, draw(1));
        assert!(series.is_sorted_by(|a, b| a.0 < b.0), "ULIDs increase from call to call");
        let secrets: std::collections::BTreeSet<_> = series.iter().chain(&other).map(|(_, secret)| secret).collect();
        assert_eq!(secrets.len(), 200);
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let env = MapEnv::new([("A", "1"), ("B", "")]).with("C", "3");
        assert_eq!((env.var("A"), env.var("B")), (Some("1".to_owned()), None));
        assert_eq!((env.var("C"), env.var("D")), (Some("3".to_owned()), None));
    }
}
