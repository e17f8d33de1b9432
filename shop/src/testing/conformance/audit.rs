//! Guarantees of [`AuditStore`](crate::ports::AuditStore).

use std::collections::BTreeMap;

use super::support::{NOW, place, save_first_cart, stock};
use crate::domain::StockEffect;
use crate::ports::{AuditRecord, SharedStore, StoreError};
use crate::testing::fixtures::{advance, customer, dispatched, order, placement, visitor};

/// Enough orders for several pages.
const ORDERS: usize = 1_100;

pub(super) async fn everything_orders_touch_is_read_once(store: SharedStore) {
    stock(&store, &[("A", 5000), ("B", 7)]).await;
    let (mut expected_orders, mut expected_messages) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..ORDERS {
        let owner = visitor(&format!("buyer {number}"));
        let lines: &[(&str, u32)] = if number == 0 { &[("B", 2)] } else { &[("A", 1)] };
        save_first_cart(&store, &owner, lines).await;
        let mut placement = placement(&order(&owner, &format!("order {number}"), lines), 1);
        placement.claim.record.order_id = Some(placement.order.id.clone());
        place(&store, &placement).await;
        expected_messages.extend(placement.outbox.iter().map(|message| (message.id.clone(), message.clone())));
        expected_orders.insert(placement.order.id.clone(), placement.order);
    }
    let paid = advance(expected_orders.values().next().expect("an order"), StockEffect::Commit);
    store.advance_order(&paid).await.expect("paid");
    store.dispatch(&dispatched(&paid.outbox, &[]), NOW).await.expect("delivered");
    expected_messages.extend(paid.outbox.iter().map(|message| (message.id.clone(), message.clone())));
    expected_orders.insert(paid.order.id.clone(), paid.order.clone());

    let (mut orders, mut messages, mut levels, mut keys) = (BTreeMap::new(), BTreeMap::new(), Vec::new(), Vec::new());
    let (ada, mut accounts) = (customer("ada"), Vec::new());
    store.insert_customer(&ada).await.expect("the account is inserted");
    let mut from = None;
    loop {
        let page = store.audit_page(from.as_deref()).await.expect("a page");
        for record in page.records {
            match record {
                AuditRecord::Order(order) => {
                    assert!(orders.insert(order.id.clone(), *order).is_none(), "an order is read once");
                }
                AuditRecord::Message(message) => {
                    assert!(messages.insert(message.id.clone(), message).is_none(), "a message is read once");
                }
                AuditRecord::Customer(customer) => accounts.push(*customer),
                AuditRecord::Stock(level) => levels.push((level.sku.to_string(), level.received)),
                AuditRecord::CheckoutKey { store_key, order_id } => {
                    assert!(store_key.contains("|checkout|"), "{store_key}");
                    keys.push(order_id);
                }
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert!(accounts == [ada], "every account");
    assert!(orders == expected_orders, "every current order");
    assert!(messages == expected_messages, "every message, delivered or not");
    levels.sort();
    assert_eq!(levels, [("A".to_owned(), 5000), ("B".to_owned(), 7)]);
    keys.sort();
    assert_eq!(keys, expected_orders.into_keys().collect::<Vec<_>>(), "the key of every order");
}

pub(super) async fn an_invalid_cursor_is_rejected(store: SharedStore) {
    let refused = store.audit_page(Some("nowhere")).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}
