//! Guarantees of [`PurgeStore`](crate::ports::PurgeStore).

use time::{Duration, OffsetDateTime};

use super::support::{KEPT_UNTIL, NOW, place, save_first_cart, stock};
use crate::domain::{Cart, OutboxMessageId, StockEffect};
use crate::ports::{AuditRecord, Claim, Claimed, OutboxMessage, SharedStore};
use crate::testing::fixtures::{
    advance, cart, checkout_key, claim, customer, dispatched, order, placement, session, visitor,
};

pub(super) async fn unexpired_rows_are_kept(store: SharedStore) {
    let (ada, owner) = (customer("ada"), visitor("ada"));
    let tick = Duration::milliseconds(1);
    let kept = session(&ada, "session", KEPT_UNTIL);
    store.insert_session(&kept).await.expect("the session is inserted");
    let key = checkout_key(&owner, "key");
    let claimed = Claim { expires_at: KEPT_UNTIL, ..claim(key.clone(), "request", NOW) };
    assert_eq!(store.claim_idempotency_key(&claimed, NOW).await.expect("a claim"), Claimed::New);
    let first = save_first_cart(&store, &owner, &[("A", 1)]).await;
    purge(&store, KEPT_UNTIL - tick).await;
    let before = KEPT_UNTIL - tick;
    assert_eq!(store.find_session(&kept.token_digest, before).await.expect("a session is read"), Some(kept));
    assert_eq!(store.find_cart(&owner, before).await.expect("a cart is read"), Some(first));
    let record = store.find_idempotency_record(&key, before).await.expect("a record is read");
    assert_eq!(record, Some(claimed.record));
}

pub(super) async fn expired_rows_can_be_replaced(store: SharedStore) {
    let owner = visitor("ada");
    let later = KEPT_UNTIL + Duration::days(2);
    let key = checkout_key(&owner, "key");
    let old = Claim { expires_at: KEPT_UNTIL, ..claim(key.clone(), "old", NOW) };
    assert_eq!(store.claim_idempotency_key(&old, NOW).await.expect("a claim"), Claimed::New);
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    purge(&store, later).await;
    assert_eq!(store.find_cart(&owner, later).await.expect("a cart is read"), None);
    assert_eq!(store.find_idempotency_record(&key, later).await.expect("a record is read"), None);
    let new = claim(key.clone(), "new", later);
    assert_eq!(store.claim_idempotency_key(&new, later).await.expect("a claim"), Claimed::New);
    let again = Cart { updated_at: later, ..cart(&owner, &[("B", 2)]) };
    store.save_cart(&again, later + Duration::days(30)).await.expect("version 1 is written");
    purge(&store, later).await;
    assert_eq!(store.find_cart(&owner, later).await.expect("a cart is read"), Some(again));
}

pub(super) async fn a_message_is_kept_for_days_after_its_delivery(store: SharedStore) {
    stock(&store, &[("A", 5)]).await;
    let owner = visitor("ada");
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    let placed = placement(&order(&owner, "order", &[("A", 1)]), 1);
    place(&store, &placed).await;
    let paid = advance(&placed.order, StockEffect::Commit);
    store.advance_order(&paid).await.expect("paid");
    store.dispatch(&dispatched(&placed.outbox, &[]), NOW).await.expect("delivered");
    let delivered: Vec<_> = placed.outbox.iter().map(|message| message.id.clone()).collect();
    purge(&store, NOW + OutboxMessage::KEPT - Duration::seconds(1)).await;
    let kept = messages(&store).await;
    assert!(delivered.iter().all(|id| kept.contains(id)), "for the auditor: {kept:?}");
    purge(&store, NOW + OutboxMessage::KEPT * 100).await;
    assert_eq!(
        store.list_outbox().await.expect("the outbox is read"),
        paid.outbox,
        "undelivered messages are never deleted"
    );
}

/// Purges until nothing is left to purge.
async fn purge(store: &SharedStore, now: OffsetDateTime) {
    while store.purge(now).await.expect("a purge").rows() > 0 {}
}

async fn messages(store: &SharedStore) -> Vec<OutboxMessageId> {
    let (mut ids, mut from) = (Vec::new(), None);
    loop {
        let page = store.audit_page(from.as_deref()).await.expect("a page");
        ids.extend(page.records.into_iter().filter_map(|record| match record {
            AuditRecord::Message(message) => Some(message.id),
            _ => None,
        }));
        from = page.next;
        if from.is_none() {
            return ids;
        }
    }
}
