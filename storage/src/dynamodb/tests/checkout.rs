//! What happens to orders and stock when the engine has conflicts, throttles, or loses responses.

use std::time::Instant;

use shopease_shop::domain::{EmailAddress, Order, PageLimit, StockChange, StockEffect};
use shopease_shop::ports::{
    CartStore as _, Claimed, IdempotencyStore as _, KeyAnswer, OrderAdvance, OrderStore as _, Placement,
    StockStore as _, StoreError,
};
use shopease_shop::testing::FixedClock;
use shopease_shop::testing::fixtures::{advance, cart, checkout_key, claim, order, placement, sku, visitor};
use time::Duration;

use super::super::items::key_item;
use super::super::keys;
use super::Bench;
use super::wire::Fault;

const LATER: time::OffsetDateTime = FixedClock::START.saturating_add(Duration::days(30));

/// A shop with two units of A, and an order for one.
async fn bench() -> (Bench, Placement) {
    let bench = Bench::new().await;
    let owner = visitor("ada");
    bench.store.initialize_stock(&[(sku("A"), 2)]).await.expect("a level");
    bench.store.save_cart(&cart(&owner, &[("A", 1)]), LATER).await.expect("a cart");
    bench.wire.take_operations();
    (bench, placement(&order(&owner, "first", &[("A", 1)]), 1))
}

async fn units(bench: &Bench) -> (u32, u32, u32) {
    let level = bench.store.find_stock_levels(&[sku("A")]).await.expect("levels").remove(0);
    (level.available, level.reserved, level.sold)
}

#[tokio::test]
async fn a_conflict_is_retried() {
    let (bench, wish) = bench().await;
    bench.wire.fail(&[Fault::Clash, Fault::Clash, Fault::Clash]);
    assert_eq!(bench.store.place_order(&wish).await.expect("placed"), Claimed::New);
    assert_eq!(bench.wire.take_operations(), ["TransactWriteItems"; 4]);
    assert_eq!(units(&bench).await, (1, 1, 0));
}

#[tokio::test]
async fn an_order_of_a_release_without_the_list_of_its_address_is_listed_from_its_next_step_on() {
    let (bench, wish) = bench().await;
    let limit = PageLimit::new(10).expect("a limit");
    let listed = async || bench.store.list_orders_by_email(&wish.order.email, None, limit).await.expect("a page").items;
    bench.store.place_order(&wish).await.expect("placed");
    let forget = async || {
        let key = key_item(&keys::order_by_email(&wish.order.email, &wish.order));
        let forget = bench.store.client.delete_item().table_name(&bench.store.table).set_key(Some(key));
        forget.send().await.expect("forgotten");
        assert_eq!(listed().await, []);
    };
    forget().await;
    let paid = advance(&wish.order, StockEffect::Commit);
    bench.store.advance_order(&paid).await.expect("paid");
    assert_eq!(listed().await.len(), 1);
    forget().await;
    let mut erased = OrderAdvance::to(Order { version: paid.order.version + 1, ..paid.order });
    erased.order.email = EmailAddress::erased();
    erased.previous_email = Some(wish.order.email.clone());
    bench.store.advance_order(&erased).await.expect("erased");
    assert_eq!(listed().await, []);
}

#[tokio::test]
async fn endless_conflicts_time_out_and_change_nothing() {
    let (bench, wish) = bench().await;
    bench.wire.fail_always(Some(Fault::Clash));
    let started = Instant::now();
    let failed = bench.store.place_order(&wish).await;
    assert!(matches!(failed, Err(StoreError::Throttled(_))), "{failed:?}");
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    let tries = bench.wire.take_operations().len();
    assert!((2..=8).contains(&tries), "{tries} tries");
    bench.wire.fail_always(None);
    assert_eq!(units(&bench).await, (2, 0, 0));
    assert_eq!(bench.store.place_order(&wish).await.expect("placed"), Claimed::New, "the key is still free");
}

#[tokio::test]
async fn an_order_whose_response_is_lost_is_placed_once() {
    let (bench, wish) = bench().await;
    bench.wire.fail(&[Fault::ResponseLost, Fault::Clash, Fault::ResponseLost]);
    assert_eq!(bench.store.place_order(&wish).await.expect("placed"), Claimed::New);
    assert_eq!(bench.wire.faults_left(), 0);
    assert_eq!(units(&bench).await, (1, 1, 0));
    let again = bench.store.place_order(&wish).await.expect("a response");
    assert_eq!(again, Claimed::Existing(wish.claim.record.clone()));
}

#[tokio::test]
async fn a_taken_key_decides_at_once_despite_other_conflicts() {
    let (bench, wish) = bench().await;
    bench.store.place_order(&wish).await.expect("placed");
    bench.wire.take_operations();
    bench.wire.fail(&[Fault::FirstFailedAmidClash]);
    let again = bench.store.place_order(&wish).await.expect("a response");
    assert_eq!(again, Claimed::Existing(wish.claim.record));
    assert_eq!(bench.wire.take_operations(), ["TransactWriteItems", "GetItem"], "no further attempt");
}

#[tokio::test]
async fn a_claim_with_a_lost_response_is_not_mistaken_for_another_callers() {
    let bench = Bench::new().await;
    let claimed = claim(checkout_key(&visitor("ada"), "k"), "request", FixedClock::START);
    bench.wire.fail(&[Fault::ResponseLost]);
    let mine = bench.store.claim_idempotency_key(&claimed, FixedClock::START).await.expect("claimed");
    assert_eq!(mine, Claimed::New);
    let second = bench.store.claim_idempotency_key(&claimed, FixedClock::START).await.expect("a response");
    assert_eq!(second, Claimed::Existing(claimed.record));
}

#[tokio::test]
async fn an_order_advances_after_its_key_has_expired() {
    let (bench, wish) = bench().await;
    bench.store.place_order(&wish).await.expect("placed");
    bench
        .store
        .release_idempotency_key(&wish.claim.key)
        .await
        .expect("deleted, as the engine does after it has expired");
    let mut step = advance(&wish.order, StockEffect::Commit);
    step.outcome = Some(KeyAnswer { key: wish.claim.key.clone(), outcome: "{}".to_owned() });
    bench.store.advance_order(&step).await.expect("advanced");
    assert_eq!(units(&bench).await, (1, 0, 1));
    let record = bench.store.find_idempotency_record(&wish.claim.key, FixedClock::START).await.expect("read");
    assert_eq!(record, None, "a partial record would be read as a complete one");
}

#[tokio::test]
async fn a_correction_that_conflicts_with_an_order_is_retried() {
    let (bench, _) = bench().await;
    for change in [StockChange::Adjust(3), StockChange::SetAvailable(5)] {
        bench.wire.fail(&[Fault::None, Fault::Clash]);
        let level = bench.store.correct_stock(&sku("A"), change).await.expect("corrected");
        assert_eq!((level.available, level.received, bench.wire.faults_left()), (5, 5, 0), "{change:?}");
    }
}

#[tokio::test]
async fn a_correction_whose_response_is_lost_counts_once() {
    let (bench, _) = bench().await;
    for (change, available) in
        [(StockChange::Adjust(3), 5), (StockChange::Adjust(-1), 4), (StockChange::SetAvailable(9), 9)]
    {
        bench.wire.fail(&[Fault::None, Fault::ResponseLost, Fault::Clash, Fault::ResponseLost]);
        let level = bench.store.correct_stock(&sku("A"), change).await.expect("corrected");
        assert_eq!((level.available, level.received), (available, available), "{change:?}");
        assert_eq!(bench.wire.faults_left(), 0);
    }
}

#[tokio::test]
async fn a_correction_whose_response_is_lost_before_endless_conflicts_counts_at_most_once() {
    let (bench, _) = bench().await;
    let mut faults = vec![Fault::None, Fault::ResponseLost];
    faults.resize(40, Fault::Clash);
    bench.wire.fail(&faults);
    let failed = bench.store.correct_stock(&sku("A"), StockChange::Adjust(3)).await;
    assert!(matches!(failed, Err(StoreError::Throttled(_))), "{failed:?}");
    bench.wire.fail(&[]);
    assert_eq!(units(&bench).await, (5, 0, 0));
}

#[tokio::test]
async fn a_cart_whose_response_is_lost_is_saved_and_another_callers_is_not() {
    let (bench, _) = bench().await;
    let owner = visitor("ada");
    let mut second = cart(&owner, &[("A", 2)]);
    second.version = 2;
    bench.wire.fail(&[Fault::ResponseLost]);
    bench.store.save_cart(&second, LATER).await.expect("its own response was lost");
    let rival = bench.store.save_cart(&second, LATER).await;
    assert!(matches!(rival, Err(StoreError::Conflict)), "{rival:?}");
}

#[tokio::test]
async fn a_stopped_engine_is_unavailable() {
    let Bench { store, engine, .. } = Bench::new().await;
    engine.shutdown();
    let failed = store.find_stock_levels(&[sku("A")]).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
}
