//! Choosing a provider by configuration.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use shopease_shared::config::Reader;
use shopease_shared::domain::hex;
use shopease_shared::ports::{IdGenerator as _, PaymentProvider, SystemClock, SystemIds};
use tokio::net::TcpListener;

use crate::fake::{FakeProvider, Ledger, LedgerConfig, service, test_cards};

/// Test cards of Stripe's test mode, by the tokens that Stripe documents.
#[cfg(feature = "stripe")]
const STRIPE_TEST_METHODS: [(&str, &str); 4] = [
    ("pm_card_visa", "Stripe test card (is approved)"),
    ("pm_card_visa_chargeDeclined", "Stripe test card (is declined)"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "Stripe test card (has insufficient funds)"),
    ("pm_card_authenticationRequired", "Stripe test card (your bank asks you)"),
];

/// Which provider, and how it is reached.
#[derive(Debug, Clone)]
pub enum PaymentsConfig {
    /// The shop's own test provider.
    Fake {
        /// A service of its own; without it the ledger is in this process.
        url: Option<String>,
        /// Secret of its webhooks; a random one if absent, so that nobody can send any.
        webhook_secret: Option<SecretString>,
    },
    /// Stripe.
    #[cfg(feature = "stripe")]
    Stripe {
        /// `sk_...` or `rk_...`.
        secret_key: SecretString,
        /// `whsec_...`.
        webhook_secret: SecretString,
        /// Another address than Stripe's, for tests.
        url: Option<String>,
    },
}

impl PaymentsConfig {
    /// Reads `SHOPEASE_PAYMENT_PROVIDER` (`fake`, the default, or `stripe`) and what belongs to it:
    /// `SHOPEASE_FAKE_PAYMENTS_URL`; `SHOPEASE_STRIPE_SECRET_KEY` and `SHOPEASE_STRIPE_URL`;
    /// `SHOPEASE_PAYMENT_WEBHOOK_SECRET`. `None` when a problem was noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match provider(reader)? {
            Provider::Fake => Some(Self::Fake {
                url: reader.optional("SHOPEASE_FAKE_PAYMENTS_URL"),
                webhook_secret: reader.optional::<String>("SHOPEASE_PAYMENT_WEBHOOK_SECRET").map(SecretString::from),
            }),
            #[cfg(feature = "stripe")]
            Provider::Stripe => {
                let secret_key: Option<String> = reader.required("SHOPEASE_STRIPE_SECRET_KEY");
                let webhook_secret: Option<String> = reader.required("SHOPEASE_PAYMENT_WEBHOOK_SECRET");
                let url = reader.optional("SHOPEASE_STRIPE_URL");
                Some(Self::Stripe { secret_key: secret_key?.into(), webhook_secret: webhook_secret?.into(), url })
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Provider {
    Fake,
    #[cfg(feature = "stripe")]
    Stripe,
}

fn provider(reader: &mut Reader<'_>) -> Option<Provider> {
    const NAME: &str = "SHOPEASE_PAYMENT_PROVIDER";
    let name = reader.or(NAME, "fake".to_owned());
    match name.as_str() {
        "fake" => Some(Provider::Fake),
        #[cfg(feature = "stripe")]
        "stripe" => Some(Provider::Stripe),
        #[cfg(not(feature = "stripe"))]
        "stripe" => {
            reader.problem(NAME, "this build cannot reach Stripe: build with `--features stripe`");
            None
        }
        _ => {
            reader.problem(NAME, format!("{name:?} is neither `fake` nor `stripe`"));
            None
        }
    }
}

/// Cards that a checkout form offers which does not open the provider itself: a frontend whose backend does.
pub fn offered_methods(reader: &mut Reader<'_>) -> Vec<(String, String)> {
    match provider(reader) {
        Some(Provider::Fake) => test_cards(),
        #[cfg(feature = "stripe")]
        Some(Provider::Stripe) => stripe_test_methods(),
        None => Vec::new(),
    }
}

#[cfg(feature = "stripe")]
fn stripe_test_methods() -> Vec<(String, String)> {
    STRIPE_TEST_METHODS.iter().map(|(token, label)| ((*token).to_owned(), (*label).to_owned())).collect()
}

/// Where a fake provider without an address of its own lives.
#[derive(Debug, Clone, Default)]
pub struct LedgerHome {
    /// Keeps the ledger over restarts; memory only if absent.
    pub journal: Option<PathBuf>,
    /// Serve the bank's page on a free loopback port: for a process that stays, on a machine with a browser.
    pub bank_page: bool,
}

/// A provider that is ready.
pub struct OpenPayments {
    /// The provider.
    pub provider: Arc<dyn PaymentProvider>,
    /// Tokens and labels for the checkout form.
    pub methods: Vec<(String, String)>,
}

/// Opens the configured provider.
///
/// # Errors
/// A reason when an address is wrong, the journal cannot be read, or no port is free.
pub async fn open(config: PaymentsConfig, home: LedgerHome) -> Result<OpenPayments, String> {
    match config {
        PaymentsConfig::Fake { url, webhook_secret } => {
            let secret = webhook_secret.unwrap_or_else(random_secret);
            let provider = match url {
                Some(url) => {
                    FakeProvider::remote(&url, secret).map_err(|reason| format!("the payment provider: {reason}"))?
                }
                None => in_process(home, secret).await?,
            };
            Ok(OpenPayments { methods: provider.test_cards(), provider: Arc::new(provider) })
        }
        #[cfg(feature = "stripe")]
        PaymentsConfig::Stripe { secret_key, webhook_secret, url } => {
            let provider = crate::stripe::StripeProvider::new(secret_key, webhook_secret)?;
            let provider = match url {
                Some(url) => provider.with_base_url(&url)?,
                None => provider,
            };
            Ok(OpenPayments { provider: Arc::new(provider), methods: stripe_test_methods() })
        }
    }
}

async fn in_process(home: LedgerHome, secret: SecretString) -> Result<FakeProvider, String> {
    let config = LedgerConfig { journal: home.journal, ..LedgerConfig::default() };
    let ledger =
        Ledger::open(&config, Arc::new(SystemClock), Arc::new(SystemIds)).map_err(|error| error.to_string())?;
    let mut page = None;
    if home.bank_page {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let router = service::bank_router(Arc::clone(&ledger));
        tokio::spawn(async move { axum::serve(listener, router).await });
        page = Some(format!("http://localhost:{port}"));
    }
    Ok(FakeProvider::in_process(ledger, page, secret))
}

fn random_secret() -> SecretString {
    hex(&SystemIds.secret()).into()
}
