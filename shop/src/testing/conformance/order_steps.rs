//! Guarantees of [`OrderStore::advance_order`](crate::ports::OrderStore::advance_order).

use super::support::{
    NOW, RACERS, assert_one_winner, orders, orders_by_email, place, race, save_first_cart, snapshot, stock, units,
};
use crate::domain::{CartOwner, EmailAddress, FulfillmentState, Order, PaymentState, StockEffect};
use crate::ports::{KeyAnswer, OrderAdvance, OrderOfEmail, Placement, SharedStore, StoreError};
use crate::testing::fixtures::{advance, checkout_key, customer, order, placement, sku, visitor};

const ANSWER: &str = "{\"status\": 201, \"body\": \"Größe \\u0000 \\\\ 'x'\"}";

pub(super) async fn a_step_applies_its_stock_effect(store: SharedStore) {
    for (effect, a, b) in [
        (StockEffect::Keep, (3, 2, 0), (0, 4, 0)),
        (StockEffect::Commit, (3, 0, 2), (0, 0, 4)),
        (StockEffect::Release, (5, 0, 0), (4, 0, 0)),
    ] {
        let [code_a, code_b] = ["A", "B"].map(|name| format!("{name}-{effect:?}"));
        stock(&store, &[(&code_a, 5), (&code_b, 4)]).await;
        let placed = place_order_of(&store, &format!("{effect:?}"), &[(&code_b, 4), (&code_a, 2)]).await;
        assert_eq!(units(&store, &code_a).await, (3, 2, 0));
        let step = advance(&placed.order, effect);
        store.advance_order(&step).await.expect("the step is made");
        assert_eq!((units(&store, &code_a).await, units(&store, &code_b).await), (a, b), "{effect:?}");
        let kept = store.find_order(&placed.order.id).await.expect("an order is read");
        assert_eq!(kept.as_ref(), Some(&step.order), "{effect:?}");
        assert_eq!(orders(&store, Some(&step.order.owner), 10).await, [step.order.summary()], "{effect:?}");
        assert!(orders(&store, None, 10).await.contains(&step.order.summary()), "{effect:?}");
        let outbox = store.list_outbox().await.expect("the outbox is read");
        let messages: Vec<_> =
            outbox.into_iter().filter(|message| message.subject == placed.order.id.as_str()).collect();
        assert_eq!(messages, [placed.outbox, step.outbox].concat(), "{effect:?}");
        let record = store.find_idempotency_record(&placed.claim.key, NOW).await.expect("a record is read");
        assert_eq!(record, Some(placed.claim.record), "a step without an answer leaves the key as it is");
    }
}

pub(super) async fn an_order_takes_several_steps(store: SharedStore) {
    stock(&store, &[("A", 3)]).await;
    let placed = place_order_of(&store, "order", &[("A", 2)]).await.order;
    let mut unknown = advance(&placed, StockEffect::Keep);
    unknown.order.payment.state = PaymentState::Unknown;
    unknown.order.payment.intent_id = Some("pi_\"1\"".to_owned());
    store.advance_order(&unknown).await.expect("the outcome is not known yet");
    let paid = advance(&unknown.order, StockEffect::Commit);
    store.advance_order(&paid).await.expect("paid");
    let mut shipped = advance(&paid.order, StockEffect::Keep);
    shipped.order.fulfillment = FulfillmentState::Fulfilled;
    shipped.outbox.clear();
    store.advance_order(&shipped).await.expect("shipped");
    assert_eq!(units(&store, "A").await, (1, 0, 2), "sold once");
    let found = store.find_order(&placed.id).await.expect("an order is read");
    assert_eq!(found, Some(shipped.order.clone()));
    assert_eq!(orders(&store, None, 10).await, [shipped.order.summary()], "listed once, in its current state");
}

pub(super) async fn a_step_moves_an_order_to_another_owner_and_email_address(store: SharedStore) {
    stock(&store, &[("A", 3)]).await;
    let placed = place_order_of(&store, "order", &[("A", 2)]).await.order;
    let mut moved = advance(&placed, StockEffect::Commit);
    moved.order.owner = CartOwner::customer(&customer("ada"));
    moved.previous_owner = Some(placed.owner.clone());
    store.advance_order(&moved).await.expect("moved to an account");
    assert_eq!(orders(&store, Some(&placed.owner), 10).await, []);
    assert_eq!(orders(&store, Some(&moved.order.owner), 10).await, [moved.order.summary()]);
    let listed = |order: &Order| OrderOfEmail { owner: order.owner.clone(), summary: order.summary() };
    assert_eq!(orders_by_email(&store, &placed.email, 10).await, [listed(&moved.order)]);

    let mut erased = OrderAdvance::to(Order { version: moved.order.version + 1, ..moved.order });
    erased.order.email = EmailAddress::erased();
    erased.previous_email = Some(placed.email.clone());
    store.advance_order(&erased).await.expect("erased");
    assert_eq!(orders_by_email(&store, &placed.email, 10).await, []);
    assert_eq!(orders_by_email(&store, &erased.order.email, 10).await, [listed(&erased.order)]);
    assert_eq!(orders(&store, Some(&erased.order.owner), 10).await, [erased.order.summary()]);
    assert_eq!(units(&store, "A").await, (1, 0, 2));
}

pub(super) async fn a_step_from_another_version_changes_nothing(store: SharedStore) {
    stock(&store, &[("A", 3)]).await;
    let placed = place_order_of(&store, "order", &[("A", 2)]).await;
    let first = advance(&placed.order, StockEffect::Keep);
    store.advance_order(&first).await.expect("the step is made");
    let before = snapshot(&store, &placed.order.owner, &["A"]).await;
    let mut ahead = advance(&first.order, StockEffect::Commit);
    ahead.order.version += 1;
    for mut stale in [
        advance(&placed.order, StockEffect::Commit),
        advance(&placed.order, StockEffect::Release),
        advance(&placed.order, StockEffect::Keep),
        ahead,
    ] {
        stale.outcome = Some(KeyAnswer { key: placed.claim.key.clone(), outcome: ANSWER.to_owned() });
        stale.outbox[0].id = crate::domain::OutboxMessageId::derive("another message");
        let refused = store.advance_order(&stale).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{stale:?}: {refused:?}");
        assert_eq!(snapshot(&store, &placed.order.owner, &["A"]).await, before, "nothing is changed");
        let found = store.find_order(&placed.order.id).await.expect("an order is read");
        assert_eq!(found.as_ref(), Some(&first.order));
        let record = store.find_idempotency_record(&placed.claim.key, NOW).await.expect("a record is read");
        assert_eq!(record.as_ref(), Some(&placed.claim.record));
    }
}

pub(super) async fn the_first_answer_of_an_order_stays(store: SharedStore) {
    stock(&store, &[("A", 3)]).await;
    let placed = place_order_of(&store, "order", &[("A", 2)]).await;
    let mut order = placed.order.clone();
    for answer in [ANSWER, "{\"status\":500}"] {
        let mut step = advance(&order, StockEffect::Keep);
        step.outcome = Some(KeyAnswer { key: placed.claim.key.clone(), outcome: answer.to_owned() });
        step.outbox.clear();
        store.advance_order(&step).await.expect("a later answer is no error");
        order = step.order;
        let record = store.find_idempotency_record(&placed.claim.key, NOW).await.expect("a record is read");
        let record = record.expect("the key is taken");
        assert_eq!((record.outcome.as_deref(), &record.order_id), (Some(ANSWER), &Some(order.id.clone())));
    }
    let found = store.find_order(&order.id).await.expect("an order is read");
    assert_eq!(found, Some(order), "the step itself is still written");
}

pub(super) async fn one_of_many_concurrent_steps_wins(store: SharedStore) {
    for round in 0..10 {
        let code = format!("A-{round}");
        stock(&store, &[(&code, 5)]).await;
        let placed = place_order_of(&store, &format!("order {round}"), &[(&code, 2)]).await;
        let step = |number: usize| -> OrderAdvance {
            let effect = [StockEffect::Commit, StockEffect::Release][number % 2];
            let mut step = advance(&placed.order, effect);
            step.order.payment.decline_code = Some(format!("racer {number}"));
            step.outbox[0].id = crate::domain::OutboxMessageId::derive(&format!("{round} {number}"));
            step.outcome = Some(KeyAnswer { key: placed.claim.key.clone(), outcome: number.to_string() });
            step
        };
        let results = race(RACERS / 2, |number| {
            let (store, step) = (store.clone(), step(number));
            async move { store.advance_order(&step).await }
        })
        .await;
        let winner = step(assert_one_winner(&results));
        let found = store.find_order(&placed.order.id).await.expect("an order is read");
        assert_eq!(found.as_ref(), Some(&winner.order));
        let sold = if winner.stock == StockEffect::Commit { (3, 0, 2) } else { (5, 0, 0) };
        assert_eq!(units(&store, &code).await, sold, "the winner's effect alone");
        let outbox = store.list_outbox().await.expect("the outbox is read");
        let mut messages: Vec<_> =
            outbox.into_iter().filter(|message| message.subject == placed.order.id.as_str()).collect();
        messages.retain(|message| message.topic != "order.placed");
        assert_eq!(messages, winner.outbox, "the winner's message alone");
        let record = store.find_idempotency_record(&placed.claim.key, NOW).await.expect("a record is read");
        assert_eq!(record.and_then(|record| record.outcome), winner.outcome.map(|answer| answer.outcome));
    }
}

pub(super) async fn fifty_variants_are_sold_in_one_step(store: SharedStore) {
    let codes: Vec<String> = (0..50).map(|number| format!("SKU-{number:02}")).collect();
    let lines: Vec<(&str, u32)> = codes.iter().zip(1..).map(|(code, units)| (code.as_str(), units)).collect();
    stock(&store, &lines).await;
    let placed = place_order_of(&store, "full", &lines).await;
    let mut step = advance(&placed.order, StockEffect::Commit);
    step.outcome = Some(KeyAnswer { key: placed.claim.key, outcome: ANSWER.to_owned() });
    store.advance_order(&step).await.expect("the step is made");
    for (code, number) in &lines {
        assert_eq!(units(&store, code).await, (0, 0, *number), "{code}");
    }
}

pub(super) async fn released_units_can_be_sold_again(store: SharedStore) {
    stock(&store, &[("A", 1)]).await;
    let first = place_order_of(&store, "first", &[("A", 1)]).await;
    let second = visitor("second");
    save_first_cart(&store, &second, &[("A", 1)]).await;
    let wish = placement(&order(&second, "wish", &[("A", 1)]), 1);
    let refused = store.place_order(&wish).await;
    assert!(matches!(&refused, Err(StoreError::OutOfStock { sku: short }) if *short == sku("A")), "{refused:?}");
    store.advance_order(&advance(&first.order, StockEffect::Release)).await.expect("canceled");
    place(&store, &wish).await;
    store.advance_order(&advance(&wish.order, StockEffect::Commit)).await.expect("paid");
    assert_eq!(units(&store, "A").await, (0, 0, 1));
    let key = checkout_key(&second, wish.order.id.as_str());
    assert!(store.find_idempotency_record(&key, NOW).await.expect("a record is read").is_some());
}

/// Places an order of a visitor of the same name.
async fn place_order_of(store: &SharedStore, name: &str, lines: &[(&str, u32)]) -> Placement {
    let owner = visitor(name);
    save_first_cart(store, &owner, lines).await;
    let placed: Order = order(&owner, name, lines);
    let placement = placement(&placed, 1);
    place(store, &placement).await;
    placement
}

pub(super) async fn restocked_units_can_be_sold_again(store: SharedStore) {
    stock(&store, &[("A", 2)]).await;
    let placed = place_order_of(&store, "first", &[("A", 2)]).await;
    let paid = advance(&placed.order, StockEffect::Commit);
    store.advance_order(&paid).await.expect("paid");
    assert_eq!(units(&store, "A").await, (0, 0, 2));
    store.advance_order(&advance(&paid.order, StockEffect::Restock)).await.expect("refunded");
    assert_eq!(units(&store, "A").await, (2, 0, 0));
    let again = place_order_of(&store, "second", &[("A", 2)]).await;
    store.advance_order(&advance(&again.order, StockEffect::Commit)).await.expect("paid");
    assert_eq!(units(&store, "A").await, (0, 0, 2));
}
