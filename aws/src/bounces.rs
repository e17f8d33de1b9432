//! Returned mails that SES had accepted: its events, by EventBridge, in a queue of SQS. Two calls, signed here (ADR 16).

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use shopease_process::config::Reader;
use shopease_shop::domain::MailId;
use shopease_shop::ports::{BounceQueue, BounceReport, Env, ReturnedMail, Source};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::service::{Call, Failure, RetryLimits, Service, host};

/// Environment variable.
const NAME: &str = "SHOPEASE_MAIL_BOUNCES";
/// Time limit of a call: the worker has other work.
const LIMITS: RetryLimits = RetryLimits { tries: 2, in_all: Duration::from_secs(5) };
/// Most messages of a call: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const MESSAGES: u32 = 10;
/// How long received messages are hidden from other workers: longer than recording ten takes.
const HIDDEN_SECONDS: u32 = 120;
/// Largest response: ten messages of 256 KB, escaped.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The URL of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrl(String);

impl QueueUrl {
    /// Reads `SHOPEASE_MAIL_BOUNCES`: the queue of returned mails, if there is one.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.optional::<String>(NAME)?;
        let parsed = text.parse();
        if parsed.is_err() {
            reader.problem(NAME, format!("{text:?} is not the URL of an SQS queue"));
        }
        parsed.ok()
    }
}

impl FromStr for QueueUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let is_queue = |url: Url| matches!(url.scheme(), "https" | "http") && url.path().len() > 1;
        if text.parse().is_ok_and(is_queue) { Ok(Self(text.to_owned())) } else { Err("not the URL of a queue") }
    }
}

/// Opens the queue, if there is one. Makes no request yet.
///
/// # Errors
/// What is missing.
pub async fn open_bounces(
    url: Option<&QueueUrl>,
    env: &(dyn Env + Sync),
) -> Result<Option<Arc<dyn BounceQueue>>, String> {
    let Some(url) = url else { return Ok(None) };
    Ok(Some(Arc::new(SqsBounces::connect(url, env).await?)))
}

/// Reports about returned mails, in a queue of SQS.
#[derive(Debug, Clone)]
pub struct SqsBounces {
    service: Service,
    url: String,
}

impl SqsBounces {
    /// A queue, read with this process's credentials. Makes no request yet.
    ///
    /// # Errors
    /// What is missing.
    pub async fn connect(url: &QueueUrl, env: &(dyn Env + Sync)) -> Result<Self, String> {
        let service = Service::connect("sqs", env, |region| host("sqs", region)).await;
        let service = service.map_err(|reason| format!("{NAME}: {reason}"))?;
        Ok(Self { service, url: url.0.clone() })
    }

    async fn call(&self, action: &str, mut body: Value) -> Result<Vec<u8>, Failure> {
        body["QueueUrl"] = self.url.clone().into();
        let call = Call {
            method: Method::POST,
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.0".to_owned()),
                ("x-amz-target", format!("AmazonSQS.{action}")),
            ],
            body: body.to_string().into_bytes(),
            max_bytes: MAX_ANSWER_BYTES,
        };
        self.service.send(&call, LIMITS).await.map(|(_, body)| body)
    }
}

#[async_trait]
impl BounceQueue for SqsBounces {
    async fn receive(&self) -> Result<Vec<BounceReport>, Source> {
        let body = json!({ "MaxNumberOfMessages": MESSAGES, "VisibilityTimeout": HIDDEN_SECONDS });
        let received: Received = serde_json::from_slice(&self.call("ReceiveMessage", body).await?)?;
        let report = |message: Message| BounceReport { mail: returned(&message.body), receipt: message.receipt_handle };
        Ok(received.messages.into_iter().map(report).collect())
    }

    async fn remove(&self, receipt: &str) -> Result<(), Source> {
        self.call("DeleteMessage", json!({ "ReceiptHandle": receipt })).await?;
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    receipt_handle: String,
    body: String,
}

/// An event of EventBridge, with what is needed of SES's:
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>
#[derive(Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    bounce: Bounce,
    mail: Mail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    #[serde(rename = "bounceType")]
    kind: String,
    #[serde(rename = "bounceSubType")]
    cause: String,
    #[serde(default)]
    bounced_recipients: Vec<Recipient>,
    timestamp: String,
}

#[derive(Deserialize)]
struct Recipient {
    status: Option<String>,
}

#[derive(Deserialize)]
struct Mail {
    tags: Tags,
}

#[derive(Deserialize)]
struct Tags {
    mail: [String; 1],
}

/// The mail that an event says was returned. A transient bounce without a cause is an automatic reply, such as that of somebody on
/// vacation.
fn returned(event: &str) -> Option<ReturnedMail> {
    let Event { detail: Detail { bounce, mail } } = serde_json::from_str(event)
        .inspect_err(|error| tracing::warn!(%error, "a message in the queue of returned mails is not a bounce of SES"))
        .ok()?;
    if bounce.kind != "Permanent" && bounce.cause == "General" {
        return None;
    }
    let Tags { mail: [tag] } = mail.tags;
    let status = bounce.bounced_recipients.into_iter().find_map(|recipient| recipient.status);
    Some(ReturnedMail {
        id: MailId::from_tag(&tag).ok()?,
        code: status.unwrap_or(bounce.cause),
        at: OffsetDateTime::parse(&bounce.timestamp, &Rfc3339).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use shopease_shop::testing::fixtures;
    use time::macros::datetime;

    use super::*;

    /// The published example, in the envelope of EventBridge.
    fn event(kind: &str, sub_type: &str, status: Option<&str>, tag: &str) -> String {
        let recipient = json!({ "emailAddress": "recipient@example.com", "action": "failed", "status": status });
        json!({
            "version": "0", "detail-type": "Email Bounced", "source": "aws.ses", "region": "eu-west-1",
            "detail": {
                "eventType": "Bounce",
                "bounce": {
                    "bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": [recipient],
                    "timestamp": "2026-08-05T00:41:02.669Z", "reportingMTA": "dsn; mta.example.com"
                },
                "mail": { "messageId": "EXAMPLE", "tags": { "mail": [tag], "ses:source-ip": ["192.0.2.0"] } }
            }
        })
        .to_string()
    }

    #[test]
    fn a_bounce_is_read_with_its_status_or_its_kind() {
        let id = fixtures::mail_id();
        for (kind, sub_type, status, code) in [
            ("Permanent", "General", Some("5.1.1"), Some("5.1.1")),
            ("Permanent", "Suppressed", None, Some("Suppressed")),
            ("Transient", "MailboxFull", Some("4.2.2"), Some("4.2.2")),
            ("Transient", "General", None, None),
        ] {
            let expected = code.map(|code| ReturnedMail {
                id: id.clone(),
                code: code.to_owned(),
                at: datetime!(2026-08-05 00:41:02.669 UTC),
            });
            assert_eq!(returned(&event(kind, sub_type, status, &id.tag())), expected, "{kind} {sub_type}");
        }
        for other in ["", "{}", r#"{"detail":{"eventType":"Delivery","mail":{"tags":{}}}}"#] {
            assert_eq!(returned(other), None, "{other}");
        }
        assert_eq!(returned(&event("Permanent", "General", None, "somebody-else")), None);
    }
}
