//! Stripe: the wire format against a stateful server, faults against a scripted server, webhooks.

mod faults;
mod localstripe;
mod shim;
mod tls;
mod webhooks;

use secrecy::SecretString;
use shopease_payments::stripe::StripeProvider;

/// Looks like a secret key, so that a test can search for it.
const KEY: &str = "sk_test_never_to_be_seen";
const WEBHOOK_SECRET: &str = "whsec_never_to_be_seen";

fn provider(base_url: &str) -> StripeProvider {
    let provider = StripeProvider::new(SecretString::from(KEY), SecretString::from(WEBHOOK_SECRET));
    provider.and_then(|provider| provider.with_base_url(base_url)).expect("a provider")
}
