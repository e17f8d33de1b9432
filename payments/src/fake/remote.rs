//! The ledger behind HTTP: the client of [`service`](super::service).

use std::fmt::Display;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use shopease_shop::ports::PaymentError;

use super::command::Command;
use super::service::wire::{ConfirmBody, CreateBody, ErrorBody, IntentBody, NOT_FOUND, RefundBody};

/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(super) struct RemoteLedger {
    client: Client,
    base: Url,
}

impl RemoteLedger {
    pub fn new(base: &str) -> Result<Self, String> {
        let base: Url = base.parse().map_err(|error| format!("{base:?} is not a URL: {error}"))?;
        if base.scheme() != "http" || !base.has_host() {
            return Err(format!("{base} is not a URL such as http://payments:8090"));
        }
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, base })
    }

    fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // Only URLs with a host are accepted, and those have path segments. Each segment is escaped.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", "payment_intents"]).extend(segments);
        }
        self.client.request(method, url)
    }

    pub async fn execute(&self, key: &str, command: &Command) -> Result<IntentBody, PaymentError> {
        let post = |segments: &[&str]| self.request(Method::POST, segments).header("idempotency-key", key);
        let request = match command {
            Command::Create { order_id, amount, method } => {
                let body = CreateBody { order_id: order_id.clone(), amount: *amount, method: method.clone() };
                post(&[]).json(&body)
            }
            Command::Confirm { intent_id, return_url } => {
                post(&[intent_id, "confirm"]).json(&ConfirmBody { return_url: return_url.clone() })
            }
            Command::Capture { intent_id } => post(&[intent_id, "capture"]),
            Command::Cancel { intent_id } => post(&[intent_id, "cancel"]),
            Command::Refund { intent_id, amount, refund_id } => {
                let body = RefundBody { amount: *amount, refund_id: refund_id.clone() };
                post(&[intent_id, "refund"]).json(&body)
            }
            Command::Authenticate { .. }
            | Command::Pay { .. }
            | Command::FailRefund { .. }
            | Command::Dispute { .. } => {
                return Err(unknown("only the shopper and the bank can do this"));
            }
        };
        send(request).await
    }

    pub async fn find(&self, intent_id: &str) -> Result<IntentBody, PaymentError> {
        send(self.request(Method::GET, &[intent_id])).await
    }
}

fn unknown(reason: impl Display) -> PaymentError {
    PaymentError::Unknown(reason.to_string())
}

async fn send(request: RequestBuilder) -> Result<IntentBody, PaymentError> {
    let response = request.send().await.map_err(unknown)?;
    let status = response.status();
    let body = response.bytes().await.map_err(unknown)?;
    if status == StatusCode::OK {
        return serde_json::from_slice::<IntentBody>(&body).map_err(unknown);
    }
    let error = serde_json::from_slice::<ErrorBody>(&body).ok().map(|body| body.error);
    match (status, error) {
        (StatusCode::PAYMENT_REQUIRED, Some(error)) if error.intent.is_some() => {
            error.intent.ok_or_else(|| unknown(status))
        }
        (StatusCode::BAD_REQUEST, Some(error)) => Err(PaymentError::Refused { code: error.code }),
        (StatusCode::NOT_FOUND, Some(error)) if error.code == NOT_FOUND => Err(PaymentError::NotFound),
        (status, _) => Err(unknown(format!("the payment service returned status {status}"))),
    }
}
