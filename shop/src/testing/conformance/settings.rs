//! Guarantees of [`SettingsStore`](crate::ports::SettingsStore).

use time::Duration;

use super::support::{NOW, RACERS, assert_one_winner, race};
use crate::ports::{SETTINGS_VERSIONS_SHOWN, SharedStore, StoreError, VersionedSettings};
use crate::testing::fixtures::{settings, versioned_settings};

fn version(number: u64, name: &str) -> VersionedSettings {
    let mut version = versioned_settings(number, &settings());
    version.about.changed_at = NOW + Duration::milliseconds(i64::try_from(number).expect("small"));
    name.clone_into(&mut version.settings.shop.name);
    version
}

pub(super) async fn versions_are_written_in_a_row_and_kept(store: SharedStore) {
    assert_eq!(store.find_settings_version().await.expect("a number"), 0);
    assert_eq!(store.find_settings(1).await.expect("a read"), None);
    for number in 1..=11 {
        store.insert_settings(&version(number, &format!("Größe {number} 東京"))).await.expect("written");
        assert_eq!(store.find_settings_version().await.expect("a number"), number);
    }
    for number in 1..=11 {
        let found = store.find_settings(number).await.expect("a read");
        assert_eq!(found, Some(version(number, &format!("Größe {number} 東京"))));
    }
    assert_eq!(store.find_settings(12).await.expect("a read"), None);
}

pub(super) async fn another_number_than_the_next_is_rejected_and_nothing_changes(store: SharedStore) {
    let insert = async |number| store.insert_settings(&version(number, "wrong")).await;
    assert!(matches!(insert(2).await, Err(StoreError::Conflict)), "the first version is 1");
    store.insert_settings(&version(1, "a")).await.expect("written");
    store.insert_settings(&version(2, "b")).await.expect("written");
    for number in [1, 2, 4] {
        assert!(matches!(insert(number).await, Err(StoreError::Conflict)), "{number}");
    }
    assert_eq!(store.find_settings_version().await.expect("a number"), 2);
    assert_eq!(store.find_settings(1).await.expect("a read"), Some(version(1, "a")));
    assert_eq!(store.find_settings(2).await.expect("a read"), Some(version(2, "b")));
    assert_eq!(store.find_settings(4).await.expect("a read"), None);
    assert_eq!(store.list_settings_versions().await.expect("a list").len(), 2);
}

pub(super) async fn one_of_many_concurrent_versions_wins(store: SharedStore) {
    for number in 1..=3 {
        let results = race(RACERS, |racer| {
            let store = store.clone();
            async move { store.insert_settings(&version(number, &format!("racer {racer}"))).await }
        })
        .await;
        let winner = assert_one_winner(&results);
        let found = store.find_settings(number).await.expect("a read").expect("the version");
        assert_eq!(found.settings.shop.name, format!("racer {winner}"));
    }
    assert_eq!(store.list_settings_versions().await.expect("a list").len(), 3);
}

pub(super) async fn the_history_lists_the_last_versions_newest_first(store: SharedStore) {
    assert_eq!(store.list_settings_versions().await.expect("a list"), []);
    let last = u64::try_from(SETTINGS_VERSIONS_SHOWN).expect("small") + 2;
    for number in 1..=last {
        let mut version = version(number, "a");
        version.about.sections.truncate(usize::try_from(number % 3).expect("small"));
        store.insert_settings(&version).await.expect("written");
    }
    let listed = store.list_settings_versions().await.expect("a list");
    let numbers: Vec<_> = listed.iter().map(|version| version.version).collect();
    assert_eq!(numbers, (3..=last).rev().collect::<Vec<_>>());
    for entry in listed {
        let found = store.find_settings(entry.version).await.expect("a read").expect("the version");
        assert_eq!(entry, found.about);
    }
}
