//! The payment provider of laptops and tests: decides by the test card, deterministically and without memory, so that
//! every process of a shop agrees.

use async_trait::async_trait;

use time::OffsetDateTime;

use crate::domain::{Currency, Money, PaymentId};
use crate::ports::{
    ConfirmIntent, CreateIntent, IntentStatus, PaymentError, PaymentEvent, PaymentIntent, PaymentProvider,
    RefundIntent, WebhookError,
};

/// Test cards: token, label, and the code with which the card is declined.
const CARDS: [(&str, &str, Option<&str>); 3] = [
    ("card_approved", "Test card ending in 4242 (is approved)", None),
    ("card_declined", "Test card ending in 0002 (is declined)", Some("card_declined")),
    ("card_insufficient_funds", "Test card ending in 9995 (has insufficient funds)", Some("insufficient_funds")),
];

/// Approves and declines by test card. An intent's id is `<card token>.<id derived from the key>`.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakePayments;

impl FakePayments {
    /// Tokens and labels for the checkout form.
    pub fn test_cards() -> Vec<(String, String)> {
        CARDS.iter().map(|(token, label, _)| ((*token).to_owned(), (*label).to_owned())).collect()
    }

    fn decide(intent_id: &str, approved: IntentStatus) -> Result<PaymentIntent, PaymentError> {
        let token = intent_id.split('.').next().unwrap_or_default();
        let card = CARDS.iter().find(|(known, ..)| *known == token);
        let (_, _, code) = card.ok_or_else(|| PaymentError::NotFound)?;
        let status = code.map_or(approved, |code| IntentStatus::Declined { code: code.to_owned() });
        Ok(PaymentIntent { id: intent_id.to_owned(), status, amount: zero(), refunded: zero() })
    }
}

fn zero() -> Money {
    Money::zero(Currency::EUR)
}

#[async_trait]
impl PaymentProvider for FakePayments {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn accepts(&self, method: &str) -> bool {
        CARDS.iter().any(|(token, ..)| *token == method)
    }

    async fn create_intent(&self, request: &CreateIntent) -> Result<PaymentIntent, PaymentError> {
        if !self.accepts(&request.method) {
            return Err(PaymentError::Refused { code: "unknown_card".to_owned() });
        }
        let id = format!("{}.{}", request.method, PaymentId::derive(&request.key));
        Ok(PaymentIntent { id, status: IntentStatus::RequiresConfirmation, amount: request.amount, refunded: zero() })
    }

    async fn confirm(&self, request: &ConfirmIntent) -> Result<PaymentIntent, PaymentError> {
        Self::decide(&request.intent_id, IntentStatus::Authorized)
    }

    async fn capture(&self, intent_id: &str, _key: &str) -> Result<PaymentIntent, PaymentError> {
        Self::decide(intent_id, IntentStatus::Captured)
    }

    async fn cancel(&self, intent_id: &str, _key: &str) -> Result<PaymentIntent, PaymentError> {
        Self::decide(intent_id, IntentStatus::Cancelled)
    }

    async fn find_intent(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError> {
        Self::decide(intent_id, IntentStatus::Authorized)
    }

    async fn refund(&self, _request: &RefundIntent) -> Result<PaymentIntent, PaymentError> {
        Err(PaymentError::Refused { code: "not_supported".to_owned() })
    }

    fn read_webhook(
        &self,
        _signature: Option<&str>,
        _body: &[u8],
        _now: OffsetDateTime,
    ) -> Result<Option<PaymentEvent>, WebhookError> {
        Err(WebhookError::Forged)
    }
}
