//! Orders: each step of an order is one transaction over the order, its lists, its stock, and its key.

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use shopease_process::retry::TryError;
use shopease_shop::domain::{
    CartOwner, EmailAddress, Order, OrderId, OrderSummary, Page, PageLimit, Position, Sku, Subject,
};
use shopease_shop::ports::{
    Claimed, IdempotencyStore as _, OrderAdvance, OrderOfEmail, OrderStore, OutboxMessage, Placement, StoreError,
};

use time::OffsetDateTime;

use super::actions::Action;
use super::idempotency::{RecordRow, complete, take, unread_record};
use super::items::{Item, NewItem, millis, number, parse_text, read_document, read_number, read_text};
use super::keys::{SHARDS, SORT};
use super::reads::{self, Consistency};
use super::retry::CLASHES;
use super::stock::{apply_effect, reserve};
use super::writes::WriteError;
use super::{DynamoDbStore, carts, keys};

/// Most due orders returned at once.
const MAX_DUE: usize = 100;

/// When the worker must process an open order, in epoch milliseconds.
const DUE_MS: &str = "due_ms";

/// Who owns an order in the list of its email address.
const OWNER: &str = "owner";

/// Positions of the actions in the transaction of a placement. The key is first, because it is decided before all
/// others.
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
                Err(WriteError::Failed(error)) => return Err(error.into()),
                Err(WriteError::Conditions(failed)) => failed,
            };
            match failed.remove(&KEY) {
                Some(Some(record)) => Ok(RecordRow(record).found_by(&me)?),
                // Some engines do not return the existing item: read it, unless the key is free by now.
                Some(None) => {
                    let now = placement.order.placed_at;
                    let record = self.find_idempotency_record(&placement.claim.key, now).await?;
                    record.map(Claimed::Existing).ok_or_else(|| TryError::Transient(unread_record()))
                }
                None => Err(rejection(placement, &failed).into()),
            }
        };
        CLASHES.run(&*self.ids, place_once).await
    }

    async fn advance_order(&self, advance: &OrderAdvance) -> Result<(), StoreError> {
        let (mut actions, stock) = advancing(advance)?;
        let Some(last) = &advance.outcome else {
            return self.transact(actions).await.map_err(|error| conflict(error, &stock));
        };
        let outcome = actions.len();
        actions.push(complete(last));
        match self.transact(actions.clone()).await {
            // The key has expired: there is no caller to answer, and the order must still advance.
            Err(WriteError::Conditions(failed)) if failed.keys().eq([&outcome]) => {
                actions.truncate(outcome);
                self.transact(actions).await.map_err(|error| conflict(error, &stock))
            }
            done => done.map_err(|error| conflict(error, &stock)),
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
        let range = reads::Range::After(after.map(String::as_str));
        let items = self.query(&keys::orders_of(owner), range, Some(limit.get() + 1), Consistency::Strong).await?;
        let rows: Result<Vec<_>, _> = items.iter().map(listed).collect();
        Ok(Page::from_rows(rows?, limit))
    }

    async fn list_orders_by_email(
        &self,
        email: &EmailAddress,
        after: Option<&Position>,
        limit: PageLimit,
    ) -> Result<Page<OrderOfEmail>, StoreError> {
        let range = reads::Range::After(after.map(String::as_str));
        let items =
            self.query(&keys::orders_by_email(email), range, Some(limit.get() + 1), Consistency::Strong).await?;
        let row = |item: &Item| {
            let (position, summary) = listed(item)?;
            Ok((position, OrderOfEmail { owner: CartOwner::from_key(read_text(item, OWNER)?.to_owned()), summary }))
        };
        Ok(Page::from_rows(items.iter().map(row).collect::<Result<_, StoreError>>()?, limit))
    }

    async fn list_orders(&self, after: Option<&Position>, limit: PageLimit) -> Result<Page<OrderSummary>, StoreError> {
        let range = reads::Range::After(after.map(String::as_str));
        let items = self.query_shards(keys::all_orders, range, Some(limit.get() + 1)).await?;
        let rows: Result<Vec<_>, _> = items.iter().map(listed).collect();
        Ok(Page::from_rows(rows?, limit))
    }

    async fn list_due_orders(&self, now: OffsetDateTime) -> Result<Vec<OrderId>, StoreError> {
        // Reads all open orders, which are few. Their sort key is the ID, so that a step does not need to know the
        // previous due time.
        let items = self.query_shards(keys::open_orders, reads::Range::After(None), None).await?;
        let mut due = Vec::new();
        for item in &items {
            if read_number::<i128>(item, DUE_MS)? <= millis(now) {
                due.push(parse_text(item, SORT)?);
            }
        }
        due.truncate(MAX_DUE);
        Ok(due)
    }
}

impl DynamoDbStore {
    /// The first `limit` items by sort key over all shards of a kind; all items if there is no limit.
    pub(super) async fn query_shards(
        &self,
        partition: fn(u8) -> String,
        range: reads::Range<'_>,
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

/// A row of an order list.
fn listed(item: &Item) -> Result<(Position, OrderSummary), StoreError> {
    Ok((read_text(item, SORT)?.to_owned(), read_document(item)?))
}

/// All writes of placing an order. At most 50 reservations and 21 messages, so at most 78 actions.
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

/// All writes of a step, except the outcome of its key; and which of them are those of its stock.
fn advancing(advance: &OrderAdvance) -> Result<(Vec<Action>, Range<usize>), StoreError> {
    let order = &advance.order;
    let seen = number(order.version.saturating_sub(1));
    let mut actions = vec![Action::put(order_item(order)?).only_if("version = :seen").value(":seen", seen)];
    actions.extend(lists(order)?);
    let first_stock = actions.len();
    actions.extend(order.reservations.iter().filter_map(|reservation| apply_effect(reservation, advance.stock)));
    let stock = first_stock..actions.len();
    actions.extend(messages(&advance.outbox)?);
    let owner = advance.previous_owner.as_ref().map(|owner| keys::order_of(owner, order));
    let email = advance.previous_email.as_ref().map(|email| keys::order_by_email(email, order));
    actions.extend(owner.iter().chain(&email).map(Action::delete));
    Ok((actions, stock))
}

/// The lists that contain an order: its owner's, that of its email address, all orders, and open orders while it is open.
const LISTS: usize = 4;

fn lists(order: &Order) -> Result<[Action; LISTS], StoreError> {
    let summary = order.summary();
    let of_owner = NewItem::new(&keys::order_of(&order.owner, order)).document(&summary)?;
    let by_email = NewItem::new(&keys::order_by_email(&order.email, order)).document(&summary)?;
    let of_all = NewItem::new(&keys::order_of_all(order)).document(&summary)?;
    let open = match order.due_at {
        Some(due_at) => Action::put(NewItem::new(&keys::open_order(&order.id)).number(DUE_MS, millis(due_at)).build()),
        None => Action::delete(&keys::open_order(&order.id)),
    };
    Ok([
        Action::put(of_owner.build()),
        Action::put(by_email.text(OWNER, order.owner.key()).build()),
        Action::put(of_all.build()),
        open,
    ])
}

fn order_item(order: &Order) -> Result<Item, StoreError> {
    Ok(NewItem::new(&keys::order(&order.id)).number("version", order.version).document(order)?.build())
}

fn messages(outbox: &[OutboxMessage]) -> Result<Vec<Action>, StoreError> {
    let item =
        |message: &OutboxMessage| Ok(NewItem::new(&keys::outbox_message(&message.id)).document(message)?.build());
    outbox.iter().map(|message| item(message).map(Action::put)).collect()
}

/// Why an order with a free key was not placed.
fn rejection(placement: &Placement, failed: &BTreeMap<usize, Option<Item>>) -> StoreError {
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

/// Why a step was not made: another step was made, or the stock does not contain what the order has reserved.
fn conflict(error: WriteError, stock: &Range<usize>) -> StoreError {
    match error {
        WriteError::Failed(error) => error,
        WriteError::Conditions(failed)
            if !failed.contains_key(&0) && failed.keys().any(|index| stock.contains(index)) =>
        {
            StoreError::corrupt("less stock is reserved than the order holds")
        }
        WriteError::Conditions(_) => StoreError::Conflict,
    }
}
