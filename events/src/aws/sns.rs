//! Events to a topic of SNS.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::DisplayErrorContext;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use shopease_shop::domain::OutboxMessageId;
use shopease_shop::ports::{Delivery, EventSink, OutboxMessage};

use super::{BATCH, body, only, refused, sdk_config};

/// Publishes events to a topic. The message is the JSON of the event; the attributes `topic` and `id` are for filters and
/// for receivers that must recognise repeated ones. A FIFO topic does that itself for five minutes, and keeps the events
/// of an order in order.
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
    /// A sink on a topic, by its ARN.
    pub fn new(client: Client, topic_arn: impl Into<String>) -> Self {
        Self { client, topic_arn: topic_arn.into() }
    }

    /// A sink with the environment's credentials, in the topic's region.
    pub(crate) async fn connect(topic_arn: &str) -> Self {
        Self::new(Client::new(&sdk_config(topic_arn).await), topic_arn)
    }

    fn entry(&self, message: &OutboxMessage) -> Option<PublishBatchRequestEntry> {
        let mut entry = PublishBatchRequestEntry::builder()
            .id(message.id.as_str())
            .message(body(message)?)
            .message_attributes("topic", text(&message.topic)?)
            .message_attributes("id", text(message.id.as_str())?);
        // Topics of the other kind refuse these.
        if self.topic_arn.strip_suffix(".fifo").is_some() {
            entry = entry.message_deduplication_id(message.id.as_str()).message_group_id(&message.subject);
        }
        entry.build().ok()
    }

    /// The ids of those that were taken; `None` when the request itself failed.
    async fn publish(&self, batch: &[OutboxMessage]) -> Option<BTreeSet<OutboxMessageId>> {
        let entries: Vec<_> = batch.iter().filter_map(|message| self.entry(message)).collect();
        if entries.is_empty() {
            return Some(BTreeSet::new());
        }
        let request = self.client.publish_batch().topic_arn(&self.topic_arn);
        match request.set_publish_batch_request_entries(Some(entries)).send().await {
            Ok(answer) => {
                for failed in answer.failed() {
                    refused(failed.id(), failed.code(), failed.message().unwrap_or_default());
                }
                Some(answer.successful().iter().filter_map(|done| done.id()?.parse().ok()).collect())
            }
            Err(error) => {
                tracing::warn!(topic = self.topic_arn, error = %DisplayErrorContext(error), "SNS took no events");
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
    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        let mut taken = Vec::with_capacity(messages.len());
        // What an event of a subject was refused, later ones of it wait for: they would overtake it.
        let mut waiting = BTreeSet::new();
        for batch in messages.chunks(BATCH) {
            let batch: Vec<_> =
                batch.iter().filter(|message| !waiting.contains(message.subject.as_str())).cloned().collect();
            let Some(ids) = self.publish(&batch).await else { return Delivery { taken, is_away: true } };
            waiting.extend(messages.iter().filter_map(|message| {
                let refused = batch.iter().any(|sent| sent.id == message.id) && !ids.contains(&message.id);
                refused.then_some(message.subject.as_str())
            }));
            taken.extend(only(&batch, &ids));
        }
        Delivery { taken, is_away: false }
    }
}
