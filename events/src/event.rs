//! The public format of an event. Receivers depend on it, so fields may only be added.

use serde::Serialize;
use shopease_shop::ports::OutboxMessage;
use time::OffsetDateTime;

/// The JSON of an event.
#[derive(Debug, Serialize)]
pub(crate) struct Event<'a> {
    /// Identifier; the same if the event is sent again.
    id: &'a str,
    /// What happened, for example `order.placed`.
    topic: &'a str,
    /// What the event concerns: an order ID, or a SKU for `stock.low`.
    subject: &'a str,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    occurred_at: OffsetDateTime,
}

impl<'a> From<&'a OutboxMessage> for Event<'a> {
    fn from(message: &'a OutboxMessage) -> Self {
        let OutboxMessage { id, topic, subject, occurred_at } = message;
        Self { id: id.as_str(), topic, subject, occurred_at: *occurred_at }
    }
}
