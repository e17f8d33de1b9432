//! Bodies of the JSON API, for the service and its client.

use serde::{Deserialize, Serialize};
use shopease_shop::domain::{Money, OrderId, RefundId};
use shopease_shop::ports::{IntentStatus, PaymentIntent};

use crate::fake::command::DisputeStatus;
use crate::fake::intent::{Collected, Entry, Intent, Status, bank_page};

/// Error code for an intent that does not exist.
pub(in crate::fake) const NOT_FOUND: &str = "resource_missing";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::fake) struct CreateBody {
    pub order_id: OrderId,
    pub amount: Money,
    pub method: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::fake) struct ConfirmBody {
    pub return_url: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::fake) struct RefundBody {
    pub amount: Money,
    /// The shop's refund ID; `None` for a refund made at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::fake) struct DisputeBody {
    pub state: DisputeStatus,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::fake) struct IntentBody {
    #[serde(flatten)]
    intent: Intent,
    /// URL of the bank's page while it waits for the shopper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_action_url: Option<String>,
}

impl IntentBody {
    pub fn new(intent: Intent, public_url: &str) -> Self {
        let asks = intent.status == Status::RequiresAction;
        let next_action_url = asks.then(|| bank_page(public_url, &intent.id));
        Self { intent, next_action_url }
    }

    pub fn decline_code(&self) -> Option<&str> {
        match &self.intent.status {
            Status::Declined { decline_code } => Some(decline_code),
            _ => None,
        }
    }

    pub fn into_intent(self) -> Intent {
        self.intent
    }

    pub fn into_port(self) -> PaymentIntent {
        let intent = self.intent.to_port(None);
        match (&intent.status, self.next_action_url) {
            (IntentStatus::RequiresAction { .. }, Some(url)) => {
                PaymentIntent { status: IntentStatus::RequiresAction { url }, ..intent }
            }
            _ => intent,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::fake) struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::fake) struct ErrorDetail {
    #[serde(rename = "type")]
    pub error_type: ErrorType,
    pub code: String,
    pub message: String,
    /// The intent, if the bank declined it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentBody>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::fake) enum ErrorType {
    #[serde(rename = "card_error")]
    Card,
    #[serde(rename = "invalid_request_error")]
    InvalidRequest,
    #[serde(rename = "idempotency_error")]
    Idempotency,
    #[serde(rename = "api_error")]
    Api,
}

#[derive(Debug, Serialize)]
pub(super) struct LedgerBody {
    pub entries: Vec<Entry>,
    pub captures: Vec<Collected>,
}
