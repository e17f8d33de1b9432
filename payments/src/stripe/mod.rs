//! Stripe's HTTP API: payment intents with manual capture, refunds, webhooks.
//!
//! Amounts are in Stripe's units. What a shopper pays with is identified by Stripe's tokens: of a card (`pm_`), or of whatever was
//! entered into Stripe's fields on the checkout page (`ctoken_`). Or the shopper pays on Stripe's own page. This process never receives
//! a card number.

mod amount;
mod client;
mod limits;
mod session;
mod wire;

use async_trait::async_trait;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use shopease_shop::domain::{ChargeLimits, Currency, HOSTED_PAGE, Money, ReportedRefund, Reversals};
use shopease_shop::ports::{
    ConfirmIntent, CreateIntent, IntentStatus, PaymentError, PaymentEvent, PaymentIntent, PaymentOption,
    PaymentProvider, RefundIntent, WebhookError,
};
use time::OffsetDateTime;

use crate::signature::verify;
use amount::to_stripe;
use client::{Failure, StripeClient};
use serde::de::DeserializeOwned;
use session::{EXPAND_PAYMENT, Session, is_session};
use wire::{Dispute, Event, Intent, List, Listed, Refund, Subject};

/// The header with the signature of a webhook.
pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// Expands the charge in every response, because it contains the refunded amount.
const EXPAND_CHARGE: (&str, &str) = ("expand[]", "latest_charge");

/// Most pages of a list that are read, [`PAGE`] entries each: more refunds or disputes than any payment has.
const MAX_PAGES: usize = 10;
const PAGE: &str = "100";

/// The events that report a change of an intent, its refunds, or its disputes; a Stripe endpoint needs no others.
const EVENT_TYPES: [&str; 20] = [
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
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

/// Stripe's script, which must come from Stripe. The name in the URL is the version of the script, not of the API.
const SCRIPT_URL: &str = "https://js.stripe.com/clover/stripe.js";

/// Cards of Stripe's test mode, by their documented tokens.
const TEST_CARDS: [(&str, &str); 4] = [
    ("pm_card_visa", "Stripe test card (approved)"),
    ("pm_card_visa_chargeDeclined", "Stripe test card (declined)"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "Stripe test card (insufficient funds)"),
    ("pm_card_authenticationRequired", "Stripe test card (bank confirmation required)"),
];

/// Token of something entered into Stripe's fields. It comes with the confirmation, not with the creation of an intent.
fn is_confirmation_token(method: &str) -> bool {
    method.starts_with("ctoken_")
}

/// Payments with Stripe.
#[derive(Debug, Clone)]
pub struct StripeProvider {
    client: StripeClient,
    webhook_secret: SecretString,
    publishable_key: Option<String>,
    is_test: bool,
}

impl StripeProvider {
    /// Creates a provider with a secret key (`sk_...` or a restricted `rk_...`) and the secret of its webhook endpoint
    /// (`whsec_...`).
    ///
    /// # Errors
    /// The reason if TLS cannot be set up because this machine has no root certificates.
    pub fn new(secret_key: SecretString, webhook_secret: SecretString) -> Result<Self, String> {
        let is_test = secret_key.expose_secret().contains("_test_");
        Ok(Self { client: StripeClient::new(secret_key)?, webhook_secret, publishable_key: None, is_test })
    }

    /// Uses another base URL than `https://api.stripe.com`, for tests.
    ///
    /// # Errors
    /// The reason if it is neither `https` nor `http` to this machine.
    pub fn with_base_url(self, base_url: &str) -> Result<Self, String> {
        Ok(Self { client: self.client.with_base_url(base_url)?, ..self })
    }

    /// Offers Stripe's fields on the checkout page, with a publishable key (`pk_...`).
    ///
    /// # Errors
    /// The reason if it is no such key, or one of test mode beside a live secret key, or the reverse.
    pub fn with_publishable_key(self, key: String) -> Result<Self, String> {
        if !key.starts_with(if self.is_test { "pk_test_" } else { "pk_live_" }) {
            let mode = if self.is_test { "test" } else { "live" };
            return Err(format!("needs a publishable key of {mode} mode (pk_{mode}_...), as the secret key is"));
        }
        Ok(Self { publishable_key: Some(key), ..self })
    }

    async fn retrieve(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError> {
        if is_session(intent_id) {
            return self.session(intent_id).await?.into_port();
        }
        let intent: Intent = self.client.get(&["payment_intents", intent_id], &[EXPAND_CHARGE]).await?;
        intent.into_port()
    }

    async fn session(&self, id: &str) -> Result<Session, PaymentError> {
        Ok(self.client.get(&["checkout", "sessions", id], &[EXPAND_PAYMENT]).await?)
    }

    /// Closes a payment page. Stripe rejects that if the page has expired, or if the shopper has paid on it; then the payment is
    /// canceled instead.
    async fn close_page(&self, id: &str, key: &str) -> Result<PaymentIntent, PaymentError> {
        let path = ["checkout", "sessions", id, "expire"];
        let session: Session = match self.client.post(&path, key, &[EXPAND_PAYMENT]).await {
            Ok(session) => session,
            Err(Failure::Api { status: StatusCode::BAD_REQUEST, .. }) => self.session(id).await?,
            Err(failure) => return Err(failure.into()),
        };
        match &session.payment_intent {
            Some(payment) if session.is_complete() => self.cancel(&payment.id.clone(), &format!("{key}:payment")).await,
            _ => Ok(PaymentIntent { status: IntentStatus::Cancelled, ..session.into_port()? }),
        }
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

    fn options(&self, total: Money) -> Vec<PaymentOption> {
        let fields = self.publishable_key.clone().zip(to_stripe(total));
        let elements = fields.into_iter().map(|(publishable_key, amount)| PaymentOption::Elements {
            script_url: Some(SCRIPT_URL.to_owned()),
            publishable_key,
            amount,
        });
        let page = PaymentOption::HostedPage { token: HOSTED_PAGE.to_owned() };
        let cards = TEST_CARDS
            .iter()
            .filter(|_| self.is_test)
            .map(|(token, title)| PaymentOption::TestCard { token: (*token).to_owned(), title: (*title).to_owned() });
        elements.chain([page]).chain(cards).collect()
    }

    fn accepts(&self, method: &str) -> bool {
        let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let token = method.strip_prefix("pm_").or_else(|| method.strip_prefix("ctoken_"));
        method == HOSTED_PAGE || token.is_some_and(|rest| (1..=250).contains(&rest.len()) && word(rest))
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
        let created = if request.method == HOSTED_PAGE {
            let form = session::request(request, amount);
            let created = self.client.post::<Session>(&["checkout", "sessions"], &request.key, &form).await;
            created.map(Session::into_port)
        } else {
            let method = if is_confirmation_token(&request.method) {
                vec![("automatic_payment_methods[enabled]", "true")]
            } else {
                vec![("payment_method", request.method.as_str()), ("payment_method_types[]", "card")]
            };
            let (amount, currency) = (amount.to_string(), request.amount.currency.code().to_ascii_lowercase());
            let mut form = vec![("amount", amount.as_str()), ("currency", &currency), ("capture_method", "manual")];
            form.extend(method);
            form.extend([("metadata[order_id]", request.order_id.as_str()), EXPAND_CHARGE]);
            let created = self.client.post::<Intent>(&["payment_intents"], &request.key, &form).await;
            created.map(Intent::into_port)
        };
        match created {
            Ok(intent) => intent,
            // Stripe does not know the token; the intent does not exist yet.
            Err(Failure::Api { error, .. }) => Err(PaymentError::Refused { code: error.code() }),
            Err(unknown) => Err(unknown.into()),
        }
    }

    async fn confirm(&self, request: &ConfirmIntent) -> Result<PaymentIntent, PaymentError> {
        if is_session(&request.intent_id) {
            return self.retrieve(&request.intent_id).await;
        }
        let mut form = vec![("return_url", request.return_url.as_str()), EXPAND_CHARGE];
        if is_confirmation_token(&request.method) {
            form.push(("confirmation_token", &request.method));
        }
        let path = ["payment_intents", &request.intent_id, "confirm"];
        let confirmed: Result<Intent, Failure> = self.client.post(&path, &request.key, &form).await;
        match confirmed {
            Ok(intent) => intent.into_port(),
            Err(Failure::Api { status: StatusCode::PAYMENT_REQUIRED, mut error }) => {
                let embedded = error.payment_intent.take();
                let intent = self.intent_of(&request.intent_id, embedded).await?;
                // The error belongs to this attempt; the intent may have changed since.
                let declined =
                    matches!(intent.status, IntentStatus::Declined { .. } | IntentStatus::RequiresConfirmation);
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
        if is_session(intent_id) {
            return self.close_page(intent_id, key).await;
        }
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
        let of_intent = event.kind.starts_with("payment_intent.") || event.kind.starts_with("checkout.session.");
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
