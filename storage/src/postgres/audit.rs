//! Reads everything for an audit: one table after the other, by primary key.

use async_trait::async_trait;
use shopease_shop::domain::StockLevel;
use shopease_shop::ports::{AuditPage, AuditRecord, AuditStore, OutboxMessage, StoreError};

use super::outbox::MessageRow;
use super::stock::StockRow;
use super::{PostgresStore, from_json, retry};

/// Rows per page.
const ROWS: i64 = 500;

/// The tables in reading order.
const TABLES: [&str; 5] = ["order", "customer", "stock", "message", "key"];

#[async_trait]
impl AuditStore for PostgresStore {
    async fn audit_page(&self, from: Option<&str>) -> Result<AuditPage, StoreError> {
        let (table, after) = from.unwrap_or("order:").split_once(':').unwrap_or_default();
        let Some(number) = TABLES.iter().position(|name| *name == table) else {
            return Err(StoreError::corrupt(format!("{from:?} is not a position of an audit")));
        };
        let (records, last) = match table {
            "order" => self.audit_orders(after).await?,
            "customer" => self.audit_customers(after).await?,
            "stock" => self.audit_stock(after).await?,
            "message" => self.audit_messages(after).await?,
            _ => self.audit_keys(after).await?,
        };
        let next = match last {
            Some(last) => Some(format!("{table}:{last}")),
            None => TABLES.get(number + 1).map(|table| format!("{table}:")),
        };
        Ok(AuditPage { records, next })
    }
}

/// Records, and the primary key to continue after; `None` at the end of the table.
type Rows = (Vec<AuditRecord>, Option<String>);

impl PostgresStore {
    async fn audit_orders(&self, after: &str) -> Result<Rows, StoreError> {
        let read = || {
            sqlx::query_scalar!(
                r#"SELECT document::text AS "document!" FROM customer_order WHERE id > $1 ORDER BY id LIMIT $2"#,
                after,
                ROWS
            )
            .fetch_all(&self.pool)
        };
        let documents = retry::repeatable(read).await?;
        let orders: Result<Vec<_>, StoreError> = documents
            .iter()
            .map(|document| from_json(document).map(|order| AuditRecord::Order(Box::new(order))))
            .collect();
        let orders = orders?;
        let last = match orders.last() {
            Some(AuditRecord::Order(order)) => Some(order.id.to_string()),
            _ => None,
        };
        Ok((orders, last))
    }

    async fn audit_customers(&self, after: &str) -> Result<Rows, StoreError> {
        let read = || {
            sqlx::query!(
                r#"SELECT id, document::text AS "document!" FROM customer WHERE id > $1 ORDER BY id LIMIT $2"#,
                after,
                ROWS
            )
            .fetch_all(&self.pool)
        };
        let rows = retry::repeatable(read).await?;
        let last = rows.last().map(|row| row.id.clone());
        let customers: Result<Vec<_>, StoreError> = rows
            .iter()
            .map(|row| from_json(&row.document).map(|customer| AuditRecord::Customer(Box::new(customer))))
            .collect();
        Ok((customers?, last))
    }

    async fn audit_stock(&self, after: &str) -> Result<Rows, StoreError> {
        let read = || {
            sqlx::query_as!(
                StockRow,
                "SELECT sku, available, reserved, sold, received FROM stock_level WHERE sku > $1 ORDER BY sku LIMIT $2",
                after,
                ROWS
            )
            .fetch_all(&self.pool)
        };
        let rows = retry::repeatable(read).await?;
        let last = rows.last().map(|row| row.sku.clone());
        let levels: Result<Vec<_>, StoreError> =
            rows.into_iter().map(|row| StockLevel::try_from(row).map(AuditRecord::Stock)).collect();
        Ok((levels?, last))
    }

    async fn audit_messages(&self, after: &str) -> Result<Rows, StoreError> {
        let read = || {
            sqlx::query_as!(
                MessageRow,
                "SELECT id, topic, subject, occurred_at FROM outbox WHERE id > $1 ORDER BY id LIMIT $2",
                after,
                ROWS
            )
            .fetch_all(&self.pool)
        };
        let rows = retry::repeatable(read).await?;
        let last = rows.last().map(|row| row.id.clone());
        let messages: Result<Vec<_>, StoreError> =
            rows.into_iter().map(|row| OutboxMessage::try_from(row).map(AuditRecord::Message)).collect();
        Ok((messages?, last))
    }

    async fn audit_keys(&self, after: &str) -> Result<Rows, StoreError> {
        let read = || {
            sqlx::query!(
                r#"SELECT key, order_id AS "order_id!" FROM idempotency_key
                WHERE key > $1 AND order_id IS NOT NULL ORDER BY key LIMIT $2"#,
                after,
                ROWS
            )
            .fetch_all(&self.pool)
        };
        let rows = retry::repeatable(read).await?;
        let last = rows.last().map(|row| row.key.clone());
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let order_id = row.order_id.parse().map_err(StoreError::corrupt)?;
            keys.push(AuditRecord::CheckoutKey { store_key: row.key, order_id });
        }
        Ok((keys, last))
    }
}
