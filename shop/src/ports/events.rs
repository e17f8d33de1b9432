//! Consumers of the outbox, and delivery of the shop's events to them.

use std::fmt;

use async_trait::async_trait;

use super::OutboxMessage;

/// A consumer of the outbox. Each has its own backlog, so one that rejects messages does not delay the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consumer {
    /// The log.
    Log,
    /// A URL.
    Http,
    /// An `EventBridge` bus.
    EventBridge,
    /// An SNS topic.
    Sns,
    /// Mails to operators.
    OperatorMail,
    /// Mails to shoppers.
    ShopperMail,
}

impl Consumer {
    /// Every consumer.
    pub const ALL: [Self; 6] =
        [Self::Log, Self::Http, Self::EventBridge, Self::Sns, Self::OperatorMail, Self::ShopperMail];

    /// The name in the store, which never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Http => "http",
            Self::EventBridge => "eventbridge",
            Self::Sns => "sns",
            Self::OperatorMail => "operator-mail",
            Self::ShopperMail => "shopper-mail",
        }
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
    /// Which consumer it is. A shop has at most one sink for each.
    fn consumer(&self) -> Consumer;

    /// Whether it receives messages with a topic. All others count as accepted.
    fn wants(&self, topic: &str) -> bool {
        !OutboxMessage::is_personal(topic)
    }

    /// Whether each message is delivered alone and recorded at once, because a duplicate reaches a person.
    fn one_by_one(&self) -> bool {
        false
    }

    /// Delivers messages, oldest first.
    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery;
}

/// Writes each event as one log line.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSink;

#[async_trait]
impl EventSink for LogSink {
    fn consumer(&self) -> Consumer {
        Consumer::Log
    }

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
