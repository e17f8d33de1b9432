//! Products and categories: public, cacheable with an ETag.

use serde::{Deserialize, Serialize};
use shopease_shop::ShopError;
use shopease_shop::domain::{self, BrandImage, Handle, ProductSort, Subject};
use shopease_shop::services::{
    self, FindBrandImage, FindPage, FindProduct, ListCategories, ListProducts, ViewSaleTerms, ViewShop,
};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{IntoParams, ToSchema};

use super::endpoint::{Answer, endpoints, public};
use super::parts::{Named, NoBody, Parts, Wire, without_body};
use super::settings::{BrandImageContent, Page, Shop};
use super::wire::{Category, Image, MoneySchema, Out, mirror};
use super::{Paging, page_answer, text};
use crate::http::problem::Problem;

/// A product in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductSummary {
    /// Product ID.
    #[schema(value_type = text::ProductId)]
    pub id: domain::ProductId,
    /// Handle, the name in URLs.
    #[schema(value_type = text::Handle)]
    pub handle: Handle,
    /// Title.
    #[schema(example = "Copper Stovetop Kettle")]
    pub title: String,
    /// Brand or manufacturer.
    pub vendor: Option<String>,
    /// Category.
    pub category: Option<Category>,
    /// The first image.
    pub image: Option<Image>,
    /// Lowest price of a variant.
    #[schema(value_type = Option<MoneySchema>)]
    pub price_from: Option<domain::Money>,
    /// Highest price of a variant.
    #[schema(value_type = Option<MoneySchema>)]
    pub price_to: Option<domain::Money>,
    /// Former price of the cheapest variant.
    #[schema(value_type = Option<MoneySchema>)]
    pub compare_at_price: Option<domain::Money>,
    /// Number of variants.
    pub variant_count: u16,
}
mirror!(ProductSummary of domain::ProductSummary {
    id, handle, title, vendor, category, image, price_from, price_to, compare_at_price, variant_count,
});

/// An option in which variants differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductOption {
    /// Name, for example `Size`.
    pub name: String,
    /// Values in display order.
    pub values: Vec<String>,
}
mirror!(ProductOption of domain::ProductOption { name, values });

/// A variant of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// Variant ID.
    #[schema(value_type = text::VariantId)]
    pub id: domain::VariantId,
    /// SKU, unique in the shop.
    #[schema(value_type = text::Sku)]
    pub sku: domain::Sku,
    /// Title, such as `Large / Blue`; empty for a product without options.
    pub title: String,
    /// One value per product option.
    pub option_values: Vec<String>,
    /// Price of one unit.
    #[schema(value_type = MoneySchema)]
    pub price: domain::Money,
    /// Former, higher price.
    #[schema(value_type = Option<MoneySchema>)]
    pub compare_at_price: Option<domain::Money>,
    /// Whether it can be ordered now.
    pub in_stock: bool,
    /// Units available; absent if stock is not tracked. May be a few seconds old.
    pub available: Option<u32>,
    /// Index into the product's images.
    pub image: Option<u16>,
    /// GTIN, EAN, UPC or ISBN.
    pub barcode: Option<String>,
    /// Shipping weight of one unit in grams.
    pub weight_grams: u32,
    /// Whether it is shipped. Digital goods are not.
    #[serde(default = "shipped")]
    pub requires_shipping: bool,
}
mirror!(Variant of services::VariantView {
    id, sku, title, option_values, price, compare_at_price, in_stock, available, image, barcode, weight_grams,
    requires_shipping,
});

/// Releases without the field treated everything as shipped.
pub(super) const fn shipped() -> bool {
    true
}

/// A product with its variants and stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    /// Product ID.
    #[schema(value_type = text::ProductId)]
    pub id: domain::ProductId,
    /// Handle, the name in URLs.
    #[schema(value_type = text::Handle)]
    pub handle: Handle,
    /// Title.
    #[schema(example = "Copper Stovetop Kettle")]
    pub title: String,
    /// Description as sanitized HTML.
    #[schema(example = "<p>Boils on gas and on induction.</p>")]
    pub description_html: String,
    /// Brand or manufacturer.
    pub vendor: Option<String>,
    /// Category.
    pub category: Option<Category>,
    /// Tags.
    pub tags: Vec<String>,
    /// Options in which the variants differ.
    pub options: Vec<ProductOption>,
    /// Variants, at least one.
    pub variants: Vec<Variant>,
    /// Images.
    pub images: Vec<Image>,
    /// Title for search engines, if it differs.
    pub seo_title: Option<String>,
    /// Description for search engines.
    pub seo_description: Option<String>,
}
mirror!(Product of services::ProductView {
    id, handle, title, description_html, vendor, category, tags, options, variants, images, seo_title, seo_description,
});

/// All categories.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Categories {
    /// Sorted by title.
    pub items: Vec<Category>,
}

impl Out for Categories {
    type Value = Vec<domain::Category>;

    fn of(items: Self::Value) -> Self {
        Self { items: Out::of(items) }
    }

    fn value(self) -> Self::Value {
        self.items.value()
    }
}

/// Terms of a shipping method that are known before the address is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippingTerms {
    /// Title.
    pub title: String,
    /// Delivery estimate, for example `2 to 4 days`.
    pub delivery_estimate: String,
    /// Countries that it delivers to (ISO 3166-1 alpha-2); empty for all countries except some.
    #[schema(value_type = Vec<text::Country>)]
    pub countries: Vec<domain::CountryCode>,
    /// Maximum weight in grams, if limited.
    pub up_to_grams: Option<u64>,
    /// Lowest price in each currency.
    #[schema(value_type = Vec<MoneySchema>)]
    pub prices_from: Vec<domain::Money>,
    /// Minimum order value for free shipping, in each currency that has one.
    #[schema(value_type = Vec<MoneySchema>)]
    pub free_from: Vec<domain::Money>,
}
mirror!(ShippingTerms of domain::ShippingTerms { title, delivery_estimate, countries, up_to_grams, prices_from, free_from });

/// Terms of sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SaleTerms {
    /// Whether catalog and shipping prices include tax.
    pub prices_include_tax: bool,
    /// Name of the tax in the shop's country, for example `VAT`, or of a tax that is added abroad; absent if no tax is charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_title: Option<String>,
    /// Shipping methods in display order.
    pub shipping: Vec<ShippingTerms>,
}
mirror!(SaleTerms of services::SaleTerms { prices_include_tax, tax_title, shipping });

page_answer! {
    /// A page of products.
    ProductPage of ProductSummary
}

/// Sort orders of the product listing, by their names in the shop.
struct Sort;

impl utoipa::ToSchema for Sort {}

impl utoipa::PartialSchema for Sort {
    fn schema() -> RefOr<Schema> {
        let all = ProductSort::STORED.into_iter().chain([ProductSort::Relevance]);
        let names = all.map(ProductSort::as_str);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

/// Query parameters of the product listing.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductsQuery {
    /// Only products that match every word; the last word may be incomplete.
    #[param(max_length = 200, pattern = "^[^\\u0000]*$", example = "kettle")]
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
    /// Only products of the category with this handle.
    #[param(value_type = Option<text::Handle>, inline, example = "coffee-tea")]
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// `newest` (default), `title`, `price`, `-price`, `relevance` (requires `q`, and is then the default).
    #[param(value_type = Option<Sort>, inline, example = "price")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<String>,
    /// Rows per page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 24)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
    /// `next_cursor` of the previous page.
    #[param(value_type = Option<text::Cursor>, inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Wire for ListProducts {
    type Path = ();
    type Query = ProductsQuery;
    type Body = NoBody;

    fn read(Parts { query, .. }: Parts<Self>) -> Result<Self, Problem> {
        let sort: Option<ProductSort> = query.sort.map(|sort| sort.parse()).transpose().map_err(ShopError::from)?;
        let category: Option<Handle> = query
            .category
            .map(|handle| handle.parse())
            .transpose()
            .map_err(|_| ShopError::NotFound { subject: Subject::Category })?;
        let paging = Paging { limit: query.limit, cursor: query.cursor };
        let mut command = Self { q: query.q, category, sort, after: None, limit: paging.limit()? };
        command.after = paging.after(&command.listing())?;
        Ok(command)
    }

    fn write(self) -> Parts<Self> {
        let paging = Paging::to(self.after.as_ref(), self.limit, &self.listing());
        let query = ProductsQuery {
            q: self.q,
            category: self.category.map(String::from),
            sort: self.sort.map(|sort| sort.as_str().to_owned()),
            limit: paging.limit,
            cursor: paging.cursor,
        };
        Parts { path: (), query, body: NoBody, key: None }
    }

    fn listing(&self) -> String {
        let category = self.category.as_ref().map_or("", Handle::as_str);
        let sort = self.sort.map_or("", ProductSort::as_str);
        // The search text comes last because it may contain anything; the other parts cannot contain the separator.
        format!("products\n{category}\n{sort}\n{}", self.q.as_deref().unwrap_or_default())
    }
}

without_body!(FindProduct, handle: Handle);
without_body!(ListCategories);
without_body!(ViewSaleTerms);
without_body!(ViewShop);
without_body!(FindBrandImage, image: BrandImage);

endpoints! {
    Catalog in catalog, area Catalog, tag "catalog";

    /// List or search products.
    get "/api/v1/products" => list_products(ListProducts) -> ProductPage {
        Ordinary, public, [
            (200, "A page of products."),
            (304, "Not modified: the ETag matches If-None-Match."),
            (404, "The category does not exist."),
            (422, "A parameter is out of range."),
        ]
    }

    /// Get a product with its variants and stock.
    get "/api/v1/products/{handle}" => find_product(FindProduct) -> Product {
        Ordinary, public, [
            (200, "The product."),
            (304, "Not modified: the ETag matches If-None-Match."),
            (404, "The product does not exist or is not for sale."),
        ]
    }

    /// List all categories.
    get "/api/v1/categories" => list_categories(ListCategories) -> Categories {
        Ordinary, public, [
            (200, "The categories, sorted by title."),
            (304, "Not modified: the ETag matches If-None-Match."),
        ]
    }

    /// Get the terms of sale: whether prices include tax, and the terms of the shipping methods.
    get "/api/v1/sale-terms" => view_sale_terms(ViewSaleTerms) -> SaleTerms {
        Ordinary, public, [
            (200, "The terms."),
            (304, "Not modified: the ETag matches If-None-Match."),
        ]
    }

    /// Get the public part of the shop's settings: name, contact, home page, footer.
    get "/api/v1/settings" => view_shop(ViewShop) -> Shop {
        Ordinary, public, [
            (200, "The settings."),
            (304, "Not modified: the ETag matches If-None-Match."),
        ]
    }

    /// Get a page that the merchant writes, such as the terms.
    get "/api/v1/pages/{name}" => find_page(FindPage) -> Page {
        Ordinary, public, [
            (200, "The page."),
            (304, "Not modified: the ETag matches If-None-Match."),
            (404, "No such page or version."),
        ]
    }

    /// Get the logo or the icon, if the merchant has uploaded it.
    get "/api/v1/settings/images/{image}" => find_brand_image(FindBrandImage) -> BrandImageContent {
        Ordinary, public, [
            (200, "The image."),
            (304, "Not modified: the ETag matches If-None-Match."),
            (404, "The shop has no such image."),
        ]
    }
}
