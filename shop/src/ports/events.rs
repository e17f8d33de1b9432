//! Where the shop's events go: whoever wants to know of orders outside the shop.

use async_trait::async_trait;

use super::OutboxMessage;

/// Takes events. They come at least once, mostly in order; the id of a message tells a repeated one.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Delivers messages, oldest first; gives those that were taken. The others will be delivered again.
    async fn deliver(&self, messages: &[OutboxMessage]) -> Vec<OutboxMessage>;
}

/// Writes each event as one log line.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSink;

#[async_trait]
impl EventSink for LogSink {
    async fn deliver(&self, messages: &[OutboxMessage]) -> Vec<OutboxMessage> {
        for message in messages {
            tracing::info!(
                event_id = %message.id,
                topic = message.topic,
                subject = message.subject,
                occurred_at = %message.occurred_at,
                "event"
            );
        }
        messages.to_vec()
    }
}
