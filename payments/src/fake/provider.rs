//! [`FakeProvider`]: the port over a [`Ledger`], in this process or behind HTTP, with the same results.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use shopease_shop::domain::{ChargeLimits, Currency, HOSTED_PAGE, Money, OrderId, ReportedRefund, Reversals};
use shopease_shop::ports::{
    ConfirmIntent, CreateIntent, PaymentError, PaymentEvent, PaymentIntent, PaymentOption, PaymentProvider,
    RefundIntent, WebhookError,
};
use time::OffsetDateTime;

use super::cards::{Behavior, behavior, test_cards};
use super::command::{Command, LedgerError, UNKNOWN_CARD};
use super::intent::{EventType, Intent};
use super::ledger::Ledger;
use super::remote::RemoteLedger;
use super::service::wire::IntentBody;
use crate::signature::verify;

/// The payment provider for laptops and tests.
#[derive(Debug, Clone)]
pub struct FakeProvider {
    backend: Backend,
    webhook_secret: SecretString,
}

#[derive(Debug, Clone)]
enum Backend {
    Ledger { ledger: Arc<Ledger>, page_base_url: Option<String> },
    Remote(RemoteLedger),
}

impl FakeProvider {
    /// A provider whose ledger is in this process. `page_base_url` is the base URL of
    /// [`bank_router`](super::service::bank_router); without it, the card that requires confirmation is rejected.
    pub fn in_process(ledger: Arc<Ledger>, page_base_url: Option<String>, webhook_secret: SecretString) -> Self {
        Self { backend: Backend::Ledger { ledger, page_base_url }, webhook_secret }
    }

    /// A provider at a base URL such as `http://payments:8090`, where [`serve`](super::service::serve) runs.
    ///
    /// # Errors
    /// The reason if the URL is not a plain `http` URL.
    pub fn remote(base_url: &str, webhook_secret: SecretString) -> Result<Self, String> {
        Ok(Self { backend: Backend::Remote(RemoteLedger::new(base_url)?), webhook_secret })
    }

    async fn execute(&self, key: &str, command: Command) -> Result<PaymentIntent, PaymentError> {
        match &self.backend {
            Backend::Ledger { ledger, page_base_url } => {
                let intent = to_port_result(ledger.execute_async(key, command).await)?;
                Ok(intent.to_port(page_base_url.as_deref()))
            }
            Backend::Remote(remote) => remote.execute(key, &command).await.map(IntentBody::into_port),
        }
    }
}

/// Converts a result of the ledger to the port's terms.
fn to_port_result(result: Result<Intent, LedgerError>) -> Result<Intent, PaymentError> {
    match result {
        Ok(intent) => Ok(intent),
        Err(LedgerError::Refused { code }) => Err(PaymentError::Refused { code }),
        Err(LedgerError::NotFound) => Err(PaymentError::NotFound),
        Err(error @ (LedgerError::KeyInUse | LedgerError::Unavailable)) => {
            Err(PaymentError::Unknown(error.to_string()))
        }
    }
}

#[async_trait]
impl PaymentProvider for FakeProvider {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn options(&self, total: Money) -> Vec<PaymentOption> {
        let cards = test_cards()
            .map(|(token, title)| PaymentOption::TestCard { token: token.to_owned(), title: title.to_owned() });
        let page = PaymentOption::HostedPage { token: HOSTED_PAGE.to_owned() };
        let fields = PaymentOption::Elements {
            script_url: None,
            publishable_key: "pk_test_fake".to_owned(),
            amount: total.amount_minor,
        };
        let accepted = |option: &PaymentOption| match option {
            PaymentOption::TestCard { token, .. } | PaymentOption::HostedPage { token } => self.accepts(token),
            PaymentOption::Elements { .. } => true,
            PaymentOption::BankTransfer { .. } => false,
        };
        cards.chain([fields, page]).filter(accepted).collect()
    }

    fn accepts(&self, method: &str) -> bool {
        match (behavior(method), &self.backend) {
            (None, _) => false,
            (Some(Behavior::RequiresAction | Behavior::AsksForCard), Backend::Ledger { page_base_url, .. }) => {
                page_base_url.is_some()
            }
            (Some(_), _) => true,
        }
    }

    fn charge_limits(&self, _: Currency) -> ChargeLimits {
        ChargeLimits::NONE
    }

    async fn create_intent(&self, request: &CreateIntent) -> Result<PaymentIntent, PaymentError> {
        if !self.accepts(&request.method) {
            return Err(PaymentError::Refused { code: UNKNOWN_CARD.to_owned() });
        }
        let CreateIntent { key, order_id, amount, method, .. } = request.clone();
        self.execute(&key, Command::Create { order_id, amount, method }).await
    }

    async fn confirm(&self, request: &ConfirmIntent) -> Result<PaymentIntent, PaymentError> {
        let ConfirmIntent { key, intent_id, return_url, .. } = request.clone();
        self.execute(&key, Command::Confirm { intent_id, return_url }).await
    }

    async fn find_intent(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError> {
        match &self.backend {
            Backend::Ledger { ledger, page_base_url } => {
                Ok(to_port_result(ledger.find(intent_id))?.to_port(page_base_url.as_deref()))
            }
            Backend::Remote(remote) => remote.find(intent_id).await.map(IntentBody::into_port),
        }
    }

    async fn capture(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError> {
        self.execute(key, Command::Capture { intent_id: intent_id.to_owned() }).await
    }

    async fn cancel(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError> {
        self.execute(key, Command::Cancel { intent_id: intent_id.to_owned() }).await
    }

    async fn refund(&self, request: &RefundIntent) -> Result<ReportedRefund, PaymentError> {
        let RefundIntent { key, intent_id, amount, refund_id, .. } = request.clone();
        let command = Command::Refund { intent_id, amount, refund_id: Some(refund_id) };
        let intent = match &self.backend {
            Backend::Ledger { ledger, .. } => to_port_result(ledger.execute_async(&key, command).await)?,
            Backend::Remote(remote) => remote.execute(&key, &command).await?.into_intent(),
        };
        let made = intent.refund_of(&request.refund_id);
        made.ok_or_else(|| PaymentError::Unknown("the response does not contain the refund".to_owned()))
    }

    async fn find_reversals(&self, intent_id: &str) -> Result<Reversals, PaymentError> {
        let intent = match &self.backend {
            Backend::Ledger { ledger, .. } => to_port_result(ledger.find(intent_id))?,
            Backend::Remote(remote) => remote.find(intent_id).await?.into_intent(),
        };
        Ok(intent.reversals())
    }

    fn read_webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
        now: OffsetDateTime,
    ) -> Result<Option<PaymentEvent>, WebhookError> {
        verify(&self.webhook_secret, signature, body, now)?;
        let unreadable = |error: serde_json::Error| WebhookError::Unreadable(error.to_string());
        let envelope: Envelope = serde_json::from_slice(body).map_err(unreadable)?;
        if serde_json::from_value::<EventType>(envelope.event_type.into()).is_err() {
            return Ok(None);
        }
        let Subject { intent_id, order_id } = serde_json::from_value(envelope.data).map_err(unreadable)?;
        Ok(Some(PaymentEvent { id: envelope.id, intent_id, order_id: Some(order_id) }))
    }
}

/// The envelope of any event.
#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(default)]
    data: serde_json::Value,
}

/// The part of an event that the shop reads.
#[derive(Deserialize)]
struct Subject {
    intent_id: String,
    order_id: OrderId,
}
