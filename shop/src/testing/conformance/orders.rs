//! Guarantees of [`OrderStore`](crate::ports::OrderStore) about placing orders, listing them and the outbox.

use time::Duration;

use super::support::{KEPT_UNTIL, NOW, limit, orders, orders_by_email, place, save_first_cart, snapshot, stock, units};
use crate::domain::{Cart, CartOwner, EmailAddress, MAX_CART_LINES, Order, OrderId, OrderSummary, Page, StockEffect};
use crate::ports::{Claimed, OrderOfEmail, SharedStore, StoreError};
use crate::testing::SeededRandom;
use crate::testing::fixtures::{advance, cart, checkout_key, claim, customer, message, order, placement, sku, visitor};

pub(super) async fn placing_writes_order_cart_stock_outbox_and_key(store: SharedStore) {
    let ada = customer("ada");
    let owner = CartOwner::customer(&ada);
    stock(&store, &[("A", 5), ("B", 2), ("C", 9)]).await;
    let cart = save_first_cart(&store, &owner, &[("B", 2), ("A", 3)]).await;
    let mut order = order(&owner, "first", &[("B", 2), ("A", 3)]);
    order.customer_id = Some(ada.id);
    order.shipping_address.line2 = Some("c/o \"Müller\" \\ 東京".to_owned());
    order.placed_at += Duration::milliseconds(7);
    let mut placement = placement(&order, 1);
    placement.outbox.push(message(&order, "stock.low", NOW + Duration::seconds(1)));
    place(&store, &placement).await;

    assert_eq!(store.find_order(&order.id).await.expect("an order is read"), Some(order.clone()), "every field");
    assert_eq!(orders(&store, None, 10).await, [order.summary()]);
    assert_eq!(orders(&store, Some(&owner), 10).await, [order.summary()]);
    let emptied = store.find_cart(&owner, NOW).await.expect("a cart is read").expect("the cart is kept");
    assert_eq!((emptied.id, emptied.lines, emptied.version), (cart.id, Vec::new(), 2));
    let stocked = [units(&store, "A").await, units(&store, "B").await, units(&store, "C").await];
    assert_eq!(stocked, [(2, 3, 0), (0, 2, 0), (9, 0, 0)]);
    assert_eq!(store.list_outbox().await.expect("the outbox is read"), placement.outbox);
    let record = store.find_idempotency_record(&placement.claim.key, NOW).await.expect("a record is read");
    assert_eq!(record, Some(placement.claim.record));
}

pub(super) async fn the_cart_can_be_used_again_after_an_order(store: SharedStore) {
    let owner = visitor("ada");
    stock(&store, &[("A", 5)]).await;
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    place(&store, &placement(&order(&owner, "first", &[("A", 1)]), 1)).await;
    let next = Cart { version: 3, ..cart(&owner, &[("A", 2)]) };
    store.save_cart(&next, KEPT_UNTIL).await.expect("version 3 follows the emptied version 2");
    place(&store, &placement(&order(&owner, "second", &[("A", 2)]), 3)).await;
    assert_eq!(units(&store, "A").await, (2, 3, 0));
    assert_eq!(orders(&store, Some(&owner), 10).await.len(), 2);
}

pub(super) async fn untracked_variants_need_no_stock(store: SharedStore) {
    let owner = visitor("ada");
    stock(&store, &[("A", 1)]).await;
    save_first_cart(&store, &owner, &[("A", 1), ("VOUCHER", 3)]).await;
    let mut mixed = order(&owner, "mixed", &[("A", 1), ("VOUCHER", 3)]);
    mixed.reservations.retain(|reservation| reservation.sku == sku("A"));
    place(&store, &placement(&mixed, 1)).await;
    let mut free = order(&owner, "free", &[("VOUCHER", 999)]);
    free.reservations.clear();
    place(&store, &placement(&free, 2)).await;
    assert_eq!(units(&store, "A").await, (0, 1, 0));
    assert_eq!(store.find_order(&free.id).await.expect("an order is read"), Some(free));
}

pub(super) async fn an_order_may_have_fifty_variants(store: SharedStore) {
    let owner = visitor("ada");
    let codes: Vec<String> = (0..MAX_CART_LINES).map(|number| format!("SKU-{number:02}")).collect();
    let lines: Vec<(&str, u32)> = codes.iter().zip(1..).map(|(code, units)| (code.as_str(), units)).collect();
    stock(&store, &lines).await;
    save_first_cart(&store, &owner, &lines).await;
    let full = order(&owner, "full", &lines);
    place(&store, &placement(&full, 1)).await;
    for (code, number) in &lines {
        assert_eq!(units(&store, code).await, (0, *number, 0), "{code}");
    }
    assert_eq!(store.find_order(&full.id).await.expect("an order is read"), Some(full));
}

pub(super) async fn too_little_stock_changes_nothing_and_names_the_first_short_sku(store: SharedStore) {
    let owner = visitor("ada");
    stock(&store, &[("A", 5), ("B", 1), ("C", 0), ("Z", 9)]).await;
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    let before = snapshot(&store, &owner, &["A", "B", "C", "MISSING", "Z"]).await;
    for (lines, short) in [
        (vec![("Z", 1), ("C", 1), ("A", 1)], "C"),
        (vec![("C", 1), ("B", 2), ("A", 5), ("Z", 10)], "B"),
        (vec![("Z", 10), ("MISSING", 1), ("A", 1)], "MISSING"),
        (vec![("A", 6)], "A"),
    ] {
        let placement = placement(&order(&owner, &format!("needs {short}"), &lines), 1);
        let refused = store.place_order(&placement).await;
        assert!(matches!(&refused, Err(StoreError::OutOfStock { sku: named }) if *named == sku(short)), "{refused:?}");
        assert_eq!(snapshot(&store, &owner, &["A", "B", "C", "MISSING", "Z"]).await, before, "nothing is changed");
        assert_eq!(store.find_order(&placement.order.id).await.expect("nothing is read"), None);
        let record = store.find_idempotency_record(&placement.claim.key, NOW).await.expect("nothing is read");
        assert_eq!(record, None, "the key stays free");
    }
}

pub(super) async fn a_changed_cart_changes_nothing(store: SharedStore) {
    let (owner, stranger) = (visitor("ada"), visitor("stranger"));
    stock(&store, &[("A", 5)]).await;
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    let newer = Cart { version: 2, ..cart(&owner, &[("A", 2)]) };
    store.save_cart(&newer, KEPT_UNTIL).await.expect("the cart is saved");
    for (owner, version) in [(&owner, 1), (&owner, 3), (&stranger, 1)] {
        let before = snapshot(&store, owner, &["A"]).await;
        let placement = placement(&order(owner, &format!("stale {version}"), &[("A", 1)]), version);
        let refused = store.place_order(&placement).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
        assert_eq!(snapshot(&store, owner, &["A"]).await, before, "nothing is changed");
        assert_eq!(store.find_order(&placement.order.id).await.expect("nothing is read"), None);
        let record = store.find_idempotency_record(&placement.claim.key, NOW).await.expect("nothing is read");
        assert_eq!(record, None, "the key stays free");
    }
}

pub(super) async fn the_key_is_checked_before_stock_and_cart(store: SharedStore) {
    let owner = visitor("ada");
    stock(&store, &[("A", 1)]).await;
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    let first = placement(&order(&owner, "first", &[("A", 1)]), 1);
    place(&store, &first).await;
    let before = snapshot(&store, &owner, &["A", "NONE"]).await;
    for (name, code, cart_version) in
        [("first", "A", 1), ("no stock, stale cart", "A", 1), ("no stock", "NONE", 2), ("stale cart", "A", 7)]
    {
        let mut again = placement(&order(&owner, name, &[(code, 1)]), cart_version);
        again.claim.key = first.claim.key.clone();
        again.claim.record.request_hash = name.to_owned();
        let answer = store.place_order(&again).await.expect("the key decides");
        assert_eq!(answer, Claimed::Existing(first.claim.record.clone()), "{name}");
        assert_eq!(snapshot(&store, &owner, &["A", "NONE"]).await, before, "{name} changes nothing");
    }
    let bystander = placement(&order(&owner, "other key", &[("A", 1)]), 2);
    let refused = store.place_order(&bystander).await;
    assert!(matches!(refused, Err(StoreError::OutOfStock { .. })), "another key does not help: {refused:?}");
}

pub(super) async fn the_cart_is_checked_before_the_stock(store: SharedStore) {
    let owner = visitor("ada");
    stock(&store, &[("A", 1)]).await;
    save_first_cart(&store, &owner, &[("A", 2)]).await;
    let wish = |cart_version| placement(&order(&owner, &format!("version {cart_version}"), &[("A", 2)]), cart_version);
    let stale = store.place_order(&wish(2)).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    let short = store.place_order(&wish(1)).await;
    assert!(matches!(short, Err(StoreError::OutOfStock { .. })), "{short:?}");
}

pub(super) async fn a_key_claimed_for_another_command_is_taken_for_an_order(store: SharedStore) {
    let owner = visitor("ada");
    stock(&store, &[("A", 1)]).await;
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    let mut placement = placement(&order(&owner, "order", &[("A", 1)]), 1);
    let other = claim(placement.claim.key.clone(), "other request", NOW);
    assert_eq!(store.claim_idempotency_key(&other, NOW).await.expect("claimed"), Claimed::New);
    let answer = store.place_order(&placement).await.expect("the key decides");
    assert_eq!(answer, Claimed::Existing(other.record));
    assert_eq!(units(&store, "A").await, (1, 0, 0));

    placement.claim.key = checkout_key(&visitor("bob"), "order");
    place(&store, &placement).await;
    let answer = store.claim_idempotency_key(&claim(placement.claim.key.clone(), "late", NOW), NOW).await;
    assert_eq!(answer.expect("answered"), Claimed::Existing(placement.claim.record), "and the other way round");
}

pub(super) async fn an_expired_key_is_free_for_a_new_order(store: SharedStore) {
    let owner = visitor("ada");
    stock(&store, &[("A", 5)]).await;
    save_first_cart(&store, &owner, &[("A", 1)]).await;
    let mut first = placement(&order(&owner, "first", &[("A", 1)]), 1);
    first.claim.expires_at = NOW + Duration::hours(1);
    place(&store, &first).await;

    let late = |name, at| {
        let mut order = order(&owner, name, &[("A", 1)]);
        order.placed_at = at;
        let mut placement = placement(&order, 2);
        placement.claim.key = first.claim.key.clone();
        placement
    };
    let in_time = late("in time", first.claim.expires_at - Duration::milliseconds(1));
    let answer = store.place_order(&in_time).await.expect("the key decides");
    assert_eq!(answer, Claimed::Existing(first.claim.record.clone()), "until then it is taken");
    let after = late("after", first.claim.expires_at);
    place(&store, &after).await;
    let record =
        store.find_idempotency_record(&after.claim.key, after.order.placed_at).await.expect("a record is read");
    assert_eq!(record, Some(after.claim.record), "the new record is kept");
    assert_eq!(units(&store, "A").await, (3, 2, 0));
}

pub(super) async fn an_unknown_order_is_absent(store: SharedStore) {
    assert_eq!(store.find_order(&OrderId::derive("unknown")).await.expect("nothing is read"), None);
    assert_eq!(orders(&store, None, 10).await, []);
    assert_eq!(orders(&store, Some(&visitor("ada")), 10).await, []);
    assert_eq!(store.list_outbox().await.expect("nothing is read"), []);
}

pub(super) async fn orders_are_listed_newest_first(store: SharedStore) {
    let seed = 31;
    println!("seed {seed}");
    let mut random = SeededRandom::new(seed);
    let owners = ["ada", "bob", "carol"].map(visitor);
    let mut placed = Vec::new();
    for number in 0..45 {
        // Few different times, so that many orders tie.
        let placed_at = NOW + Duration::milliseconds(i64::try_from(random.below(8)).expect("small"));
        placed.push(place_at(&store, &random.pick(&owners), &format!("order {number}"), placed_at).await);
    }
    for rows in [1, 7, 45, 100] {
        assert_eq!(orders(&store, None, rows).await, newest_first(&placed), "all in pages of {rows}");
        for owner in &owners {
            let own: Vec<Order> = placed.iter().filter(|order| order.owner == *owner).cloned().collect();
            assert_eq!(orders(&store, Some(owner), rows).await, newest_first(&own), "{owner:?} in pages of {rows}");
        }
    }
    assert_eq!(orders(&store, Some(&visitor("nobody")), 7).await, []);
}

pub(super) async fn orders_of_an_email_address_are_listed_newest_first(store: SharedStore) {
    let emails = ["ada@example.com", "bob@example.com"].map(|text| text.parse().expect("an address"));
    let mut placed = Vec::new();
    for number in 0..24_usize {
        let owner = visitor(["laptop", "phone", "library"][number % 3]);
        let at = NOW + Duration::milliseconds(i64::try_from(number % 5).expect("small"));
        let email = &emails[usize::from(number % 4 == 0)];
        placed.push(place_with_email(&store, &owner, &format!("order {number}"), email, at).await);
    }
    placed.sort_by_key(Order::position);
    for (email, rows) in emails.iter().flat_map(|email| [1, 6, 100].map(|rows| (email, rows))) {
        let own = placed.iter().filter(|order| order.email == *email);
        let own: Vec<_> =
            own.map(|order| OrderOfEmail { owner: order.owner.clone(), summary: order.summary() }).collect();
        assert_eq!(orders_by_email(&store, email, rows).await, own, "{email} in pages of {rows}");
    }
    let nobody = "nobody@example.com".parse().expect("an address");
    assert_eq!(orders_by_email(&store, &nobody, 7).await, []);
}

pub(super) async fn orders_placed_meanwhile_neither_repeat_nor_hide_others(store: SharedStore) {
    let owner = visitor("ada");
    let mut placed = Vec::new();
    for number in 0..12 {
        placed.push(place_at(&store, &owner, &format!("old {number}"), NOW + Duration::seconds(number)).await);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    for step in 0..12 {
        let page = store.list_orders(after.as_ref(), limit(3)).await.expect("a page");
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
        place_at(&store, &owner, &format!("new {step}"), NOW + Duration::minutes(step + 1)).await;
    }
    assert_eq!(seen, newest_first(&placed), "what was there at first, once each");
}

pub(super) async fn any_text_is_a_position_to_continue_orders_after(store: SharedStore) {
    let owner = visitor("ada");
    let mut placed = Vec::new();
    for number in 0..5 {
        placed.push(place_at(&store, &owner, &number.to_string(), NOW + Duration::seconds(number)).await);
    }
    let middle = placed[2].position();
    let long = "9".repeat(3_000);
    for after in ["", " ", "0", "998", "zzz", "\u{10FFFF}", "a\u{0}b", "'; --", "#|:", &middle, &long] {
        let expected: Vec<Order> = placed.iter().filter(|order| order.position().as_str() > after).cloned().collect();
        let after = after.to_owned();
        for page in [
            store.list_orders(Some(&after), limit(100)).await,
            store.list_orders_of(&owner, Some(&after), limit(100)).await,
            store.list_orders_by_email(&placed[0].email, Some(&after), limit(100)).await.map(summaries),
        ] {
            assert_eq!(page.expect("a page").items, newest_first(&expected), "after {after:?}");
        }
    }
}

async fn place_at(store: &SharedStore, owner: &CartOwner, name: &str, placed_at: time::OffsetDateTime) -> Order {
    place_with_email(store, owner, name, &order(owner, name, &[]).email, placed_at).await
}

/// Places an order without tracked stock, creating its cart if necessary.
async fn place_with_email(
    store: &SharedStore,
    owner: &CartOwner,
    name: &str,
    email: &EmailAddress,
    placed_at: time::OffsetDateTime,
) -> Order {
    let version = match store.find_cart(owner, NOW).await.expect("a cart is read") {
        Some(cart) => cart.version,
        None => save_first_cart(store, owner, &[("A", 1)]).await.version,
    };
    let mut order = order(owner, name, &[("A", 1)]);
    order.reservations.clear();
    order.email.clone_from(email);
    order.placed_at = placed_at;
    place(store, &placement(&order, version)).await;
    order
}

fn summaries(page: Page<OrderOfEmail>) -> Page<OrderSummary> {
    page.map(|order| order.summary)
}

fn newest_first(orders: &[Order]) -> Vec<OrderSummary> {
    let mut orders: Vec<&Order> = orders.iter().collect();
    orders.sort_by_key(|order| order.position());
    orders.into_iter().map(Order::summary).collect()
}

pub(super) async fn an_order_is_due_until_nothing_is_open(store: SharedStore) {
    let owner = visitor("ada");
    save_first_cart(&store, &owner, &[("ANY", 1)]).await;
    let mut placed = order(&owner, "order", &[]);
    placed.due_at = Some(NOW + Duration::minutes(1));
    place(&store, &placement(&placed, 1)).await;
    let due = |at| {
        let store = &store;
        async move { store.list_due_orders(at).await.expect("due orders are read") }
    };
    assert_eq!(due(NOW + Duration::milliseconds(59_999)).await, []);
    assert_eq!(due(NOW + Duration::minutes(1)).await, [placed.id.clone()]);
    let mut later = advance(&placed, StockEffect::Keep);
    later.order.due_at = Some(NOW + Duration::hours(1));
    store.advance_order(&later).await.expect("postponed");
    assert_eq!(due(NOW + Duration::minutes(59)).await, []);
    assert_eq!(due(NOW + Duration::hours(2)).await, [placed.id.clone()]);
    let mut done = advance(&later.order, StockEffect::Keep);
    done.order.due_at = None;
    done.outbox.clear();
    store.advance_order(&done).await.expect("settled");
    assert_eq!(due(NOW + Duration::hours(2)).await, []);
}

pub(super) async fn at_most_a_hundred_due_orders_are_returned(store: SharedStore) {
    let mut placed = std::collections::BTreeSet::new();
    for number in 0..130 {
        let owner = visitor(&format!("buyer {number}"));
        save_first_cart(&store, &owner, &[("ANY", 1)]).await;
        let order = order(&owner, &format!("order {number}"), &[]);
        place(&store, &placement(&order, 1)).await;
        placed.insert(order.id);
    }
    let due = store.list_due_orders(NOW + Duration::hours(1)).await.expect("due orders are read");
    let distinct: std::collections::BTreeSet<_> = due.iter().cloned().collect();
    assert_eq!((due.len(), distinct.len()), (100, 100));
    assert!(distinct.is_subset(&placed));
}
