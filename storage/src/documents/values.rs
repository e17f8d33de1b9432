//! Parts shared by several documents. Validated texts (IDs, SKUs, handles, currencies) are stored as text.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Money {
    amount_minor: i64,
    currency: domain::Currency,
}

impl From<domain::Money> for Money {
    fn from(money: domain::Money) -> Self {
        Self { amount_minor: money.amount_minor, currency: money.currency }
    }
}

impl From<Money> for domain::Money {
    fn from(money: Money) -> Self {
        Self::new(money.amount_minor, money.currency)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Image {
    url: String,
    alt: String,
}

impl From<&domain::Image> for Image {
    fn from(image: &domain::Image) -> Self {
        Self { url: image.url.clone(), alt: image.alt.clone() }
    }
}

impl From<Image> for domain::Image {
    fn from(image: Image) -> Self {
        Self { url: image.url, alt: image.alt }
    }
}

/// The category of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Category {
    handle: domain::Handle,
    title: String,
}

impl From<&domain::Category> for Category {
    fn from(category: &domain::Category) -> Self {
        Self { handle: category.handle.clone(), title: category.title.clone() }
    }
}

impl From<Category> for domain::Category {
    fn from(category: Category) -> Self {
        Self { handle: category.handle, title: category.title }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    company: Option<String>,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: String,
    country: domain::CountryCode,
}

impl From<&domain::Address> for Address {
    fn from(address: &domain::Address) -> Self {
        Self {
            name: address.name.clone(),
            company: address.company.clone(),
            line1: address.line1.clone(),
            line2: address.line2.clone(),
            city: address.city.clone(),
            region: address.region.clone(),
            postal_code: address.postal_code.clone(),
            country: address.country,
        }
    }
}

impl From<Address> for domain::Address {
    fn from(address: Address) -> Self {
        Self {
            name: address.name,
            company: address.company,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country: address.country,
        }
    }
}

/// Converts every element.
pub(super) fn each<T, U: From<T>>(values: impl IntoIterator<Item = T>) -> Vec<U> {
    values.into_iter().map(U::from).collect()
}
