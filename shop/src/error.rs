//! Errors of use cases.

use crate::domain::{RuleError, Sku, Subject};
use crate::ports::{Source, StoreError, WebhookError};

/// Error of a use case. `Display` is for logs; the HTTP layer turns errors into sentences for people.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// The request breaks these rules; at least one.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules(Vec<RuleError>),
    /// The subject does not exist, or is not the caller's.
    #[error("not_found subject={subject}")]
    NotFound {
        /// What does not exist.
        subject: Subject,
    },
    /// The caller must sign in.
    #[error("sign_in_required")]
    SignInRequired,
    /// The email address or the password is wrong. Deliberately does not say which.
    #[error("wrong_credentials")]
    WrongCredentials,
    /// Too many failed attempts of this client or on this account.
    #[error("too_many_attempts")]
    TooManyAttempts {
        /// Seconds until the next attempt is allowed.
        retry_after_seconds: u32,
    },
    /// Signed in, but not allowed.
    #[error("forbidden")]
    Forbidden,
    /// The subject already exists.
    #[error("already_exists subject={subject}")]
    AlreadyExists {
        /// What exists.
        subject: Subject,
    },
    /// Not enough in stock.
    #[error("out_of_stock sku={sku}")]
    OutOfStock {
        /// The first SKU without enough units.
        sku: Sku,
    },
    /// The cart or stock level was changed by another request at the same time.
    #[error("conflict")]
    Conflict,
    /// The subject has another version than the one that the change is based on.
    #[error("version_changed")]
    VersionChanged,
    /// The idempotency key was used for another request.
    #[error("idempotency_key_reused")]
    IdempotencyKeyReused,
    /// The first request with this key is still in progress.
    #[error("idempotency_key_in_use")]
    IdempotencyKeyInUse {
        /// Seconds until the next try.
        retry_after_seconds: u32,
    },
    /// The card was declined; nothing was ordered and the cart is unchanged.
    #[error("payment_declined code={code}")]
    PaymentDeclined {
        /// The provider's code, for example `insufficient_funds`.
        code: String,
    },
    /// The webhook was not sent by the payment provider, is too old, or cannot be parsed.
    #[error("webhook_refused reason={}", .0.code())]
    WebhookRefused(#[from] WebhookError),
    /// The shop is temporarily unavailable.
    #[error("unavailable")]
    Unavailable {
        /// Seconds until the next try.
        retry_after_seconds: u32,
        /// Cause, for the log.
        #[source]
        source: Option<Source>,
    },
    /// A bug or corrupt data.
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
