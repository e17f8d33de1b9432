//! Guarantees of [`CartStore`](crate::ports::CartStore).

use time::Duration;

use super::support::{KEPT_UNTIL, NOW, RACERS, assert_one_winner, race, save_first_cart};
use crate::domain::{Cart, CartOwner, MAX_CART_LINES};
use crate::ports::{SharedStore, StoreError};
use crate::testing::fixtures::{cart, customer, order, placement, visitor};

const TICK: Duration = Duration::milliseconds(1);

pub(super) async fn a_cart_is_found_as_it_was_saved(store: SharedStore) {
    let codes: Vec<String> = (0..MAX_CART_LINES).map(|number| format!("Größe #{number}|'\"%")).collect();
    let lines: Vec<(&str, u32)> = codes.iter().zip(1..).map(|(code, units)| (code.as_str(), units)).collect();
    let mut full = cart(&visitor("ada"), &lines);
    full.updated_at = NOW + Duration::milliseconds(123);
    let empty = cart(&CartOwner::customer(&customer("bob")), &[]);
    for cart in [&full, &empty] {
        store.save_cart(cart, KEPT_UNTIL).await.expect("the cart is saved");
    }
    assert_eq!(find(&store, &full.owner).await.as_ref(), Some(&full));
    assert_eq!(find(&store, &empty.owner).await.as_ref(), Some(&empty));
    assert_eq!(find(&store, &visitor("carol")).await, None, "an owner without a cart");
}

pub(super) async fn a_save_must_follow_the_stored_version(store: SharedStore) {
    let owner = visitor("ada");
    let mut wrong = cart(&owner, &[("A", 9)]);
    wrong.version = 2;
    assert_conflict(&store.save_cart(&wrong, KEPT_UNTIL).await);
    assert_eq!(find(&store, &owner).await, None, "the first version is 1");

    let mut kept = save_first_cart(&store, &owner, &[("A", 1)]).await;
    kept.version = 2;
    kept.lines = cart(&owner, &[("A", 2), ("B", 1)]).lines;
    store.save_cart(&kept, KEPT_UNTIL).await.expect("version 2 follows version 1");
    for version in [1, 2, 4] {
        wrong.version = version;
        assert_conflict(&store.save_cart(&wrong, KEPT_UNTIL).await);
        assert_eq!(find(&store, &owner).await.as_ref(), Some(&kept), "version {version} changes nothing");
    }
}

pub(super) async fn an_expired_cart_is_absent_and_replaced_by_version_one(store: SharedStore) {
    let owner = visitor("ada");
    let expires_at = NOW + Duration::hours(1);
    let mut old = cart(&owner, &[("A", 1)]);
    for version in 1..=3 {
        old.version = version;
        store.save_cart(&old, expires_at).await.expect("the cart is saved");
    }
    let at = async |now| store.find_cart(&owner, now).await.expect("a cart is read");
    assert_eq!(at(expires_at - TICK).await, Some(old.clone()), "until then it is there");
    assert_eq!(at(expires_at).await, None, "from then on it is gone");

    let mut new = cart(&owner, &[("B", 2)]);
    new.updated_at = expires_at - TICK;
    assert_conflict(&store.save_cart(&new, KEPT_UNTIL).await);
    new.updated_at = expires_at;
    store.save_cart(&new, KEPT_UNTIL).await.expect("version 1 replaces an expired cart");
    assert_eq!(at(expires_at).await, Some(new), "the new expiry counts");
}

pub(super) async fn an_expired_cart_cannot_be_changed_merged_or_ordered(store: SharedStore) {
    let (owner, other) = (visitor("ada"), CartOwner::customer(&customer("ada")));
    let expires_at = NOW + Duration::hours(1);
    let old = cart(&owner, &[("A", 1)]);
    store.save_cart(&old, expires_at).await.expect("the cart is saved");
    let next = Cart { version: 2, updated_at: expires_at, ..old.clone() };
    assert_conflict(&store.save_cart(&next, KEPT_UNTIL).await);
    let merged = Cart { updated_at: expires_at, ..cart(&other, &[("A", 1)]) };
    assert_conflict(&store.merge_carts(&old, &merged, KEPT_UNTIL).await);
    assert_eq!(store.find_cart(&other, NOW).await.expect("nothing is read"), None, "nothing is merged");
    let mut order = order(&owner, "late", &[("A", 1)]);
    (order.placed_at, order.reservations) = (expires_at, Vec::new());
    let refused = store.place_order(&placement(&order, 1)).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let kept = store.find_cart(&owner, expires_at - TICK).await.expect("a cart is read");
    assert_eq!(kept, Some(old), "nothing is changed");
}

pub(super) async fn every_save_resets_the_expiry(store: SharedStore) {
    let owner = visitor("ada");
    let mut cart = cart(&owner, &[("A", 1)]);
    store.save_cart(&cart, NOW + Duration::days(1)).await.expect("the cart is saved");
    cart.version = 2;
    store.save_cart(&cart, NOW + Duration::days(3)).await.expect("the cart is saved");
    let later = store.find_cart(&owner, NOW + Duration::days(2)).await.expect("a cart is read");
    assert_eq!(later, Some(cart));
}

pub(super) async fn one_of_many_concurrent_saves_wins(store: SharedStore) {
    let owner = visitor("ada");
    let expires_at = NOW + Duration::hours(1);
    for (version, updated_at) in [(1, NOW), (2, NOW), (3, NOW), (1, expires_at)] {
        let save = |number: usize| {
            let mut cart = cart(&owner, &[("A", u32::try_from(number).expect("small") + 1)]);
            (cart.version, cart.updated_at) = (version, updated_at);
            cart
        };
        let results = race(RACERS, |number| {
            let (store, cart) = (store.clone(), save(number));
            async move { store.save_cart(&cart, cart.updated_at + Duration::hours(1)).await }
        })
        .await;
        let winner = save(assert_one_winner(&results));
        let found = store.find_cart(&owner, updated_at).await.expect("a cart is read");
        assert_eq!(found, Some(winner), "the winner's cart is kept");
    }
}

pub(super) async fn merging_writes_one_cart_and_removes_the_other(store: SharedStore) {
    let (source_owner, owner) = (visitor("ada"), CartOwner::customer(&customer("ada")));
    let source = save_first_cart(&store, &source_owner, &[("A", 1)]).await;
    let merged = cart(&owner, &[("A", 1)]);
    store.merge_carts(&source, &merged, KEPT_UNTIL).await.expect("merged into no cart");
    assert_eq!(find(&store, &source_owner).await, None, "the source is gone");
    assert_eq!(find(&store, &owner).await, Some(merged.clone()));

    let source = save_first_cart(&store, &source_owner, &[("B", 2)]).await;
    let mut more = cart(&owner, &[("A", 1), ("B", 2)]);
    more.version = 2;
    let kept_longer = KEPT_UNTIL + Duration::days(1);
    store.merge_carts(&source, &more, kept_longer).await.expect("merged into a cart");
    assert_eq!(find(&store, &source_owner).await, None);
    let found = store.find_cart(&owner, kept_longer - TICK).await.expect("a cart is read");
    assert_eq!(found, Some(more), "the merged cart is kept until the new expiry");
}

pub(super) async fn a_merge_conflict_on_either_side_changes_nothing(store: SharedStore) {
    let (source_owner, owner) = (visitor("ada"), CartOwner::customer(&customer("ada")));
    let source = save_first_cart(&store, &source_owner, &[("A", 1)]).await;
    let target = save_first_cart(&store, &owner, &[("B", 1)]).await;
    let follows = Cart { version: 2, ..cart(&owner, &[("A", 1), ("B", 1)]) };
    let stale_source = Cart { version: 2, ..source.clone() };
    let absent_source = cart(&visitor("nobody"), &[("A", 1)]);
    let other_target = |version| Cart { version, ..follows.clone() };
    for (source, merged, why) in [
        (&stale_source, follows.clone(), "the source has another version"),
        (&absent_source, follows.clone(), "the source is gone"),
        (&source, other_target(1), "the target is there"),
        (&source, other_target(3), "the target has another version"),
        (&stale_source, other_target(3), "both have other versions"),
    ] {
        let refused = store.merge_carts(source, &merged, KEPT_UNTIL).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{why}: {refused:?}");
    }
    assert_eq!(find(&store, &source_owner).await, Some(source));
    assert_eq!(find(&store, &owner).await, Some(target));
    assert_eq!(find(&store, &absent_source.owner).await, None);
}

pub(super) async fn one_of_many_concurrent_merges_wins(store: SharedStore) {
    let (source_owner, owner) = (visitor("ada"), CartOwner::customer(&customer("ada")));
    let source = save_first_cart(&store, &source_owner, &[("A", 1)]).await;
    let merged = cart(&owner, &[("A", 1)]);
    let results = race(RACERS, |_| {
        let (store, source, merged) = (store.clone(), source.clone(), merged.clone());
        async move { store.merge_carts(&source, &merged, KEPT_UNTIL).await }
    })
    .await;
    assert_one_winner(&results);
    assert_eq!(find(&store, &owner).await, Some(merged));
    assert_eq!(find(&store, &source_owner).await, None);
}

pub(super) async fn a_merge_and_a_save_of_the_source_exclude_each_other(store: SharedStore) {
    for round in 0..20 {
        let (source_owner, owner) = (visitor(&format!("source {round}")), visitor(&format!("target {round}")));
        let source = save_first_cart(&store, &source_owner, &[("A", 1)]).await;
        let saved = Cart { version: 2, ..cart(&source_owner, &[("A", 2)]) };
        let merged = cart(&owner, &[("A", 1)]);
        let results = race(2, |number| {
            let (store, source, saved, merged) = (store.clone(), source.clone(), saved.clone(), merged.clone());
            async move {
                match number {
                    0 => store.save_cart(&saved, KEPT_UNTIL).await,
                    _ => store.merge_carts(&source, &merged, KEPT_UNTIL).await,
                }
            }
        })
        .await;
        let expected = if assert_one_winner(&results) == 0 { (Some(saved), None) } else { (None, Some(merged)) };
        assert_eq!((find(&store, &source_owner).await, find(&store, &owner).await), expected, "round {round}");
    }
}

async fn find(store: &SharedStore, owner: &CartOwner) -> Option<Cart> {
    store.find_cart(owner, NOW).await.expect("a cart is read")
}

fn assert_conflict(result: &Result<(), StoreError>) {
    assert!(matches!(result, Err(StoreError::Conflict)), "{result:?}");
}
