//! Reading everything: the one `Scan` there is.

use std::collections::HashMap;

use async_trait::async_trait;
use shopease_shop::domain::StockLevel;
use shopease_shop::ports::{AuditPage, AuditRecord, AuditStore, StoreError};

use super::DynamoDbStore;
use super::error::store_error;
use super::items::{Item, key_item, parse_text, read_document, read_text, text};
use super::keys::{Key, PARTITION, SORT};
use super::stock::StockRow;

/// Between the two parts of a key; in no key.
const SEPARATOR: char = '\0';

#[async_trait]
impl AuditStore for DynamoDbStore {
    async fn audit_page(&self, from: Option<&str>) -> Result<AuditPage, StoreError> {
        let start = from.map(start_key).transpose()?;
        let answer = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression(
                "begins_with(pk, :order) OR begins_with(pk, :stock) OR begins_with(pk, :waiting) \
                 OR begins_with(pk, :delivered) OR begins_with(pk, :key)",
            )
            .expression_attribute_values(":order", text("ORDER#"))
            .expression_attribute_values(":stock", text("STOCK#"))
            .expression_attribute_values(":waiting", text("OUTBOX#"))
            .expression_attribute_values(":delivered", text("DELIVERED#"))
            .expression_attribute_values(":key", text("IDEMPOTENCY#"))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(store_error)?;
        let mut records = Vec::new();
        for item in answer.items.unwrap_or_default() {
            records.extend(record(item)?);
        }
        let next = match answer.last_evaluated_key.filter(|key| !key.is_empty()) {
            Some(key) => Some(format!("{}{SEPARATOR}{}", read_text(&key, PARTITION)?, read_text(&key, SORT)?)),
            None => None,
        };
        Ok(AuditPage { records, next })
    }
}

fn start_key(from: &str) -> Result<HashMap<String, aws_sdk_dynamodb::types::AttributeValue>, StoreError> {
    let (pk, sk) =
        from.split_once(SEPARATOR).ok_or_else(|| StoreError::corrupt(format!("{from:?} is no place in an audit")))?;
    Ok(key_item(&Key::new(pk.to_owned(), sk)))
}

fn record(item: Item) -> Result<Option<AuditRecord>, StoreError> {
    let (kind, rest) = read_text(&item, PARTITION)?.split_once('#').unwrap_or_default();
    Ok(Some(match kind {
        "ORDER" => AuditRecord::Order(Box::new(read_document(&item)?)),
        "STOCK" => AuditRecord::Stock(StockLevel::try_from(StockRow(item))?),
        "OUTBOX" | "DELIVERED" => AuditRecord::Message(read_document(&item)?),
        "IDEMPOTENCY" if item.contains_key("order_id") => {
            AuditRecord::CheckoutKey { store_key: rest.to_owned(), order_id: parse_text(&item, "order_id")? }
        }
        _ => return Ok(None),
    }))
}
