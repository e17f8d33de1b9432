//! Browsing: listings, search, product pages.

use std::collections::HashMap;

use async_trait::async_trait;

use super::LocalShop;
use crate::domain::{
    BrandImage, Branding, Category, Color, Contact, Country, CountryCode, Currency, Field, Footer, Handle, HomePage,
    Image, Inventory, Money, Page, PageKind, PageLimit, Position, Product, ProductId, ProductOption, ProductSort,
    ProductStatus, ProductSummary, RuleError, Settings, ShippingTable, ShippingTerms, Sku, StockLevel, Subject,
    TaxTable, TimeZone, UploadedImage, ValueRule, VariantId,
};
use crate::ports::{ProductListing, StoreError};
use crate::{ShopError, ShopResult};

/// Maximum keys per store read.
pub(super) const MAX_KEYS: usize = 100;

/// Requests a page of products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListProducts {
    /// Search text, as typed.
    pub q: Option<String>,
    /// Only this category.
    pub category: Option<Handle>,
    /// Sort order; by default best match with a search, newest without.
    pub sort: Option<ProductSort>,
    /// Only products after this position.
    pub after: Option<Position>,
    /// Page size.
    pub limit: PageLimit,
}

/// Requests a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindProduct {
    /// Handle, the name in URLs.
    pub handle: Handle,
}

/// Requests all categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListCategories;

/// Requests the terms of sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewSaleTerms;

/// Terms of sale that do not depend on cart or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleTerms {
    /// Whether catalog and shipping prices include tax.
    pub prices_include_tax: bool,
    /// Name of the tax in the shop's country, for example `VAT`, or of a tax that is added abroad; absent if no tax is charged.
    pub tax_title: Option<String>,
    /// Shipping methods in display order.
    pub shipping: Vec<ShippingTerms>,
}

/// Requests the public part of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewShop;

/// The public part of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopView {
    /// Version of the settings.
    pub version: u64,
    /// Name of the shop.
    pub name: String,
    /// Color of buttons and links.
    pub accent_color: Color,
    /// Digest of the logo, if there is one.
    pub logo_digest: Option<String>,
    /// Digest of the uploaded icon, if there is one.
    pub icon_digest: Option<String>,
    /// How to reach the merchant.
    pub contact: Contact,
    /// The home page.
    pub home: HomePage,
    /// The footer of every page.
    pub footer: Footer,
    /// Pages that are not finished.
    pub drafts: Vec<PageKind>,
    /// Currency of the shop.
    pub currency: Currency,
    /// Time zone of the times on pages.
    pub time_zone: TimeZone,
    /// Countries that the shop sells to; all if empty.
    pub countries: Vec<CountryCode>,
    /// Countries with regions that only the tax table knows.
    pub tax_regions: Vec<TaxRegions>,
}

/// A country, and its regions with rates of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRegions {
    /// The country.
    pub country: CountryCode,
    /// Regions as the tax table writes them.
    pub regions: Vec<String>,
}

impl ShopView {
    /// Neutral settings, for pages of a shop that has not responded yet.
    pub fn neutral() -> Self {
        let (tax, shipping) = (TaxTable { rates: Vec::new() }, ShippingTable { methods: Vec::new() });
        Self::of(0, &Settings::starter(tax, shipping))
    }

    /// Returns whether the shop still has the name of a new shop. Other settings do not show it: a merchant may want to sell to all
    /// countries in euros.
    pub fn is_new(&self) -> bool {
        // Version 0 are neutral settings, of a shop that may have others.
        self.version > 0 && self.name == Branding::STARTER_NAME
    }

    /// The public part of settings.
    pub fn of(version: u64, settings: &Settings) -> Self {
        let digest = |image: &UploadedImage| image.digest.clone();
        let tax_regions = settings.tax.unlisted_regions().into_iter().map(|(country, regions)| TaxRegions {
            country,
            regions: regions.into_iter().map(str::to_owned).collect(),
        });
        Self {
            version,
            name: settings.shop.name.clone(),
            accent_color: settings.shop.accent_color,
            logo_digest: settings.shop.logo.as_ref().map(digest),
            icon_digest: settings.shop.icon.as_ref().map(digest),
            contact: settings.contact.clone(),
            home: settings.home.clone(),
            footer: settings.footer.clone(),
            drafts: settings.drafts().collect(),
            currency: settings.selling.currency,
            time_zone: settings.selling.time_zone.clone(),
            countries: settings.selling.countries.clone(),
            tax_regions: tax_regions.collect(),
        }
    }

    /// The regions of a country to suggest in a form, where only the tax table knows some.
    pub fn tax_regions_of(&self, country: Option<&Country>) -> &[String] {
        let found = self.tax_regions.iter().find(|found| Some(found.country) == country.map(|country| country.code));
        found.map_or(&[], |found| &found.regions)
    }
}

/// Requests a page that the merchant writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindPage {
    /// Which page.
    pub kind: PageKind,
    /// Version of the settings; by default the current one.
    pub version: Option<u64>,
}

/// A page that the merchant writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageView {
    /// The text in Markdown.
    pub text: String,
    /// Whether it is not finished.
    pub is_draft: bool,
    /// Version of the settings.
    pub version: u64,
}

/// Requests the logo or the icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindBrandImage {
    /// Which of them.
    pub image: BrandImage,
}

/// A product with its variants and stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductView {
    /// Product ID.
    pub id: ProductId,
    /// Handle, the name in URLs.
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
    /// Options in which the variants differ.
    pub options: Vec<ProductOption>,
    /// Variants.
    pub variants: Vec<VariantView>,
    /// Images.
    pub images: Vec<Image>,
    /// Title for search engines, if it differs.
    pub seo_title: Option<String>,
    /// Description for search engines.
    pub seo_description: Option<String>,
}

impl ProductView {
    /// The view with the maximum stock of every variant: its longest form.
    pub fn in_stock(product: Product) -> Self {
        let levels =
            product.variants.iter().map(|variant| StockLevel::initial(variant.sku.clone(), StockLevel::MAX_UNITS));
        let levels = levels.map(|level| (level.sku.clone(), level)).collect();
        view(product, &levels, |price| price)
    }
}

/// A variant with its stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantView {
    /// Variant ID.
    pub id: VariantId,
    /// SKU.
    pub sku: Sku,
    /// Title, for example `Large / Blue`; empty for a product without options.
    pub title: String,
    /// One value per product option.
    pub option_values: Vec<String>,
    /// Price of one unit.
    pub price: Money,
    /// Former, higher price.
    pub compare_at_price: Option<Money>,
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
    pub requires_shipping: bool,
}

/// Products and categories, the same for every visitor.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// A page of products that are for sale.
    ///
    /// # Errors
    /// [`ShopError::Rules`] for a search that is too long or `relevance` without one; [`ShopError::NotFound`] for a category that does not exist.
    async fn list_products(&self, command: ListProducts) -> ShopResult<Page<ProductSummary>>;

    /// A product that is for sale.
    ///
    /// # Errors
    /// [`ShopError::NotFound`].
    async fn find_product(&self, command: FindProduct) -> ShopResult<ProductView>;

    /// All categories, sorted by title.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn list_categories(&self, command: ListCategories) -> ShopResult<Vec<Category>>;

    /// The terms of sale.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn view_sale_terms(&self, command: ViewSaleTerms) -> ShopResult<SaleTerms>;

    /// The public part of the settings.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn view_shop(&self, command: ViewShop) -> ShopResult<ShopView>;

    /// A page that the merchant writes, as it is now or as it was in a version of the settings.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] for a version that does not exist.
    async fn find_page(&self, command: FindPage) -> ShopResult<PageView>;

    /// The logo or the icon, if the merchant has uploaded it.
    ///
    /// # Errors
    /// [`ShopError::NotFound`].
    async fn find_brand_image(&self, command: FindBrandImage) -> ShopResult<UploadedImage>;
}

#[async_trait]
impl Catalog for LocalShop {
    async fn list_products(&self, command: ListProducts) -> ShopResult<Page<ProductSummary>> {
        let search = command.q.as_deref().map(|q| self.tokenizer.query(q)).transpose()?.flatten();
        let typed = command.q.as_deref().is_some_and(|q| !q.trim().is_empty());
        if typed && search.is_none() {
            // The text contains no word: nothing matches.
            return Ok(Page { items: Vec::new(), next: None });
        }
        let default = if search.is_some() { ProductSort::Relevance } else { ProductSort::Newest };
        let sort = command.sort.unwrap_or(default);
        if sort == ProductSort::Relevance && search.is_none() {
            return Err(RuleError::invalid(Field::Sort, ValueRule::NeedsSearch).into());
        }
        if let Some(category) = &command.category {
            let known = self.list_categories(ListCategories).await?.iter().any(|found| found.handle == *category);
            if !known {
                return Err(ShopError::NotFound { subject: Subject::Category });
            }
        }
        let mut listing =
            ProductListing { search, category: command.category, sort, after: command.after, limit: command.limit };
        let mut page = self.listing(&listing).await?;
        // The next page of another query begins with these attempts, too.
        for other in command.q.as_deref().map(|q| self.tokenizer.other_queries(q)).unwrap_or_default() {
            if !page.items.is_empty() {
                break;
            }
            listing.search = Some(other);
            page = self.listing(&listing).await?;
        }
        let mut page = Page::clone(&page);
        for product in &mut page.items {
            for price in [&mut product.price_from, &mut product.price_to, &mut product.compare_at_price] {
                *price = price.map(|price| self.payable(price).unwrap_or(price));
            }
        }
        Ok(page)
    }

    async fn find_product(&self, command: FindProduct) -> ShopResult<ProductView> {
        let handle = &command.handle;
        let found = self.cache.product(handle, self.read_product_view(handle)).await?;
        found.map(|view| ProductView::clone(&view)).ok_or(ShopError::NotFound { subject: Subject::Product })
    }

    async fn list_categories(&self, _: ListCategories) -> ShopResult<Vec<Category>> {
        let read = async {
            let mut categories = self.store.list_categories().await?;
            categories.sort_by(|a, b| (&a.title, &a.handle).cmp(&(&b.title, &b.handle)));
            Ok(categories)
        };
        Ok(Vec::clone(&*self.cache.categories(read).await?))
    }

    async fn view_sale_terms(&self, _: ViewSaleTerms) -> ShopResult<SaleTerms> {
        let in_force = self.settings().await?;
        let pricing = &in_force.pricing;
        Ok(SaleTerms {
            prices_include_tax: pricing.prices_include_tax,
            tax_title: pricing.tax_title().map(str::to_owned),
            shipping: pricing.shipping.terms(&pricing.sells_to),
        })
    }

    async fn view_shop(&self, _: ViewShop) -> ShopResult<ShopView> {
        let in_force = self.settings().await?;
        Ok(ShopView::of(in_force.version, &in_force.settings))
    }

    async fn find_page(&self, command: FindPage) -> ShopResult<PageView> {
        let in_force = self.settings().await?;
        let version = command.version.unwrap_or(in_force.version);
        let page = if version == in_force.version {
            in_force.settings.pages.get(command.kind).clone()
        } else {
            self.settings_of_version(version).await?.settings.pages.get(command.kind).clone()
        };
        Ok(PageView { text: page.text, is_draft: page.is_draft, version })
    }

    async fn find_brand_image(&self, command: FindBrandImage) -> ShopResult<UploadedImage> {
        let shop = &self.settings().await?.settings.shop;
        let image = match command.image {
            BrandImage::Logo => &shop.logo,
            BrandImage::Icon => &shop.icon,
        };
        image.clone().ok_or(ShopError::NotFound { subject: Subject::File })
    }
}

impl LocalShop {
    /// A page of all products that are for sale, by title, with as many as a page can have.
    ///
    /// # Errors
    /// [`ShopError`].
    pub async fn list_by_title(&self, after: Option<Position>) -> ShopResult<Page<ProductSummary>> {
        let (sort, limit) = (Some(ProductSort::Title), PageLimit::new(PageLimit::MAX)?);
        self.list_products(ListProducts { q: None, category: None, sort, after, limit }).await
    }

    async fn listing(&self, listing: &ProductListing) -> ShopResult<std::sync::Arc<Page<ProductSummary>>> {
        let read = async {
            // A search for common words occupies the embedded store for hundreds of milliseconds.
            let _permit = match &listing.search {
                Some(_) => Some(self.searches.enter().await.ok_or_else(too_many_searches)?),
                None => None,
            };
            self.store.list_products(listing).await
        };
        self.cache.listing(listing, read).await
    }

    async fn read_product_view(&self, handle: &Handle) -> Result<Option<ProductView>, StoreError> {
        let found = self.store.find_products(std::slice::from_ref(handle)).await?.pop();
        let Some(product) = found.filter(|product| product.status == ProductStatus::Active) else { return Ok(None) };
        let levels = self.stock_levels_of(&product).await?;
        Ok(Some(view(product, &levels, |price| self.payable(price).unwrap_or(price))))
    }

    /// Levels of the tracked variants of a product, by SKU.
    pub(super) async fn stock_levels_of(&self, product: &Product) -> Result<HashMap<Sku, StockLevel>, StoreError> {
        let tracked = product.variants.iter().filter(|variant| variant.inventory == Inventory::Tracked);
        self.stock_levels(tracked.map(|variant| variant.sku.clone()).collect()).await
    }

    /// Levels of SKUs, in reads of at most [`MAX_KEYS`].
    pub(super) async fn stock_levels(&self, skus: Vec<Sku>) -> Result<HashMap<Sku, StockLevel>, StoreError> {
        let mut levels = HashMap::with_capacity(skus.len());
        for chunk in skus.chunks(MAX_KEYS) {
            let found = self.store.find_stock_levels(chunk).await?;
            levels.extend(found.into_iter().map(|level| (level.sku.clone(), level)));
        }
        Ok(levels)
    }
}

pub(super) fn view(
    product: Product,
    levels: &HashMap<Sku, StockLevel>,
    payable: impl Fn(Money) -> Money,
) -> ProductView {
    let variants = product
        .variants
        .into_iter()
        .map(|variant| {
            let available = match variant.inventory {
                Inventory::Tracked => Some(levels.get(&variant.sku).map_or(0, |level| level.available)),
                Inventory::Untracked => None,
            };
            VariantView {
                title: variant.title(),
                id: variant.id,
                sku: variant.sku,
                option_values: variant.option_values,
                price: payable(variant.price),
                compare_at_price: variant.compare_at_price.map(&payable),
                in_stock: available.is_none_or(|units| units > 0),
                available,
                image: variant.image,
                barcode: variant.barcode,
                weight_grams: variant.weight_grams,
                requires_shipping: variant.requires_shipping,
            }
        })
        .collect();
    ProductView {
        id: product.id,
        handle: product.handle,
        title: product.title,
        description_html: product.description_html,
        vendor: product.vendor,
        category: product.category,
        tags: product.tags,
        options: product.options,
        variants,
        images: product.images,
        seo_title: product.seo_title,
        seo_description: product.seo_description,
    }
}

fn too_many_searches() -> StoreError {
    StoreError::Throttled("too many searches at once".into())
}
