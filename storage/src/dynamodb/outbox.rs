//! The outbox, the backlogs of its consumers, and its lease.

use async_trait::async_trait;
use futures_util::future::try_join_all;
use shopease_shop::domain::OutboxMessageId;
use shopease_shop::ports::{Consumer, Dispatched, OutboxMessage, OutboxStore, StoreError};
use time::OffsetDateTime;

use super::actions::Action;
use super::items::{EXPIRES_MS, NewItem, millis, number, read_document, text};
use super::reads::{Consistency, Range};
use super::writes::{MAX_ACTIONS, WriteError};
use super::{DynamoDbStore, keys};

/// Most messages returned at once.
const MAX_MESSAGES: usize = 100;

#[async_trait]
impl OutboxStore for DynamoDbStore {
    async fn insert_outbox_message(&self, message: &OutboxMessage) -> Result<(), StoreError> {
        let item = NewItem::new(&keys::outbox_message(&message.id)).document(message)?.build();
        self.write(Action::put(item)).await.map_err(WriteError::unconditional)
    }

    async fn remove_outbox_message(&self, id: &OutboxMessageId) -> Result<(), StoreError> {
        let backlogs = Consumer::ALL.iter().map(|consumer| keys::backlog_message(*consumer, id));
        let places = backlogs.chain([keys::outbox_message(id), keys::delivered_message(id)]);
        self.write_many(places.map(|key| Action::delete(&key)).collect()).await
    }

    async fn list_outbox(&self) -> Result<Vec<OutboxMessage>, StoreError> {
        let items = self.query_shards(keys::outbox, Range::After(None), Some(MAX_MESSAGES)).await?;
        items.iter().map(read_document).collect()
    }

    async fn dispatch(&self, dispatched: &[Dispatched], now: OffsetDateTime) -> Result<(), StoreError> {
        let (accepted, late): (Vec<_>, Vec<_>) =
            dispatched.iter().partition(|dispatched| dispatched.backlogs.is_empty());
        for chunk in accepted.chunks(MAX_ACTIONS / 2) {
            let mut actions = Vec::with_capacity(chunk.len() * 2);
            for Dispatched { message, .. } in chunk {
                actions.push(Action::delete(&keys::outbox_message(&message.id)));
                actions.push(kept(message, now)?);
            }
            self.transact(actions).await.map_err(WriteError::unconditional)?;
        }
        for Dispatched { message, backlogs } in late {
            let leave = Action::delete(&keys::outbox_message(&message.id)).only_if("attribute_exists(pk)");
            let mut actions = vec![leave, kept(message, now)?];
            for consumer in backlogs {
                let item = NewItem::new(&keys::backlog_message(*consumer, &message.id)).document(message)?;
                actions.push(Action::put(item.build()));
            }
            match self.transact(actions).await {
                // It has left the outbox.
                Ok(()) | Err(WriteError::Conditions(_)) => {}
                Err(WriteError::Failed(error)) => return Err(error),
            }
        }
        Ok(())
    }

    async fn list_backlog(
        &self,
        consumer: Consumer,
        after: Option<&OutboxMessageId>,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let range = Range::After(after.map(OutboxMessageId::as_str));
        let items = self.query(&keys::backlog(consumer), range, Some(MAX_MESSAGES), Consistency::Strong).await?;
        items.iter().map(read_document).collect()
    }

    async fn remove_from_backlog(&self, consumer: Consumer, ids: &[OutboxMessageId]) -> Result<(), StoreError> {
        let remove = |id| self.write(Action::delete(&keys::backlog_message(consumer, id)));
        try_join_all(ids.iter().map(remove)).await.map(drop).map_err(WriteError::unconditional)
    }

    async fn take_outbox_lease(
        &self,
        holder: &str,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let lease = NewItem::new(&keys::outbox_lease()).text("holder", holder).expires(until).build();
        let free = format!("attribute_not_exists(pk) OR holder = :me OR {EXPIRES_MS} <= :now");
        let take = Action::put(lease).only_if(free).value(":me", text(holder)).value(":now", number(millis(now)));
        self.write_possible(take).await
    }

    async fn renew_outbox_lease(&self, holder: &str, until: OffsetDateTime) -> Result<bool, StoreError> {
        let lease = NewItem::new(&keys::outbox_lease()).text("holder", holder).expires(until).build();
        self.write_possible(Action::put(lease).only_if("holder = :me").value(":me", text(holder))).await
    }

    async fn release_outbox_lease(&self, holder: &str) -> Result<(), StoreError> {
        let release = Action::delete(&keys::outbox_lease()).only_if("holder = :me").value(":me", text(holder));
        self.write_possible(release).await.map(drop)
    }
}

impl DynamoDbStore {
    /// Executes a write if its condition holds; returns whether it did.
    async fn write_possible(&self, action: Action) -> Result<bool, StoreError> {
        match self.write(action).await {
            Ok(()) => Ok(true),
            Err(WriteError::Conditions(_)) => Ok(false),
            Err(WriteError::Failed(error)) => Err(error),
        }
    }
}

/// Keeps a message for the auditor.
fn kept(message: &OutboxMessage, now: OffsetDateTime) -> Result<Action, StoreError> {
    let item = NewItem::new(&keys::delivered_message(&message.id)).document(message)?;
    Ok(Action::put(item.expires(now + OutboxMessage::KEPT).build()))
}
