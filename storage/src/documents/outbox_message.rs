//! A message of the outbox, waiting or delivered.

use serde::{Deserialize, Serialize};
use shopease_shop::{domain, ports};
use time::OffsetDateTime;

use super::{Stored, Version};

#[derive(Serialize, Deserialize)]
pub(crate) struct OutboxMessage {
    v: Version<1>,
    id: domain::OutboxMessageId,
    topic: String,
    subject: String,
    #[serde(with = "time::serde::rfc3339")]
    occurred_at: OffsetDateTime,
}

impl Stored for ports::OutboxMessage {
    const KIND: &'static str = "outbox message";
    type Document = OutboxMessage;
}

impl From<&ports::OutboxMessage> for OutboxMessage {
    fn from(message: &ports::OutboxMessage) -> Self {
        Self {
            v: Version,
            id: message.id.clone(),
            topic: message.topic.clone(),
            subject: message.subject.clone(),
            occurred_at: message.occurred_at,
        }
    }
}

impl From<OutboxMessage> for ports::OutboxMessage {
    fn from(message: OutboxMessage) -> Self {
        Self { id: message.id, topic: message.topic, subject: message.subject, occurred_at: message.occurred_at }
    }
}
