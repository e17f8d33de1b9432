//! Why a use case was not carried out.

use crate::domain::{RuleError, Sku};
use crate::ports::{Source, StoreError, WebhookError};

/// Why a use case was not carried out. `Display` is fit for the visitor; sources are for the log only.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// Rules the request breaks; at least one.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules(Vec<RuleError>),
    /// It does not exist, or is not the caller's.
    #[error("{what} not found")]
    NotFound {
        /// What, for example `product`.
        what: String,
    },
    /// Only for who is signed in.
    #[error("please sign in")]
    SignInRequired,
    /// E-mail address or password is wrong; never says which.
    #[error("e-mail address or password is wrong")]
    WrongCredentials,
    /// Signed in, but not allowed.
    #[error("only for operators of the shop")]
    Forbidden,
    /// It is there already.
    #[error("{what} exists already")]
    AlreadyExists {
        /// What, for example `email`.
        what: String,
    },
    /// Not enough in stock.
    #[error("not enough of {sku} in stock")]
    OutOfStock {
        /// The first SKU that is short.
        sku: Sku,
    },
    /// The cart (or stock level) was changed elsewhere at the same time.
    #[error("changed elsewhere at the same time, please look again")]
    Conflict,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// The first request with this key still runs.
    #[error("the first request with this idempotency key still runs")]
    IdempotencyKeyInUse {
        /// When to ask again.
        retry_after_seconds: u32,
    },
    /// The card was refused; nothing was ordered and the cart is as before.
    #[error("the card was declined ({code})")]
    PaymentDeclined {
        /// The provider's reason, for example `insufficient_funds`.
        code: String,
    },
    /// A webhook that the payment provider did not send, or sent too long ago.
    #[error("{0}")]
    WebhookRefused(#[from] WebhookError),
    /// The shop cannot answer now.
    #[error("the shop cannot answer right now, please try again")]
    Unavailable {
        /// When to try again.
        retry_after_seconds: u32,
        /// Why, for the log.
        #[source]
        source: Option<Source>,
    },
    /// A defect.
    #[error("something went wrong on our side")]
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
            StoreError::AlreadyExists { what } => Self::AlreadyExists { what },
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
