//! A product with its variants, and its summary for listings.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;
use time::OffsetDateTime;

use super::values::{Category, Image, Money, each};
use super::{Stored, Version, names};

#[derive(Serialize, Deserialize)]
pub(crate) struct Product {
    v: Version<1>,
    id: domain::ProductId,
    handle: domain::Handle,
    title: String,
    description_html: String,
    vendor: Option<String>,
    category: Option<Category>,
    tags: Vec<String>,
    options: Vec<ProductOption>,
    variants: Vec<Variant>,
    images: Vec<Image>,
    #[serde(with = "names::ProductStatus")]
    status: domain::ProductStatus,
    seo_title: Option<String>,
    seo_description: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

#[derive(Serialize, Deserialize)]
struct ProductOption {
    name: String,
    values: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Variant {
    id: domain::VariantId,
    sku: domain::Sku,
    option_values: Vec<String>,
    price: Money,
    compare_at_price: Option<Money>,
    weight_grams: u32,
    requires_shipping: bool,
    #[serde(with = "names::TaxClass")]
    tax_class: domain::TaxClass,
    barcode: Option<String>,
    image: Option<u16>,
    #[serde(with = "names::Inventory")]
    inventory: domain::Inventory,
}

impl Stored for domain::Product {
    const KIND: &'static str = "product";
    type Document = Product;
}

impl From<&domain::Product> for Product {
    fn from(product: &domain::Product) -> Self {
        Self {
            v: Version,
            id: product.id.clone(),
            handle: product.handle.clone(),
            title: product.title.clone(),
            description_html: product.description_html.clone(),
            vendor: product.vendor.clone(),
            category: product.category.as_ref().map(Category::from),
            tags: product.tags.clone(),
            options: each(&product.options),
            variants: each(&product.variants),
            images: each(&product.images),
            status: product.status,
            seo_title: product.seo_title.clone(),
            seo_description: product.seo_description.clone(),
            created_at: product.created_at,
        }
    }
}

impl From<Product> for domain::Product {
    fn from(product: Product) -> Self {
        Self {
            id: product.id,
            handle: product.handle,
            title: product.title,
            description_html: product.description_html,
            vendor: product.vendor,
            category: product.category.map(Into::into),
            tags: product.tags,
            options: each(product.options),
            variants: each(product.variants),
            images: each(product.images),
            status: product.status,
            seo_title: product.seo_title,
            seo_description: product.seo_description,
            created_at: product.created_at,
        }
    }
}

impl From<&domain::ProductOption> for ProductOption {
    fn from(option: &domain::ProductOption) -> Self {
        Self { name: option.name.clone(), values: option.values.clone() }
    }
}

impl From<ProductOption> for domain::ProductOption {
    fn from(option: ProductOption) -> Self {
        Self { name: option.name, values: option.values }
    }
}

impl From<&domain::Variant> for Variant {
    fn from(variant: &domain::Variant) -> Self {
        Self {
            id: variant.id.clone(),
            sku: variant.sku.clone(),
            option_values: variant.option_values.clone(),
            price: variant.price.into(),
            compare_at_price: variant.compare_at_price.map(Into::into),
            weight_grams: variant.weight_grams,
            requires_shipping: variant.requires_shipping,
            tax_class: variant.tax_class,
            barcode: variant.barcode.clone(),
            image: variant.image,
            inventory: variant.inventory,
        }
    }
}

impl From<Variant> for domain::Variant {
    fn from(variant: Variant) -> Self {
        Self {
            id: variant.id,
            sku: variant.sku,
            option_values: variant.option_values,
            price: variant.price.into(),
            compare_at_price: variant.compare_at_price.map(Into::into),
            weight_grams: variant.weight_grams,
            requires_shipping: variant.requires_shipping,
            tax_class: variant.tax_class,
            barcode: variant.barcode,
            image: variant.image,
            inventory: variant.inventory,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProductSummary {
    v: Version<1>,
    id: domain::ProductId,
    handle: domain::Handle,
    title: String,
    vendor: Option<String>,
    category: Option<Category>,
    image: Option<Image>,
    price_from: Option<Money>,
    price_to: Option<Money>,
    compare_at_price: Option<Money>,
    variant_count: u16,
}

impl Stored for domain::ProductSummary {
    const KIND: &'static str = "product summary";
    type Document = ProductSummary;
}

impl From<&domain::ProductSummary> for ProductSummary {
    fn from(summary: &domain::ProductSummary) -> Self {
        Self {
            v: Version,
            id: summary.id.clone(),
            handle: summary.handle.clone(),
            title: summary.title.clone(),
            vendor: summary.vendor.clone(),
            category: summary.category.as_ref().map(Category::from),
            image: summary.image.as_ref().map(Image::from),
            price_from: summary.price_from.map(Into::into),
            price_to: summary.price_to.map(Into::into),
            compare_at_price: summary.compare_at_price.map(Into::into),
            variant_count: summary.variant_count,
        }
    }
}

impl From<ProductSummary> for domain::ProductSummary {
    fn from(summary: ProductSummary) -> Self {
        Self {
            id: summary.id,
            handle: summary.handle,
            title: summary.title,
            vendor: summary.vendor,
            category: summary.category.map(Into::into),
            image: summary.image.map(Into::into),
            price_from: summary.price_from.map(Into::into),
            price_to: summary.price_to.map(Into::into),
            compare_at_price: summary.compare_at_price.map(Into::into),
            variant_count: summary.variant_count,
        }
    }
}
