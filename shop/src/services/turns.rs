//! Turns of one process at things that one task at a time should change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// Turns by name, in the order of arrival. They save tries that would lose; what keeps changes apart is the condition of each write,
/// since other processes take no part. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>>);

impl Turns {
    /// Waits for a turn, which lasts until it is dropped.
    pub async fn take(&self, name: &str) -> OwnedMutexGuard<()> {
        let turn = self.named(name);
        turn.lock_owned().await
    }

    fn named(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(name).and_then(Weak::upgrade) {
            return turn;
        }
        // As many are left as requests are at work.
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(name.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_a_turn_at_a_name_and_nothing_is_left_of_names() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let _other = turns.take("b").await;
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { drop(turns.take("a").await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.expect("its turn comes");
        for number in 0..100 {
            drop(turns.take(&number.to_string()).await);
        }
        assert!(turns.0.lock().expect("no panic").len() <= 3);
    }
}
