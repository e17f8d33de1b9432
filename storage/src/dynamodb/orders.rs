//! Orders: each step of an order is one transaction over the order, its lists, its stock and its key.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use shopease_process::retry::TryError;
use shopease_shop::domain::{
    CartOwner, Order, OrderId, OrderSummary, OutboxMessageId, Page, PageLimit, Position, Sku, Subject,
};
use shopease_shop::ports::{
    Claimed, IdempotencyStore as _, OrderAdvance, OrderStore, OutboxMessage, Placement, StoreError,
};

use time::OffsetDateTime;

use super::actions::Action;
use super::idempotency::{RecordRow, complete, take, unread_record};
use super::items::{Item, NewItem, millis, number, parse_text, read_document, read_number, read_text};
use super::keys::{SHARDS, SORT};
use super::reads::{Consistency, Range};
use super::retry::CLASHES;
use super::stock::{reserve, settle};
use super::writes::{MAX_ACTIONS, Refused};
use super::{DynamoDbStore, carts, keys};

/// Most messages given at once.
const MAX_MESSAGES: usize = 100;
/// Most due orders given at once.
const MAX_DUE: usize = 100;

/// When the worker shall look at an open order, in epoch milliseconds.
const DUE_MS: &str = "due_ms";

/// Where the actions of a placement stand in its transaction. The key is first: it decides before all others.
const KEY: usize = 0;
const ORDER: usize = 1;
const CART: usize = ORDER + LISTS + 1;
const FIRST_STOCK: usize = CART + 1;

#[async_trait]
impl OrderStore for DynamoDbStore {
    async fn place_order(&self, placement: &Placement) -> Result<Claimed, StoreError> {
        let me = self.ids.ulid().to_string();
        let actions = placing(placement, &me)?;
        let place_once = async || {
            let mut failed = match self.transact(actions.clone()).await {
                Ok(()) => return Ok(Claimed::New),
                Err(Refused::Failed(error)) => return Err(error.into()),
                Err(Refused::Conditions(failed)) => failed,
            };
            match failed.remove(&KEY) {
                Some(Some(record)) => Ok(RecordRow(record).found_by(&me)?),
                // An engine that does not return what it found: read it, unless the key is free again by now.
                Some(None) => {
                    let now = placement.order.placed_at;
                    let record = self.find_idempotency_record(&placement.claim.key, now).await?;
                    record.map(Claimed::Existing).ok_or_else(|| TryError::Transient(unread_record()))
                }
                None => Err(refusal(placement, &failed).into()),
            }
        };
        CLASHES.run(&*self.ids, place_once).await
    }

    async fn advance_order(&self, advance: &OrderAdvance) -> Result<(), StoreError> {
        let mut actions = advancing(advance)?;
        let stock = 1 + LISTS..actions.len() - advance.outbox.len() - usize::from(advance.previous_owner.is_some());
        let Some(last) = &advance.outcome else {
            return self.transact(actions).await.map_err(|refused| conflict(refused, &stock));
        };
        let answer = actions.len();
        actions.push(complete(last));
        match self.transact(actions.clone()).await {
            // The key has run out: there is nobody left to answer, and the order must go on.
            Err(Refused::Conditions(failed)) if failed.keys().eq([&answer]) => {
                actions.truncate(answer);
                self.transact(actions).await.map_err(|refused| conflict(refused, &stock))
            }
            done => done.map_err(|refused| conflict(refused, &stock)),
        }
    }

    async fn find_order(&self, id: &OrderId) -> Result<Option<Order>, StoreError> {
        self.get(&keys::order(id)).await?.map(|item| read_document(&item)).transpose()
    }

    async fn list_orders_of(
        &self,
        owner: &CartOwner,
        after: Option<&Position>,
        limit: PageLimit,
    ) -> Result<Page<OrderSummary>, StoreError> {
        let range = Range::After(after.map(String::as_str));
        let items = self.query(&keys::orders_of(owner), range, Some(limit.get() + 1), Consistency::Strong).await?;
        let rows: Result<Vec<_>, _> = items.iter().map(listed).collect();
        Ok(Page::from_rows(rows?, limit))
    }

    async fn list_orders(&self, after: Option<&Position>, limit: PageLimit) -> Result<Page<OrderSummary>, StoreError> {
        let range = Range::After(after.map(String::as_str));
        let items = self.query_shards(keys::all_orders, range, Some(limit.get() + 1)).await?;
        let rows: Result<Vec<_>, _> = items.iter().map(listed).collect();
        Ok(Page::from_rows(rows?, limit))
    }

    async fn list_due_orders(&self, now: OffsetDateTime) -> Result<Vec<OrderId>, StoreError> {
        // All open ones, which are few: their sort key is the id, so that a step needs not know when the order was due
        // before.
        let items = self.query_shards(keys::open_orders, Range::After(None), None).await?;
        let mut due = Vec::new();
        for item in &items {
            if read_number::<i128>(item, DUE_MS)? <= millis(now) {
                due.push(parse_text(item, SORT)?);
            }
        }
        due.truncate(MAX_DUE);
        Ok(due)
    }

    async fn list_outbox(&self, after: Option<&OutboxMessageId>) -> Result<Vec<OutboxMessage>, StoreError> {
        let range = Range::After(after.map(OutboxMessageId::as_str));
        let items = self.query_shards(keys::outbox, range, Some(MAX_MESSAGES)).await?;
        items.iter().map(read_document).collect()
    }

    async fn mark_delivered(&self, messages: &[OutboxMessage], now: OffsetDateTime) -> Result<(), StoreError> {
        for chunk in messages.chunks(MAX_ACTIONS / 2) {
            let mut actions = Vec::with_capacity(chunk.len() * 2);
            for message in chunk {
                let kept = NewItem::new(&keys::delivered_message(&message.id)).document(message)?;
                actions.push(Action::put(kept.expires(now + OutboxMessage::KEPT).build()));
                actions.push(Action::delete(&keys::outbox_message(&message.id)));
            }
            self.transact(actions).await.map_err(Refused::unconditional)?;
        }
        Ok(())
    }
}

impl DynamoDbStore {
    /// The first `limit` items by sort key over all shards of a kind, all of them without.
    async fn query_shards(
        &self,
        partition: fn(u8) -> String,
        range: Range<'_>,
        limit: Option<usize>,
    ) -> Result<Vec<Item>, StoreError> {
        let shards = (0..SHARDS)
            .map(|shard| async move { self.query(&partition(shard), range, limit, Consistency::Strong).await });
        let mut sorted = BTreeMap::new();
        for item in try_join_all(shards).await?.into_iter().flatten() {
            sorted.insert(read_text(&item, SORT)?.to_owned(), item);
        }
        Ok(sorted.into_values().take(limit.unwrap_or(usize::MAX)).collect())
    }
}

/// A row of a list of orders.
fn listed(item: &Item) -> Result<(Position, OrderSummary), StoreError> {
    Ok((read_text(item, SORT)?.to_owned(), read_document(item)?))
}

/// Everything that placing an order writes. At most 50 reservations and 21 messages, so at most 77 actions.
fn placing(placement: &Placement, claimed_by: &str) -> Result<Vec<Action>, StoreError> {
    let order = &placement.order;
    let now = order.placed_at;
    let mut actions = vec![take(&placement.claim, now, claimed_by)?, Action::put(order_item(order)?).only_if_absent()];
    actions.extend(lists(order)?);
    actions.push(carts::empty(&order.owner, placement.cart_version, now)?);
    actions.extend(order.reservations.iter().map(reserve));
    actions.extend(messages(&placement.outbox)?);
    Ok(actions)
}

/// Everything that a step writes, except the answer.
fn advancing(advance: &OrderAdvance) -> Result<Vec<Action>, StoreError> {
    let order = &advance.order;
    let seen = number(order.version.saturating_sub(1));
    let mut actions = vec![Action::put(order_item(order)?).only_if("version = :seen").value(":seen", seen)];
    actions.extend(lists(order)?);
    actions.extend(order.reservations.iter().filter_map(|reservation| settle(reservation, advance.stock)));
    actions.extend(messages(&advance.outbox)?);
    let moved = advance.previous_owner.iter().map(|owner| Action::delete(&keys::order_of(owner, order)));
    actions.extend(moved);
    Ok(actions)
}

/// Lists an order is in: its owner's, all, and the open ones while something is open.
const LISTS: usize = 3;

fn lists(order: &Order) -> Result<[Action; LISTS], StoreError> {
    let summary = order.summary();
    let of_owner = NewItem::new(&keys::order_of(&order.owner, order)).document(&summary)?;
    let of_all = NewItem::new(&keys::order_of_all(order)).document(&summary)?;
    let open = match order.due_at {
        Some(due_at) => Action::put(NewItem::new(&keys::open_order(&order.id)).number(DUE_MS, millis(due_at)).build()),
        None => Action::delete(&keys::open_order(&order.id)),
    };
    Ok([Action::put(of_owner.build()), Action::put(of_all.build()), open])
}

fn order_item(order: &Order) -> Result<Item, StoreError> {
    Ok(NewItem::new(&keys::order(&order.id)).number("version", order.version).document(order)?.build())
}

fn messages(outbox: &[OutboxMessage]) -> Result<Vec<Action>, StoreError> {
    let item =
        |message: &OutboxMessage| Ok(NewItem::new(&keys::outbox_message(&message.id)).document(message)?.build());
    outbox.iter().map(|message| item(message).map(Action::put)).collect()
}

/// Why an order with a free key was not placed: stock before cart.
fn refusal(placement: &Placement, failed: &BTreeMap<usize, Option<Item>>) -> StoreError {
    let reservations = &placement.order.reservations;
    let short = failed.keys().filter_map(|index| reservations.get(index.checked_sub(FIRST_STOCK)?));
    let first: Option<&Sku> = short.map(|reservation| &reservation.sku).min();
    match first {
        _ if failed.contains_key(&CART) => StoreError::Conflict,
        Some(sku) => StoreError::OutOfStock { sku: sku.clone() },
        None if failed.contains_key(&ORDER) => StoreError::AlreadyExists { subject: Subject::Order },
        None => StoreError::Conflict,
    }
}

/// Why a step was not made: another step was, or else the stock does not hold what the order has reserved.
fn conflict(refused: Refused, stock: &std::ops::Range<usize>) -> StoreError {
    match refused {
        Refused::Failed(error) => error,
        Refused::Conditions(failed) if !failed.contains_key(&0) && failed.keys().any(|index| stock.contains(index)) => {
            StoreError::corrupt("less stock is reserved than the order holds")
        }
        Refused::Conditions(_) => StoreError::Conflict,
    }
}
