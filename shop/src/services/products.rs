//! Products in the back office: operators list, create, change and delete them.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use bytes::Bytes;

use super::catalog::MAX_KEYS;
use super::{Caller, LocalShop};
use crate::domain::{
    DraftOf, Handle, Image, Inventory, Money, Page, PageLimit, Position, Product, ProductDraft, ProductStatus,
    RuleError, Sku, StockLevel, Subject, ValueRule, Variant,
};
use crate::ports::{StatusListing, StoreError, VersionedProduct};
use crate::{ShopError, ShopResult};

/// Requests a page of all products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAllProducts {
    /// Only products with this status.
    pub status: Option<ProductStatus>,
    /// Only products after this position.
    pub after: Option<Position>,
    /// Page size.
    pub limit: PageLimit,
}

/// Requests a product with any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindAnyProduct {
    /// Handle of the product.
    pub handle: Handle,
}

/// Creates a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateProduct {
    /// Handle as typed; derived from the title if it is empty.
    pub handle: String,
    /// The product.
    pub draft: ProductDraft,
}

/// Replaces a product. Its handle stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateProduct {
    /// Handle of the product.
    pub handle: Handle,
    /// The version that the change is based on.
    pub version: u64,
    /// The product.
    pub draft: ProductDraft,
}

/// Deletes a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteProduct {
    /// Handle of the product.
    pub handle: Handle,
    /// The version that the decision is based on.
    pub version: u64,
}

/// Uploads a picture, which products can refer to afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPicture {
    /// A JPEG, PNG, WebP or GIF file of at most [`Picture::MAX_FILE_BYTES`](crate::domain::Picture::MAX_FILE_BYTES).
    pub file: Bytes,
}

/// A picture whose files are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedPicture {
    /// Its address, for the image of a product.
    pub url: String,
    /// Width of its largest file in pixels.
    pub width: u32,
    /// Height of its largest file in pixels.
    pub height: u32,
}

/// A product in the list of operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductOverview {
    /// Handle, the name in URLs.
    pub handle: Handle,
    /// Title.
    pub title: String,
    /// Status.
    pub status: ProductStatus,
    /// First image.
    pub image: Option<Image>,
    /// Lowest price of a variant.
    pub price_from: Option<Money>,
    /// Highest price of a variant.
    pub price_to: Option<Money>,
    /// Number of variants.
    pub variant_count: u16,
    /// Available units of all tracked variants; absent if none is tracked.
    pub available: Option<u64>,
}

/// Administration of the products. For operators only: every method fails with [`ShopError::SignInRequired`] or
/// [`ShopError::Forbidden`] for others.
#[async_trait]
pub trait Products: Send + Sync {
    /// A page of all products, by title.
    ///
    /// # Errors
    /// [`ShopError`].
    async fn list_all_products(&self, caller: &Caller, command: ListAllProducts) -> ShopResult<Page<ProductOverview>>;

    /// A product with any status, and its version.
    ///
    /// # Errors
    /// [`ShopError::NotFound`].
    async fn find_any_product(&self, caller: &Caller, command: FindAnyProduct) -> ShopResult<VersionedProduct>;

    /// Creates a product, and the first stock levels of its tracked SKUs.
    ///
    /// # Errors
    /// [`ShopError::Rules`] with every problem, also for a handle or a SKU that another product has.
    async fn create_product(&self, caller: &Caller, command: CreateProduct) -> ShopResult<VersionedProduct>;

    /// Replaces a product, and creates the first stock levels of its new tracked SKUs. A product that equals the stored one is not
    /// written. The available units of a SKU that is replaced move to the new SKU of the same option values; other stock levels remain.
    ///
    /// # Errors
    /// [`ShopError::NotFound`]; [`ShopError::VersionChanged`]; those of [`Products::create_product`].
    async fn update_product(&self, caller: &Caller, command: UpdateProduct) -> ShopResult<VersionedProduct>;

    /// Deletes a product. Its orders and stock levels remain, and its category if another product has it. Carts name its variants as no
    /// longer sold.
    ///
    /// # Errors
    /// [`ShopError::NotFound`]; [`ShopError::VersionChanged`].
    async fn delete_product(&self, caller: &Caller, command: DeleteProduct) -> ShopResult<()>;

    /// Makes the files of a picture and stores them. The same file becomes the same picture.
    ///
    /// # Errors
    /// [`ShopError::Rules`] for a file that is not a picture within the limits, and if the shop has no place for pictures.
    async fn upload_picture(&self, caller: &Caller, command: UploadPicture) -> ShopResult<UploadedPicture>;
}

#[async_trait]
impl Products for LocalShop {
    async fn list_all_products(&self, caller: &Caller, command: ListAllProducts) -> ShopResult<Page<ProductOverview>> {
        self.require_operator(caller).await?;
        let ListAllProducts { status, after, limit } = command;
        let page = self.store.list_handles(&StatusListing { status, after, limit }).await?;
        let mut products: HashMap<Handle, Product> = HashMap::with_capacity(page.items.len());
        for handles in page.items.chunks(MAX_KEYS) {
            let found = self.store.find_products(handles).await?;
            products.extend(found.into_iter().map(|product| (product.handle.clone(), product)));
        }
        let tracked = products.values().flat_map(tracked_skus).cloned().collect();
        let levels = self.stock_levels(tracked).await?;
        // A product that was deleted in between is left out.
        let rows = page.items.iter().filter_map(|handle| Some(overview(products.get(handle)?, &levels)));
        Ok(Page { items: rows.collect(), next: page.next })
    }

    async fn find_any_product(&self, caller: &Caller, command: FindAnyProduct) -> ShopResult<VersionedProduct> {
        self.require_operator(caller).await?;
        self.versioned_product(&command.handle).await
    }

    async fn create_product(&self, caller: &Caller, command: CreateProduct) -> ShopResult<VersionedProduct> {
        self.require_operator(caller).await?;
        let CreateProduct { handle, draft } = command;
        let product = self.product_of(&draft, DraftOf::New { handle: &handle, now: self.clock.now() }).await?;
        let written = self.store.insert_product(&product, &self.tokenizer.index(&product)).await;
        self.product_written(written, product, &draft, None).await
    }

    async fn update_product(&self, caller: &Caller, command: UpdateProduct) -> ShopResult<VersionedProduct> {
        self.require_operator(caller).await?;
        let UpdateProduct { handle, version, draft } = command;
        let stored = self.versioned_product(&handle).await?;
        if stored.version != version {
            return Err(ShopError::VersionChanged);
        }
        let product = self.product_of(&draft, DraftOf::Stored(&stored.product)).await?;
        let written = if product == stored.product {
            Ok(version)
        } else {
            self.store.update_product(version, &product, &self.tokenizer.index(&product)).await
        };
        self.product_written(written, product, &draft, Some(&stored.product)).await
    }

    async fn delete_product(&self, caller: &Caller, command: DeleteProduct) -> ShopResult<()> {
        self.require_operator(caller).await?;
        let DeleteProduct { handle, version } = command;
        let stored = self.store.find_versioned_product(&handle).await?;
        // Also without a product: an interrupted deletion is completed.
        let existed = self.store.delete_product(&handle, version).await.map_err(versioned)?;
        self.forget_empty_categories(stored.as_ref().map(|stored| &stored.product), None).await?;
        self.cache.forget_catalog(&handle).await;
        if existed { Ok(()) } else { Err(ShopError::NotFound { subject: Subject::Product }) }
    }

    async fn upload_picture(&self, caller: &Caller, command: UploadPicture) -> ShopResult<UploadedPicture> {
        self.require_operator(caller).await?;
        let pictures = self.pictures.as_ref().ok_or(RuleError::NoPictures)?;
        let picture = pictures.add(command.file).await?;
        let (width, height) = picture.size();
        Ok(UploadedPicture { url: picture.address(), width, height })
    }
}

impl LocalShop {
    async fn versioned_product(&self, handle: &Handle) -> ShopResult<VersionedProduct> {
        let found = self.store.find_versioned_product(handle).await?;
        found.ok_or(ShopError::NotFound { subject: Subject::Product })
    }

    /// The product of a draft, whose handle and SKUs are free.
    async fn product_of(&self, draft: &ProductDraft, of: DraftOf<'_>) -> ShopResult<Product> {
        // A product keeps its currency when the shop gets another one: prices are not converted.
        let kept = match of {
            DraftOf::Stored(product) => product.currency(),
            DraftOf::New { .. } => None,
        };
        let currency = match kept {
            Some(currency) => currency,
            None => self.settings().await?.settings.selling.currency,
        };
        let product = draft.product(of, currency)?;
        let mut problems = Vec::new();
        let is_new = matches!(of, DraftOf::New { .. });
        let own = match of {
            DraftOf::Stored(stored) => stored.variants.iter().map(|variant| &variant.sku).collect(),
            DraftOf::New { .. } => {
                if !self.store.find_products(std::slice::from_ref(&product.handle)).await?.is_empty() {
                    problems.push(handle_in_use(&product));
                }
                HashSet::new()
            }
        };
        let new: Vec<Sku> =
            product.variants.iter().map(|variant| &variant.sku).filter(|sku| !own.contains(sku)).cloned().collect();
        for skus in new.chunks(MAX_KEYS) {
            problems.extend(self.skus_in_use(&product, skus, is_new).await?);
        }
        if problems.is_empty() { Ok(product) } else { Err(problems.into()) }
    }

    /// The problems of SKUs that other products have. To a new product, one with its handle is another.
    async fn skus_in_use(&self, product: &Product, skus: &[Sku], is_new: bool) -> Result<Vec<RuleError>, StoreError> {
        let owners = self.store.find_products_by_sku(skus).await?;
        let owner_of = |sku: &Sku| owners.iter().find(|owner| owner.variant(sku).is_some());
        let variants = product.variants.iter().enumerate().filter(|(_, variant)| skus.contains(&variant.sku));
        Ok(variants
            .filter_map(|(number, variant)| {
                let owner = owner_of(&variant.sku).filter(|owner| is_new || owner.handle != product.handle)?;
                let rule = ValueRule::UsedBy { product: owner.handle.clone() };
                Some(RuleError::product(format!("variants[{number}].sku"), rule))
            })
            .collect())
    }

    /// Completes a write: stock, categories, caches.
    async fn product_written(
        &self,
        written: Result<u64, StoreError>,
        product: Product,
        draft: &ProductDraft,
        before: Option<&Product>,
    ) -> ShopResult<VersionedProduct> {
        let version = match written {
            Ok(version) => version,
            // Another operator was faster.
            Err(StoreError::AlreadyExists { subject: Subject::Product }) => return Err(handle_in_use(&product).into()),
            Err(StoreError::AlreadyExists { subject: Subject::Sku(sku) }) => {
                let problems = self.skus_in_use(&product, std::slice::from_ref(&sku), before.is_none()).await?;
                // The other product has just been deleted.
                return Err(if problems.is_empty() { ShopError::Conflict } else { problems.into() });
            }
            Err(error) => return Err(versioned(error)),
        };
        for (old, new) in before.map(|before| renamed_skus(before, &product)).unwrap_or_default() {
            self.store.move_available(&old, &new).await?;
        }
        // `initialize_stock` leaves the levels of SKUs that have one.
        let levels = product.variants.iter().zip(&draft.variants);
        let levels = levels.filter(|(variant, _)| variant.inventory == Inventory::Tracked);
        let levels: Vec<_> = levels.map(|(variant, draft)| (variant.sku.clone(), draft.initial_stock)).collect();
        self.store.initialize_stock(&levels).await?;
        self.forget_empty_categories(before, Some(&product)).await?;
        self.cache.forget_catalog(&product.handle).await;
        Ok(VersionedProduct { version, product })
    }

    /// Removes the categories of a product, before and after a write, that no active product has.
    async fn forget_empty_categories(&self, before: Option<&Product>, after: Option<&Product>) -> ShopResult<()> {
        let category = |product: Option<&Product>| Some(product?.category.as_ref()?.handle.clone());
        let listed = category(after.filter(|product| product.status == ProductStatus::Active));
        let all: BTreeSet<Handle> = [category(before), category(after)].into_iter().flatten().collect();
        for category in all.iter().filter(|category| listed.as_ref() != Some(category)) {
            self.store.remove_empty_category(category).await?;
        }
        Ok(())
    }
}

/// Tracked SKUs that a change has replaced, each with the new SKU of the same option values. Their units move, as in an import.
fn renamed_skus(before: &Product, after: &Product) -> Vec<(Sku, Sku)> {
    let gone = before.variants.iter().filter(|variant| after.variant(&variant.sku).is_none());
    let pairs = gone.filter_map(|old| {
        let is_it = |new: &&Variant| new.option_values == old.option_values && before.variant(&new.sku).is_none();
        let new = after.variants.iter().find(is_it).filter(|new| new.inventory == Inventory::Tracked)?;
        Some((old.sku.clone(), new.sku.clone()))
    });
    pairs.collect()
}

/// An error of a conditional write.
fn versioned(error: StoreError) -> ShopError {
    match error {
        StoreError::Conflict => ShopError::VersionChanged,
        error => error.into(),
    }
}

fn handle_in_use(product: &Product) -> RuleError {
    RuleError::product("handle", ValueRule::UsedBy { product: product.handle.clone() })
}

fn tracked_skus(product: &Product) -> impl Iterator<Item = &Sku> {
    let tracked = product.variants.iter().filter(|variant| variant.inventory == Inventory::Tracked);
    tracked.map(|variant| &variant.sku)
}

fn overview(product: &Product, levels: &HashMap<Sku, StockLevel>) -> ProductOverview {
    let summary = product.summary();
    let mut units = tracked_skus(product).map(|sku| levels.get(sku).map_or(0, |level| u64::from(level.available)));
    ProductOverview {
        handle: summary.handle,
        title: summary.title,
        status: product.status,
        image: summary.image,
        price_from: summary.price_from,
        price_to: summary.price_to,
        variant_count: summary.variant_count,
        available: units.next().map(|first| units.sum::<u64>() + first),
    }
}
