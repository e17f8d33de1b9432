//! Events over HTTP: each message as one JSON `POST`, in order. A rejected message delays only later ones of its
//! subject.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, StatusCode, Url};
use shopease_shop::ports::{Consumer, Delivery, EventSink, OutboxMessage};

use crate::event::Event;

/// Timeout after which a receiver is considered unavailable.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Posts events to a URL. The body is the message (`id`, `topic`, `subject`, `occurred_at`); the header
/// `Idempotency-Key` is its ID, because delivery may repeat.
#[derive(Debug, Clone)]
pub struct HttpSink {
    client: Client,
    url: Url,
}

impl HttpSink {
    /// Creates a sink that posts to `url`.
    ///
    /// # Errors
    /// The reason if it is not a URL.
    pub fn new(url: &str) -> Result<Self, String> {
        let url = url.parse().map_err(|error| format!("{url:?} is not a URL: {error}"))?;
        let client = Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self { client: client.map_err(|error| error.to_string())?, url })
    }

    /// The status of the response. A redirect is not followed, because most receivers would get a GET.
    async fn post(&self, message: &OutboxMessage) -> Result<StatusCode, reqwest::Error> {
        let request = self.client.post(self.url.clone()).header("idempotency-key", message.id.as_str());
        let request = request.json(&Event::from(message));
        Ok(request.send().await?.status())
    }
}

/// Whether the receiver is currently unavailable.
fn is_unavailable(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE)
}

#[async_trait]
impl EventSink for HttpSink {
    fn consumer(&self) -> Consumer {
        Consumer::Http
    }

    async fn deliver(&self, messages: &[OutboxMessage]) -> Delivery {
        let mut taken = Vec::with_capacity(messages.len());
        // After a rejected event, later events of its subject wait, so that they do not overtake it.
        let mut waiting = BTreeSet::new();
        for message in messages {
            if waiting.contains(message.subject.as_str()) {
                continue;
            }
            let (is_away, reason) = match self.post(message).await {
                Ok(status) if status.is_success() => {
                    taken.push(message.clone());
                    continue;
                }
                Ok(status) => (is_unavailable(status), status.to_string()),
                Err(error) => (true, error.without_url().to_string()),
            };
            tracing::warn!(event_id = %message.id, error = reason, "event was not accepted");
            if is_away {
                return Delivery { taken, is_away };
            }
            waiting.insert(message.subject.as_str());
        }
        Delivery { taken, is_away: false }
    }
}
