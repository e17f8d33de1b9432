//! The outbox, the backlogs of its consumers, and its lease.

use async_trait::async_trait;
use shopease_shop::domain::OutboxMessageId;
use shopease_shop::ports::{Consumer, Dispatched, OutboxMessage, OutboxStore, StoreError};
use time::OffsetDateTime;

use super::{PostgresStore, retry};

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

fn messages(rows: Vec<MessageRow>) -> Result<Vec<OutboxMessage>, StoreError> {
    rows.into_iter().map(OutboxMessage::try_from).collect()
}

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn insert_outbox_message(&self, message: &OutboxMessage) -> Result<(), StoreError> {
        let write = || {
            sqlx::query!(
                "INSERT INTO outbox (id, topic, subject, occurred_at) VALUES ($1, $2, $3, $4)
                ON CONFLICT (id) DO NOTHING",
                message.id.as_str(),
                &message.topic,
                &message.subject,
                message.occurred_at
            )
            .execute(&self.pool)
        };
        retry::repeatable(write).await.map(drop)
    }

    async fn remove_outbox_message(&self, id: &OutboxMessageId) -> Result<(), StoreError> {
        let write = || {
            sqlx::query!(
                "WITH waiting AS (DELETE FROM outbox_backlog WHERE id = $1) DELETE FROM outbox WHERE id = $1",
                id.as_str()
            )
            .execute(&self.pool)
        };
        retry::repeatable(write).await.map(drop)
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
        messages(retry::repeatable(read).await?)
    }

    async fn dispatch(&self, dispatched: &[Dispatched], now: OffsetDateTime) -> Result<(), StoreError> {
        let ids: Vec<_> = dispatched.iter().map(|dispatched| dispatched.message.id.as_str()).collect();
        let (mut late_ids, mut consumers) = (Vec::new(), Vec::new());
        for Dispatched { message, backlogs } in dispatched {
            late_ids.extend(backlogs.iter().map(|_| message.id.as_str()));
            consumers.extend(backlogs.iter().map(|consumer| consumer.as_str()));
        }
        // A repetition after a lost response changes nothing: the messages have left the outbox.
        let write = || {
            sqlx::query!(
                "WITH gone AS (
                    UPDATE outbox SET delivered_at = $2 WHERE id = ANY ($1) AND delivered_at IS NULL
                    RETURNING id, topic, subject, occurred_at
                )
                INSERT INTO outbox_backlog (consumer, id, topic, subject, occurred_at)
                SELECT late.consumer, gone.id, gone.topic, gone.subject, gone.occurred_at
                FROM gone JOIN unnest($3::text[], $4::text[]) AS late (id, consumer) ON late.id = gone.id",
                &ids as &[&str],
                now,
                &late_ids as &[&str],
                &consumers as &[&str]
            )
            .execute(&self.pool)
        };
        retry::repeatable(write).await.map(drop)
    }

    async fn list_backlog(
        &self,
        consumer: Consumer,
        after: Option<&OutboxMessageId>,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let after = after.map_or("", OutboxMessageId::as_str);
        // outbox_backlog_pkey
        let read = || {
            sqlx::query_as!(
                MessageRow,
                "SELECT id, topic, subject, occurred_at FROM outbox_backlog
                WHERE consumer = $1 AND id > $2 ORDER BY id LIMIT 100",
                consumer.as_str(),
                after
            )
            .fetch_all(&self.pool)
        };
        messages(retry::repeatable(read).await?)
    }

    async fn remove_from_backlog(&self, consumer: Consumer, ids: &[OutboxMessageId]) -> Result<(), StoreError> {
        let ids: Vec<_> = ids.iter().map(OutboxMessageId::as_str).collect();
        let write = || {
            sqlx::query!(
                "DELETE FROM outbox_backlog WHERE consumer = $1 AND id = ANY ($2)",
                consumer.as_str(),
                &ids as &[&str]
            )
            .execute(&self.pool)
        };
        retry::repeatable(write).await.map(drop)
    }

    async fn take_outbox_lease(
        &self,
        holder: &str,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let write = || {
            sqlx::query!(
                "INSERT INTO lease AS held (name, holder, expires_at) VALUES ('outbox', $1, $3)
                ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
                WHERE held.holder = excluded.holder OR held.expires_at <= $2",
                holder,
                now,
                until
            )
            .execute(&self.pool)
        };
        Ok(retry::repeatable(write).await?.rows_affected() == 1)
    }

    async fn renew_outbox_lease(&self, holder: &str, until: OffsetDateTime) -> Result<bool, StoreError> {
        let write = || {
            sqlx::query!("UPDATE lease SET expires_at = $2 WHERE name = 'outbox' AND holder = $1", holder, until)
                .execute(&self.pool)
        };
        Ok(retry::repeatable(write).await?.rows_affected() == 1)
    }

    async fn release_outbox_lease(&self, holder: &str) -> Result<(), StoreError> {
        let write =
            || sqlx::query!("DELETE FROM lease WHERE name = 'outbox' AND holder = $1", holder).execute(&self.pool);
        retry::repeatable(write).await.map(drop)
    }
}
