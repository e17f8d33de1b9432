//! Orders, and the stock that they reserve.

use async_trait::async_trait;
use shopease_shop::domain::{CartOwner, EmailAddress, Order, OrderId, OrderSummary, Page, PageLimit, Position};
use shopease_shop::ports::{Claimed, OrderAdvance, OrderOfEmail, OrderStore, Placement, StoreError};
use sqlx::types::Json;
use time::OffsetDateTime;

use super::arguments::{AdvanceOrder, PlaceOrder};
use super::idempotency::{KeyRow, claimed};
use super::{PostgresStore, from_json, retry, row_limit, start_after, to_json};

/// An order in a list.
struct ListedRow {
    position: String,
    summary: String,
}

fn page(rows: Vec<ListedRow>, limit: PageLimit) -> Result<Page<OrderSummary>, StoreError> {
    let rows = rows.into_iter().map(|row| Ok((row.position, from_json(&row.summary)?)));
    Ok(Page::from_rows(rows.collect::<Result<_, StoreError>>()?, limit))
}

#[async_trait]
impl OrderStore for PostgresStore {
    async fn place_order(&self, placement: &Placement) -> Result<Claimed, StoreError> {
        let order = &placement.order;
        let (summary, document) = (to_json(&order.summary())?, to_json(order)?);
        let argument = PlaceOrder::new(placement, &summary, &document);
        let write = || {
            sqlx::query_as!(
                KeyRow,
                r#"SELECT request_hash AS "request_hash!", lease_until AS "lease_until!", order_id, outcome
                FROM place_order($1)"#,
                Json(&argument) as _
            )
            .fetch_optional(&self.pool)
        };
        let outcome = retry::tracked(write).await;
        match claimed(outcome.result?)? {
            // The order ID was generated for this call, so only the response was lost, not the effect.
            Claimed::Existing(record) if outcome.maybe_done_before && record.order_id.as_ref() == Some(&order.id) => {
                Ok(Claimed::New)
            }
            claimed => Ok(claimed),
        }
    }

    async fn advance_order(&self, advance: &OrderAdvance) -> Result<(), StoreError> {
        let order = &advance.order;
        let (summary, document) = (to_json(&order.summary())?, to_json(order)?);
        let argument = AdvanceOrder::new(advance, &summary, &document);
        let write = || sqlx::query!("SELECT advance_order($1)", Json(&argument) as _).execute(&self.pool);
        let outcome = retry::tracked(write).await;
        match outcome.result {
            // The step may be this call's own, whose response was lost.
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

    async fn list_orders_by_email(
        &self,
        email: &EmailAddress,
        after: Option<&Position>,
        limit: PageLimit,
    ) -> Result<Page<OrderOfEmail>, StoreError> {
        // customer_order_email
        let read = || {
            sqlx::query!(
                r#"SELECT position, owner, summary::text AS "summary!" FROM customer_order
                WHERE email = $1 AND position > $2 ORDER BY position LIMIT $3"#,
                email.as_str(),
                start_after(after),
                row_limit(limit)
            )
            .fetch_all(&self.pool)
        };
        let rows = retry::repeatable(read).await?.into_iter().map(|row| {
            let owner = CartOwner::from_key(row.owner);
            Ok((row.position, OrderOfEmail { owner, summary: from_json(&row.summary)? }))
        });
        Ok(Page::from_rows(rows.collect::<Result<_, StoreError>>()?, limit))
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
}
