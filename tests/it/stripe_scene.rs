//! A shop that is paid at Stripe's double.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use http::Request;
use secrecy::SecretString;
use serde_json::Value;
use shopease_payments::sign;
use shopease_payments::stripe::StripeProvider;
use shopease_shop::ports::{Clock as _, SharedStore};
use shopease_shop::services::audit;
use shopease_tests::stripe_double::Stripe;

use crate::harness::{TestShop, WEBHOOK_SECRET};

/// A shop with Stripe as the payment provider.
pub struct Scene {
    pub shop: TestShop,
    pub stripe: Stripe,
    pub provider: StripeProvider,
}

impl Scene {
    pub async fn open(store: SharedStore) -> Self {
        Self::with_provider(store, Ok).await
    }

    /// The same with another configuration of the provider.
    pub async fn with_provider(
        store: SharedStore,
        configure: impl FnOnce(StripeProvider) -> Result<StripeProvider, String>,
    ) -> Self {
        let (stripe, url) = Stripe::start().await;
        let provider = StripeProvider::new("sk_test_double".to_owned().into(), WEBHOOK_SECRET.to_owned().into());
        let provider = provider.and_then(|provider| provider.with_base_url(&url)).and_then(configure);
        let provider = provider.expect("a configuration");
        let shop = TestShop::with_payments(store, |_| Arc::new(provider.clone()));
        Self { shop, stripe, provider }
    }

    /// Sends a signed event.
    pub async fn webhook(&self, event: &Value) -> StatusCode {
        let body = event.to_string().into_bytes();
        let signature = sign(&SecretString::from(WEBHOOK_SECRET), self.shop.clock.now(), &body);
        let request = Request::post("/api/v1/payments/webhooks").header("stripe-signature", signature);
        self.shop.client().send(request.body(Body::from(body)).expect("a request")).await.status
    }

    pub async fn assert_books_agree(&self) {
        let report = audit(&*self.shop.store, &self.provider, true, self.shop.clock.now()).await.expect("the books");
        assert_eq!(report.violations, []);
    }
}
