//! Where the shop's events go: whoever wants to know of orders outside the shop.

use async_trait::async_trait;

use super::OutboxMessage;

/// What became of messages that were given to a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Those that were taken. The others will be delivered again.
    pub taken: Vec<OutboxMessage>,
    /// Whether the receiver takes nothing now; the sink did not try all of the others.
    pub is_away: bool,
}

/// Takes events. They come at least once, mostly in order; the id of a message tells a repeated one.
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
