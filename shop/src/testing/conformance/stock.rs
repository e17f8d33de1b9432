//! Guarantees of [`StockStore`](crate::ports::StockStore).

use super::support::{RACERS, level, place, race, save_first_cart, stock, units};
use crate::domain::{Sku, StockChange, StockLevel};
use crate::ports::{SharedStore, StoreError};
use crate::testing::SeededRandom;
use crate::testing::fixtures::{order, placement, sku, visitor};

pub(super) async fn levels_are_initialized_once(store: SharedStore) {
    let inserted = store.initialize_stock(&[(sku("A"), 3), (sku("B"), 0)]).await.expect("stock comes in");
    assert_eq!(sorted(inserted), [sku("A"), sku("B")]);
    let inserted = store.initialize_stock(&[(sku("A"), 9), (sku("C"), 1), (sku("B"), 9)]).await.expect("more comes in");
    assert_eq!(inserted, [sku("C")], "only the SKU without a level is inserted");
    assert_eq!(level(&store, "A").await, Some(StockLevel::initial(sku("A"), 3)));
    assert_eq!(level(&store, "B").await, Some(StockLevel::initial(sku("B"), 0)));
    assert_eq!(level(&store, "C").await, Some(StockLevel::initial(sku("C"), 1)));
    assert_eq!(store.initialize_stock(&[]).await.expect("nothing comes in"), []);
}

pub(super) async fn many_levels_are_initialized_and_found_at_once(store: SharedStore) {
    let pairs: Vec<(Sku, u32)> = (0..260).map(|number| (sku(&format!("M-{number:03}")), number)).collect();
    let inserted = store.initialize_stock(&pairs).await.expect("stock comes in");
    assert_eq!(sorted(inserted), pairs.iter().map(|(sku, _)| sku.clone()).collect::<Vec<_>>());
    let requested: Vec<Sku> = pairs[160..].iter().map(|(sku, _)| sku.clone()).collect();
    let mut found = store.find_stock_levels(&requested).await.expect("100 levels are read");
    found.sort_by(|a, b| a.sku.cmp(&b.sku));
    let expected: Vec<_> = pairs[160..].iter().map(|(sku, units)| StockLevel::initial(sku.clone(), *units)).collect();
    assert_eq!(found, expected);
}

pub(super) async fn unknown_skus_have_no_level(store: SharedStore) {
    stock(&store, &[("A", 1)]).await;
    let found = store.find_stock_levels(&[sku("B"), sku("A"), sku("a")]).await.expect("levels are read");
    assert_eq!(found, [StockLevel::initial(sku("A"), 1)], "SKUs are compared exactly");
    assert_eq!(store.find_stock_levels(&[]).await.expect("nothing is read"), []);
    let twice = store.find_stock_levels(&[sku("A"), sku("A")]).await.expect("levels are read");
    assert_eq!(twice, [StockLevel::initial(sku("A"), 1)], "a SKU requested twice is found once");
}

pub(super) async fn levels_of_skus_in_any_script_are_kept(store: SharedStore) {
    let codes = ["Größe/L", "茶-01", "a b", "50%_off", "it's", "\\", "\"q\"", "x#y|z:1", "😀", "\u{10FFFF}"];
    for (number, code) in (1..).zip(codes) {
        stock(&store, &[(code, number)]).await;
    }
    for (number, code) in (1..).zip(codes) {
        assert_eq!(units(&store, code).await, (number, 0, 0), "{code}");
    }
}

pub(super) async fn corrections_set_and_adjust_the_available_units(store: SharedStore) {
    stock(&store, &[("A", 5)]).await;
    let level = |available| StockLevel::initial(sku("A"), available);
    for (change, available) in [
        (StockChange::SetAvailable(12), 12),
        (StockChange::Adjust(3), 15),
        (StockChange::Adjust(-15), 0),
        (StockChange::Adjust(0), 0),
        (StockChange::SetAvailable(0), 0),
        (StockChange::SetAvailable(StockLevel::MAX_UNITS), StockLevel::MAX_UNITS),
        (StockChange::SetAvailable(7), 7),
    ] {
        let returned = store.correct_stock(&sku("A"), change).await.expect("stock is corrected");
        assert_eq!(returned, level(available), "{change:?} returns the new level");
        assert_eq!(super::support::level(&store, "A").await, Some(level(available)), "{change:?} is kept");
    }
}

pub(super) async fn a_first_correction_starts_from_zero(store: SharedStore) {
    for (code, change, available) in [
        ("SET", StockChange::SetAvailable(4), 4),
        ("ADJUST", StockChange::Adjust(6), 6),
        ("ZERO", StockChange::SetAvailable(0), 0),
    ] {
        let returned = store.correct_stock(&sku(code), change).await.expect("stock is corrected");
        assert_eq!(returned, StockLevel::initial(sku(code), available));
        assert_eq!(level(&store, code).await, Some(returned));
    }
}

pub(super) async fn fewer_than_zero_units_are_rejected(store: SharedStore) {
    stock(&store, &[("A", 5)]).await;
    for change in [StockChange::Adjust(-6), StockChange::Adjust(i32::MIN)] {
        let refused = store.correct_stock(&sku("A"), change).await;
        assert!(matches!(&refused, Err(StoreError::OutOfStock { sku: short }) if *short == sku("A")), "{refused:?}");
        assert_eq!(level(&store, "A").await, Some(StockLevel::initial(sku("A"), 5)), "nothing is changed");
    }
    let refused = store.correct_stock(&sku("NEW"), StockChange::Adjust(-1)).await;
    assert!(matches!(&refused, Err(StoreError::OutOfStock { sku: short }) if *short == sku("NEW")), "{refused:?}");
    assert!(level(&store, "NEW").await.is_none_or(|level| level.received == 0), "nothing is changed");
}

pub(super) async fn concurrent_adjustments_add_up(store: SharedStore) {
    stock(&store, &[("OLD", 100)]).await;
    for code in ["OLD", "NEW"] {
        let results = race(RACERS, |number| {
            let (store, units) = (store.clone(), i32::try_from(number).expect("small") + 1);
            async move { store.correct_stock(&sku(code), StockChange::Adjust(units)).await }
        })
        .await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
    let added = u32::try_from(RACERS * (RACERS + 1) / 2).expect("small");
    assert_eq!(units(&store, "OLD").await, (100 + added, 0, 0));
    assert_eq!(units(&store, "NEW").await, (added, 0, 0), "even if they create the level");
}

pub(super) async fn concurrent_losses_stop_at_zero(store: SharedStore) {
    stock(&store, &[("A", 10)]).await;
    let results = race(RACERS, |_| {
        let store = store.clone();
        async move { store.correct_stock(&sku("A"), StockChange::Adjust(-1)).await }
    })
    .await;
    let refused = results.iter().filter(|result| matches!(result, Err(StoreError::OutOfStock { .. }))).count();
    let done = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!((done, refused), (10, RACERS - 10), "{results:?}");
    assert_eq!(units(&store, "A").await, (0, 0, 0));
}

pub(super) async fn concurrent_initializations_insert_once(store: SharedStore) {
    let seed = 11;
    println!("seed {seed}");
    let mut random = SeededRandom::new(seed);
    let pairs: Vec<(Sku, u32)> = (0..40).map(|number| (sku(&format!("R-{number:02}")), number + 1)).collect();
    let orders: Vec<Vec<(Sku, u32)>> = (0..8)
        .map(|_| {
            let mut pairs = pairs.clone();
            random.shuffle(&mut pairs);
            pairs
        })
        .collect();
    let results = race(orders.len(), |number| {
        let (store, pairs) = (store.clone(), orders[number].clone());
        async move { store.initialize_stock(&pairs).await }
    })
    .await;
    let inserted = results.into_iter().flat_map(|result| result.expect("stock comes in")).collect();
    assert_eq!(sorted(inserted), pairs.iter().map(|(sku, _)| sku.clone()).collect::<Vec<_>>(), "each is inserted once");
    for (sku, number) in &pairs {
        assert_eq!(units(&store, sku.as_str()).await, (*number, 0, 0));
    }
}

pub(super) async fn available_units_move_to_another_sku(store: SharedStore) {
    let moved = async |from: &str, to: &str| store.move_available(&sku(from), &sku(to)).await.expect("units move");
    stock(&store, &[("OLD", 5), ("OTHER", 2)]).await;
    let order = order(&visitor("ada"), "order", &[("OLD", 2)]);
    save_first_cart(&store, &order.owner, &[("OLD", 2)]).await;
    place(&store, &placement(&order, 1)).await;
    assert_eq!(moved("OLD", "NEW").await, Some(3), "reserved units stay");
    assert_eq!((units(&store, "OLD").await, units(&store, "NEW").await), ((0, 2, 0), (3, 0, 0)));
    assert_eq!(moved("OLD", "NEW").await, Some(0), "again, as after a crash");
    assert_eq!((units(&store, "OLD").await, units(&store, "NEW").await), ((0, 2, 0), (3, 0, 0)));
    assert_eq!(moved("NEW", "OTHER").await, Some(3));
    assert_eq!((units(&store, "NEW").await, units(&store, "OTHER").await), ((0, 0, 0), (5, 0, 0)));
    assert_eq!(moved("NEVER", "OTHER").await, None);
    assert_eq!((level(&store, "NEVER").await, units(&store, "OTHER").await), (None, (5, 0, 0)));
}

pub(super) async fn units_sold_during_a_move_are_counted_once(store: SharedStore) {
    for round in 0..10 {
        let (old, new) = (sku(&format!("OLD-{round}")), sku(&format!("NEW-{round}")));
        stock(&store, &[(old.as_str(), 20)]).await;
        let results = race(RACERS, |number| {
            let (store, old, new) = (store.clone(), old.clone(), new.clone());
            async move {
                if number % 4 == 0 {
                    store.move_available(&old, &new).await.map(|_| 0)
                } else {
                    store.correct_stock(&old, StockChange::Adjust(-1)).await.map(|_| 1)
                }
            }
        })
        .await;
        let mut taken = 0;
        for result in results {
            match result {
                Ok(units) => taken += units,
                Err(error) => assert!(matches!(error, StoreError::OutOfStock { .. }), "{error:?}"),
            }
        }
        let (old, new) = (units(&store, old.as_str()).await.0, units(&store, new.as_str()).await.0);
        assert_eq!(old + new + taken, 20, "round {round}: {old} old, {new} new, {taken} taken");
    }
}

fn sorted(mut skus: Vec<Sku>) -> Vec<Sku> {
    skus.sort();
    skus
}
