//! Guarantees of [`OrderStore`](crate::ports::OrderStore) for concurrent buyers.

use std::collections::{BTreeMap, BTreeSet};

use super::support::{NOW, RACERS, level, orders, race, save_first_cart, stock, units};
use crate::domain::{CartOwner, Order, OrderId, OrderState, StockChange, StockEffect};
use crate::ports::{Claimed, Placement, SharedStore, StoreError};
use crate::testing::SeededRandom;
use crate::testing::fixtures::{advance, checkout_key, order, placement, sku, visitor};

/// Number of races for a last unit.
const ROUNDS: usize = 50;

pub(super) async fn the_last_unit_is_sold_once(store: SharedStore) {
    let buyers = buyers(&store, RACERS).await;
    let mut versions = vec![1; RACERS];
    let mut sold = BTreeSet::new();
    for round in 0..ROUNDS {
        let code = format!("LAST-{round:02}");
        stock(&store, &[(&code, 1)]).await;
        let wish = |number: usize| {
            let order = order(&buyers[number], &format!("round {round} buyer {number}"), &[(code.as_str(), 1)]);
            placement(&order, versions[number])
        };
        let results = race(RACERS, |number| {
            let (store, wish) = (store.clone(), wish(number));
            async move { store.place_order(&wish).await }
        })
        .await;
        let won = |number: &usize| matches!(results[*number], Ok(Claimed::New));
        let winners: Vec<usize> = (0..RACERS).filter(won).collect();
        let out_of_stock = results
            .iter()
            .filter(|result| matches!(result, Err(StoreError::OutOfStock { sku: short }) if *short == sku(&code)));
        assert_eq!((winners.len(), out_of_stock.count()), (1, RACERS - 1), "round {round}: {results:?}");
        assert_eq!(units(&store, &code).await, (0, 1, 0), "round {round}");
        sold.insert(wish(winners[0]).order.id);
        versions[winners[0]] += 1;
    }
    let placed: BTreeSet<OrderId> = orders(&store, None, 100).await.into_iter().map(|order| order.id).collect();
    assert_eq!(placed, sold, "an order for every winner, none for anyone else");
    let announced: Vec<OrderId> = outbox_orders(&store).await;
    assert_eq!(
        (announced.len(), announced.into_iter().collect::<BTreeSet<_>>()),
        (ROUNDS, sold),
        "one message per order"
    );
    for (buyer, version) in buyers.iter().zip(versions) {
        let cart = store.find_cart(buyer, NOW).await.expect("a cart is read").expect("the cart is kept");
        assert_eq!((cart.version, cart.lines.is_empty()), (version, version > 1), "only winners' carts are emptied");
    }
}

pub(super) async fn a_key_places_one_order(store: SharedStore) {
    for round in 0..10 {
        let owner = visitor(&format!("ada {round}"));
        let code = format!("A-{round:02}");
        // Every second round has stock for all, the others for one only.
        stock(&store, &[(&code, if round % 2 == 0 { 1_000 } else { 1 })]).await;
        save_first_cart(&store, &owner, &[(&code, 1)]).await;
        let wish = |number: usize| {
            let order = order(&owner, &format!("round {round} try {number}"), &[(code.as_str(), 1)]);
            let mut wish = placement(&order, 1);
            wish.claim.key = checkout_key(&owner, "one-key");
            wish
        };
        let results = race(RACERS, |number| {
            let (store, wish) = (store.clone(), wish(number));
            async move { store.place_order(&wish).await }
        })
        .await;
        let winner = only_new(&results);
        let record = wish(winner).claim.record;
        for (number, result) in results.iter().enumerate().filter(|(number, _)| *number != winner) {
            let same = matches!(result, Ok(Claimed::Existing(existing)) if *existing == record);
            assert!(same, "round {round}, try {number} must get the first record: {result:?}");
        }
        let placed: Vec<OrderId> = orders(&store, Some(&owner), 100).await.into_iter().map(|order| order.id).collect();
        assert_eq!(placed, [wish(winner).order.id], "round {round}: one order");
        assert_eq!(units(&store, &code).await.1, 1, "round {round}: one unit is reserved");
        let announced = outbox_orders(&store).await;
        assert_eq!(announced.iter().filter(|id| placed.contains(id)).count(), 1, "round {round}: one message");
    }
}

pub(super) async fn a_cart_places_one_order(store: SharedStore) {
    for round in 0..10 {
        let owner = visitor(&format!("ada {round}"));
        let code = format!("A-{round}");
        stock(&store, &[(&code, 1_000)]).await;
        save_first_cart(&store, &owner, &[(&code, 1)]).await;
        // Two tabs: the same cart under different keys.
        let results = race(RACERS / 2, |number| {
            let order = order(&owner, &format!("round {round} tab {number}"), &[(code.as_str(), 1)]);
            let (store, wish) = (store.clone(), placement(&order, 1));
            async move { store.place_order(&wish).await }
        })
        .await;
        only_new(&results);
        let lost = results.iter().filter(|result| matches!(result, Err(StoreError::Conflict))).count();
        assert_eq!(lost, RACERS / 2 - 1, "round {round}: all other tabs see that the cart changed: {results:?}");
        assert_eq!(units(&store, &code).await, (999, 1, 0), "round {round}");
        assert_eq!(orders(&store, Some(&owner), 100).await.len(), 1, "round {round}");
    }
}

pub(super) async fn an_expired_key_places_one_new_order(store: SharedStore) {
    let owner = visitor("ada");
    stock(&store, &[("A", 1_000)]).await;
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    let expires_at = NOW + time::Duration::hours(1);
    let wish = |name: &str, cart_version, placed_at| {
        let mut order = order(&owner, name, &[("A", 1)]);
        order.placed_at = placed_at;
        let mut wish = placement(&order, cart_version);
        wish.claim.key = checkout_key(&owner, "one-key");
        wish
    };
    let mut first = wish("first", 1, NOW);
    first.claim.expires_at = expires_at;
    super::support::place(&store, &first).await;
    let later = |number: usize| wish(&format!("later {number}"), 2, expires_at);
    let results = race(RACERS, |number| {
        let (store, wish) = (store.clone(), later(number));
        async move { store.place_order(&wish).await }
    })
    .await;
    let record = later(only_new(&results)).claim.record;
    let same = |result: &&_| matches!(result, Ok(Claimed::Existing(existing)) if *existing == record);
    assert_eq!(results.iter().filter(same).count(), RACERS - 1, "{results:?}");
    assert_eq!(units(&store, "A").await, (998, 2, 0));
}

/// Mixed carts are placed, paid and canceled while an operator corrects the stock. There is no deadlock, and in the end the stock of
/// every SKU matches the orders.
pub(super) async fn concurrent_orders_and_corrections_keep_stock_consistent(store: SharedStore) {
    const CODES: [&str; 6] = ["M-1", "M-2", "M-3", "M-4", "M-5", "M-6"];
    const INITIAL: u32 = 40;
    let seed = 5_150;
    println!("seed {seed}");
    let mut random = SeededRandom::new(seed);
    stock(&store, &CODES.map(|code| (code, INITIAL))).await;
    let buyers = buyers(&store, 96).await;
    let mut placed: Vec<Order> = Vec::new();
    let mut restocked = 0;
    for (round, group) in buyers.chunks(RACERS).enumerate() {
        let wishes: Vec<Placement> = group.iter().map(|buyer| mixed_wish(&mut random, buyer, &CODES)).collect();
        let steps: Vec<_> = placed.iter().filter(|order| order.state == OrderState::Pending).map(any_step).collect();
        let moves = wishes.len() + steps.len() + CODES.len();
        let results = race(moves, |number| {
            let store = store.clone();
            let wish = wishes.get(number).cloned();
            let step = number.checked_sub(wishes.len()).and_then(|number| steps.get(number)).cloned();
            async move {
                if let Some(wish) = wish {
                    match store.place_order(&wish).await {
                        Ok(Claimed::New) => Ok(Some(wish.order)),
                        Err(StoreError::OutOfStock { sku }) if wish.order.reservations.iter().any(|r| r.sku == sku) => {
                            Ok(None)
                        }
                        other => Err(format!("{other:?}")),
                    }
                } else if let Some(step) = step {
                    store.advance_order(&step).await.map(|()| Some(step.order)).map_err(|error| format!("{error:?}"))
                } else {
                    let code = sku(CODES[number % CODES.len()]);
                    let corrected = store.correct_stock(&code, StockChange::Adjust(2)).await;
                    corrected.map(|_| None).map_err(|error| format!("{error:?}"))
                }
            }
        })
        .await;
        restocked += 2;
        for result in results {
            let order = result.unwrap_or_else(|error| panic!("round {round}: {error}"));
            placed.retain(|known| order.as_ref().is_none_or(|order| order.id != known.id));
            placed.extend(order);
        }
    }
    assert!(placed.len() > 40, "most of it happened: {}", placed.len());
    assert_sums(&store, &CODES, INITIAL + restocked, &placed).await;
    assert_eq!(orders(&store, None, 100).await.len(), placed.len());
}

fn mixed_wish(random: &mut SeededRandom, buyer: &CartOwner, codes: &[&str]) -> Placement {
    let mut codes = codes.to_vec();
    random.shuffle(&mut codes);
    codes.truncate(2 + random.below(2));
    let lines: Vec<(&str, u32)> =
        codes.into_iter().map(|code| (code, u32::try_from(1 + random.below(3)).expect("small"))).collect();
    placement(&order(buyer, &format!("{buyer:?}"), &lines), 1)
}

/// Orders are paid or canceled, depending on their ID.
fn any_step(order: &Order) -> crate::ports::OrderAdvance {
    let even = order.id.as_str().bytes().map(u32::from).sum::<u32>() % 2 == 0;
    advance(order, if even { StockEffect::Commit } else { StockEffect::Release })
}

async fn assert_sums(store: &SharedStore, codes: &[&str], received: u32, orders: &[Order]) {
    let mut held: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for order in orders {
        for reservation in &order.reservations {
            let (reserved, sold) = held.entry(reservation.sku.as_str()).or_default();
            match order.state {
                OrderState::Pending => *reserved += reservation.quantity.get(),
                OrderState::Paid => *sold += reservation.quantity.get(),
                OrderState::Cancelled => {}
            }
        }
    }
    for code in codes {
        let level = level(store, code).await.expect("the SKU has a level");
        let expected = held.get(code).copied().unwrap_or_default();
        assert_eq!((level.received, (level.reserved, level.sold)), (received, expected), "{code}");
    }
}

/// Visitors with a cart each.
async fn buyers(store: &SharedStore, count: usize) -> Vec<CartOwner> {
    let buyers: Vec<CartOwner> = (0..count).map(|number| visitor(&format!("buyer {number}"))).collect();
    for buyer in &buyers {
        save_first_cart(store, buyer, &[("ANY", 1)]).await;
    }
    buyers
}

/// The number of the one racer that placed its order.
fn only_new(results: &[Result<Claimed, StoreError>]) -> usize {
    let won = |number: &usize| matches!(results[*number], Ok(Claimed::New));
    let winners: Vec<usize> = (0..results.len()).filter(won).collect();
    assert_eq!(winners.len(), 1, "one order is placed: {results:?}");
    winners[0]
}

/// The order of every message in the outbox.
async fn outbox_orders(store: &SharedStore) -> Vec<OrderId> {
    let outbox = store.list_outbox().await.expect("the outbox is read");
    outbox.into_iter().map(|message| message.subject.parse().expect("an order's id")).collect()
}
