//! Stripe's HTTP API: payment intents with manual capture, refunds, webhooks.
//!
//! Amounts are in Stripe's units; cards are identified by Stripe's tokens (`pm_`), which the browser gets from Stripe.
//! This process never receives a card number.

mod amount;
mod client;
mod limits;
mod wire;

use async_trait::async_trait;
use http::StatusCode;
use secrecy::SecretString;
use shopease_shop::domain::{ChargeLimits, Currency, ReportedRefund, Reversals};
use shopease_shop::ports::{
    ConfirmIntent, CreateIntent, IntentStatus, PaymentError, PaymentEvent, PaymentIntent, PaymentProvider,
    RefundIntent, WebhookError,
};
use time::OffsetDateTime;

use crate::signature::verify;
use amount::to_stripe;
use client::{Failure, StripeClient};
use serde::de::DeserializeOwned;
use wire::{Dispute, Event, Intent, List, Listed, Refund, Subject};

/// The header with the signature of a webhook.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// Expands the charge in every response, because it contains the refunded amount.
const EXPAND_CHARGE: (&str, &str) = ("expand[]", "latest_charge");

/// Most pages of a list that are read, [`PAGE`] entries each: more refunds or disputes than any payment has.
const MAX_PAGES: usize = 10;
const PAGE: &str = "100";

/// The events that report a change of an intent, its refunds, or its disputes; a Stripe endpoint needs no others.
const EVENT_TYPES: [&str; 16] = [
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// Payments with Stripe.
#[derive(Debug, Clone)]
pub struct StripeProvider {
    client: StripeClient,
    webhook_secret: SecretString,
}

impl StripeProvider {
    /// Creates a provider with a secret key (`sk_...` or a restricted `rk_...`) and the secret of its webhook endpoint
    /// (`whsec_...`).
    ///
    /// # Errors
    /// The reason if TLS cannot be set up because this machine has no root certificates.
    pub fn new(secret_key: SecretString, webhook_secret: SecretString) -> Result<Self, String> {
        Ok(Self { client: StripeClient::new(secret_key)?, webhook_secret })
    }

    /// Uses another base URL than `https://api.stripe.com`, for tests.
    ///
    /// # Errors
    /// The reason if it is neither `https` nor `http` to this machine.
    pub fn with_base_url(self, base_url: &str) -> Result<Self, String> {
        Ok(Self { client: self.client.with_base_url(base_url)?, ..self })
    }

    async fn retrieve(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError> {
        let intent: Intent = self.client.get(&["payment_intents", intent_id], &[EXPAND_CHARGE]).await?;
        intent.into_port()
    }

    /// All objects of a kind that belong to an intent; Stripe lists the newest first.
    async fn list<T: Listed + DeserializeOwned>(&self, kind: &str, intent_id: &str) -> Result<Vec<T>, PaymentError> {
        let mut found: Vec<T> = Vec::new();
        for _ in 0..MAX_PAGES {
            let last = found.last().map(|last| last.id().to_owned());
            let mut query = vec![("payment_intent", intent_id), ("limit", PAGE)];
            query.extend(last.as_deref().map(|last| ("starting_after", last)));
            let page: List<T> = self.client.get(&[kind], &query).await?;
            let is_last = !page.has_more || page.data.is_empty();
            found.extend(page.data);
            if is_last {
                found.reverse();
                return Ok(found);
            }
        }
        Err(PaymentError::Unknown(format!("Stripe lists more {kind} for one payment than can be read")))
    }

    /// The intent embedded in an error, or otherwise its current state.
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

    fn charge_limits(&self, currency: Currency) -> ChargeLimits {
        limits::of(currency)
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
            // Stripe does not know the card's token; the intent does not exist yet.
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
                // The error belongs to this attempt; the intent may have changed since.
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
            // Stripe rejects canceling an intent that is already canceled, including one that it canceled itself when
            // the authorization expired.
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

    async fn refund(&self, request: &RefundIntent) -> Result<ReportedRefund, PaymentError> {
        let Some(amount) = to_stripe(request.amount) else {
            return Err(PaymentError::Refused { code: "amount_not_representable".to_owned() });
        };
        let form = [
            ("payment_intent", request.intent_id.as_str()),
            ("amount", &amount.to_string()),
            ("metadata[order_id]", request.order_id.as_str()),
            ("metadata[refund_id]", request.refund_id.as_str()),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let refund: Refund = self.client.post(&["refunds"], &request.key, &form).await?;
        refund.into_port()
    }

    async fn find_reversals(&self, intent_id: &str) -> Result<Reversals, PaymentError> {
        let refunds: Vec<Refund> = self.list("refunds", intent_id).await?;
        let disputes: Vec<Dispute> = self.list("disputes", intent_id).await?;
        Ok(Reversals {
            refunds: refunds.into_iter().map(Refund::into_port).collect::<Result<_, _>>()?,
            disputes: disputes.into_iter().map(Dispute::into_port).collect::<Result<_, _>>()?,
        })
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
        let of_intent = event.kind.starts_with("payment_intent.");
        // Refunds made at Stripe and disputes do not contain the order, but their intent does. An intent or charge
        // without an order was not paid in this shop.
        let may_lack_order = !of_intent && event.kind != "charge.refunded";
        let (intent_id, order_id) = if of_intent {
            (Some(object.id), object.metadata.order_id())
        } else {
            (object.payment_intent, object.metadata.order_id())
        };
        let names_one = order_id.is_some() || may_lack_order;
        Ok(intent_id.filter(|_| names_one).map(|intent_id| PaymentEvent { id: event.id, intent_id, order_id }))
    }
}
