//! Rules that a request can break: stable codes with parameters. The HTTP layer turns them into sentences for people; `Display` is
//! for logs.

use std::fmt;

use super::{CountryCode, Currency, Field, Format, Handle, Money, MoneyError, Sku, ValuePath};

/// A rule of the shop that a request breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleError {
    /// A value is outside what the field allows.
    InvalidValue {
        /// Which field.
        field: Field,
        /// What the field allows.
        rule: ValueRule,
    },
    /// A setting of the shop is outside what it allows.
    InvalidSetting {
        /// Which setting.
        path: ValuePath,
        /// What it allows.
        rule: ValueRule,
    },
    /// A value of a product is outside what it allows.
    InvalidProduct {
        /// Which value.
        path: ValuePath,
        /// What it allows.
        rule: ValueRule,
    },
    /// The cart would hold more distinct SKUs than an order may have.
    TooManyLines {
        /// Distinct SKUs allowed.
        limit: usize,
    },
    /// The cart is empty.
    EmptyCart,
    /// The variant has a different currency than the cart.
    CurrencyMismatch {
        /// Currency of the cart.
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
    /// Shipping methods deliver to the country, but not a cart of this weight.
    ShippingWeight {
        /// The requested country.
        country: CountryCode,
    },
    /// The shipping method exists, but not for this address and cart.
    ShippingNotOffered {
        /// The requested method, truncated to 64 characters.
        method: String,
    },
    /// The variant is not for sale, or no longer.
    NotSold {
        /// The requested SKU.
        sku: Sku,
    },
    /// The total differs from the one that the shopper agreed to.
    TotalChanged {
        /// What the shopper agreed to.
        expected: Money,
        /// The current total.
        actual: Money,
    },
    /// The total is below the minimum of the payment provider.
    TotalBelowMinimum {
        /// Total of the cart.
        total: Money,
        /// The smallest total that can be charged.
        minimum: Money,
    },
    /// The total is above the maximum of the payment provider.
    TotalAboveMaximum {
        /// Total of the cart.
        total: Money,
        /// The largest total that can be charged.
        maximum: Money,
    },
    /// The terms have changed since the shopper has seen them.
    TermsChanged,
    /// The shop sends no mail, so it cannot mail a link.
    NoMail,
    /// The shop has no place for pictures.
    NoPictures,
    /// An amount is outside the range of 64-bit minor units.
    AmountTooLarge,
    /// An unknown rule of a newer release, received by the API client.
    Other {
        /// Its stable code.
        code: String,
        /// The field it is about.
        field: Option<String>,
        /// The stable code of what the field allows.
        rule: Option<String>,
        /// The sentence of the newer release: this release has no text for the rule.
        message: String,
    },
}

/// What a field allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueRule {
    /// Not empty.
    Required,
    /// A length in characters.
    Length {
        /// Minimum.
        min: usize,
        /// Maximum.
        max: usize,
    },
    /// A length in characters, without line breaks or other control characters.
    Line {
        /// Minimum.
        min: usize,
        /// Maximum.
        max: usize,
    },
    /// A whole number from `min` to `max`.
    Range {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A decimal amount with a limited number of decimals and no thousands separators.
    Decimals {
        /// Most decimals.
        max: u32,
    },
    /// A value in this format.
    Format(Format),
    /// One of the offered values.
    Offered,
    /// A member that exists.
    Unknown,
    /// A value that occurs once in its list.
    Unique,
    /// A list with a limited number of entries.
    Count {
        /// Most entries.
        max: usize,
    },
    /// An amount above the price.
    AbovePrice,
    /// Texts of a limited length in total.
    Size {
        /// Most bytes.
        max: usize,
    },
    /// The value that it has now.
    Fixed,
    /// A value that no other product has.
    UsedBy {
        /// The product that has it.
        product: Handle,
    },
    /// A color on which white text is readable.
    Contrast,
    /// Sorting by relevance requires a search.
    NeedsSearch,
    /// An email address without an account.
    Unused,
    /// The password of the account.
    CurrentPassword,
    /// A password that is not among the most common ones.
    Uncommon,
    /// A password other than the email address and the name of the shop.
    Unguessable,
    /// A variant whose stock is tracked.
    Tracked,
    /// A maximum of available units of one SKU.
    StockLimit {
        /// Most units.
        max: u32,
    },
    /// An order that is not canceled.
    NotCancelled,
    /// An order that has not been shipped.
    NotShipped,
    /// An order that is paid.
    Paid,
    /// An order that is not paid.
    Unpaid,
    /// An order that waits for a transfer to the merchant's bank account.
    AwaitsTransfer,
    /// A fulfillment event that is possible in the current fulfillment state.
    FulfillmentStep,
    /// A value that a shipment has, and a return has not.
    Shipment,
    /// A payment that was captured.
    Captured,
    /// A payment without a refund in progress.
    NoOpenRefund,
    /// A payment without money withheld in a dispute.
    NotDisputed,
    /// An amount in the order's currency.
    SameCurrency {
        /// The order's currency.
        currency: Currency,
    },
    /// An amount that the payment provider can charge: a multiple of this one.
    MultipleOf {
        /// The smallest amount.
        amount: Money,
    },
    /// More than zero.
    Positive,
    /// At most the refundable amount.
    Refundable {
        /// Refundable amount.
        amount: Money,
    },
}

impl RuleError {
    /// Shorthand for [`RuleError::InvalidValue`].
    pub const fn invalid(field: Field, rule: ValueRule) -> Self {
        Self::InvalidValue { field, rule }
    }

    /// Shorthand for a value that does not have the field's format.
    pub const fn malformed(field: Field, format: Format) -> Self {
        Self::InvalidValue { field, rule: ValueRule::Format(format) }
    }

    /// Shorthand for [`RuleError::InvalidSetting`].
    pub fn setting(path: impl Into<String>, rule: ValueRule) -> Self {
        Self::InvalidSetting { path: ValuePath::new(path), rule }
    }

    /// Shorthand for [`RuleError::InvalidProduct`].
    pub fn product(path: impl Into<String>, rule: ValueRule) -> Self {
        Self::InvalidProduct { path: ValuePath::new(path), rule }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::InvalidValue { .. } => "invalid_value",
            Self::InvalidSetting { .. } => "invalid_setting",
            Self::InvalidProduct { .. } => "invalid_product",
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
            Self::TermsChanged => "terms_changed",
            Self::NoMail => "no_mail",
            Self::NoPictures => "no_pictures",
            Self::AmountTooLarge => "amount_too_large",
            Self::Other { code, .. } => code,
        }
    }

    /// The field whose value breaks the rule, as the API spells it.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidValue { field, .. } => Some(field.as_str()),
            Self::InvalidSetting { path, .. } | Self::InvalidProduct { path, .. } => Some(path.as_str()),
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
            Self::Unknown => "unknown",
            Self::Unique => "unique",
            Self::Count { .. } => "count",
            Self::AbovePrice => "above_price",
            Self::Size { .. } => "size",
            Self::Fixed => "fixed",
            Self::UsedBy { .. } => "used_by",
            Self::Contrast => "contrast",
            Self::NeedsSearch => "needs_search",
            Self::Unused => "unused",
            Self::CurrentPassword => "current_password",
            Self::Uncommon => "uncommon",
            Self::Unguessable => "unguessable",
            Self::Tracked => "tracked",
            Self::StockLimit { .. } => "stock_limit",
            Self::NotCancelled => "not_cancelled",
            Self::NotShipped => "not_shipped",
            Self::Paid => "paid",
            Self::Unpaid => "unpaid",
            Self::AwaitsTransfer => "awaits_transfer",
            Self::FulfillmentStep => "fulfillment_step",
            Self::Shipment => "shipment",
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
            Self::InvalidSetting { path, rule } | Self::InvalidProduct { path, rule } => {
                write!(f, " field={path} {rule}")
            }
            Self::TooManyLines { limit } => write!(f, " limit={limit}"),
            Self::CurrencyMismatch { cart, variant } => write!(f, " cart={cart} variant={variant}"),
            Self::NoShipping { country } | Self::ShippingWeight { country } => write!(f, " country={country}"),
            Self::NoShippingPrice { currency } => write!(f, " currency={currency}"),
            Self::TotalBelowMinimum { total, minimum } => write!(f, " total={total} minimum={minimum}"),
            Self::TotalAboveMaximum { total, maximum } => write!(f, " total={total} maximum={maximum}"),
            Self::ShippingNotOffered { method } => write!(f, " method={method:?}"),
            Self::NotSold { sku } => write!(f, " sku={sku}"),
            Self::TotalChanged { expected, actual } => write!(f, " expected={expected} actual={actual}"),
            Self::EmptyCart
            | Self::TermsChanged
            | Self::NoMail
            | Self::NoPictures
            | Self::AmountTooLarge
            | Self::Other { .. } => Ok(()),
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
            Self::Count { max } | Self::Size { max } => write!(f, " max={max}"),
            Self::UsedBy { product } => write!(f, " product={product}"),
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
