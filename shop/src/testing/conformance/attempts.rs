//! Guarantees of [`AttemptStore`](crate::ports::AttemptStore).

use time::{Duration, OffsetDateTime};

use super::support::{KEPT_UNTIL, NOW};
use crate::ports::{AttemptKey, FailedAttempts, SharedStore};

const TICK: Duration = Duration::milliseconds(1);

fn keys<const N: usize>(names: [&str; N]) -> [AttemptKey; N] {
    names.map(|name| AttemptKey::from_digest(format!("{name:0>64}")))
}

async fn counts(store: &SharedStore, keys: &[AttemptKey], now: OffsetDateTime) -> Vec<Option<FailedAttempts>> {
    store.find_failed_attempts(keys, now).await.expect("counts are read")
}

pub(super) async fn failed_attempts_are_counted_by_key(store: SharedStore) {
    let [a, b, c] = keys(["a", "b", "c"]);
    let later = NOW + Duration::seconds(9);
    store.count_failed_attempt(&[b.clone(), a.clone()], NOW, KEPT_UNTIL).await.expect("counted");
    store.count_failed_attempt(&[a.clone(), c.clone()], later, KEPT_UNTIL).await.expect("counted");
    let failed = |failures, last_at| Some(FailedAttempts { failures, last_at });
    let [unknown] = keys(["unknown"]);
    let expected = [failed(1, later), None, failed(2, later), failed(1, NOW)];
    assert_eq!(counts(&store, &[c, unknown.clone(), a, b], later).await, expected);
    assert_eq!(counts(&store, &[unknown], later).await, [None]);
}

pub(super) async fn an_expired_count_restarts(store: SharedStore) {
    let [a] = keys(["a"]);
    for _ in 0..3 {
        store.count_failed_attempt(std::slice::from_ref(&a), NOW, KEPT_UNTIL).await.expect("counted");
    }
    let failures = async |now| counts(&store, std::slice::from_ref(&a), now).await[0].map(|count| count.failures);
    assert_eq!(failures(KEPT_UNTIL - TICK).await, Some(3));
    assert_eq!(failures(KEPT_UNTIL).await, None);
    let end = KEPT_UNTIL + Duration::hours(1);
    store.count_failed_attempt(std::slice::from_ref(&a), KEPT_UNTIL, end).await.expect("counted");
    assert_eq!(failures(KEPT_UNTIL).await, Some(1));
    store.count_failed_attempt(std::slice::from_ref(&a), end - TICK, end + Duration::hours(1)).await.expect("counted");
    assert_eq!(failures(end).await, Some(2), "each failure extends the expiry");
}

pub(super) async fn concurrent_failed_attempts_add_up(store: SharedStore) {
    const EACH: u32 = 16;
    let [a, b, c] = keys(["a", "b", "c"]);
    let tasks = (0..EACH).map(|number| {
        let (store, mut keys) = (store.clone(), vec![a.clone(), b.clone(), c.clone()]);
        // Callers with the keys in different orders must not deadlock.
        keys.rotate_left(number as usize % 3);
        tokio::spawn(async move { store.count_failed_attempt(&keys, NOW, KEPT_UNTIL).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic").expect("counted");
    }
    let found = counts(&store, &[a, b, c], NOW).await;
    assert_eq!(found, [Some(FailedAttempts { failures: EACH, last_at: NOW }); 3]);
}
