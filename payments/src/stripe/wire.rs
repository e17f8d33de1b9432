//! The parts of Stripe's responses and events that the shop reads.

use serde::Deserialize;
use shopease_shop::domain::{
    Currency, Dispute as DomainDispute, DisputeState, Money, OrderId, RefundId, ReportedRefund, ReportedRefundState,
};
use shopease_shop::ports::{IntentStatus, PaymentError, PaymentIntent};

use time::OffsetDateTime;

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
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
pub(super) struct CardError {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub decline_code: Option<String>,
}

impl CardError {
    /// The most specific code available.
    fn reason(self) -> Option<String> {
        // `generic_decline` is less specific than the code beside it.
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
    Whole {
        amount_refunded: i64,
        #[serde(default)]
        disputed: bool,
    },
    /// The ID only, as in events and errors.
    #[expect(dead_code, reason = "documents the variant")]
    Id(String),
}

/// An object in a list; the next page starts after its ID.
pub(super) trait Listed {
    fn id(&self) -> &str;
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    id: String,
    amount: i64,
    currency: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    failure_reason: Option<String>,
    created: i64,
    #[serde(default)]
    metadata: Metadata,
}

impl Listed for Refund {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Refund {
    /// The refund in the port's terms.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] if the response is not understood.
    pub fn into_port(self) -> Result<ReportedRefund, PaymentError> {
        let state = match self.status.as_deref() {
            Some("succeeded") => ReportedRefundState::Succeeded,
            Some(ended @ ("failed" | "canceled")) => {
                let code = self.failure_reason.unwrap_or_else(|| format!("refund_{ended}"));
                ReportedRefundState::Failed { code }
            }
            // `pending`, `requires_action`, or a new status: it may still be refunded.
            _ => ReportedRefundState::Pending,
        };
        Ok(ReportedRefund {
            refund_id: self.metadata.refund_id(),
            amount: money(self.amount, &self.currency)?,
            created_at: moment(self.created)?,
            provider_id: self.id,
            state,
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    id: String,
    amount: i64,
    currency: String,
    status: String,
    #[serde(default)]
    reason: String,
    created: i64,
}

impl Listed for Dispute {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Dispute {
    /// The dispute in the port's terms.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] if the response is not understood.
    pub fn into_port(self) -> Result<DomainDispute, PaymentError> {
        let state = match self.status.as_str() {
            "warning_needs_response" | "warning_under_review" => DisputeState::Inquiry,
            "won" | "warning_closed" | "charge_refunded" | "prevented" => DisputeState::Won,
            "lost" => DisputeState::Lost,
            // `needs_response`, `under_review`, or a new status: until it is known to be closed, the bank holds the
            // amount.
            _ => DisputeState::Open,
        };
        Ok(DomainDispute {
            amount: money(self.amount, &self.currency)?,
            opened_at: moment(self.created)?,
            id: self.id,
            reason: self.reason,
            state,
        })
    }
}

pub(super) fn unknown(reason: &str) -> PaymentError {
    PaymentError::Unknown(format!("Stripe's response is not understood: {reason}"))
}

pub(super) fn money(amount: i64, currency: &str) -> Result<Money, PaymentError> {
    let currency: Currency = currency.to_ascii_uppercase().parse().map_err(|_| unknown("unknown currency"))?;
    from_stripe(amount, currency).ok_or_else(|| unknown("invalid amount"))
}

fn moment(seconds: i64) -> Result<OffsetDateTime, PaymentError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| unknown("a time"))
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
    /// The intent that most errors refer to.
    #[serde(default)]
    pub payment_intent: Option<Box<Intent>>,
}

impl ApiError {
    /// A stable code, whatever fields the error has.
    pub fn code(self) -> String {
        match self.error_type.as_str() {
            "idempotency_error" => "idempotency_key_reused".to_owned(),
            _ => match self.card.reason() {
                // The authorization has expired: the shop uses one code for this.
                Some(code) if code == "charge_expired_for_capture" => "authorization_expired".to_owned(),
                Some(code) => code,
                None if self.error_type.is_empty() => "invalid_request_error".to_owned(),
                None => self.error_type,
            },
        }
    }
}

impl Intent {
    /// The intent in the port's terms.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] if the response is not understood.
    pub fn into_port(self) -> Result<PaymentIntent, PaymentError> {
        let status = match self.status.as_str() {
            "requires_confirmation" => IntentStatus::RequiresConfirmation,
            "requires_action" => {
                let redirect = self.next_action.and_then(|action| action.redirect_to_url);
                IntentStatus::RequiresAction { url: redirect.ok_or_else(|| unknown("a redirect without a URL"))?.url }
            }
            "processing" => IntentStatus::Processing,
            "requires_capture" => IntentStatus::Authorized,
            "succeeded" => IntentStatus::Captured,
            "canceled" => IntentStatus::Cancelled,
            "requires_payment_method" => {
                match self.last_payment_error.and_then(CardError::reason) {
                    Some(code) => IntentStatus::Declined { code },
                    // Not attempted yet: an intent whose card is only sent with its confirmation.
                    None => IntentStatus::RequiresConfirmation,
                }
            }
            _ => return Err(unknown("unknown status")),
        };
        let (refunded, disputed) = match self.latest_charge {
            Some(Charge::Whole { amount_refunded, disputed }) => (amount_refunded, disputed),
            Some(Charge::Id(_)) if status == IntentStatus::Captured => {
                return Err(unknown("the charge is not expanded"));
            }
            Some(Charge::Id(_)) | None => (0, false),
        };
        Ok(PaymentIntent {
            status,
            amount: money(self.amount, &self.currency)?,
            refunded: money(refunded, &self.currency)?,
            disputed,
            order_id: self.metadata.order_id(),
            id: self.id,
        })
    }
}

/// The body of a webhook.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub data: serde_json::Value,
}

/// The object of an intent or charge event.
#[derive(Debug, Deserialize)]
pub(super) struct Subject {
    pub object: SubjectObject,
}

#[derive(Debug, Deserialize)]
pub(super) struct SubjectObject {
    pub id: String,
    /// Set for charges, refunds, and disputes: their intent.
    #[serde(default)]
    pub payment_intent: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    /// Other software on the same account may use this name for its own IDs.
    #[serde(default)]
    order_id: Option<String>,
    /// Set for refunds made by a shop.
    #[serde(default)]
    refund_id: Option<String>,
}

impl Metadata {
    /// The order, if it is a valid ID of this shop.
    pub fn order_id(&self) -> Option<OrderId> {
        self.order_id.as_ref()?.parse().ok()
    }

    /// The refund, if it is a valid ID of this shop.
    fn refund_id(&self) -> Option<RefundId> {
        self.refund_id.as_ref()?.parse().ok()
    }
}
