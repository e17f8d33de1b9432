//! What the shop reads of Stripe's answers and events.

use serde::Deserialize;
use shopease_shop::domain::{Currency, OrderId};
use shopease_shop::ports::{IntentStatus, PaymentError, PaymentIntent};

use super::amount::from_stripe;

#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub id: String,
    pub status: String,
    amount: i64,
    currency: String,
    #[serde(default)]
    last_payment_error: Option<CardError>,
    #[serde(default)]
    next_action: Option<NextAction>,
    #[serde(default)]
    latest_charge: Option<Charge>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CardError {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub decline_code: Option<String>,
}

impl CardError {
    /// The most telling code there is.
    fn reason(self) -> Option<String> {
        // `generic_decline` tells less than the code beside it.
        self.decline_code.filter(|code| code != "generic_decline").or(self.code)
    }
}

#[derive(Debug, Deserialize)]
struct NextAction {
    #[serde(default)]
    redirect_to_url: Option<Redirect>,
}

#[derive(Debug, Deserialize)]
struct Redirect {
    url: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Charge {
    /// Expanded, as every request asks for.
    Whole { amount_refunded: i64 },
    /// Its id, as in events and errors.
    #[expect(dead_code, reason = "names what it is")]
    Id(String),
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub status: Option<String>,
    #[serde(default)]
    pub failure_reason: Option<String>,
    pub payment_intent: Intent,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub error: ApiError,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiError {
    #[serde(rename = "type", default)]
    pub error_type: String,
    #[serde(flatten)]
    pub card: CardError,
    /// The intent the error is about, in most of them.
    #[serde(default)]
    pub payment_intent: Option<Box<Intent>>,
}

impl ApiError {
    /// A stable code, whatever the error has.
    pub fn code(self) -> String {
        match self.error_type.as_str() {
            "idempotency_error" => "idempotency_key_reused".to_owned(),
            _ => match self.card.reason() {
                // The bank's hold is over: the shop knows this by one name.
                Some(code) if code == "charge_expired_for_capture" => "authorization_expired".to_owned(),
                Some(code) => code,
                None if self.error_type.is_empty() => "invalid_request_error".to_owned(),
                None => self.error_type,
            },
        }
    }
}

impl Intent {
    /// As the port tells it.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] when the answer is not understood.
    pub fn into_port(self) -> Result<PaymentIntent, PaymentError> {
        let unknown = |reason: &str| PaymentError::Unknown(format!("Stripe's answer is not understood: {reason}"));
        let status = match self.status.as_str() {
            "requires_confirmation" => IntentStatus::RequiresConfirmation,
            "requires_action" => {
                let redirect = self.next_action.and_then(|action| action.redirect_to_url);
                IntentStatus::RequiresAction {
                    url: redirect.ok_or_else(|| unknown("an action without an address"))?.url,
                }
            }
            "processing" => IntentStatus::Processing,
            "requires_capture" => IntentStatus::Authorized,
            "succeeded" => IntentStatus::Captured,
            "canceled" => IntentStatus::Cancelled,
            "requires_payment_method" => {
                let reason = self.last_payment_error.and_then(CardError::reason);
                IntentStatus::Declined { code: reason.unwrap_or_else(|| "card_declined".to_owned()) }
            }
            _ => return Err(unknown("a new status")),
        };
        let currency: Currency =
            self.currency.to_ascii_uppercase().parse().map_err(|_| unknown("a currency of its own"))?;
        let refunded = match self.latest_charge {
            Some(Charge::Whole { amount_refunded }) => amount_refunded,
            Some(Charge::Id(_)) if status == IntentStatus::Captured => {
                return Err(unknown("the charge is not expanded"));
            }
            Some(Charge::Id(_)) | None => 0,
        };
        let money = |amount| from_stripe(amount, currency).ok_or_else(|| unknown("an amount"));
        Ok(PaymentIntent { status, amount: money(self.amount)?, refunded: money(refunded)?, id: self.id })
    }
}

/// A webhook's body.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub data: serde_json::Value,
}

/// What an event of an intent or charge is about.
#[derive(Debug, Deserialize)]
pub(super) struct Subject {
    pub object: SubjectObject,
}

#[derive(Debug, Deserialize)]
pub(super) struct SubjectObject {
    pub id: String,
    /// Of charges: their intent.
    #[serde(default)]
    pub payment_intent: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    /// Other software on the same account may keep ids of its own under this name.
    #[serde(default)]
    order_id: Option<String>,
}

impl Metadata {
    /// The order of this shop, if it is one.
    pub fn order_id(&self) -> Option<OrderId> {
        self.order_id.as_ref()?.parse().ok()
    }
}
