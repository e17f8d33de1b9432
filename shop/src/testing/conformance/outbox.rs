//! Guarantees of [`OutboxStore`](crate::ports::OutboxStore).

use std::sync::Arc;

use time::Duration;

use super::support::{NOW, place, save_first_cart};
use crate::ports::{AuditRecord, Consumer, OutboxMessage, SharedStore};
use crate::testing::SeededRandom;
use crate::testing::fixtures::{dispatched, message, order, placement, visitor};

/// Writes `orders` orders with five messages each, interleaved in time with those of other orders. Returns them, oldest first.
async fn write(store: &SharedStore, orders: i64) -> Vec<OutboxMessage> {
    let seed = 32;
    println!("seed {seed}");
    let owner = visitor("ada");
    let mut numbers: Vec<i64> = (0..orders).collect();
    SeededRandom::new(seed).shuffle(&mut numbers);
    let (mut written, mut version) = (Vec::new(), 1);
    save_first_cart(store, &owner, &[("A", 1)]).await;
    for number in numbers {
        let mut order = order(&owner, &format!("order {number}"), &[("A", 1)]);
        order.reservations.clear();
        let mut placement = placement(&order, version);
        placement.outbox = (0..5)
            .map(|step| message(&order, &format!("topic.{step}"), NOW + Duration::seconds(step * 100 + number)))
            .collect();
        written.extend(placement.outbox.clone());
        place(store, &placement).await;
        version += 1;
    }
    written.sort_by(|a, b| a.id.cmp(&b.id));
    written
}

async fn outbox(store: &SharedStore) -> Vec<OutboxMessage> {
    store.list_outbox().await.expect("the outbox is read")
}

async fn backlog(store: &SharedStore, consumer: Consumer) -> Vec<OutboxMessage> {
    store.list_backlog(consumer, None).await.expect("the backlog is read")
}

pub(super) async fn the_outbox_returns_the_oldest_hundred_messages(store: SharedStore) {
    assert_eq!(outbox(&store).await, []);
    let written = write(&store, 26).await;
    assert_eq!(outbox(&store).await, written[..100]);
    store.dispatch(&dispatched(&written[..40], &[]), NOW).await.expect("some are delivered");
    assert_eq!(outbox(&store).await, written[40..]);
}

pub(super) async fn a_message_that_announces_no_other_change_is_inserted(store: SharedStore) {
    let mut written = write(&store, 1).await;
    let order = order(&visitor("bob"), "elsewhere", &[("A", 1)]);
    let subject = "ada+ö@example.com".to_owned();
    let own = OutboxMessage { subject, ..message(&order, OutboxMessage::PASSWORD_RESET, NOW + Duration::seconds(150)) };
    for _ in 0..2 {
        store.insert_outbox_message(&own).await.expect("the message is inserted");
    }
    written.push(own);
    written.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(outbox(&store).await, written);
}

pub(super) async fn a_removed_message_is_nowhere(store: SharedStore) {
    let written = write(&store, 1).await;
    let [waiting, late, delivered, kept, ..] = &written[..] else { panic!("five messages") };
    let mail = Consumer::ShopperMail;
    store.dispatch(&dispatched(&[late.clone(), kept.clone()], &[mail]), NOW).await.expect("dispatched");
    store.dispatch(&dispatched(std::slice::from_ref(delivered), &[]), NOW).await.expect("delivered");
    for _ in 0..2 {
        for message in [waiting, late, delivered] {
            store.remove_outbox_message(&message.id).await.expect("removed");
        }
    }
    assert_eq!(outbox(&store).await, written[4..]);
    assert_eq!(backlog(&store, mail).await, std::slice::from_ref(kept));
    let mut left = Vec::new();
    let mut from = None;
    loop {
        let page = store.audit_page(from.as_deref()).await.expect("a page");
        left.extend(page.records.into_iter().filter_map(|record| match record {
            AuditRecord::Message(message) => Some(message),
            _ => None,
        }));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    left.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(left, written[3..]);
}

pub(super) async fn delivered_messages_leave_the_outbox(store: SharedStore) {
    let written = write(&store, 1).await;
    let [first, second, ..] = &written[..] else { panic!("five messages") };
    let delivered = dispatched(&[second.clone(), first.clone()], &[]);
    store.dispatch(&delivered, NOW).await.expect("two are delivered");
    assert_eq!(outbox(&store).await, written[2..]);
    store.dispatch(&delivered, NOW).await.expect("repeating is harmless");
    store.dispatch(&dispatched(&written, &[]), NOW).await.expect("all are delivered");
    assert_eq!(outbox(&store).await, []);
    store.dispatch(&[], NOW).await.expect("nothing to do");
}

pub(super) async fn a_message_waits_for_each_consumer_that_has_not_accepted_it(store: SharedStore) {
    let written = write(&store, 1).await;
    let mut leaving = dispatched(&written[..1], &[]);
    leaving.extend(dispatched(&written[1..2], &[Consumer::Http]));
    leaving.extend(dispatched(&written[2..4], &[Consumer::Http, Consumer::ShopperMail]));
    store.dispatch(&leaving, NOW).await.expect("four leave");
    assert_eq!(outbox(&store).await, written[4..]);
    assert_eq!(backlog(&store, Consumer::Http).await, written[1..4]);
    assert_eq!(backlog(&store, Consumer::ShopperMail).await, written[2..4]);
    assert_eq!(backlog(&store, Consumer::OperatorMail).await, []);
    let id = |index: usize| written[index].id.clone();
    store.remove_from_backlog(Consumer::Http, &[id(1), id(3)]).await.expect("two are delivered");
    store.remove_from_backlog(Consumer::Http, &[id(1), id(4)]).await.expect("others are ignored");
    assert_eq!(backlog(&store, Consumer::Http).await, written[2..3]);
    assert_eq!(backlog(&store, Consumer::ShopperMail).await, written[2..4], "each consumer has its own");
    store.remove_from_backlog(Consumer::ShopperMail, &[]).await.expect("nothing to do");
}

pub(super) async fn a_message_that_has_left_the_outbox_is_added_to_no_backlog(store: SharedStore) {
    let written = write(&store, 1).await;
    store.dispatch(&dispatched(&written[..1], &[]), NOW).await.expect("one is delivered");
    let late = dispatched(&written[..2], &[Consumer::ShopperMail]);
    store.dispatch(&late, NOW).await.expect("a slow worker");
    assert_eq!(backlog(&store, Consumer::ShopperMail).await, written[1..2], "the first was delivered");
    store.remove_from_backlog(Consumer::ShopperMail, &[written[1].id.clone()]).await.expect("delivered");
    store.dispatch(&late, NOW).await.expect("a slower worker");
    assert_eq!(backlog(&store, Consumer::ShopperMail).await, []);
}

pub(super) async fn a_backlog_is_listed_page_by_page(store: SharedStore) {
    let written = write(&store, 26).await;
    let (early, rest) = written.split_at(70);
    for part in [rest, early] {
        store.dispatch(&dispatched(part, &[Consumer::Sns]), NOW).await.expect("all leave");
    }
    assert_eq!(backlog(&store, Consumer::Sns).await, written[..100]);
    store.remove_from_backlog(Consumer::Sns, &[written[99].id.clone()]).await.expect("delivered");
    let after = store.list_backlog(Consumer::Sns, Some(&written[99].id)).await.expect("the backlog is read");
    assert_eq!(after, written[100..], "a delivered message is still a position");
    assert_eq!(store.list_backlog(Consumer::Sns, Some(&written[129].id)).await.expect("the backlog is read"), []);
}

pub(super) async fn a_lease_has_one_holder_until_it_expires_or_is_released(store: SharedStore) {
    let at = |seconds| NOW + Duration::seconds(seconds);
    let take = |holder: &'static str, now, until| {
        let store = Arc::clone(&store);
        async move { store.take_outbox_lease(holder, at(now), at(until)).await.expect("a lease is written") }
    };
    let renew = |holder: &'static str, until| {
        let store = Arc::clone(&store);
        async move { store.renew_outbox_lease(holder, at(until)).await.expect("a lease is written") }
    };
    assert!(!renew("a", 10).await, "it was not taken");
    assert!(take("a", 0, 10).await && take("a", 1, 10).await);
    assert!(!take("b", 9, 20).await && !renew("b", 20).await);
    assert!(renew("a", 20).await);
    assert!(!take("b", 19, 30).await, "it was extended");
    assert!(take("b", 20, 30).await, "it has expired");
    assert!(!renew("a", 40).await);
    store.release_outbox_lease("a").await.expect("ignored");
    assert!(!take("c", 25, 40).await, "it is still held by another");
    store.release_outbox_lease("b").await.expect("released");
    assert!(take("c", 25, 40).await);
}

pub(super) async fn one_of_many_concurrent_workers_gets_the_lease(store: SharedStore) {
    for round in 0..5 {
        let now = NOW + Duration::minutes(round);
        let workers: Vec<_> = (0..8)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let holder = format!("{round} {number}");
                    store.take_outbox_lease(&holder, now, now + Duration::seconds(30)).await.expect("a lease")
                })
            })
            .collect();
        let mut holders = 0;
        for worker in workers {
            holders += usize::from(worker.await.expect("no panic"));
        }
        assert_eq!(holders, 1);
    }
}
