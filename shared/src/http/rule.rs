//! A broken rule in the JSON API: a stable code with its parameters, and a sentence for people.

use crate::http::api::wire::MoneySchema;
use serde::{Deserialize, Serialize};
use shopease_shop::domain::{CountryCode, Currency, Field, Format, Money, RuleError, Sku, ValuePath, ValueRule};
use utoipa::ToSchema;

use super::texts;

/// A rule of the shop that the request breaks. `code` determines which other members are present. Clients must not parse
/// `message`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BrokenRule {
    /// Stable code: `invalid_value`, `invalid_setting`, `invalid_product`, `too_many_lines`, `empty_cart`, `currency_mismatch`, `no_shipping`,
    /// `no_shipping_price`, `shipping_weight`, `shipping_not_offered`, `not_sold`, `total_changed`,
    /// `total_below_minimum`, `total_above_maximum`, `terms_changed`, `no_mail`, `no_pictures`, `amount_too_large`. Newer releases may add others.
    #[schema(required)]
    pub code: String,
    /// The rule as a sentence in English.
    #[schema(required)]
    pub message: String,
    /// The field, as the API spells it: `quantity`, `shipping_address.city` (`invalid_value`), or the path of the setting:
    /// `tax.rates[0].country` (`invalid_setting`), or of the product: `variants[0].price` (`invalid_product`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the field allows (`invalid_value`, `invalid_setting`, `invalid_product`): `required`, `length`, `line`, `range`, `decimals`, `format`, `offered`,
    /// `needs_search`, `unused`, `current_password`, `uncommon`, `unguessable`, `tracked`, `stock_limit`, `not_cancelled`, `not_shipped`, `paid`, `unpaid`, `awaits_transfer`, `fulfillment_step`,
    /// `captured`, `no_open_refund`, `not_disputed`, `same_currency`, `multiple_of`,
    /// `positive`, `refundable`, `unknown`, `unique`, `count`, `contrast`, `above_price`, `size`,
    /// `fixed`, `used_by`. Newer releases may add others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The required format (`format`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Fewest characters or smallest number (`length`, `line`, `range`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// Most characters, decimals, units, entries or bytes, or largest number (`length`, `line`, `range`, `decimals`, `stock_limit`,
    /// `count`, `size`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// The refundable amount (`refundable`), the smallest step of an amount (`multiple_of`), or the smallest or largest total that
    /// can be charged (`total_below_minimum`, `total_above_maximum`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub amount: Option<Money>,
    /// Currency of the order (`same_currency`) or of the cart (`no_shipping_price`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Deprecated: the same as `message`. Clients of the first release require it with `invalid_value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Maximum of distinct SKUs in a cart (`too_many_lines`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Currency of the cart (`currency_mismatch`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
    /// Currency of the variant (`currency_mismatch`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The requested country (`no_shipping`, `shipping_weight`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The requested shipping method (`shipping_not_offered`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Handle of the product that has the value (`used_by`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The requested SKU (`not_sold`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub sku: Option<Sku>,
    /// The total that the shopper agreed to (`total_changed`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub expected: Option<Money>,
    /// The current total (`total_changed`, `total_below_minimum`, `total_above_maximum`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub actual: Option<Money>,
}

impl From<&RuleError> for BrokenRule {
    fn from(rule: &RuleError) -> Self {
        let named = Self { code: rule.code().to_owned(), message: texts::rule(rule), ..Self::default() };
        let text = |code: Currency| Some(code.to_string());
        match rule {
            RuleError::InvalidValue { field, rule } => {
                let (field, reason) = (Some(field.to_string()), Some(named.message.clone()));
                Self { field, reason, ..named }.with_value_rule(rule)
            }
            RuleError::InvalidSetting { path, rule } | RuleError::InvalidProduct { path, rule } => {
                Self { field: Some(path.to_string()), ..named }.with_value_rule(rule)
            }
            RuleError::TooManyLines { limit } => Self { limit: u64::try_from(*limit).ok(), ..named },
            RuleError::CurrencyMismatch { cart, variant } => {
                Self { cart: text(*cart), variant: text(*variant), ..named }
            }
            RuleError::NoShipping { country } | RuleError::ShippingWeight { country } => {
                Self { country: Some(country.to_string()), ..named }
            }
            RuleError::NoShippingPrice { currency } => Self { currency: text(*currency), ..named },
            RuleError::TotalBelowMinimum { total, minimum: limit }
            | RuleError::TotalAboveMaximum { total, maximum: limit } => {
                Self { actual: Some(*total), amount: Some(*limit), ..named }
            }
            RuleError::ShippingNotOffered { method } => Self { method: Some(method.clone()), ..named },
            RuleError::NotSold { sku } => Self { sku: Some(sku.clone()), ..named },
            RuleError::TotalChanged { expected, actual } => {
                Self { expected: Some(*expected), actual: Some(*actual), ..named }
            }
            RuleError::EmptyCart
            | RuleError::TermsChanged
            | RuleError::NoMail
            | RuleError::NoPictures
            | RuleError::AmountTooLarge => named,
            RuleError::Other { field, rule, .. } => Self { field: field.clone(), rule: rule.clone(), ..named },
        }
    }
}

impl BrokenRule {
    fn with_value_rule(self, rule: &ValueRule) -> Self {
        let named = Self { rule: Some(rule.code().to_owned()), ..self };
        let number = |value: usize| i64::try_from(value).ok();
        match rule {
            ValueRule::Length { min, max } | ValueRule::Line { min, max } => {
                Self { min: number(*min), max: number(*max), ..named }
            }
            ValueRule::Range { min, max } => Self { min: Some(*min), max: Some(*max), ..named },
            ValueRule::Decimals { max } | ValueRule::StockLimit { max } => Self { max: Some((*max).into()), ..named },
            ValueRule::Count { max } | ValueRule::Size { max } => Self { max: number(*max), ..named },
            ValueRule::UsedBy { product } => Self { product: Some(product.to_string()), ..named },
            ValueRule::Format(format) => Self { format: Some(format.to_string()), ..named },
            ValueRule::SameCurrency { currency } => Self { currency: Some(currency.to_string()), ..named },
            ValueRule::Refundable { amount } | ValueRule::MultipleOf { amount } => {
                Self { amount: Some(*amount), ..named }
            }
            ValueRule::Required
            | ValueRule::Offered
            | ValueRule::Unknown
            | ValueRule::Unique
            | ValueRule::AbovePrice
            | ValueRule::Fixed
            | ValueRule::Contrast
            | ValueRule::NeedsSearch
            | ValueRule::Unused
            | ValueRule::CurrentPassword
            | ValueRule::Uncommon
            | ValueRule::Unguessable
            | ValueRule::Tracked
            | ValueRule::NotCancelled
            | ValueRule::NotShipped
            | ValueRule::Paid
            | ValueRule::Unpaid
            | ValueRule::AwaitsTransfer
            | ValueRule::FulfillmentStep
            | ValueRule::Shipment
            | ValueRule::Captured
            | ValueRule::NoOpenRefund
            | ValueRule::NotDisputed
            | ValueRule::Positive => named,
        }
    }

    /// Returns the rule if this release knows its code and all of its parameters are present.
    fn to_known_rule(&self) -> Option<RuleError> {
        let currency = |code: Option<&String>| code?.parse::<Currency>().ok();
        Some(match self.code.as_str() {
            "invalid_value" => {
                RuleError::InvalidValue { field: Field::find(self.field.as_deref()?)?, rule: self.value_rule()? }
            }
            "invalid_setting" => {
                RuleError::InvalidSetting { path: ValuePath::new(self.field.clone()?), rule: self.value_rule()? }
            }
            "invalid_product" => {
                RuleError::InvalidProduct { path: ValuePath::new(self.field.clone()?), rule: self.value_rule()? }
            }
            "too_many_lines" => RuleError::TooManyLines { limit: usize::try_from(self.limit?).ok()? },
            "empty_cart" => RuleError::EmptyCart,
            "currency_mismatch" => RuleError::CurrencyMismatch {
                cart: currency(self.cart.as_ref())?,
                variant: currency(self.variant.as_ref())?,
            },
            "no_shipping" => RuleError::NoShipping { country: self.country.as_ref()?.parse::<CountryCode>().ok()? },
            "no_shipping_price" => RuleError::NoShippingPrice { currency: currency(self.currency.as_ref())? },
            "shipping_weight" => {
                RuleError::ShippingWeight { country: self.country.as_ref()?.parse::<CountryCode>().ok()? }
            }
            "total_below_minimum" => RuleError::TotalBelowMinimum { total: self.actual?, minimum: self.amount? },
            "total_above_maximum" => RuleError::TotalAboveMaximum { total: self.actual?, maximum: self.amount? },
            "shipping_not_offered" => RuleError::ShippingNotOffered { method: self.method.clone()? },
            "not_sold" => RuleError::NotSold { sku: self.sku.clone()? },
            "total_changed" => RuleError::TotalChanged { expected: self.expected?, actual: self.actual? },
            "terms_changed" => RuleError::TermsChanged,
            "no_mail" => RuleError::NoMail,
            "no_pictures" => RuleError::NoPictures,
            "amount_too_large" => RuleError::AmountTooLarge,
            _ => return None,
        })
    }

    fn value_rule(&self) -> Option<ValueRule> {
        let number = |value: Option<i64>| usize::try_from(value?).ok();
        let small = |value: Option<i64>| u32::try_from(value?).ok();
        Some(match self.rule.as_deref()? {
            "required" => ValueRule::Required,
            "length" => ValueRule::Length { min: number(self.min)?, max: number(self.max)? },
            "line" => ValueRule::Line { min: number(self.min)?, max: number(self.max)? },
            "range" => ValueRule::Range { min: self.min?, max: self.max? },
            "decimals" => ValueRule::Decimals { max: small(self.max)? },
            "format" => ValueRule::Format(Format::find(self.format.as_deref()?)?),
            "offered" => ValueRule::Offered,
            "unknown" => ValueRule::Unknown,
            "unique" => ValueRule::Unique,
            "count" => ValueRule::Count { max: number(self.max)? },
            "contrast" => ValueRule::Contrast,
            "above_price" => ValueRule::AbovePrice,
            "fixed" => ValueRule::Fixed,
            "size" => ValueRule::Size { max: number(self.max)? },
            "used_by" => ValueRule::UsedBy { product: self.product.as_ref()?.parse().ok()? },
            "needs_search" => ValueRule::NeedsSearch,
            "unused" => ValueRule::Unused,
            "current_password" => ValueRule::CurrentPassword,
            "uncommon" => ValueRule::Uncommon,
            "unguessable" => ValueRule::Unguessable,
            "tracked" => ValueRule::Tracked,
            "stock_limit" => ValueRule::StockLimit { max: small(self.max)? },
            "not_cancelled" => ValueRule::NotCancelled,
            "not_shipped" => ValueRule::NotShipped,
            "paid" => ValueRule::Paid,
            "unpaid" => ValueRule::Unpaid,
            "awaits_transfer" => ValueRule::AwaitsTransfer,
            "fulfillment_step" => ValueRule::FulfillmentStep,
            "shipment" => ValueRule::Shipment,
            "captured" => ValueRule::Captured,
            "no_open_refund" => ValueRule::NoOpenRefund,
            "not_disputed" => ValueRule::NotDisputed,
            "same_currency" => ValueRule::SameCurrency { currency: self.currency.as_ref()?.parse().ok()? },
            "multiple_of" => ValueRule::MultipleOf { amount: self.amount? },
            "positive" => ValueRule::Positive,
            "refundable" => ValueRule::Refundable { amount: self.amount? },
            _ => return None,
        })
    }
}

impl From<BrokenRule> for RuleError {
    /// Never fails: an unknown rule of a newer release keeps its code and its sentence.
    fn from(broken: BrokenRule) -> Self {
        broken.to_known_rule().unwrap_or_else(|| {
            // A backend of the first release sends a reason and no message.
            let message = if broken.message.is_empty() { broken.reason.unwrap_or_default() } else { broken.message };
            Self::Other { code: broken.code, field: broken.field, rule: broken.rule, message }
        })
    }
}

#[cfg(test)]
mod tests;
