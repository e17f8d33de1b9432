//! Administration of the products. A change names the version that it is based on in `If-Match`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopease_shop::ShopError;
use shopease_shop::domain::{self, Currency, DraftOf, Field, Handle, RuleError, ValueRule};
use shopease_shop::ports::VersionedProduct;
use shopease_shop::services::{self, DeleteProduct, FindAnyProduct, ListAllProducts, ProductOverview, UploadPicture};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::catalog::ProductOption;
use super::endpoint::{Answer, Context, NoContent, created, endpoints, no_content, ok};
use super::if_match::IfMatch;
use super::parts::{File, Json, Named, NoBody, NoQuery, Parts, Wire, without_body};
use super::settings::TaxClass;
use super::wire::{Category, Image, MoneySchema, Out, mirror, states};
use super::{Paging, page_answer, text};
use crate::http::extract::private_json;
use crate::http::problem::Problem;
use crate::http::{MAX_RESPONSE_BYTES, refuse_product};

states! {
    /// Status of a product.
    ProductStatus of domain::ProductStatus {
        /// Shown and sold.
        Active,
        /// Not ready yet.
        Draft,
        /// No longer sold.
        Archived,
    }
}

states! {
    /// Whether the stock of a variant is tracked.
    Inventory of domain::Inventory {
        /// Sold only while units are available.
        Tracked,
        /// Sold without limit.
        Untracked,
    }
}

/// A product in the list of operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProductRow {
    /// Handle, the name in URLs.
    #[schema(value_type = text::Handle)]
    pub handle: Handle,
    /// Title.
    pub title: String,
    /// Status.
    pub status: ProductStatus,
    /// The first image.
    pub image: Option<Image>,
    /// Lowest price of a variant.
    #[schema(value_type = Option<MoneySchema>)]
    pub price_from: Option<domain::Money>,
    /// Highest price of a variant.
    #[schema(value_type = Option<MoneySchema>)]
    pub price_to: Option<domain::Money>,
    /// Number of variants.
    pub variant_count: u16,
    /// Available units of all tracked variants; absent if none is tracked.
    pub available: Option<u64>,
}
mirror!(ProductRow of ProductOverview { handle, title, status, image, price_from, price_to, variant_count, available });

page_answer! {
    /// A page of all products.
    ProductRows of ProductRow
}

/// A variant of a product, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminVariant {
    /// Variant ID.
    #[schema(value_type = text::VariantId)]
    pub id: domain::VariantId,
    /// SKU, unique in the shop.
    #[schema(value_type = text::Sku)]
    pub sku: domain::Sku,
    /// One value per product option.
    pub option_values: Vec<String>,
    /// Price of one unit, as entered.
    #[schema(value_type = MoneySchema)]
    pub price: domain::Money,
    /// Former, higher price.
    #[schema(value_type = Option<MoneySchema>)]
    pub compare_at_price: Option<domain::Money>,
    /// Shipping weight of one unit in grams.
    pub weight_grams: u32,
    /// Whether it is shipped. Digital goods are not.
    pub requires_shipping: bool,
    /// Tax class.
    pub tax_class: TaxClass,
    /// GTIN, EAN, UPC or ISBN.
    pub barcode: Option<String>,
    /// Index into the product's images.
    pub image: Option<u16>,
    /// Whether its stock is tracked.
    pub inventory: Inventory,
}
mirror!(AdminVariant of domain::Variant {
    id, sku, option_values, price, compare_at_price, weight_grams, requires_shipping, tax_class, barcode, image, inventory,
});

/// A product as it is stored, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminProduct {
    /// Version, also in the ETag. A change sends it in `If-Match`.
    pub version: u64,
    /// Product ID.
    #[schema(value_type = text::ProductId)]
    pub id: domain::ProductId,
    /// Handle, the name in URLs.
    #[schema(value_type = text::Handle)]
    pub handle: Handle,
    /// Title.
    pub title: String,
    /// Description as sanitized HTML.
    pub description_html: String,
    /// Brand or manufacturer.
    pub vendor: Option<String>,
    /// Category.
    pub category: Option<Category>,
    /// Tags.
    pub tags: Vec<String>,
    /// Status.
    pub status: ProductStatus,
    /// Options in which the variants differ.
    pub options: Vec<ProductOption>,
    /// Variants, at least one.
    pub variants: Vec<AdminVariant>,
    /// Images.
    pub images: Vec<Image>,
    /// Title for search engines, if it differs.
    pub seo_title: Option<String>,
    /// Description for search engines.
    pub seo_description: Option<String>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl Out for AdminProduct {
    type Value = VersionedProduct;

    fn of(VersionedProduct { version, product }: Self::Value) -> Self {
        Self {
            version,
            id: product.id,
            handle: product.handle,
            title: product.title,
            description_html: product.description_html,
            vendor: product.vendor,
            category: Out::of(product.category),
            tags: product.tags,
            status: Out::of(product.status),
            options: Out::of(product.options),
            variants: Out::of(product.variants),
            images: Out::of(product.images),
            seo_title: product.seo_title,
            seo_description: product.seo_description,
            created_at: product.created_at,
        }
    }

    fn value(self) -> Self::Value {
        let product = domain::Product {
            id: self.id,
            handle: self.handle,
            title: self.title,
            description_html: self.description_html,
            vendor: self.vendor,
            category: self.category.value(),
            tags: self.tags,
            options: self.options.value(),
            variants: self.variants.value(),
            images: self.images.value(),
            status: self.status.value(),
            seo_title: self.seo_title,
            seo_description: self.seo_description,
            created_at: self.created_at,
        };
        VersionedProduct { version: self.version, product }
    }
}

/// The version as an ETag.
fn tagged(status: StatusCode, answer: &AdminProduct) -> Result<Response, Problem> {
    let mut response = private_json(status, answer);
    let tag = HeaderValue::try_from(format!("\"{}\"", answer.version));
    response.headers_mut().insert(header::ETAG, tag.map_err(|error| ShopError::Internal(error.into()))?);
    Ok(response)
}

/// 200 OK with the version as an ETag.
fn ok_tagged(_: &Context<'_>, answer: &AdminProduct) -> Result<Response, Problem> {
    tagged(StatusCode::OK, answer)
}

/// 201 Created with the version as an ETag.
fn created_tagged(_: &Context<'_>, answer: &AdminProduct) -> Result<Response, Problem> {
    tagged(StatusCode::CREATED, answer)
}

/// A variant of a new or changed product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantDraft {
    /// SKU, unique in the shop. Derived from the handle and the option values if it is missing.
    #[serde(default)]
    #[schema(value_type = text::OptionalSku)]
    pub sku: String,
    /// One value per option of the product.
    #[serde(default)]
    #[schema(max_items = 3, value_type = Vec<text::Name>)]
    pub option_values: Vec<String>,
    /// Price of one unit in the currency of the shop.
    #[schema(value_type = MoneySchema)]
    pub price: domain::Money,
    /// Former price, above the price.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    pub compare_at_price: Option<domain::Money>,
    /// Shipping weight of one unit in grams.
    #[serde(default)]
    pub weight_grams: u32,
    /// Whether it is shipped. Digital goods are not.
    #[serde(default = "super::catalog::shipped")]
    pub requires_shipping: bool,
    /// Tax class; standard by default.
    #[serde(default = "standard")]
    pub tax_class: TaxClass,
    /// GTIN, EAN, UPC or ISBN.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub barcode: String,
    /// Whether its stock is tracked; tracked by default.
    #[serde(default = "tracked")]
    pub inventory: Inventory,
    /// Units of a tracked SKU that has no stock level yet. Later corrections are requests of their own.
    #[serde(default)]
    #[schema(maximum = 1_000_000_000)]
    pub initial_stock: u32,
    /// Its image: an index into `images`. Without `images`, it keeps its image.
    #[serde(default)]
    #[schema(maximum = 249)]
    pub image: Option<u16>,
}
mirror!(VariantDraft of domain::VariantDraft {
    sku, option_values, price, compare_at_price, weight_grams, requires_shipping, tax_class, barcode, inventory, initial_stock, image,
});

/// An image of a new or changed product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageDraft {
    /// Address of an uploaded picture, another `https` URL, or a path of the shop.
    #[schema(max_length = 2000, example = "https://cdn.example.com/kettle.jpg")]
    pub url: String,
    /// Alternative text: what people hear who cannot see the image.
    #[serde(default)]
    #[schema(max_length = 512)]
    pub alt: String,
}
mirror!(ImageDraft of domain::Image { url, alt });

const fn standard() -> TaxClass {
    TaxClass::Standard
}

const fn tracked() -> Inventory {
    Inventory::Tracked
}

/// A new or changed product. Unknown fields are rejected, because it replaces the stored one, whose handle stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "handle": "copper-stovetop-kettle", "title": "Copper Stovetop Kettle", "description_html": "<p>Boils on gas and on induction.</p>", "vendor": "Kessel & Co",
    "category": "Coffee & Tea", "tags": ["kitchen"], "status": "active", "options": ["Size"],
    "variants": [{
        "sku": "KET-COP-08", "option_values": ["0.8 l"], "price": {"amount_minor": 8900, "currency": "EUR"}, "weight_grams": 900,
        "initial_stock": 12
    }]
}))]
pub struct ProductDraft {
    /// Handle, the name in URLs, which cannot be changed later. Derived from the title of a new product if it is missing.
    #[serde(default)]
    #[schema(value_type = text::OptionalHandle)]
    pub handle: String,
    /// Title; markup is removed.
    #[schema(min_length = 1, max_length = 500)]
    pub title: String,
    /// Description as HTML, or as text without markup. Scripts, styles and frames are removed.
    #[serde(default)]
    pub description_html: String,
    /// Brand or manufacturer.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub vendor: String,
    /// Title of the category. Products whose titles of the category give the same handle are in one category.
    #[serde(default)]
    #[schema(max_length = 255, example = "Coffee & Tea")]
    pub category: String,
    /// Tags.
    #[serde(default)]
    #[schema(max_items = 250)]
    pub tags: Vec<String>,
    /// Status.
    pub status: ProductStatus,
    /// Title for search engines; the title, if it is empty.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub seo_title: String,
    /// Description for search engines; an excerpt of the description, if it is empty.
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub seo_description: String,
    /// Names of the options in which the variants differ; none for a product with one variant.
    #[serde(default)]
    #[schema(max_items = 3, value_type = Vec<text::Name>)]
    pub options: Vec<String>,
    /// Variants.
    #[schema(min_items = 1, max_items = 2048)]
    pub variants: Vec<VariantDraft>,
    /// Images; the first one is shown in listings. Without this field, those of a stored product stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 250)]
    pub images: Option<Vec<ImageDraft>>,
}

impl ProductDraft {
    fn of(handle: String, draft: domain::ProductDraft) -> Self {
        Self {
            handle,
            title: draft.title,
            description_html: draft.description_html,
            vendor: draft.vendor,
            category: draft.category,
            tags: draft.tags,
            status: Out::of(draft.status),
            seo_title: draft.seo_title,
            seo_description: draft.seo_description,
            options: draft.options,
            variants: Out::of(draft.variants),
            images: Out::of(draft.images),
        }
    }

    /// The handle and the draft of the shop.
    fn read(self) -> (String, domain::ProductDraft) {
        let draft = domain::ProductDraft {
            title: self.title,
            description_html: self.description_html,
            vendor: self.vendor,
            category: self.category,
            tags: self.tags,
            status: self.status.value(),
            seo_title: self.seo_title,
            seo_description: self.seo_description,
            options: self.options,
            variants: self.variants.value(),
            images: self.images.value(),
        };
        (self.handle, draft)
    }
}

/// Checks that every front door can send the product.
///
/// # Errors
/// The broken rule.
pub fn check_size(product: &domain::Product) -> Result<(), RuleError> {
    let rule = ValueRule::Size { max: MAX_RESPONSE_BYTES };
    refuse_product(product).map_or(Ok(()), |_| Err(RuleError::product("variants", rule)))
}

/// The same for a draft. Its other problems are found by the use case.
///
/// # Errors
/// The broken rule.
pub fn check_draft_size(handle: &str, draft: &domain::ProductDraft) -> Result<(), RuleError> {
    let currency = draft.variants.first().map_or(Currency::EUR, |variant| variant.price.currency);
    let of = DraftOf::New { handle, now: OffsetDateTime::UNIX_EPOCH };
    draft.product(of, currency).map_or(Ok(()), |product| check_size(&product))
}

impl Wire for services::CreateProduct {
    type Path = ();
    type Query = NoQuery;
    type Body = Json<ProductDraft>;

    fn read(Parts { body: Json(draft), .. }: Parts<Self>) -> Result<Self, Problem> {
        let (handle, draft) = draft.read();
        check_draft_size(&handle, &draft).map_err(ShopError::from)?;
        Ok(Self { handle, draft })
    }

    fn write(self) -> Parts<Self> {
        Parts::of_body(Json(ProductDraft::of(self.handle, self.draft)))
    }
}

impl Wire for services::UpdateProduct {
    type Path = Handle;
    type Query = NoQuery;
    type Body = IfMatch<Json<ProductDraft>>;

    fn read(Parts { path, body, .. }: Parts<Self>) -> Result<Self, Problem> {
        let IfMatch { version, body: Json(draft) } = body;
        let (handle, draft) = draft.read();
        if !handle.is_empty() && handle != path.as_str() {
            return Err(ShopError::from(RuleError::product("handle", ValueRule::Fixed)).into());
        }
        check_draft_size(path.as_str(), &draft).map_err(ShopError::from)?;
        Ok(Self { handle: path, version, draft })
    }

    fn write(self) -> Parts<Self> {
        let body = Json(ProductDraft::of(self.handle.to_string(), self.draft));
        Parts { path: self.handle, query: NoQuery {}, body: IfMatch { version: self.version, body }, key: None }
    }
}

impl Wire for DeleteProduct {
    type Path = Handle;
    type Query = NoQuery;
    type Body = IfMatch<NoBody>;

    fn read(Parts { path, body, .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { handle: path, version: body.version })
    }

    fn write(self) -> Parts<Self> {
        let body = IfMatch { version: self.version, body: NoBody };
        Parts { path: self.handle, query: NoQuery {}, body, key: None }
    }
}

/// Query parameters of the listing.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AllProductsQuery {
    /// Only products with this status.
    #[param(value_type = Option<ProductStatus>, inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Rows per page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 24)]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u16>,
    /// `next_cursor` of the previous page.
    #[param(value_type = Option<text::Cursor>, inline)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Wire for ListAllProducts {
    type Path = ();
    type Query = AllProductsQuery;
    type Body = NoBody;

    fn read(Parts { query, .. }: Parts<Self>) -> Result<Self, Problem> {
        let unknown = || ShopError::from(RuleError::invalid(Field::Status, ValueRule::Offered));
        let find = |name: String| domain::ProductStatus::find(&name).ok_or_else(unknown);
        let status = query.status.map(find).transpose()?;
        let paging = Paging { limit: query.limit, cursor: query.cursor };
        let mut command = Self { status, after: None, limit: paging.limit()? };
        command.after = paging.after(&command.listing())?;
        Ok(command)
    }

    fn write(self) -> Parts<Self> {
        let Paging { limit, cursor } = Paging::to(self.after.as_ref(), self.limit, &self.listing());
        let status = self.status.map(|status| status.as_str().to_owned());
        Parts { path: (), query: AllProductsQuery { status, limit, cursor }, body: NoBody, key: None }
    }

    fn listing(&self) -> String {
        format!("all-products\n{}", self.status.map_or("", domain::ProductStatus::as_str))
    }
}

without_body!(FindAnyProduct, handle: Handle);

impl Wire for UploadPicture {
    type Path = ();
    type Query = NoQuery;
    type Body = File;

    fn read(Parts { body: File(file), .. }: Parts<Self>) -> Result<Self, Problem> {
        Ok(Self { file })
    }

    fn write(self) -> Parts<Self> {
        Parts::of_body(File(self.file))
    }
}

/// A picture whose files are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadedPicture {
    /// Its address, for `images` of a product: a JPEG file.
    pub url: String,
    /// Width of its largest file in pixels.
    pub width: u32,
    /// Height of its largest file in pixels.
    pub height: u32,
}
mirror!(UploadedPicture of services::UploadedPicture { url, width, height });

endpoints! {
    Products in products, area Admin, tag "admin";

    /// List all products of the shop, also those that are not for sale, by title.
    get "/api/v1/admin/products" => list_all_products(ListAllProducts) for caller -> ProductRows {
        Ordinary, ok, [(200, "A page of products."), (422, "A parameter is out of range.")]
    }

    /// Get a product as it is stored, also one that is not for sale.
    get "/api/v1/admin/products/{handle}" => find_any_product(FindAnyProduct) for caller -> AdminProduct {
        Ordinary, ok_tagged, [(200, "The product, with its version as the ETag."), (404, "The product does not exist.")]
    }

    /// Create a product. Its tracked SKUs without a stock level get one.
    post "/api/v1/admin/products" => create_product(services::CreateProduct) for caller -> AdminProduct {
        Durable, created_tagged, [
            (201, "The product, with its version as the ETag."),
            (409, "Other products were changed at the same time. Try again."),
            (422, "Every rule that the product breaks, with the path of the value. `used_by` names the product that has the handle or the SKU."),
        ]
    }

    /// Replace a product. Its handle stays. New tracked SKUs without a stock level get one.
    put "/api/v1/admin/products/{handle}" => update_product(services::UpdateProduct) for caller -> AdminProduct {
        Durable, ok_tagged, [
            (200, "The product, with its new version as the ETag."),
            (404, "The product does not exist."),
            (409, "Other products were changed at the same time. Try again."),
            (412, "The product has another version. Nothing was changed."),
            (422, "Every rule that the product breaks, with the path of the value. `used_by` names the product that has the SKU."),
            (428, "The request has no If-Match header."),
        ]
    }

    /// Delete a product. Orders and stock levels stay as they are. To take it off sale and keep it, set its status to `archived`.
    delete "/api/v1/admin/products/{handle}" => delete_product(DeleteProduct) for caller -> NoContent {
        Durable, no_content, [
            (204, "The product was deleted."),
            (404, "The product does not exist."),
            (412, "The product has another version. Nothing was changed."),
            (428, "The request has no If-Match header."),
        ]
    }

    /// Upload a picture: a JPEG, PNG, WebP or GIF file of at most 690 KiB and 13 million pixels. Its pixels are encoded again in up to four
    /// widths; everything else in the file is dropped. The same file gives the same address.
    post "/api/v1/admin/pictures" => upload_picture(UploadPicture) for caller -> UploadedPicture {
        Ordinary, created, [
            (201, "The files of the picture are stored. Products can refer to its address."),
            (422, "The file is not a picture within the limits, or the shop has no place for pictures (`no_pictures`)."),
        ]
    }
}
