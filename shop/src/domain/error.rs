//! The rules a visitor can break. Texts are for people; codes are for programs and never change.

use serde::{Deserialize, Serialize};

use super::{Money, Sku};

/// A rule of the shop that a request would break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum RuleError {
    /// A value is outside what the field allows.
    #[error("{field}: {reason}")]
    InvalidValue {
        /// Name of the field as the API spells it, for example `quantity` or `shipping_address.country`.
        field: String,
        /// What is wrong with it, as a sentence without a full stop.
        reason: String,
    },
    /// The cart would hold more distinct SKUs than an order may have.
    #[error("a cart holds at most {limit} different articles")]
    TooManyLines {
        /// Distinct SKUs allowed.
        limit: usize,
    },
    /// There is nothing to buy.
    #[error("the cart is empty")]
    EmptyCart,
    /// The cart holds one currency, the article another.
    #[error("the cart is in {cart}, this article is priced in {article}")]
    CurrencyMismatch {
        /// Currency of what is in the cart.
        cart: String,
        /// Currency of the article.
        article: String,
    },
    /// No shipping method reaches this address with this cart.
    #[error("no shipping method delivers this cart to {country}")]
    NoShipping {
        /// ISO 3166-1 alpha-2 code asked for.
        country: String,
    },
    /// The shipping method exists, but not for this address and cart.
    #[error("shipping method {method:?} is not offered for this address and cart")]
    ShippingNotOffered {
        /// The method asked for.
        method: String,
    },
    /// The article is not sold (any more).
    #[error("article {sku} is not sold")]
    NotSold {
        /// The SKU asked for.
        sku: Sku,
    },
    /// The total differs from what the shopper has seen.
    #[error("the total is now {actual}, not {expected}")]
    TotalChanged {
        /// What the shopper agreed to.
        expected: Money,
        /// What it costs now.
        actual: Money,
    },
    /// An amount left the range of 64-bit minor units.
    #[error("the amount is too large")]
    AmountTooLarge,
}

impl RuleError {
    /// Shorthand for [`RuleError::InvalidValue`].
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidValue { field: field.into(), reason: reason.into() }
    }
}

impl From<super::MoneyError> for RuleError {
    fn from(_: super::MoneyError) -> Self {
        Self::AmountTooLarge
    }
}
