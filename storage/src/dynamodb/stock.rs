//! Stock levels: one item per SKU with a number each for available, reserved, sold, and received.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use shopease_process::retry::TryError;
use shopease_shop::domain::{Reservation, Sku, StockChange, StockEffect, StockLevel};
use shopease_shop::ports::{KeyAnswer, StockStore, StoreError};

use super::actions::Action;
use super::items::{Item, NewItem, number, parse_text, read_number};
use super::reads::Consistency;
use super::retry::CLASHES;
use super::writes::WriteError;
use super::{DynamoDbStore, idempotency, keys};

/// A stock item.
pub(super) struct StockRow(pub Item);

impl TryFrom<StockRow> for StockLevel {
    type Error = StoreError;

    fn try_from(StockRow(item): StockRow) -> Result<Self, StoreError> {
        Ok(Self {
            sku: parse_text(&item, "sku")?,
            available: read_number(&item, "available")?,
            reserved: read_number(&item, "reserved")?,
            sold: read_number(&item, "sold")?,
            received: read_number(&item, "received")?,
        })
    }
}

impl From<&StockLevel> for StockRow {
    fn from(level: &StockLevel) -> Self {
        let item = NewItem::new(&keys::stock(&level.sku)).text("sku", level.sku.as_str());
        let item = item.number("available", level.available).number("reserved", level.reserved);
        Self(item.number("sold", level.sold).number("received", level.received).build())
    }
}

/// Reserves available units. Its condition fails if there are not enough, or no level exists.
pub(super) fn reserve(reservation: &Reservation) -> Action {
    moved(reservation, "SET available = available - :n, reserved = reserved + :n", "available >= :n")
}

/// The effect of an order's step on a reservation; `None` for [`StockEffect::Keep`].
pub(super) fn apply_effect(reservation: &Reservation, effect: StockEffect) -> Option<Action> {
    let (change, condition) = match effect {
        StockEffect::Keep => return None,
        StockEffect::Commit => ("SET reserved = reserved - :n, sold = sold + :n", "reserved >= :n"),
        StockEffect::Release => ("SET reserved = reserved - :n, available = available + :n", "reserved >= :n"),
        StockEffect::Restock => ("SET sold = sold - :n, available = available + :n", "sold >= :n"),
    };
    Some(moved(reservation, change, condition))
}

fn moved(reservation: &Reservation, change: &str, condition: &str) -> Action {
    let units = number(reservation.quantity.get());
    Action::update(&keys::stock(&reservation.sku), change).only_if(condition).value(":n", units)
}

#[async_trait]
impl StockStore for DynamoDbStore {
    async fn find_stock_levels(&self, skus: &[Sku]) -> Result<Vec<StockLevel>, StoreError> {
        let items = self.get_many(skus.iter().map(keys::stock), Consistency::Strong).await?;
        items.into_iter().map(|item| StockRow(item).try_into()).collect()
    }

    async fn initialize_stock(&self, levels: &[(Sku, u32)]) -> Result<Vec<Sku>, StoreError> {
        let mut missing = BTreeMap::new();
        for (sku, available) in levels {
            missing.entry(sku.clone()).or_insert(*available);
        }
        let skus: Vec<Sku> = missing.keys().cloned().collect();
        for level in self.find_stock_levels(&skus).await? {
            missing.remove(&level.sku);
        }
        let missing: Vec<_> = missing.into_iter().map(|(sku, available)| StockLevel::initial(sku, available)).collect();
        let inserts = missing.iter().map(|level| Action::put(StockRow::from(level).0).only_if_absent()).collect();
        // Another caller may have initialized some of them first.
        let inserted = self.transact_possible(inserts).await?;
        Ok(inserted.into_iter().map(|index| missing[index].sku.clone()).collect())
    }

    async fn correct_stock(&self, sku: &Sku, change: StockChange) -> Result<StockLevel, StoreError> {
        let correct_once = async || {
            let seen = self.find_stock_levels(std::slice::from_ref(sku)).await?.pop();
            let seen = seen.unwrap_or_else(|| StockLevel::initial(sku.clone(), 0));
            let units = match change {
                StockChange::Adjust(units) => i64::from(units),
                StockChange::SetAvailable(units) => i64::from(units) - i64::from(seen.available),
            };
            // An absolute count refers to the current units, so orders must not have changed them; a delta can be added
            // on top.
            let expected = matches!(change, StockChange::SetAvailable(_)).then_some(seen.available);
            match self.add_units(sku, units, expected).await {
                Ok(level) => Ok(level),
                // Not retried when throttled: a retry with another request token would not know what an attempt with a
                // lost response did.
                Err(WriteError::Failed(error)) => Err(error.into()),
                Err(WriteError::Conditions(found)) => {
                    let now = found.into_values().flatten().next().map(|item| StockLevel::try_from(StockRow(item)));
                    let now = now.transpose()?.unwrap_or_else(|| StockLevel::initial(sku.clone(), 0));
                    rejection(&now, units, expected)?;
                    Err(clash(sku))
                }
            }
        };
        CLASHES.run(&*self.ids, correct_once).await
    }

    async fn move_available(&self, from: &Sku, to: &Sku) -> Result<Option<u32>, StoreError> {
        let move_once = async || {
            let Some(seen) = self.find_stock_levels(std::slice::from_ref(from)).await?.pop() else { return Ok(None) };
            let units = i64::from(seen.available);
            let actions = vec![addition(from, -units, Some(seen.available)), addition(to, units, None)];
            match self.transact(actions).await {
                Ok(()) => Ok(Some(seen.available)),
                Err(WriteError::Failed(error)) => Err(error.into()),
                Err(WriteError::Conditions(_)) => Err(clash(from)),
            }
        };
        CLASHES.run(&*self.ids, move_once).await
    }

    async fn replace_stock_level_under_key(
        &self,
        seen: Option<&StockLevel>,
        next: &StockLevel,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError> {
        let put = Action::put(StockRow::from(next).0);
        let put = match seen {
            None => put.only_if_absent(),
            Some(seen) => put
                .only_if("available = :available AND reserved = :reserved AND sold = :sold AND received = :received")
                .value(":available", number(seen.available))
                .value(":reserved", number(seen.reserved))
                .value(":sold", number(seen.sold))
                .value(":received", number(seen.received)),
        };
        let actions = vec![idempotency::set_outcome(answer), put];
        self.transact(actions).await.map_err(|error| error.or(StoreError::Conflict))
    }
}

/// An order changed the level between the read and the write.
fn clash(sku: &Sku) -> TryError<StoreError> {
    TryError::Transient(StoreError::Throttled(format!("the stock of {sku} is changing too often").into()))
}

/// Why a level did not accept more units: a permanent error, or `Ok` if a retry may succeed.
fn rejection(found: &StockLevel, units: i64, expected: Option<u32>) -> Result<(), StoreError> {
    if expected.is_some_and(|expected| expected != found.available) {
        Ok(())
    } else if i64::from(found.available) + units < 0 {
        Err(StoreError::OutOfStock { sku: found.sku.clone() })
    } else {
        Err(StoreError::corrupt(format!("the stock of {} would exceed {} units", found.sku, u32::MAX)))
    }
}

impl DynamoDbStore {
    /// Runs an [`addition`] as a transaction with one write, because of its request token: an attempt whose response was lost
    /// must not count twice.
    async fn add_units(&self, sku: &Sku, units: i64, expected: Option<u32>) -> Result<StockLevel, WriteError> {
        self.transact(vec![addition(sku, units, expected)]).await?;
        let level = self.find_stock_levels(std::slice::from_ref(sku)).await?.pop();
        Ok(level.ok_or_else(|| StoreError::corrupt(format!("the stock level of {sku} does not exist")))?)
    }
}

/// Adds units, which may be negative, to available and received; creates the level if it does not exist. With `expected`,
/// only if exactly that many units are available.
fn addition(sku: &Sku, units: i64, expected: Option<u32>) -> Action {
    let mut conditions = vec!["(attribute_not_exists(pk) OR received <= :ceiling)"];
    let mut values = vec![
        (":sku", AttributeValue::S(sku.as_str().to_owned())),
        (":zero", number(0)),
        (":units", number(units)),
        (":ceiling", number(i64::from(u32::MAX) - units)),
    ];
    if units < 0 {
        conditions.push("available >= :floor");
        values.push((":floor", number(-units)));
    }
    if let Some(expected) = expected {
        let same =
            if expected == 0 { "(attribute_not_exists(pk) OR available = :expected)" } else { "available = :expected" };
        conditions.push(same);
        values.push((":expected", number(expected)));
    }
    let change = "SET sku = :sku, available = if_not_exists(available, :zero) + :units, \
                  received = if_not_exists(received, :zero) + :units, \
                  reserved = if_not_exists(reserved, :zero), sold = if_not_exists(sold, :zero)";
    let mut action = Action::update(&keys::stock(sku), change).only_if(conditions.join(" AND "));
    for (name, value) in values {
        action = action.value(name, value);
    }
    action
}
