//! Delivery of the shop's events to external consumers.

use async_trait::async_trait;

use super::OutboxMessage;

/// Receives events. Delivery is at least once and mostly in order; consumers can recognize duplicates by the message ID.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Delivers messages, oldest first. Returns those that were accepted; the others will be delivered again.
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
