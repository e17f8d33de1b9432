//! A payment provider with a test's interceptor in front of each call.

use async_trait::async_trait;
use shopease_payments::fake::FakeProvider;
use shopease_shop::domain::{ChargeLimits, Currency, Money, ReportedRefund, Reversals};
use shopease_shop::ports::{
    ConfirmIntent, CreateIntent, PaymentError, PaymentEvent, PaymentIntent, PaymentOption, PaymentProvider,
    RefundIntent, WebhookError,
};
use time::OffsetDateTime;

/// An interceptor of calls to the provider.
#[async_trait]
pub trait Before: Send + Sync + 'static {
    /// Runs before the call `operation` (`create`, `confirm`, `find`, `capture`, `cancel`, `refund`, `reversals`) with its key, or with
    /// the intent for `find` and `reversals`. An error is returned instead of calling the provider.
    async fn before(&self, operation: &'static str, key: &str) -> Result<(), PaymentError>;
}

/// The fake provider behind a [`Before`].
pub struct Fronted<B> {
    pub front: B,
    pub provider: FakeProvider,
}

#[async_trait]
impl<B: Before> PaymentProvider for Fronted<B> {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn options(&self, total: Money) -> Vec<PaymentOption> {
        self.provider.options(total)
    }

    fn accepts(&self, method: &str) -> bool {
        self.provider.accepts(method)
    }

    async fn create_intent(&self, request: &CreateIntent) -> Result<PaymentIntent, PaymentError> {
        self.front.before("create", &request.key).await?;
        self.provider.create_intent(request).await
    }

    async fn confirm(&self, request: &ConfirmIntent) -> Result<PaymentIntent, PaymentError> {
        self.front.before("confirm", &request.key).await?;
        self.provider.confirm(request).await
    }

    async fn find_intent(&self, intent_id: &str) -> Result<PaymentIntent, PaymentError> {
        self.front.before("find", intent_id).await?;
        self.provider.find_intent(intent_id).await
    }

    async fn capture(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError> {
        self.front.before("capture", key).await?;
        self.provider.capture(intent_id, key).await
    }

    async fn cancel(&self, intent_id: &str, key: &str) -> Result<PaymentIntent, PaymentError> {
        self.front.before("cancel", key).await?;
        self.provider.cancel(intent_id, key).await
    }

    fn charge_limits(&self, currency: Currency) -> ChargeLimits {
        self.provider.charge_limits(currency)
    }

    async fn refund(&self, request: &RefundIntent) -> Result<ReportedRefund, PaymentError> {
        self.front.before("refund", &request.key).await?;
        self.provider.refund(request).await
    }

    async fn find_reversals(&self, intent_id: &str) -> Result<Reversals, PaymentError> {
        self.front.before("reversals", intent_id).await?;
        self.provider.find_reversals(intent_id).await
    }

    fn read_webhook(
        &self,
        signature: Option<&str>,
        body: &[u8],
        now: OffsetDateTime,
    ) -> Result<Option<PaymentEvent>, WebhookError> {
        self.provider.read_webhook(signature, body, now)
    }
}
