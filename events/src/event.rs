//! An event as it leaves the shop. Receivers read it, so it only grows.

use serde::Serialize;
use shopease_shop::ports::OutboxMessage;
use time::OffsetDateTime;

/// The JSON of an event.
#[derive(Debug, Serialize)]
pub(crate) struct Event<'a> {
    /// Identity; the same when it is sent again.
    id: &'a str,
    /// What happened, for example `order.placed`.
    topic: &'a str,
    /// What it is about: an order's id, or a SKU for `stock.low`.
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
