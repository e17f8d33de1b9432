//! Stripe: the wire format against a stateful server, faults against a scripted server, webhooks.

mod faults;
mod localstripe;
mod shim;
mod tls;
mod webhooks;

use secrecy::SecretString;
use shopease_payments::stripe::StripeProvider;
use shopease_shop::ports::{PaymentOption, PaymentProvider as _};

use crate::support::eur;

/// Looks like a secret key, so that a test can search for it.
const KEY: &str = "sk_test_never_to_be_seen";
const WEBHOOK_SECRET: &str = "whsec_never_to_be_seen";

fn provider(base_url: &str) -> StripeProvider {
    let provider = StripeProvider::new(SecretString::from(KEY), SecretString::from(WEBHOOK_SECRET));
    provider.and_then(|provider| provider.with_base_url(base_url)).expect("a provider")
}

#[test]
fn a_live_key_offers_no_test_cards() {
    let kinds = |secret: &str, publishable: Option<&str>| {
        let provider = StripeProvider::new(SecretString::from(secret), SecretString::from(WEBHOOK_SECRET));
        let provider = provider.expect("a provider");
        let provider = match publishable {
            Some(key) => provider.with_publishable_key(key.to_owned())?,
            None => provider,
        };
        let kind = |option: &PaymentOption| match option {
            PaymentOption::TestCard { .. } => "card",
            PaymentOption::HostedPage { .. } => "page",
            PaymentOption::Elements { .. } => "fields",
            PaymentOption::BankTransfer { .. } => "transfer",
        };
        let mut kinds: Vec<_> = provider.options(eur(2490)).iter().map(kind).collect();
        kinds.dedup();
        Ok::<_, String>(kinds)
    };
    assert_eq!(kinds("sk_live_1", Some("pk_live_1")), Ok(vec!["fields", "page"]));
    assert_eq!(kinds("rk_live_1", None), Ok(vec!["page"]));
    assert_eq!(kinds("rk_test_1", Some("pk_test_1")), Ok(vec!["fields", "page", "card"]));
    for (secret, publishable) in [("sk_live_1", "pk_test_1"), ("sk_test_1", "pk_live_1"), ("sk_test_1", "sk_test_1")] {
        assert!(
            kinds(secret, Some(publishable)).is_err_and(|reason| !reason.contains("sk_")),
            "{secret} {publishable}"
        );
    }
}
