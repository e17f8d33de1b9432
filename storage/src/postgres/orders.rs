//! Orders, the stock they hold, and the outbox.

use async_trait::async_trait;
use shopease_shop::domain::{
    CartOwner, Order, OrderId, OrderSummary, Page, PageLimit, Position, Reservation, StockEffect,
};
use shopease_shop::ports::{Claimed, OrderAdvance, OrderStore, OutboxMessage, Placement, StoreError};
use time::OffsetDateTime;

use super::idempotency::{KeyRow, claimed};
use super::{PostgresStore, from_json, retry, row_limit, start_after, to_bigint, to_json};

/// Reservations as two arrays.
struct Held<'a> {
    skus: Vec<&'a str>,
    quantities: Vec<i64>,
}

impl<'a> From<&'a [Reservation]> for Held<'a> {
    fn from(reservations: &'a [Reservation]) -> Self {
        let held = reservations.iter().map(|held| (held.sku.as_str(), i64::from(held.quantity.get())));
        let (skus, quantities) = held.unzip();
        Self { skus, quantities }
    }
}

/// Messages as arrays, one per column.
struct Outbox<'a> {
    ids: Vec<&'a str>,
    topics: Vec<&'a str>,
    subjects: Vec<&'a str>,
    occurred_ats: Vec<OffsetDateTime>,
}

impl<'a> From<&'a [OutboxMessage]> for Outbox<'a> {
    fn from(messages: &'a [OutboxMessage]) -> Self {
        Self {
            ids: messages.iter().map(|message| message.id.as_str()).collect(),
            topics: messages.iter().map(|message| message.topic.as_str()).collect(),
            subjects: messages.iter().map(|message| message.subject.as_str()).collect(),
            occurred_ats: messages.iter().map(|message| message.occurred_at).collect(),
        }
    }
}

/// An order in a list.
struct ListedRow {
    position: String,
    summary: String,
}

/// A message.
pub(super) struct MessageRow {
    pub id: String,
    pub topic: String,
    pub subject: String,
    pub occurred_at: OffsetDateTime,
}

impl TryFrom<MessageRow> for OutboxMessage {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.parse().map_err(StoreError::corrupt)?,
            topic: row.topic,
            subject: row.subject,
            occurred_at: row.occurred_at,
        })
    }
}

fn page(rows: Vec<ListedRow>, limit: PageLimit) -> Result<Page<OrderSummary>, StoreError> {
    let rows = rows.into_iter().map(|row| Ok((row.position, from_json(&row.summary)?)));
    Ok(Page::from_rows(rows.collect::<Result<_, StoreError>>()?, limit))
}

#[async_trait]
impl OrderStore for PostgresStore {
    async fn place_order(&self, placement: &Placement) -> Result<Claimed, StoreError> {
        let Placement { claim, order, .. } = placement;
        let (version, cart_version) = (to_bigint(order.version)?, to_bigint(placement.cart_version)?);
        let (summary, document) = (to_json(&order.summary())?, to_json(order)?);
        let (held, outbox) = (Held::from(&order.reservations[..]), Outbox::from(&placement.outbox[..]));
        let write = || {
            sqlx::query_as!(
                KeyRow,
                r#"SELECT request_hash AS "request_hash!", lease_until AS "lease_until!", order_id, outcome
                FROM place_order($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::json, $11::text::json, $12, $13, $14,
                    $15, $16, $17, $18, $19, $20)"#,
                claim.key.store_key(),
                &claim.record.request_hash,
                claim.record.lease_until,
                claim.record.order_id.as_ref().map(OrderId::as_str),
                claim.expires_at,
                order.id.as_str(),
                order.owner.key(),
                order.position(),
                version,
                &summary,
                &document,
                order.due_at,
                order.placed_at,
                cart_version,
                &held.skus as &[&str],
                &held.quantities,
                &outbox.ids as &[&str],
                &outbox.topics as &[&str],
                &outbox.subjects as &[&str],
                &outbox.occurred_ats,
            )
            .fetch_optional(&self.pool)
        };
        let outcome = retry::tracked(write).await;
        match claimed(outcome.result?)? {
            // The order's id was made for this call: its answer got lost, not its effect.
            Claimed::Existing(record) if outcome.maybe_done_before && record.order_id.as_ref() == Some(&order.id) => {
                Ok(Claimed::New)
            }
            claimed => Ok(claimed),
        }
    }

    async fn advance_order(&self, advance: &OrderAdvance) -> Result<(), StoreError> {
        let order = &advance.order;
        let version = to_bigint(order.version)?;
        let (summary, document) = (to_json(&order.summary())?, to_json(order)?);
        let (held, outbox) = (Held::from(&order.reservations[..]), Outbox::from(&advance.outbox[..]));
        let stock_effect = match advance.stock {
            StockEffect::Keep => "keep",
            StockEffect::Commit => "commit",
            StockEffect::Release => "release",
            StockEffect::Restock => "restock",
        };
        let answer = advance.outcome.as_ref();
        let write = || {
            sqlx::query!(
                "SELECT advance_order($1, $2, $3::text::json, $4::text::json, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
                order.id.as_str(),
                version,
                &summary,
                &document,
                order.due_at,
                stock_effect,
                &held.skus as &[&str],
                &held.quantities,
                answer.map(|answer| answer.key.store_key()),
                answer.map(|answer| answer.outcome.as_str()),
                &outbox.ids as &[&str],
                &outbox.topics as &[&str],
                &outbox.subjects as &[&str],
                &outbox.occurred_ats,
            )
            .execute(&self.pool)
        };
        let outcome = retry::tracked(write).await;
        match outcome.result {
            // The step may be our own, whose answer got lost.
            Err(StoreError::Conflict)
                if outcome.maybe_done_before && self.find_order(&order.id).await?.as_ref() == Some(order) =>
            {
                Ok(())
            }
            result => result.map(|_| ()),
        }
    }

    async fn find_order(&self, id: &OrderId) -> Result<Option<Order>, StoreError> {
        let read = || {
            sqlx::query_scalar!(
                r#"SELECT document::text AS "document!" FROM customer_order WHERE id = $1"#,
                id.as_str()
            )
            .fetch_optional(&self.pool)
        };
        retry::repeatable(read).await?.map(|document| from_json(&document)).transpose()
    }

    async fn list_orders_of(
        &self,
        owner: &CartOwner,
        after: Option<&Position>,
        limit: PageLimit,
    ) -> Result<Page<OrderSummary>, StoreError> {
        // customer_order_owner
        let read = || {
            sqlx::query_as!(
                ListedRow,
                r#"SELECT position, summary::text AS "summary!" FROM customer_order
                WHERE owner = $1 AND position > $2 ORDER BY position LIMIT $3"#,
                owner.key(),
                start_after(after),
                row_limit(limit)
            )
            .fetch_all(&self.pool)
        };
        page(retry::repeatable(read).await?, limit)
    }

    async fn list_orders(&self, after: Option<&Position>, limit: PageLimit) -> Result<Page<OrderSummary>, StoreError> {
        // customer_order_position_key
        let read = || {
            sqlx::query_as!(
                ListedRow,
                r#"SELECT position, summary::text AS "summary!" FROM customer_order
                WHERE position > $1 ORDER BY position LIMIT $2"#,
                start_after(after),
                row_limit(limit)
            )
            .fetch_all(&self.pool)
        };
        page(retry::repeatable(read).await?, limit)
    }

    async fn list_due_orders(&self, now: OffsetDateTime) -> Result<Vec<OrderId>, StoreError> {
        // customer_order_due
        let read = || {
            sqlx::query_scalar!("SELECT id FROM customer_order WHERE due_at <= $1 ORDER BY due_at LIMIT 100", now)
                .fetch_all(&self.pool)
        };
        let ids = retry::repeatable(read).await?;
        ids.into_iter().map(|id| id.parse().map_err(StoreError::corrupt)).collect()
    }

    async fn list_outbox(&self) -> Result<Vec<OutboxMessage>, StoreError> {
        // outbox_waiting
        let read = || {
            sqlx::query_as!(
                MessageRow,
                "SELECT id, topic, subject, occurred_at FROM outbox WHERE delivered_at IS NULL ORDER BY id LIMIT 100"
            )
            .fetch_all(&self.pool)
        };
        retry::repeatable(read).await?.into_iter().map(OutboxMessage::try_from).collect()
    }

    async fn mark_delivered(&self, messages: &[OutboxMessage], now: OffsetDateTime) -> Result<(), StoreError> {
        let ids: Vec<_> = messages.iter().map(|message| message.id.as_str()).collect();
        let write = || {
            sqlx::query!(
                "UPDATE outbox SET delivered_at = $2 WHERE id = ANY ($1) AND delivered_at IS NULL",
                &ids as &[&str],
                now
            )
            .execute(&self.pool)
        };
        retry::repeatable(write).await.map(|_| ())
    }
}
