//! Delivery of the shop's events to external consumers.

use async_trait::async_trait;

use super::OutboxMessage;

/// The result of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The accepted messages. The others will be delivered again.
    pub taken: Vec<OutboxMessage>,
    /// Whether the receiver is currently unavailable; then some messages may not have been tried.
    pub is_away: bool,
}

/// Receives events. Delivery is at least once and mostly in order; consumers can recognize duplicates by the message ID.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Delivers messages, oldest first.
    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery;
}

/// Writes each event as one log line.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSink;

#[async_trait]
impl EventSink for LogSink {
    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        for message in messages {
            tracing::info!(
                event_id = %message.id,
                topic = message.topic,
                subject = message.subject,
                occurred_at = %message.occurred_at,
                "event"
            );
        }
        Delivery { taken: messages.to_vec(), is_away: false }
    }
}
