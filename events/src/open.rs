//! Selects a sink by configuration.

use std::sync::Arc;

use shopease_process::config::Reader;
use shopease_shop::ports::{EventSink, LogSink};

use crate::HttpSink;

/// Environment variable.
const NAME: &str = "SHOPEASE_EVENTS";

/// Destination of events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EventsConfig {
    /// One log line per event.
    #[default]
    Log,
    /// `POST` to this URL.
    Http(String),
    /// This `EventBridge` bus, by name or ARN.
    #[cfg(feature = "aws")]
    EventBridge {
        /// The bus.
        bus: String,
    },
    /// This SNS topic.
    #[cfg(feature = "aws")]
    Sns {
        /// The topic's ARN.
        topic_arn: String,
    },
}

impl EventsConfig {
    /// Reads `SHOPEASE_EVENTS`: `log` (the default), an `http` or `https` URL, `eventbridge:<bus>`, `sns:<topic ARN>`.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let text = reader.or(NAME, "log".to_owned());
        Self::parse(&text).unwrap_or_else(|problem| {
            reader.problem(NAME, problem);
            Self::Log
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "log" => Ok(Self::Log),
            Some(("https", _)) if !cfg!(feature = "https") => {
                Err("this build does not support https; build with `--features https`".to_owned())
            }
            Some(("http" | "https", rest)) if rest.starts_with("//") => Ok(Self::Http(text.to_owned())),
            Some(("eventbridge", bus)) if is_bus(bus) => event_bridge(bus),
            Some(("sns", topic_arn)) if is_topic(topic_arn) => sns(topic_arn),
            _ => Err(format!("{text:?} is not `log`, an http or https URL, `eventbridge:<bus>`, or `sns:<topic ARN>`")),
        }
    }
}

/// A bus name or a bus ARN.
fn is_bus(bus: &str) -> bool {
    let visible = (1..=1600).contains(&bus.len()) && bus.bytes().all(|byte| byte.is_ascii_graphic());
    visible && (!bus.contains(':') || bus.starts_with("arn:"))
}

fn is_topic(topic_arn: &str) -> bool {
    let parts: Vec<_> = topic_arn.split(':').collect();
    matches!(parts[..], ["arn", _, "sns", region, account, name] if ![region, account, name].contains(&""))
}

#[cfg(feature = "aws")]
#[expect(clippy::unnecessary_wraps, reason = "a build without the SDK returns an error")]
fn event_bridge(bus: &str) -> Result<EventsConfig, String> {
    Ok(EventsConfig::EventBridge { bus: bus.to_owned() })
}

#[cfg(feature = "aws")]
#[expect(clippy::unnecessary_wraps, reason = "a build without the SDK returns an error")]
fn sns(topic_arn: &str) -> Result<EventsConfig, String> {
    Ok(EventsConfig::Sns { topic_arn: topic_arn.to_owned() })
}

#[cfg(not(feature = "aws"))]
fn event_bridge(_bus: &str) -> Result<EventsConfig, String> {
    Err("this build does not support EventBridge; build with `--features aws-events`".to_owned())
}

#[cfg(not(feature = "aws"))]
fn sns(_topic_arn: &str) -> Result<EventsConfig, String> {
    Err("this build does not support SNS; build with `--features aws-events`".to_owned())
}

/// Opens the configured sink. Makes no request yet.
///
/// # Errors
/// The reason if a URL is invalid.
pub async fn open(config: &EventsConfig) -> Result<Arc<dyn EventSink>, String> {
    Ok(match config {
        EventsConfig::Log => Arc::new(LogSink),
        EventsConfig::Http(url) => Arc::new(HttpSink::new(url)?),
        #[cfg(feature = "aws")]
        EventsConfig::EventBridge { bus } => Arc::new(crate::aws::EventBridgeSink::connect(bus).await),
        #[cfg(feature = "aws")]
        EventsConfig::Sns { topic_arn } => Arc::new(crate::aws::SnsSink::connect(topic_arn).await),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_destination_is_rejected_by_name() {
        for text in [
            "",
            "Log",
            "http",
            "http:example.com",
            "ftp://example.com",
            "eventbridge",
            "eventbridge:",
            "eventbridge:a b",
            "eventbridge:a:b",
            "sns:topic",
            "sns:arn:aws:sqs:eu-north-1:1:queue",
            "sns:arn:aws:sns:eu-north-1::topic",
        ] {
            let problem = EventsConfig::parse(text).expect_err(text);
            assert!(problem.contains("is not `log`"), "{text}: {problem}");
        }
        assert_eq!(EventsConfig::parse("log"), Ok(EventsConfig::Log));
        assert_eq!(EventsConfig::parse("http://a/b"), Ok(EventsConfig::Http("http://a/b".to_owned())));
    }

    #[test]
    fn a_build_reports_the_missing_feature() {
        let topic_arn = "arn:aws:sns:eu-north-1:123456789012:orders.fifo";
        let read = [EventsConfig::parse("eventbridge:shop"), EventsConfig::parse(&format!("sns:{topic_arn}"))];
        #[cfg(feature = "aws")]
        assert_eq!(
            read,
            [
                Ok(EventsConfig::EventBridge { bus: "shop".to_owned() }),
                Ok(EventsConfig::Sns { topic_arn: topic_arn.to_owned() })
            ]
        );
        #[cfg(not(feature = "aws"))]
        for unsupported in read {
            assert!(unsupported.expect_err("there is no SDK").contains("--features aws-events"));
        }
    }
}
