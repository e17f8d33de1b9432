//! The rules a visitor can break: stable codes with parameters. Sentences for people are made where they are shown, in
//! the language of who reads them; `Display` is for logs.

use std::fmt;

use super::{CountryCode, Currency, Field, Format, Money, MoneyError, Sku};

/// A rule of the shop that a request would break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleError {
    /// A value is outside what the field allows.
    InvalidValue {
        /// Which field.
        field: Field,
        /// What the field allows.
        rule: ValueRule,
    },
    /// The cart would hold more distinct SKUs than an order may have.
    TooManyLines {
        /// Distinct SKUs allowed.
        limit: usize,
    },
    /// There is nothing to buy.
    EmptyCart,
    /// The cart holds one currency, the variant another.
    CurrencyMismatch {
        /// Currency of what is in the cart.
        cart: Currency,
        /// Currency of the variant.
        variant: Currency,
    },
    /// No shipping method delivers to this country.
    NoShipping {
        /// The requested country.
        country: CountryCode,
    },
    /// No shipping method has a price in the cart's currency.
    NoShippingPrice {
        /// Currency of the cart.
        currency: Currency,
    },
    /// There is shipping to the country, but not for a cart of this weight.
    ShippingWeight {
        /// The requested country.
        country: CountryCode,
    },
    /// The shipping method exists, but not for this address and cart.
    ShippingNotOffered {
        /// The requested method, at most 64 characters of it.
        method: String,
    },
    /// The variant is not sold, or no longer.
    NotSold {
        /// The requested SKU.
        sku: Sku,
    },
    /// The total differs from what the shopper has seen.
    TotalChanged {
        /// What the shopper agreed to.
        expected: Money,
        /// What it costs now.
        actual: Money,
    },
    /// The payment provider charges no total that small.
    TotalBelowMinimum {
        /// What the cart costs.
        total: Money,
        /// The smallest total that can be charged.
        minimum: Money,
    },
    /// The payment provider charges no total that large.
    TotalAboveMaximum {
        /// What the cart costs.
        total: Money,
        /// The largest total that can be charged.
        maximum: Money,
    },
    /// An amount left the range of 64-bit minor units.
    AmountTooLarge,
    /// A rule of a newer release, which a client of its API cannot know.
    Other {
        /// Its stable code.
        code: String,
        /// The field it is about.
        field: Option<String>,
        /// The stable code of what the field allows.
        rule: Option<String>,
        /// The sentence that came with it: this release has none of its own.
        message: String,
    },
}

/// What a field allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueRule {
    /// Not empty.
    Required,
    /// So many characters.
    Length {
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
    /// So many characters without line breaks or other control characters.
    Line {
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
    /// A whole number from `min` to `max`.
    Range {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A decimal amount with so many decimals and no thousands separators.
    Decimals {
        /// Most decimals.
        max: u32,
    },
    /// Written in this format.
    Format(Format),
    /// One of the values on offer.
    Offered,
    /// Relevance orders the results of a search only.
    NeedsSearch,
    /// An email address without an account.
    Unused,
    /// A variant whose stock is tracked.
    Tracked,
    /// No more available units of one SKU than this.
    StockLimit {
        /// Most units.
        max: u32,
    },
    /// An order that is not cancelled yet.
    NotCancelled,
    /// An order that has not been shipped.
    NotShipped,
    /// An order that is paid.
    Paid,
    /// A move that is possible from where the shipment is.
    FulfillmentStep,
    /// A payment that was captured.
    Captured,
    /// A payment without a refund in progress.
    NoOpenRefund,
    /// A payment of which the bank has nothing in a dispute.
    NotDisputed,
    /// An amount in the order's currency.
    SameCurrency {
        /// The order's currency.
        currency: Currency,
    },
    /// An amount that the payment provider can move: a multiple of this one.
    MultipleOf {
        /// The smallest amount.
        amount: Money,
    },
    /// More than zero.
    Positive,
    /// No more than what is left of the payment.
    Refundable {
        /// What is left.
        amount: Money,
    },
}

impl RuleError {
    /// Shorthand for [`RuleError::InvalidValue`].
    pub const fn invalid(field: Field, rule: ValueRule) -> Self {
        Self::InvalidValue { field, rule }
    }

    /// Shorthand for a value that is not written in the field's format.
    pub const fn malformed(field: Field, format: Format) -> Self {
        Self::InvalidValue { field, rule: ValueRule::Format(format) }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::InvalidValue { .. } => "invalid_value",
            Self::TooManyLines { .. } => "too_many_lines",
            Self::EmptyCart => "empty_cart",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::NoShipping { .. } => "no_shipping",
            Self::NoShippingPrice { .. } => "no_shipping_price",
            Self::ShippingWeight { .. } => "shipping_weight",
            Self::ShippingNotOffered { .. } => "shipping_not_offered",
            Self::NotSold { .. } => "not_sold",
            Self::TotalChanged { .. } => "total_changed",
            Self::TotalBelowMinimum { .. } => "total_below_minimum",
            Self::TotalAboveMaximum { .. } => "total_above_maximum",
            Self::AmountTooLarge => "amount_too_large",
            Self::Other { code, .. } => code,
        }
    }

    /// The field whose value breaks the rule, as the API spells it.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidValue { field, .. } => Some(field.as_str()),
            Self::Other { field, .. } => field.as_deref(),
            _ => None,
        }
    }
}

impl ValueRule {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Length { .. } => "length",
            Self::Line { .. } => "line",
            Self::Range { .. } => "range",
            Self::Decimals { .. } => "decimals",
            Self::Format(_) => "format",
            Self::Offered => "offered",
            Self::NeedsSearch => "needs_search",
            Self::Unused => "unused",
            Self::Tracked => "tracked",
            Self::StockLimit { .. } => "stock_limit",
            Self::NotCancelled => "not_cancelled",
            Self::NotShipped => "not_shipped",
            Self::Paid => "paid",
            Self::FulfillmentStep => "fulfillment_step",
            Self::Captured => "captured",
            Self::NoOpenRefund => "no_open_refund",
            Self::NotDisputed => "not_disputed",
            Self::SameCurrency { .. } => "same_currency",
            Self::MultipleOf { .. } => "multiple_of",
            Self::Positive => "positive",
            Self::Refundable { .. } => "refundable",
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        match self {
            Self::InvalidValue { field, rule } => write!(f, " field={field} {rule}"),
            Self::TooManyLines { limit } => write!(f, " limit={limit}"),
            Self::CurrencyMismatch { cart, variant } => write!(f, " cart={cart} variant={variant}"),
            Self::NoShipping { country } | Self::ShippingWeight { country } => write!(f, " country={country}"),
            Self::NoShippingPrice { currency } => write!(f, " currency={currency}"),
            Self::TotalBelowMinimum { total, minimum } => write!(f, " total={total} minimum={minimum}"),
            Self::TotalAboveMaximum { total, maximum } => write!(f, " total={total} maximum={maximum}"),
            Self::ShippingNotOffered { method } => write!(f, " method={method:?}"),
            Self::NotSold { sku } => write!(f, " sku={sku}"),
            Self::TotalChanged { expected, actual } => write!(f, " expected={expected} actual={actual}"),
            Self::EmptyCart | Self::AmountTooLarge | Self::Other { .. } => Ok(()),
        }
    }
}

impl fmt::Display for ValueRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule={}", self.code())?;
        match self {
            Self::Length { min, max } | Self::Line { min, max } => write!(f, " min={min} max={max}"),
            Self::Range { min, max } => write!(f, " min={min} max={max}"),
            Self::Decimals { max } | Self::StockLimit { max } => write!(f, " max={max}"),
            Self::Format(format) => write!(f, " format={format}"),
            Self::SameCurrency { currency } => write!(f, " currency={currency}"),
            Self::Refundable { amount } | Self::MultipleOf { amount } => write!(f, " amount={amount}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for RuleError {}

impl From<MoneyError> for RuleError {
    fn from(_: MoneyError) -> Self {
        Self::AmountTooLarge
    }
}
