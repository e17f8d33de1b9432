//! Products and categories: public, validated by ETag.

use serde::{Deserialize, Serialize};
use shopease_shop::ShopError;
use shopease_shop::domain::{self, Handle, ProductSort, Subject};
use shopease_shop::services::{self, FindProduct, ListCategories, ListProducts, ViewSaleTerms};
use utoipa::{IntoParams, ToSchema};

use super::endpoint::{Answer, endpoints, public};
use super::parts::{Named, NoBody, Parts, Wire, without_body};
use super::wire::{Category, Image, MoneySchema, Out, mirror};
use super::{Paging, page_answer};
use crate::http::problem::Problem;

/// A product in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductSummary {
    /// Identity.
    #[schema(value_type = String)]
    pub id: domain::ProductId,
    /// Name in URLs.
    #[schema(value_type = String, example = "copper-kettle")]
    pub handle: Handle,
    /// Name for people.
    pub title: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Department.
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

/// What variants differ in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductOption {
    /// For example `Size`.
    pub name: String,
    /// In the order to show them.
    pub values: Vec<String>,
}
mirror!(ProductOption of domain::ProductOption { name, values });

/// A variant of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// Identity.
    #[schema(value_type = String)]
    pub id: domain::VariantId,
    /// Code.
    #[schema(value_type = String, example = "KET-COP-08")]
    pub sku: domain::Sku,
    /// `Large / Blue`; empty for a product without options.
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
    /// Units that can be ordered; absent when they are not counted. May be seconds old.
    pub available: Option<u32>,
    /// Index into the product's images.
    pub image: Option<u16>,
    /// GTIN, EAN, UPC or ISBN.
    pub barcode: Option<String>,
    /// Shipping weight of one unit in grams.
    pub weight_grams: u32,
}
mirror!(Variant of services::VariantView {
    id, sku, title, option_values, price, compare_at_price, in_stock, available, image, barcode, weight_grams,
});

/// A product with its variants and what is in stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    /// Identity.
    #[schema(value_type = String)]
    pub id: domain::ProductId,
    /// Name in URLs.
    #[schema(value_type = String, example = "copper-kettle")]
    pub handle: Handle,
    /// Name for people.
    pub title: String,
    /// Sanitized HTML.
    pub description_html: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Department.
    pub category: Option<Category>,
    /// Free labels.
    pub tags: Vec<String>,
    /// What variants differ in.
    pub options: Vec<ProductOption>,
    /// What can be bought.
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
    /// By title.
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

/// What can be known of a shipping method before there is an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippingTerms {
    /// Name for people.
    pub title: String,
    /// For example `2 to 4 days`.
    pub delivery_estimate: String,
    /// Where it delivers (ISO 3166-1 alpha-2); empty for everywhere but some countries.
    #[schema(value_type = Vec<String>)]
    pub countries: Vec<domain::CountryCode>,
    /// Heaviest shipment in grams, where there is a limit.
    pub up_to_grams: Option<u64>,
    /// Its lowest price in each currency.
    #[schema(value_type = Vec<MoneySchema>)]
    pub prices_from: Vec<domain::Money>,
    /// Goods for at least this much ship free.
    #[schema(value_type = Vec<MoneySchema>)]
    pub free_from: Vec<domain::Money>,
}
mirror!(ShippingTerms of domain::ShippingTerms { title, delivery_estimate, countries, up_to_grams, prices_from, free_from });

/// What holds for every sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SaleTerms {
    /// Whether catalog and shipping prices contain the tax.
    pub prices_include_tax: bool,
    /// The shipping methods in the order they are offered.
    pub shipping: Vec<ShippingTerms>,
}
mirror!(SaleTerms of services::SaleTerms { prices_include_tax, shipping });

page_answer! {
    /// A page of products.
    ProductPage of ProductSummary
}

/// What to list.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductsQuery {
    /// Only products that match every word; the last word may be unfinished.
    #[param(max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
    /// Only products of the category with this handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// `newest` (default), `title`, `price`, `-price`, `relevance` (default with `q`).
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<String>,
    /// Rows per page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 24)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Wire for ListProducts {
    type Path = ();
    type Query = ProductsQuery;
    type Body = NoBody;

    fn read(Parts { query, .. }: Parts<Self>) -> Result<Self, Problem> {
        let sort = query.sort.filter(|sort| !sort.is_empty());
        let sort: Option<ProductSort> = sort.map(|sort| sort.parse()).transpose().map_err(ShopError::from)?;
        let category = query.category.filter(|category| !category.is_empty());
        let category: Option<Handle> = category
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
        // What was typed comes last, since it may hold anything; neither of the others can hold the separator.
        format!("products\n{category}\n{sort}\n{}", self.q.as_deref().unwrap_or_default())
    }
}

without_body!(FindProduct, handle: Handle);
without_body!(ListCategories);
without_body!(ViewSaleTerms);

endpoints! {
    Catalog in catalog, area Catalog, tag "catalog";

    /// List or search the products on sale.
    get "/api/v1/products" => list_products(ListProducts) -> ProductPage {
        Ordinary, public, [
            (200, "A page of products."),
            (304, "Not changed since the ETag given in If-None-Match."),
            (404, "No such category."),
            (422, "A parameter is out of range."),
        ]
    }

    /// Show a product with its variants and what is in stock.
    get "/api/v1/products/{handle}" => find_product(FindProduct) -> Product {
        Ordinary, public, [
            (200, "The product."),
            (304, "Not changed since the ETag given in If-None-Match."),
            (404, "No such product is on sale."),
        ]
    }

    /// List all categories.
    get "/api/v1/categories" => list_categories(ListCategories) -> Categories {
        Ordinary, public, [
            (200, "The categories by title."),
            (304, "Not changed since the ETag given in If-None-Match."),
        ]
    }

    /// Show whether prices contain the tax, and what shipping costs before there is an address.
    get "/api/v1/sale-terms" => view_sale_terms(ViewSaleTerms) -> SaleTerms {
        Ordinary, public, [
            (200, "The terms."),
            (304, "Not changed since the ETag given in If-None-Match."),
        ]
    }
}
