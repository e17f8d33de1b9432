//! Reads everything for an audit: the only use of `Scan`.

use std::collections::HashMap;

use async_trait::async_trait;
use shopease_shop::domain::StockLevel;
use shopease_shop::ports::{AuditPage, AuditRecord, AuditStore, StoreError};

use super::DynamoDbStore;
use super::error::store_error;
use super::items::{Item, key_item, parse_text, read_document, read_text, text};
use super::keys::{Key, Kind, PARTITION, SORT};
use super::stock::StockRow;

/// The kinds that are read.
const AUDITED: [Kind; 6] = [Kind::Order, Kind::Customer, Kind::Stock, Kind::Outbox, Kind::Delivered, Kind::Idempotency];

/// Separates the two parts of a key; no key contains it.
const SEPARATOR: char = '\0';

#[async_trait]
impl AuditStore for DynamoDbStore {
    async fn audit_page(&self, from: Option<&str>) -> Result<AuditPage, StoreError> {
        let start = from.map(start_key).transpose()?;
        let kinds = || (0..).zip(AUDITED).map(|(number, kind)| (format!(":kind{number}"), kind));
        let conditions: Vec<_> = kinds().map(|(name, _)| format!("begins_with({PARTITION}, {name})")).collect();
        let page = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression(conditions.join(" OR "))
            .set_expression_attribute_values(Some(kinds().map(|(name, kind)| (name, text(kind.prefix()))).collect()))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(store_error)?;
        let mut records = Vec::new();
        for item in page.items.unwrap_or_default() {
            records.extend(record(item)?);
        }
        let next = match page.last_evaluated_key.filter(|key| !key.is_empty()) {
            Some(key) => Some(format!("{}{SEPARATOR}{}", read_text(&key, PARTITION)?, read_text(&key, SORT)?)),
            None => None,
        };
        Ok(AuditPage { records, next })
    }
}

impl DynamoDbStore {
    /// Whether any item of a kind with this sort key exists. Reads up to the first one.
    pub(super) async fn has_any(&self, kind: Kind, sort: &str) -> Result<bool, StoreError> {
        let mut start = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.table)
                .consistent_read(true)
                .filter_expression(format!("begins_with({PARTITION}, :kind) AND {SORT} = :sort"))
                .expression_attribute_values(":kind", text(kind.prefix()))
                .expression_attribute_values(":sort", text(sort))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(store_error)?;
            if page.count > 0 {
                return Ok(true);
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(false);
            }
        }
    }
}

fn start_key(from: &str) -> Result<HashMap<String, aws_sdk_dynamodb::types::AttributeValue>, StoreError> {
    let (pk, sk) = from
        .split_once(SEPARATOR)
        .ok_or_else(|| StoreError::corrupt(format!("{from:?} is not a position of an audit")))?;
    Ok(key_item(&Key::new(pk.to_owned(), sk)))
}

fn record(item: Item) -> Result<Option<AuditRecord>, StoreError> {
    Ok(Some(match Kind::parse(read_text(&item, PARTITION)?) {
        Some((Kind::Order, _)) => AuditRecord::Order(Box::new(read_document(&item)?)),
        Some((Kind::Customer, _)) => AuditRecord::Customer(Box::new(read_document(&item)?)),
        Some((Kind::Stock, _)) => AuditRecord::Stock(StockLevel::try_from(StockRow(item))?),
        Some((Kind::Outbox | Kind::Delivered, _)) => AuditRecord::Message(read_document(&item)?),
        Some((Kind::Idempotency, key)) if item.contains_key("order_id") => {
            AuditRecord::CheckoutKey { store_key: key.to_owned(), order_id: parse_text(&item, "order_id")? }
        }
        _ => return Ok(None),
    }))
}
