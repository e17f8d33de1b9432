//! Quotes: lines, shipping and taxes of a cart for a destination.

use serde::{Deserialize, Serialize};
use shopease_shop::domain::{self, CountryCode};
use shopease_shop::services;
use utoipa::ToSchema;

use super::parts::json_body;
use super::text;
use super::wire::{Image, MoneySchema, mirror};

/// A line item with its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuoteLine {
    /// SKU of the variant.
    #[schema(value_type = text::Sku)]
    pub sku: domain::Sku,
    /// Handle of the product.
    #[schema(value_type = text::Handle)]
    pub product_handle: domain::Handle,
    /// Title of the product.
    #[schema(example = "Copper Stovetop Kettle")]
    pub title: String,
    /// Title of the variant; empty for a product without options.
    #[schema(example = "0.8 l")]
    pub variant_title: String,
    /// Image.
    pub image: Option<Image>,
    /// Quantity.
    #[schema(value_type = u32, minimum = 1, maximum = 999)]
    pub quantity: domain::Quantity,
    /// Price of one unit.
    #[schema(value_type = MoneySchema)]
    pub unit_price: domain::Money,
    /// Price of all units.
    #[schema(value_type = MoneySchema)]
    pub line_total: domain::Money,
}
mirror!(QuoteLine of domain::QuoteLine {
    sku, product_handle, title, variant_title, image, quantity, unit_price, line_total,
});

/// A shipping method with its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "standard", "title": "Standard", "delivery_estimate": "2 to 4 days",
    "price": {"amount_minor": 490, "currency": "EUR"}
}))]
pub struct ShippingOffer {
    /// Stable ID of the shipping method.
    pub id: String,
    /// Title.
    pub title: String,
    /// Delivery estimate, for example `2 to 4 days`; empty if nothing is shipped.
    pub delivery_estimate: String,
    /// Price.
    #[schema(value_type = MoneySchema)]
    pub price: domain::Money,
}
mirror!(ShippingOffer of domain::ShippingOffer { id, title, delivery_estimate, price });

/// A shipping method that can be chosen for the cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "standard", "title": "Standard", "delivery_estimate": "2 to 4 days",
    "price": {"amount_minor": 490, "currency": "EUR"}, "total": {"amount_minor": 5390, "currency": "EUR"}
}))]
pub struct QuotedOffer {
    /// The method with its price.
    #[serde(flatten)]
    pub offer: ShippingOffer,
    /// Total to pay with this method; absent if it is out of range.
    #[schema(value_type = MoneySchema)]
    #[serde(default)]
    pub total: Option<domain::Money>,
}
mirror!(QuotedOffer of domain::QuotedOffer { offer, total });

/// A tax at one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "title": "VAT", "rate_ppm": 190_000, "amount": {"amount_minor": 1580, "currency": "EUR"}
}))]
pub struct TaxLine {
    /// Title.
    pub title: String,
    /// Rate in parts per million: 190000 is 19%.
    pub rate_ppm: u32,
    /// Amount of tax.
    #[schema(value_type = MoneySchema)]
    pub amount: domain::Money,
}
mirror!(TaxLine of domain::TaxLine { title, rate_ppm, amount });

/// The price of a cart for a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quote {
    /// Lines with their prices.
    pub lines: Vec<QuoteLine>,
    /// Sum of the lines.
    #[schema(value_type = MoneySchema)]
    pub subtotal: domain::Money,
    /// All shipping methods for the destination.
    pub shipping_offers: Vec<QuotedOffer>,
    /// The chosen shipping method.
    pub shipping: ShippingOffer,
    /// Taxes.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the taxes.
    #[schema(value_type = MoneySchema)]
    pub tax_total: domain::Money,
    /// Whether the prices include tax.
    pub prices_include_tax: bool,
    /// Total.
    #[schema(value_type = MoneySchema)]
    pub total: domain::Money,
}
mirror!(Quote of domain::Quote {
    lines, subtotal, shipping_offers, shipping, tax_lines, tax_total, prices_include_tax, total,
});

/// Requests a quote of the caller's cart for a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"country": "DE"}))]
pub struct QuoteRequest {
    /// ISO 3166-1 alpha-2 code of a country that the shop sells to.
    #[schema(value_type = text::Country)]
    pub country: CountryCode,
    /// State or province, by code or English name. Required where taxes depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<text::OptionalLine>)]
    pub region: Option<String>,
    /// ID of the chosen shipping method; by default the first offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
}

json_body!(services::QuoteCart as QuoteRequest { country, region, shipping_method });
