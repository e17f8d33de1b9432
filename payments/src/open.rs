//! Selects a provider by configuration.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use shopease_process::config::Reader;
use shopease_shop::domain::hex;
use shopease_shop::ports::{IdGenerator as _, PaymentProvider, SystemClock, SystemIds};
use tokio::net::TcpListener;

use crate::fake::{FakeProvider, Ledger, LedgerConfig, service};

/// Variables that AWS sets in tasks and functions, of which several may run.
const AWS_MARKERS: [&str; 2] = ["AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME"];
#[cfg(feature = "stripe")]
const PUBLISHABLE_KEY: &str = "SHOPEASE_STRIPE_PUBLISHABLE_KEY";
/// URL of the test payment service.
const FAKE_URL: &str = "SHOPEASE_FAKE_PAYMENTS_URL";
/// Used instead of a URL to give each process its own ledger, for example to try a single process.
const IN_PROCESS: &str = "in-process";

/// The configured provider and its connection settings.
#[derive(Debug, Clone)]
pub enum PaymentsConfig {
    /// The shop's own test provider.
    Fake {
        /// Location of its ledger.
        ledger: LedgerLocation,
        /// Secret of its webhooks; if it is not set, a random one, so that no webhook is accepted.
        webhook_secret: Option<SecretString>,
    },
    /// Stripe.
    #[cfg(feature = "stripe")]
    Stripe {
        /// `sk_...` or `rk_...`.
        secret_key: SecretString,
        /// `pk_...`, for fields on the checkout page; without it, shoppers pay on Stripe's page.
        publishable_key: Option<String>,
        /// `whsec_...`.
        webhook_secret: SecretString,
        /// URL to use instead of Stripe's, for tests.
        url: Option<String>,
    },
}

/// Location of the test provider's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerLocation {
    /// In this process; other processes do not know its payments.
    Process,
    /// In a separate service at this URL.
    Service(String),
    /// Not configured, although this process may be one of several.
    Unknown,
}

impl LedgerLocation {
    fn read(reader: &mut Reader<'_>) -> Self {
        let on_aws = AWS_MARKERS.iter().any(|marker| reader.optional::<String>(marker).is_some());
        match reader.optional::<String>(FAKE_URL) {
            Some(place) if place == IN_PROCESS => Self::Process,
            Some(url) => Self::Service(url),
            None if on_aws => Self::Unknown,
            None => Self::Process,
        }
    }
}

impl PaymentsConfig {
    /// Whether the payments exist only in this process and its journal.
    pub fn has_own_ledger(&self) -> bool {
        matches!(self, Self::Fake { ledger: LedgerLocation::Process, .. })
    }

    /// Reads `SHOPEASE_PAYMENT_PROVIDER` (`fake`, the default, or `stripe`) and the variables of that provider:
    /// `SHOPEASE_FAKE_PAYMENTS_URL`, which is required on AWS; `SHOPEASE_STRIPE_SECRET_KEY`,
    /// `SHOPEASE_STRIPE_PUBLISHABLE_KEY` and `SHOPEASE_STRIPE_URL`;
    /// `SHOPEASE_PAYMENT_WEBHOOK_SECRET`. `None` if a problem was reported.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match provider(reader)? {
            Provider::Fake => Some(Self::Fake {
                ledger: LedgerLocation::read(reader),
                webhook_secret: reader.optional::<String>("SHOPEASE_PAYMENT_WEBHOOK_SECRET").map(SecretString::from),
            }),
            #[cfg(feature = "stripe")]
            Provider::Stripe => {
                let secret_key: Option<String> = reader.required("SHOPEASE_STRIPE_SECRET_KEY");
                let webhook_secret: Option<String> = reader.required("SHOPEASE_PAYMENT_WEBHOOK_SECRET");
                let url = reader.optional("SHOPEASE_STRIPE_URL");
                let publishable_key = reader.optional(PUBLISHABLE_KEY);
                let (secret_key, webhook_secret) = (secret_key?.into(), webhook_secret?.into());
                Some(Self::Stripe { secret_key, publishable_key, webhook_secret, url })
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
            reader.problem(NAME, "this build does not support Stripe; build with `--features stripe`");
            None
        }
        _ => {
            reader.problem(NAME, format!("{name:?} is not `fake` or `stripe`"));
            None
        }
    }
}

/// Options for a fake provider whose ledger is in this process.
#[derive(Debug, Clone, Default)]
pub struct LocalLedgerOptions {
    /// File that preserves the ledger across restarts; without it, the ledger is in memory only.
    pub journal: Option<PathBuf>,
    /// Whether to serve the bank's page on a free loopback port: for a long-running process, on a machine with a
    /// browser.
    pub bank_page: bool,
}

/// Opens the configured provider.
///
/// # Errors
/// The reason if a URL is invalid, the journal cannot be read, or no port is free.
pub async fn open(config: PaymentsConfig, home: LocalLedgerOptions) -> Result<Arc<dyn PaymentProvider>, String> {
    match config {
        PaymentsConfig::Fake { ledger, webhook_secret } => {
            let secret = webhook_secret.unwrap_or_else(random_secret);
            let provider = match ledger {
                LedgerLocation::Service(url) => {
                    FakeProvider::remote(&url, secret).map_err(|reason| format!("{FAKE_URL}: {reason}"))?
                }
                LedgerLocation::Process => in_process(home, secret).await?,
                LedgerLocation::Unknown => return Err(unknown_ledger()),
            };
            Ok(Arc::new(provider))
        }
        #[cfg(feature = "stripe")]
        PaymentsConfig::Stripe { secret_key, publishable_key, webhook_secret, url } => {
            let provider = crate::stripe::StripeProvider::new(secret_key, webhook_secret)?;
            let provider = match url {
                Some(url) => provider.with_base_url(&url)?,
                None => provider,
            };
            let provider = match publishable_key {
                Some(key) => {
                    provider.with_publishable_key(key).map_err(|reason| format!("{PUBLISHABLE_KEY} {reason}"))?
                }
                None => provider,
            };
            Ok(Arc::new(provider))
        }
    }
}

fn unknown_ledger() -> String {
    format!(
        "the payment provider `fake` on AWS needs {FAKE_URL}, the address of `shopease fake-payments`: a payment that one process \
         makes cannot be captured or refunded by another. To try the shop without it, set {FAKE_URL}={IN_PROCESS}"
    )
}

async fn in_process(home: LocalLedgerOptions, secret: SecretString) -> Result<FakeProvider, String> {
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

#[cfg(test)]
mod tests {
    use shopease_shop::testing::MapEnv;

    use super::*;

    const FUNCTION: (&str, &str) = ("AWS_LAMBDA_FUNCTION_NAME", "checkout");

    async fn opened<const N: usize>(variables: [(&str, &str); N]) -> Result<&'static str, String> {
        let env = MapEnv::new(variables);
        let mut reader = Reader::new(&env);
        let config = PaymentsConfig::read(&mut reader).expect("a configuration");
        open(config, LocalLedgerOptions::default()).await.map(|open| open.name())
    }

    #[tokio::test]
    async fn several_processes_do_not_get_separate_ledgers_by_default() {
        assert_eq!(opened([]).await, Ok("fake"));
        for marker in [FUNCTION, ("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE")] {
            let problem = opened([marker]).await.expect_err("no ledger");
            assert!(problem.contains(FAKE_URL) && problem.contains(IN_PROCESS), "{problem}");
        }
        assert_eq!(opened([FUNCTION, (FAKE_URL, IN_PROCESS)]).await, Ok("fake"));
        assert_eq!(opened([FUNCTION, (FAKE_URL, "http://payments:8080")]).await, Ok("fake"));
    }
}
