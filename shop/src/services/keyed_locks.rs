//! Locks by key within one process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// Locks by key, granted in order of arrival. They only avoid conflicting writes within the process; correctness depends on the
/// condition of each write, because other processes do not share the locks. Clones share them.
#[derive(Clone, Default)]
pub(super) struct KeyedLocks(Arc<Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>>);

impl KeyedLocks {
    /// Acquires the lock of a key until the guard is dropped.
    pub async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        self.find(key).lock_owned().await
    }

    fn find(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(key).and_then(Weak::upgrade) {
            return lock;
        }
        // Removes unused locks, so that the map does not grow beyond the number of concurrent requests.
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        locks.insert(key.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_has_one_lock_and_unused_locks_are_removed() {
        let locks = KeyedLocks::default();
        let first = locks.lock("a").await;
        let _other = locks.lock("b").await;
        let waiting = tokio::spawn({
            let locks = locks.clone();
            async move { drop(locks.lock("a").await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.expect("the lock is granted");
        for number in 0..100 {
            drop(locks.lock(&number.to_string()).await);
        }
        assert!(locks.0.lock().expect("no panic").len() <= 3);
    }
}
