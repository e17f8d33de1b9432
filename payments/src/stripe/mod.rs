//! Stripe, by its HTTP API: payment intents with manual capture, refunds, webhooks.
//!
//! Amounts are in Stripe's own units; cards are known by Stripe's tokens (`pm_`), which the browser gets from
//! Stripe. No card number ever comes here.

mod amount;
mod client;
mod wire;

use async_trait::async_trait;
use http::StatusCode;
use secrecy::SecretString;
use shopease_shop::ports::{
    ConfirmIntent, CreateIntent, IntentStatus, PaymentError, PaymentEvent, PaymentIntent, PaymentProvider,
    RefundIntent, WebhookError,
};
use time::OffsetDateTime;

use crate::signature::verify;
use amount::to_stripe;
use client::{Failure, StripeClient};
use wire::{Event, Intent, Refund, Subject};

/// The header that carries the signature of a webhook.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// Every answer shall hold the charge, which knows what was given back.
const EXPAND_CHARGE: (&str, &str) = ("expand[]", "latest_charge");

/// The events that say that an intent has changed; an endpoint at Stripe needs no others.
const EVENT_TYPES: [&str; 7] = [
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "charge.refunded",
];

/// Payments by Stripe.
#[derive(Debug, Clone)]
pub struct StripeProvider {
    client: StripeClient,
    webhook_secret: SecretString,
}

impl StripeProvider {
    /// Stripe with a secret key (`sk_...` or a restricted `rk_...`) and the secret of its webhook endpoint (`whsec_...`).
    ///
    /// # Errors
    /// A reason when TLS cannot be set up: there are no root certificates on this machine.
    pub fn new(secret_key: SecretString, webhook_secret: SecretString) -> Result<Self, String> {
        Ok(Self { client: StripeClient::new(secret_key)?, webhook_secret })
    }

    /// The same at another address than `https://api.stripe.com`, for tests.
    ///
    /// # Errors
    /// A reason when it is neither `https` nor `http` to this machine.
    pub fn with_base_url(self, base_url: &str) -> Result<Self, String> {
        Ok(Self { client: self.client.with_base_url(base_url)?, ..self })
    }

    async fn retrieve(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError> {
        let intent: Intent = self.client.get(&["payment_intents", intent_id], &[EXPAND_CHARGE]).await?;
        intent.into_port()
    }

    /// The intent of an error, or as it is now where the error has none.
    async fn intent_of(&self, intent_id: &str, embedded: Option<Box<Intent>>) -> Result<PaymentIntent, PaymentError> {
        match embedded.map(|intent| intent.into_port()) {
            Some(Ok(intent)) => Ok(intent),
            Some(Err(_)) | None => self.retrieve(intent_id).await,
        }
    }
}

#[async_trait]
impl PaymentProvider for StripeProvider {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn accepts(&self, method: &str) -> bool {
        let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        method.strip_prefix("pm_").is_some_and(|rest| (1..=250).contains(&rest.len()) && word(rest))
    }

    async fn create_intent(&self, request: &CreateIntent) -> Result<PaymentIntent, PaymentError> {
        if !self.accepts(&request.method) {
            return Err(PaymentError::Refused { code: "unknown_card".to_owned() });
        }
        let Some(amount) = to_stripe(request.amount) else {
            return Err(PaymentError::Refused { code: "amount_not_representable".to_owned() });
        };
        let form = [
            ("amount", amount.to_string().as_str()),
            ("currency", &request.amount.currency.code().to_ascii_lowercase()),
            ("capture_method", "manual"),
            ("payment_method", &request.method),
            ("payment_method_types[]", "card"),
            ("metadata[order_id]", request.order_id.as_str()),
            EXPAND_CHARGE,
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let created: Result<Intent, Failure> = self.client.post(&["payment_intents"], &request.key, &form).await;
        match created {
            Ok(intent) => intent.into_port(),
            // It is the card's token that Stripe does not know, not the intent.
            Err(Failure::Api { error, .. }) => Err(PaymentError::Refused { code: error.code() }),
            Err(unknown) => Err(unknown.into()),
        }
    }

    async fn confirm(&self, request: &ConfirmIntent) -> Result<PaymentIntent, PaymentError> {
        let form = [("return_url", request.return_url.as_str()), EXPAND_CHARGE];
        let path = ["payment_intents", &request.intent_id, "confirm"];
        let confirmed: Result<Intent, Failure> = self.client.post(&path, &request.key, &form).await;
        match confirmed {
            Ok(intent) => intent.into_port(),
            Err(Failure::Api { status: StatusCode::PAYMENT_REQUIRED, mut error }) => {
                let embedded = error.payment_intent.take();
                let intent = self.intent_of(&request.intent_id, embedded).await?;
                // The error belongs to this attempt; the intent may have gone on since.
                let declined = matches!(intent.status, IntentStatus::Declined { .. });
                let status = if declined { IntentStatus::Declined { code: error.code() } } else { intent.status };
                Ok(PaymentIntent { status, ..intent })
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn find_intent(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError> {
        self.retrieve(intent_id).await
    }

    async fn capture(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError> {
        let path = ["payment_intents", intent_id, "capture"];
        let intent: Intent = self.client.post(&path, key, &[EXPAND_CHARGE]).await?;
        intent.into_port()
    }

    async fn cancel(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError> {
        let path = ["payment_intents", intent_id, "cancel"];
        let cancelled: Result<Intent, Failure> = self.client.post(&path, key, &[EXPAND_CHARGE]).await;
        match cancelled {
            Ok(intent) => intent.into_port(),
            // Stripe refuses to cancel what is cancelled, also what it cancelled itself when the hold ended.
            Err(Failure::Api { status: StatusCode::BAD_REQUEST, mut error }) => {
                let embedded = error.payment_intent.take();
                let intent = self.intent_of(intent_id, embedded).await?;
                if intent.status == IntentStatus::Cancelled {
                    Ok(intent)
                } else {
                    Err(PaymentError::Refused { code: error.code() })
                }
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn refund(&self, request: &RefundIntent) -> Result<PaymentIntent, PaymentError> {
        let Some(amount) = to_stripe(request.amount) else {
            return Err(PaymentError::Refused { code: "amount_not_representable".to_owned() });
        };
        let form = [
            ("payment_intent", request.intent_id.as_str()),
            ("amount", &amount.to_string()),
            ("expand[]", "payment_intent.latest_charge"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let refund: Refund = self.client.post(&["refunds"], &request.key, &form).await?;
        match refund.status.as_deref() {
            Some("failed" | "canceled") => {
                let code = refund.failure_reason.unwrap_or_else(|| "refund_failed".to_owned());
                Err(PaymentError::Refused { code })
            }
            _ => refund.payment_intent.into_port(),
        }
    }

    fn read_webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
        now: OffsetDateTime,
    ) -> Result<Option<PaymentEvent>, WebhookError> {
        verify(&self.webhook_secret, signature, body, now)?;
        let unreadable = |error: serde_json::Error| WebhookError::Unreadable(error.to_string());
        let event: Event = serde_json::from_slice(body).map_err(unreadable)?;
        if !EVENT_TYPES.contains(&event.kind.as_str()) {
            return Ok(None);
        }
        let Subject { object } = serde_json::from_value(event.data).map_err(unreadable)?;
        let charge = event.kind.starts_with("charge.");
        let intent_id = if charge { object.payment_intent } else { Some(object.id) };
        // What has no order was not paid in this shop.
        Ok(intent_id.zip(object.metadata.order_id()).map(|(intent_id, order_id)| PaymentEvent {
            id: event.id,
            intent_id,
            order_id,
        }))
    }
}
