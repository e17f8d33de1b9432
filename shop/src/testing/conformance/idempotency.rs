//! Guarantees of [`IdempotencyStore`](crate::ports::IdempotencyStore).

use time::{Duration, OffsetDateTime};

use super::support::{KEPT_UNTIL, NOW, RACERS, level, race, save_first_cart};
use crate::domain::{Cart, CartOwner, OrderId, StockLevel};
use crate::ports::{Claim, Claimed, IdempotencyKey, IdempotencyRecord, KeyAnswer, SharedStore, StoreError};
use crate::testing::fixtures::{cart, checkout_key, claim, customer, sku, visitor};

const ANSWER: &str = "{\"status\":201}";

pub(super) async fn a_key_is_claimed_once_and_keeps_its_record(store: SharedStore) {
    let key = checkout_key(&visitor("ada"), "key");
    assert_eq!(find(&store, &key, NOW).await, None);
    let mut first = claim(key.clone(), "first", NOW);
    first.record.order_id = Some(OrderId::derive("order"));
    first.record.lease_until = NOW + Duration::milliseconds(30_001);
    assert_eq!(take(&store, &first, NOW).await, Claimed::New);
    assert_eq!(find(&store, &key, NOW).await, Some(first.record.clone()));
    let second = claim(key.clone(), "second", NOW);
    assert_eq!(take(&store, &second, NOW).await, Claimed::Existing(first.record.clone()));
    assert_eq!(find(&store, &key, NOW).await, Some(first.record), "the first record stays");
}

pub(super) async fn one_of_many_concurrent_claims_is_new(store: SharedStore) {
    for round in 0..5 {
        let key = checkout_key(&visitor("ada"), &format!("key{round}"));
        let expires_at = NOW + Duration::hours(1);
        // The key is claimed for the first time, and again after its first use has expired.
        for now in [NOW, expires_at] {
            let claim = |number: usize| {
                let claim = claim(key.clone(), &format!("{now} {number}"), now);
                Claim { expires_at: now + Duration::hours(1), ..claim }
            };
            let results = race(RACERS, |number| {
                let (store, claim) = (store.clone(), claim(number));
                async move { store.claim_idempotency_key(&claim, now).await.expect("a claim is answered") }
            })
            .await;
            let winners: Vec<usize> = (0..RACERS).filter(|number| results[*number] == Claimed::New).collect();
            assert_eq!(winners.len(), 1, "{results:?}");
            let record = claim(winners[0]).record;
            for (number, result) in results.into_iter().enumerate().filter(|(number, _)| *number != winners[0]) {
                assert_eq!(result, Claimed::Existing(record.clone()), "racer {number} sees the winner's record");
            }
            assert_eq!(find(&store, &key, now).await, Some(record));
        }
    }
}

pub(super) async fn the_first_answer_under_a_key_stays(store: SharedStore) {
    let key = checkout_key(&visitor("ada"), "key");
    let claim = claim(key.clone(), "request", NOW);
    assert_eq!(take(&store, &claim, NOW).await, Claimed::New);
    let first = "{\"status\": 201, \"body\": \"Größe \\u0000 \\\\ 'x'\"}";
    for outcome in [first, "{\"status\":500}"] {
        let given = answer(&store, &key, outcome).await;
        assert_eq!(given.is_ok(), outcome == first, "{given:?}");
        let answered = IdempotencyRecord { outcome: Some(first.to_owned()), ..claim.record.clone() };
        assert_eq!(find(&store, &key, NOW).await, Some(answered.clone()), "byte for byte");
        assert_eq!(take(&store, &claim, NOW).await, Claimed::Existing(answered));
    }
}

pub(super) async fn one_of_many_concurrent_answers_stays(store: SharedStore) {
    let key = checkout_key(&visitor("ada"), "key");
    assert_eq!(take(&store, &claim(key.clone(), "request", NOW), NOW).await, Claimed::New);
    let seen = race(RACERS, |number| {
        let (store, key) = (store.clone(), key.clone());
        async move {
            let given = answer(&store, &key, &number.to_string()).await;
            assert!(matches!(given, Ok(()) | Err(StoreError::Conflict)), "{given:?}");
            find(&store, &key, NOW).await.and_then(|record| record.outcome)
        }
    })
    .await;
    let kept = find(&store, &key, NOW).await.and_then(|record| record.outcome);
    assert!(kept.is_some());
    assert!(seen.iter().all(|outcome| *outcome == kept), "no other answer was ever visible: {seen:?}");
}

pub(super) async fn a_released_key_is_free(store: SharedStore) {
    let (key, other) = (checkout_key(&visitor("ada"), "key"), checkout_key(&visitor("ada"), "other"));
    let first = claim(key.clone(), "first", NOW);
    let bystander = claim(other.clone(), "bystander", NOW);
    for claim in [&first, &bystander] {
        assert_eq!(take(&store, claim, NOW).await, Claimed::New);
    }
    for _ in 0..2 {
        store.release_idempotency_key(&key).await.expect("the key is freed, also when it is free");
        assert_eq!(find(&store, &key, NOW).await, None);
    }
    assert_eq!(find(&store, &other, NOW).await, Some(bystander.record), "the other key stays");
    let second = claim(key.clone(), "second", NOW);
    assert_eq!(take(&store, &second, NOW).await, Claimed::New);
    assert_eq!(find(&store, &key, NOW).await, Some(second.record));
}

pub(super) async fn an_expired_key_is_free(store: SharedStore) {
    let key = checkout_key(&visitor("ada"), "key");
    let first = Claim { expires_at: NOW + Duration::hours(1), ..claim(key.clone(), "first", NOW) };
    let before = first.expires_at - Duration::milliseconds(1);
    assert_eq!(take(&store, &first, NOW).await, Claimed::New);
    answer(&store, &key, ANSWER).await.expect("an answer is kept");
    let answered = IdempotencyRecord { outcome: Some(ANSWER.to_owned()), ..first.record };
    assert_eq!(find(&store, &key, before).await, Some(answered.clone()), "until then it is taken");
    let after = first.expires_at;
    assert_eq!(find(&store, &key, after).await, None, "from then on it is free");
    let second = claim(key.clone(), "second", after);
    assert_eq!(take(&store, &second, before).await, Claimed::Existing(answered));
    assert_eq!(take(&store, &second, after).await, Claimed::New);
    assert_eq!(find(&store, &key, after).await, Some(second.record), "nothing of the first use is left");
}

pub(super) async fn keys_of_other_owners_routes_and_texts_are_independent(store: SharedStore) {
    let ada = visitor("ada");
    let key = |owner: &CartOwner, route, text: &str| IdempotencyKey::new(owner.clone(), route, text).expect("valid");
    let longest = "k".repeat(IdempotencyKey::MAX_CHARS);
    let keys = [
        key(&ada, "checkout", "key"),
        key(&visitor("bob"), "checkout", "key"),
        key(&CartOwner::customer(&customer("ada")), "checkout", "key"),
        key(&ada, "refund", "key"),
        key(&ada, "checkout", "KEY"),
        key(&ada, "checkout", "key|checkout|key"),
        key(&ada, "checkout", "#%_'\"\\:;$&?"),
        key(&ada, "checkout", &longest),
        key(&ada, "checkout", &longest[1..]),
    ];
    for (number, key) in keys.iter().enumerate() {
        let claim = claim(key.clone(), &format!("request {number}"), NOW);
        assert_eq!(take(&store, &claim, NOW).await, Claimed::New, "{key:?}");
    }
    answer(&store, &keys[0], ANSWER).await.expect("an answer is kept");
    for (number, key) in keys.iter().enumerate() {
        let record = find(&store, key, NOW).await.expect("the key is taken");
        let expected = (format!("request {number}"), (number == 0).then(|| ANSWER.to_owned()));
        assert_eq!((record.request_hash, record.outcome), expected, "{key:?}");
    }
}

async fn find(store: &SharedStore, key: &IdempotencyKey, now: OffsetDateTime) -> Option<IdempotencyRecord> {
    store.find_idempotency_record(key, now).await.expect("a record is read")
}

async fn take(store: &SharedStore, claim: &Claim, now: OffsetDateTime) -> Claimed {
    store.claim_idempotency_key(claim, now).await.expect("a claim is answered")
}

/// Writes an outcome with an effect: the first cart of an owner without one.
async fn answer(store: &SharedStore, key: &IdempotencyKey, outcome: &str) -> Result<(), StoreError> {
    let cart = cart(&visitor(&format!("{} {outcome}", key.store_key())), &[("ANY", 1)]);
    let answer = KeyAnswer { key: key.clone(), outcome: outcome.to_owned() };
    let given = store.save_cart_under_key(&cart, KEPT_UNTIL, &answer).await;
    let found = store.find_cart(&cart.owner, NOW).await.expect("a cart is read");
    assert_eq!(found.is_some(), given.is_ok(), "effect and answer, or neither: {given:?}");
    given
}

pub(super) async fn an_answer_and_its_cart_are_written_together(store: SharedStore) {
    let (ada, key) = (visitor("ada"), checkout_key(&visitor("ada"), "key"));
    assert!(matches!(answer(&store, &key, ANSWER).await, Err(StoreError::Conflict)), "the key is free");
    assert_eq!(take(&store, &claim(key.clone(), "request", NOW), NOW).await, Claimed::New);
    let first = save_first_cart(&store, &ada, &[("A", 1)]).await;
    let given = KeyAnswer { key: key.clone(), outcome: ANSWER.to_owned() };
    let refused = store.save_cart_under_key(&first, KEPT_UNTIL, &given).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "the cart has that version already: {refused:?}");
    assert_eq!(find(&store, &key, NOW).await.and_then(|record| record.outcome), None, "no answer without its effect");
    let second = Cart { version: 2, ..first };
    store.save_cart_under_key(&second, KEPT_UNTIL, &given).await.expect("both are written");
    assert_eq!(find(&store, &key, NOW).await.and_then(|record| record.outcome).as_deref(), Some(ANSWER));
    let third = Cart { version: 3, ..second.clone() };
    let again = store.save_cart_under_key(&third, KEPT_UNTIL, &given).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "the key has an answer: {again:?}");
    assert_eq!(store.find_cart(&ada, NOW).await.expect("a cart is read"), Some(second), "no effect without an answer");
    store.release_idempotency_key(&key).await.expect("a key with an answer is left alone");
    assert_eq!(find(&store, &key, NOW).await.and_then(|record| record.outcome).as_deref(), Some(ANSWER));
}

pub(super) async fn an_answer_and_its_stock_are_written_together(store: SharedStore) {
    let of = |available: u32, received: u32| StockLevel { available, received, ..StockLevel::initial(sku("A"), 0) };
    let steps = [(None, of(5, 5)), (Some(of(5, 5)), of(3, 3)), (Some(of(3, 3)), of(0, 0))];
    for (number, (seen, next)) in steps.into_iter().enumerate() {
        let key = checkout_key(&visitor("ada"), &format!("key-{number}"));
        let given = KeyAnswer { key: key.clone(), outcome: ANSWER.to_owned() };
        let write = |seen: Option<StockLevel>| {
            let (store, next, given) = (&store, &next, &given);
            async move { store.replace_stock_level_under_key(seen.as_ref(), next, given).await }
        };
        let before = units_or_none(&store).await;
        assert!(matches!(write(seen.clone()).await, Err(StoreError::Conflict)), "the key is free");
        assert_eq!(take(&store, &claim(key.clone(), "request", NOW), NOW).await, Claimed::New);
        let wrong = Some(of(99, 99));
        assert!(matches!(write(wrong).await, Err(StoreError::Conflict)), "the level is another");
        assert_eq!(units_or_none(&store).await, before, "nothing has changed");
        write(seen.clone()).await.expect("both are written");
        assert_eq!(units_or_none(&store).await, Some(next.available));
        assert!(matches!(write(seen).await, Err(StoreError::Conflict)), "once only");
        assert_eq!(find(&store, &key, NOW).await.and_then(|record| record.outcome).as_deref(), Some(ANSWER));
    }
}

async fn units_or_none(store: &SharedStore) -> Option<u32> {
    level(store, "A").await.map(|level| level.available)
}
