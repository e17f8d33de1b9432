//! Why a use case was not carried out.

use crate::domain::{RuleError, Sku, Subject};
use crate::ports::{Source, StoreError, WebhookError};

/// Why a use case was not carried out. `Display` is for logs: sentences for people are made where they are shown.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// Rules the request breaks; at least one.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules(Vec<RuleError>),
    /// It does not exist, or is not the caller's.
    #[error("not_found subject={subject}")]
    NotFound {
        /// What does not exist.
        subject: Subject,
    },
    /// Only for who is signed in.
    #[error("sign_in_required")]
    SignInRequired,
    /// Email address or password is wrong; never says which.
    #[error("wrong_credentials")]
    WrongCredentials,
    /// Too many attempts failed, of this client or on this account.
    #[error("too_many_attempts")]
    TooManyAttempts {
        /// When the next attempt is allowed.
        retry_after_seconds: u32,
    },
    /// Signed in, but not allowed.
    #[error("forbidden")]
    Forbidden,
    /// It is there already.
    #[error("already_exists subject={subject}")]
    AlreadyExists {
        /// What exists.
        subject: Subject,
    },
    /// Not enough in stock.
    #[error("out_of_stock sku={sku}")]
    OutOfStock {
        /// The first SKU that is short.
        sku: Sku,
    },
    /// The cart (or stock level) was changed elsewhere at the same time.
    #[error("conflict")]
    Conflict,
    /// The idempotency key was used for another request.
    #[error("idempotency_key_reused")]
    IdempotencyKeyReused,
    /// The first request with this key still runs.
    #[error("idempotency_key_in_use")]
    IdempotencyKeyInUse {
        /// When to ask again.
        retry_after_seconds: u32,
    },
    /// The card was refused; nothing was ordered and the cart is as before.
    #[error("payment_declined code={code}")]
    PaymentDeclined {
        /// The provider's reason, for example `insufficient_funds`.
        code: String,
    },
    /// A webhook that the payment provider did not send, or sent too long ago.
    #[error("webhook_refused reason={}", .0.code())]
    WebhookRefused(#[from] WebhookError),
    /// The shop cannot answer now.
    #[error("unavailable")]
    Unavailable {
        /// When to try again.
        retry_after_seconds: u32,
        /// Why, for the log.
        #[source]
        source: Option<Source>,
    },
    /// A defect.
    #[error("internal")]
    Internal(#[source] Source),
}

impl From<RuleError> for ShopError {
    fn from(rule: RuleError) -> Self {
        Self::Rules(vec![rule])
    }
}

impl From<Vec<RuleError>> for ShopError {
    fn from(rules: Vec<RuleError>) -> Self {
        Self::Rules(rules)
    }
}

impl From<StoreError> for ShopError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            StoreError::AlreadyExists { subject } => Self::AlreadyExists { subject },
            StoreError::OutOfStock { sku } => Self::OutOfStock { sku },
            StoreError::Throttled(source) | StoreError::Unavailable(source) => {
                Self::Unavailable { retry_after_seconds: 1, source: Some(source) }
            }
            StoreError::Corrupt(source) => Self::Internal(source),
        }
    }
}

/// Result of a use case.
pub type ShopResult<T> = Result<T, ShopError>;
