//! Events on an `EventBridge` bus.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::DisplayErrorContext;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use shopease_shop::domain::OutboxMessageId;
use shopease_shop::ports::{Consumer, Delivery, EventSink, OutboxMessage};

use super::{BATCH, body, log_rejected, only, sdk_config};

/// The `source` of the events, which rules match first.
const SOURCE: &str = "shopease";

/// Puts events on a bus. Source: `shopease`; detail type: the topic; detail: the message (`id`, `topic`, `subject`,
/// `occurred_at`). The bus does not deduplicate; receivers do, by `detail.id`.
#[derive(Clone)]
pub struct EventBridgeSink {
    client: Client,
    bus: String,
}

impl fmt::Debug for EventBridgeSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBridgeSink").field("bus", &self.bus).finish_non_exhaustive()
    }
}

impl EventBridgeSink {
    /// A sink for a bus, by name or ARN.
    pub fn new(client: Client, bus: impl Into<String>) -> Self {
        Self { client, bus: bus.into() }
    }

    /// A sink with the credentials from the environment.
    pub(crate) async fn connect(bus: &str) -> Self {
        Self::new(Client::new(&sdk_config(bus).await), bus)
    }

    fn entry(&self, message: &OutboxMessage) -> Option<PutEventsRequestEntry> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(&message.topic)
            .resources(&message.subject)
            .time(DateTime::from_secs(message.occurred_at.unix_timestamp()))
            .detail(body(message)?);
        Some(entry.build())
    }

    /// The IDs of the accepted events; `None` if the request itself failed.
    async fn put(&self, batch: &[OutboxMessage]) -> Option<BTreeSet<OutboxMessageId>> {
        let (messages, entries): (Vec<_>, Vec<_>) =
            batch.iter().filter_map(|message| Some((message, self.entry(message)?))).unzip();
        if entries.is_empty() {
            return Some(BTreeSet::new());
        }
        match self.client.put_events().set_entries(Some(entries)).send().await {
            // The results have the order of the entries; an entry without a result was not accepted.
            Ok(output) => {
                let mut taken = BTreeSet::new();
                for (message, result) in messages.into_iter().zip(output.entries()) {
                    match result.error_code() {
                        None => drop(taken.insert(message.id.clone())),
                        Some(code) => {
                            log_rejected(message.id.as_str(), code, result.error_message().unwrap_or_default());
                        }
                    }
                }
                Some(taken)
            }
            Err(error) => {
                tracing::warn!(bus = self.bus, error = %DisplayErrorContext(error), "EventBridge accepted no events");
                None
            }
        }
    }
}

#[async_trait]
impl EventSink for EventBridgeSink {
    fn consumer(&self) -> Consumer {
        Consumer::EventBridge
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        let mut taken = Vec::with_capacity(messages.len());
        for batch in messages.chunks(BATCH) {
            let Some(ids) = self.put(batch).await else { return Delivery { taken, is_away: true } };
            taken.extend(only(batch, &ids));
        }
        Delivery { taken, is_away: false }
    }
}
