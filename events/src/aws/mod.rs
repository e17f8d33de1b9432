//! Events to AWS. SDK types appear nowhere else in this crate.

mod event_bridge;
mod sns;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use shopease_shop::domain::OutboxMessageId;
use shopease_shop::ports::OutboxMessage;

use crate::event::Event;

pub use event_bridge::EventBridgeSink;
pub use sns::SnsSink;

/// Most events per request, for both services.
const BATCH: usize = 10;

/// Credentials and region from the environment; the region of `arn` if it is an ARN.
async fn sdk_config(arn: &str) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(10));
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts.build());
    let region = arn.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2)).filter(|region| !region.is_empty());
    match region {
        Some(region) => loader.region(Region::new(region.to_owned())).load().await,
        None => loader.load().await,
    }
}

/// The message as JSON, as an HTTP receiver gets it.
fn body(message: &OutboxMessage) -> Option<String> {
    match serde_json::to_string(&Event::from(message)) {
        Ok(text) => Some(text),
        Err(error) => {
            tracing::error!(event_id = %message.id, %error, "cannot serialize an event");
            None
        }
    }
}

/// Logs an event that was not accepted.
fn log_rejected(id: &str, code: &str, reason: &str) {
    tracing::warn!(event_id = id, code, reason, "event was not accepted");
}

/// The messages of a batch that were accepted, in order.
fn only(batch: &[OutboxMessage], taken: &BTreeSet<OutboxMessageId>) -> Vec<OutboxMessage> {
    batch.iter().filter(|message| taken.contains(&message.id)).cloned().collect()
}
