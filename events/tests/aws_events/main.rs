//! `EventBridge` and SNS on the wire: the requests, and what happens to events when the services reject some, throttle,
//! deny access, or when a response is lost.

#![expect(clippy::expect_used, reason = "a test that cannot continue must fail")]

mod service;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sns::config::Credentials;
use serde_json::Value;
use service::{Entry, Reply, Service};
use shopease_events::{EventBridgeSink, SnsSink};
use shopease_shop::domain::OutboxMessageId;
use shopease_shop::ports::{Delivery, EventSink, OutboxMessage};
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

const BUS: &str = "shop-bus";
const TOPIC: &str = "arn:aws:sns:eu-north-1:123456789012:orders";
const FIFO: &str = "arn:aws:sns:eu-north-1:123456789012:orders.fifo";

/// Events of several orders, in sequence.
fn messages(count: usize) -> Vec<OutboxMessage> {
    let message = |number: usize| OutboxMessage {
        id: OutboxMessageId::derive(&format!("message {number}")),
        topic: ["order.placed", "order.paid"][number % 2].to_owned(),
        subject: format!("order <{}> & \"ö\"", number / 2),
        occurred_at: datetime!(2026-01-01 12:00:00.123 UTC),
    };
    (0..count).map(message).collect()
}

/// SDK configuration without pauses between attempts.
async fn sdk_config(service: &Service) -> SdkConfig {
    let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(&service.url)
        .region(Region::new("eu-north-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
        .retry_config(retries)
        .load()
        .await
}

/// A sink of each kind with a service of its own that responds as scripted, and the name of an event's ID there.
async fn sinks(replies: &[Reply]) -> Vec<(Service, Arc<dyn EventSink>)> {
    let (bridge, sns) = (Service::start(replies.to_vec()).await, Service::start(replies.to_vec()).await);
    let to_bridge = EventBridgeSink::new(aws_sdk_eventbridge::Client::new(&sdk_config(&bridge).await), BUS);
    let to_sns = SnsSink::new(aws_sdk_sns::Client::new(&sdk_config(&sns).await), TOPIC);
    vec![(bridge, Arc::new(to_bridge)), (sns, Arc::new(to_sns))]
}

/// How often the service accepted each message.
fn times(service: &Service) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for entry in service.taken() {
        let text = entry.get("Detail").or_else(|| entry.get("Message")).expect("a message");
        let message: Value = serde_json::from_str(text).expect("JSON");
        *times.entry(message["id"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    times
}

/// The JSON that receivers get.
fn json_of(message: &OutboxMessage) -> Value {
    serde_json::json!({
        "id": message.id.as_str(),
        "topic": message.topic,
        "subject": message.subject,
        "occurred_at": message.occurred_at.format(&Rfc3339).expect("a time"),
    })
}

fn ids(messages: &[OutboxMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

/// The receiver is unavailable.
const AWAY: Delivery = Delivery { taken: Vec::new(), is_away: true };

/// Delivers until no message is waiting, as the worker does. Returns the number of runs.
async fn deliver_all(sink: &dyn EventSink, mut waiting: Vec<OutboxMessage>) -> usize {
    for run in 1..20 {
        let taken = sink.deliver(&waiting).await.taken;
        waiting.retain(|message| !taken.contains(message));
        if waiting.is_empty() {
            return run;
        }
    }
    panic!("never accepted: {waiting:?}");
}

#[tokio::test]
async fn the_bus_gets_the_type_the_subject_and_the_message() {
    let service = Service::start([]).await;
    let sink = EventBridgeSink::new(aws_sdk_eventbridge::Client::new(&sdk_config(&service).await), BUS);
    let sent = messages(23);
    assert_eq!(ids(&sink.deliver(&sent).await.taken), ids(&sent));
    assert_eq!(service.requests(), [10, 10, 3]);
    for (entry, message) in service.taken().iter().zip(&sent) {
        let is = |name: &str| entry[name].as_str();
        assert_eq!((is("EventBusName"), is("Source"), is("DetailType")), (BUS, "shopease", message.topic.as_str()));
        assert_eq!(serde_json::from_str::<Value>(is("Detail")).expect("JSON"), json_of(message));
        assert_eq!(serde_json::from_str::<Vec<String>>(is("Resources")).expect("a list"), [message.subject.as_str()]);
        assert_eq!(is("Time"), message.occurred_at.unix_timestamp().to_string());
    }
}

fn attribute(entry: &Entry, wanted: &str) -> Option<String> {
    (1..=2).find_map(|number| {
        let at = |field: &str| entry.get(&format!("MessageAttributes.entry.{number}.{field}"));
        (at("Name")? == wanted).then(|| {
            assert_eq!(at("Value.DataType").map(String::as_str), Some("String"));
            at("Value.StringValue").expect("a value").clone()
        })
    })
}

#[tokio::test]
async fn a_topic_gets_the_message_with_type_and_id_as_attributes() {
    for topic_arn in [TOPIC, FIFO] {
        let service = Service::start([]).await;
        let sink = SnsSink::new(aws_sdk_sns::Client::new(&sdk_config(&service).await), topic_arn);
        let sent = messages(11);
        assert_eq!(ids(&sink.deliver(&sent).await.taken), ids(&sent));
        assert_eq!(service.requests(), [10, 1]);
        for (entry, message) in service.taken().iter().zip(&sent) {
            assert_eq!((entry["TopicArn"].as_str(), entry["Id"].as_str()), (topic_arn, message.id.as_str()));
            assert_eq!(serde_json::from_str::<Value>(&entry["Message"]).expect("JSON"), json_of(message));
            assert_eq!(attribute(entry, "topic").as_ref(), Some(&message.topic));
            assert_eq!(attribute(entry, "id").as_deref(), Some(message.id.as_str()));
            let only_fifo = [("MessageDeduplicationId", message.id.as_str()), ("MessageGroupId", &message.subject)];
            for (name, value) in only_fifo {
                assert_eq!(entry.get(name).map(String::as_str), (topic_arn == FIFO).then_some(value), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn rejected_events_are_retried_and_delay_no_other_subject() {
    for (service, sink) in sinks(&[Reply::Reject(vec![1, 9]), Reply::Reject(vec![0])]).await {
        let sent = messages(25);
        let taken = sink.deliver(&sent).await.taken;
        let rejected = [&sent[1], &sent[9], &sent[10]];
        assert!(rejected.iter().all(|message| !taken.contains(message)), "{:?}", ids(&taken));
        assert!(taken.len() >= 20, "the others are accepted: {}", taken.len());
        let rest: Vec<_> = sent.iter().filter(|message| !taken.contains(message)).cloned().collect();
        assert_eq!(deliver_all(&*sink, rest).await, 1);
        let times = times(&service);
        assert_eq!(times.len(), sent.len());
        assert!(times.values().all(|times| *times == 1), "none twice: {times:?}");
    }
}

#[tokio::test]
async fn a_topic_gets_no_later_event_of_an_order_whose_earlier_one_was_rejected() {
    let service = Service::start([Reply::Reject(vec![9])]).await;
    let sink = SnsSink::new(aws_sdk_sns::Client::new(&sdk_config(&service).await), FIFO);
    let mut sent = messages(24);
    // The second event of the order with the rejected one is in the next batch.
    sent.swap(8, 1);
    sent.swap(9, 12);
    sent[9].subject = "the order".to_owned();
    sent[15].subject = "the order".to_owned();
    let taken = sink.deliver(&sent).await.taken;
    assert!(!taken.contains(&sent[9]) && !taken.contains(&sent[15]), "{:?}", ids(&taken));
    assert_eq!(taken.len(), 22);
    assert_eq!(deliver_all(&*Arc::new(sink), vec![sent[9].clone(), sent[15].clone()]).await, 1);
    assert!(times(&service).values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_throttling_service_is_retried_a_limited_number_of_times() {
    // The first throttled request is retried at once.
    for (service, sink) in sinks(&[Reply::Throttle]).await {
        let sent = messages(12);
        assert_eq!(ids(&sink.deliver(&sent).await.taken), ids(&sent));
        assert_eq!(service.requests(), [10, 10, 2]);
    }
    // Three attempts per run; more would only add load.
    for (service, sink) in sinks(&vec![Reply::Throttle; 3]).await {
        let sent = messages(30);
        assert_eq!(sink.deliver(&sent).await, AWAY);
        assert_eq!(service.requests(), [10, 10, 10]);
        assert_eq!(deliver_all(&*sink, sent).await, 1);
        assert!(times(&service).values().all(|times| *times == 1));
    }
}

#[tokio::test]
async fn a_denied_request_is_not_retried_at_once_and_nothing_is_lost() {
    for (service, sink) in sinks(&[Reply::Reject(Vec::new()), Reply::Deny]).await {
        let sent = messages(30);
        assert_eq!(ids(&sink.deliver(&sent).await.taken), ids(&sent[..10]));
        assert_eq!(service.requests(), [10, 10]);
        assert_eq!(deliver_all(&*sink, sent[10..].to_vec()).await, 1);
        assert_eq!(times(&service).len(), sent.len());
    }
}

#[tokio::test]
async fn a_lost_response_repeats_events_and_loses_none() {
    for (service, sink) in sinks(&vec![Reply::Lose; 4]).await {
        let sent = messages(15);
        let runs = deliver_all(&*sink, sent.clone()).await;
        let times = times(&service);
        assert_eq!(times.len(), sent.len(), "after {runs} runs");
        assert!(times.values().any(|times| *times > 1), "{times:?}");
    }
}

#[tokio::test]
async fn an_unreachable_service_accepts_nothing() {
    let mut service = Service::start([]).await;
    "http://127.0.0.1:1".clone_into(&mut service.url);
    let config = sdk_config(&service).await;
    let sinks: [Arc<dyn EventSink>; 2] = [
        Arc::new(EventBridgeSink::new(aws_sdk_eventbridge::Client::new(&config), BUS)),
        Arc::new(SnsSink::new(aws_sdk_sns::Client::new(&config), TOPIC)),
    ];
    for sink in sinks {
        assert_eq!(sink.deliver(&messages(3)).await, AWAY);
    }
}
