//! Events to an SNS topic.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::DisplayErrorContext;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use shopease_shop::domain::OutboxMessageId;
use shopease_shop::ports::{Consumer, Delivery, EventSink, OutboxMessage};

use super::{BATCH, body, log_rejected, only, sdk_config};

/// Publishes events to a topic. The message is the event's JSON; the attributes `topic` and `id` are for filters and
/// for receivers that deduplicate. A FIFO topic deduplicates for five minutes itself and keeps the events of an order
/// in order.
#[derive(Clone)]
pub struct SnsSink {
    client: Client,
    topic_arn: String,
}

impl fmt::Debug for SnsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsSink").field("topic_arn", &self.topic_arn).finish_non_exhaustive()
    }
}

impl SnsSink {
    /// A sink for a topic, by its ARN.
    pub fn new(client: Client, topic_arn: impl Into<String>) -> Self {
        Self { client, topic_arn: topic_arn.into() }
    }

    /// A sink with the credentials from the environment, in the topic's region.
    pub(crate) async fn connect(topic_arn: &str) -> Self {
        Self::new(Client::new(&sdk_config(topic_arn).await), topic_arn)
    }

    fn entry(&self, message: &OutboxMessage) -> Option<PublishBatchRequestEntry> {
        let mut entry = PublishBatchRequestEntry::builder()
            .id(message.id.as_str())
            .message(body(message)?)
            .message_attributes("topic", text(&message.topic)?)
            .message_attributes("id", text(message.id.as_str())?);
        // Standard topics reject these.
        if self.topic_arn.strip_suffix(".fifo").is_some() {
            entry = entry.message_deduplication_id(message.id.as_str()).message_group_id(&message.subject);
        }
        entry.build().ok()
    }

    /// The IDs of the accepted events; `None` if the request itself failed.
    async fn publish(&self, batch: &[OutboxMessage]) -> Option<BTreeSet<OutboxMessageId>> {
        let entries: Vec<_> = batch.iter().filter_map(|message| self.entry(message)).collect();
        if entries.is_empty() {
            return Some(BTreeSet::new());
        }
        let request = self.client.publish_batch().topic_arn(&self.topic_arn);
        match request.set_publish_batch_request_entries(Some(entries)).send().await {
            Ok(output) => {
                for failed in output.failed() {
                    log_rejected(failed.id(), failed.code(), failed.message().unwrap_or_default());
                }
                Some(output.successful().iter().filter_map(|done| done.id()?.parse().ok()).collect())
            }
            Err(error) => {
                tracing::warn!(topic = self.topic_arn, error = %DisplayErrorContext(error), "SNS accepted no events");
                None
            }
        }
    }
}

fn text(value: &str) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().ok()
}

#[async_trait]
impl EventSink for SnsSink {
    fn consumer(&self) -> Consumer {
        Consumer::Sns
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        let mut taken = Vec::with_capacity(messages.len());
        // After a rejected event, later events of its subject wait, so that they do not overtake it.
        let mut waiting = BTreeSet::new();
        for batch in messages.chunks(BATCH) {
            let batch: Vec<_> =
                batch.iter().filter(|message| !waiting.contains(message.subject.as_str())).cloned().collect();
            let Some(ids) = self.publish(&batch).await else { return Delivery { taken, is_away: true } };
            waiting.extend(messages.iter().filter_map(|message| {
                let rejected = batch.iter().any(|sent| sent.id == message.id) && !ids.contains(&message.id);
                rejected.then_some(message.subject.as_str())
            }));
            taken.extend(only(&batch, &ids));
        }
        Delivery { taken, is_away: false }
    }
}
