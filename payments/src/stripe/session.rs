//! Stripe's payment page (Checkout). Its session has the place of the intent until the shopper has paid; then the payment's intent
//! replaces it.

use serde::Deserialize;
use shopease_shop::ports::{CreateIntent, IntentStatus, PaymentError, PaymentIntent};

use super::wire::{Intent, Metadata, money, unknown};

/// Prefix of the IDs of sessions.
const PREFIX: &str = "cs_";

/// Expands the payment of a session with its charge in every response.
pub(super) const EXPAND_PAYMENT: (&str, &str) = ("expand[]", "payment_intent.latest_charge");

/// Code of a payment whose page expired unused.
const EXPIRED: &str = "payment_page_expired";

/// Returns whether an ID is that of a session.
pub(super) fn is_session(intent_id: &str) -> bool {
    intent_id.starts_with(PREFIX)
}

/// The request for a new session. It must not depend on the time: Stripe compares it with earlier requests under the same key.
pub(super) fn request(request: &CreateIntent, amount: i64) -> Vec<(&'static str, String)> {
    let order_id = request.order_id.to_string();
    vec![
        ("mode", "payment".to_owned()),
        ("line_items[0][quantity]", "1".to_owned()),
        ("line_items[0][price_data][currency]", request.amount.currency.code().to_ascii_lowercase()),
        ("line_items[0][price_data][unit_amount]", amount.to_string()),
        ("line_items[0][price_data][product_data][name]", "Your order".to_owned()),
        ("payment_intent_data[capture_method]", "manual".to_owned()),
        ("payment_intent_data[metadata][order_id]", order_id.clone()),
        ("metadata[order_id]", order_id.clone()),
        ("client_reference_id", order_id),
        ("customer_email", request.email.to_string()),
        ("success_url", request.return_url.clone()),
        ("cancel_url", request.return_url.clone()),
        (EXPAND_PAYMENT.0, EXPAND_PAYMENT.1.to_owned()),
    ]
}

/// A session.
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    id: String,
    status: String,
    amount_total: i64,
    currency: String,
    #[serde(default)]
    url: Option<String>,
    /// Set once the shopper has paid, and expanded.
    #[serde(default)]
    pub payment_intent: Option<Intent>,
    #[serde(default)]
    metadata: Metadata,
}

impl Session {
    /// Returns whether the shopper has paid on the page.
    pub fn is_complete(&self) -> bool {
        self.status == "complete"
    }

    /// The session, or the intent that has replaced it, in the port's terms.
    ///
    /// # Errors
    /// [`PaymentError::Unknown`] if the response is not understood.
    pub fn into_port(self) -> Result<PaymentIntent, PaymentError> {
        let status = match (self.status.as_str(), self.payment_intent) {
            ("complete", Some(intent)) => return intent.into_port(),
            ("open", _) => {
                IntentStatus::RequiresAction { url: self.url.ok_or_else(|| unknown("a page without a URL"))? }
            }
            ("expired", _) => IntentStatus::Declined { code: EXPIRED.to_owned() },
            _ => return Err(unknown("unknown status of a payment page")),
        };
        let amount = money(self.amount_total, &self.currency)?;
        Ok(PaymentIntent {
            refunded: money(0, &self.currency)?,
            order_id: self.metadata.order_id(),
            disputed: false,
            id: self.id,
            status,
            amount,
        })
    }
}
