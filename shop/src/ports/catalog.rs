//! Products, categories and search.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    Category, Handle, Page, PageLimit, Position, Product, ProductSort, ProductStatus, ProductSummary, SearchQuery,
    SearchTerms, Sku,
};

/// A listing of active products.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProductListing {
    /// Only products that match every word.
    pub search: Option<SearchQuery>,
    /// Only products of this category.
    pub category: Option<Handle>,
    /// Sort order; [`ProductSort::Relevance`] requires a search.
    pub sort: ProductSort,
    /// Only products whose [`ProductSort::position`] is greater (bytewise).
    pub after: Option<Position>,
    /// Maximum number of products.
    pub limit: PageLimit,
}

/// A listing of all products, by title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusListing {
    /// Only products with this status.
    pub status: Option<ProductStatus>,
    /// Only products whose position by title is greater (bytewise).
    pub after: Option<Position>,
    /// Maximum number of products.
    pub limit: PageLimit,
}

/// A product with the version that a conditional write expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionedProduct {
    /// Every write raises it. A product that is deleted and created again continues with higher versions.
    pub version: u64,
    /// The product.
    pub product: Product,
}

/// The result of an upsert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upserted {
    /// The product was created.
    Created,
    /// The product existed and was replaced.
    Updated,
}

/// Products, categories and the search index.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// Writes a product with its listing positions, search terms and category.
    ///
    /// Afterwards, the product is found by its handle and by each SKU. Terms, positions and SKUs that it no longer has are removed
    /// when the call returns. A product that is not active is found by handle and SKU but is not listed. Repeating the call, even
    /// after a partial failure, gives the same result. The last writer wins.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] (`sku <SKU>`) when another product has one of the SKUs; then this product is not
    /// changed.
    async fn upsert_product(&self, product: &Product, terms: &SearchTerms) -> Result<Upserted, StoreError>;

    /// Writes a product like [`CatalogStore::upsert_product`] if its handle is free. Returns its version.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] (`product`) when the handle is in use, (`sku <SKU>`) when another product has one of the SKUs.
    async fn insert_product(&self, product: &Product, terms: &SearchTerms) -> Result<u64, StoreError>;

    /// Replaces a product like [`CatalogStore::upsert_product`] if it has the version `seen`. Returns its new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another version or does not exist; [`StoreError::AlreadyExists`] (`sku <SKU>`) when another
    /// product has one of the SKUs. Then nothing is changed.
    async fn update_product(&self, seen: u64, product: &Product, terms: &SearchTerms) -> Result<u64, StoreError>;

    /// Deletes a product that has the version `seen`, with everything it is found by. Its SKUs are free when the call returns; their
    /// stock levels, and the category, remain. Returns `false` if the product does not exist. Repeating the call, even after a partial
    /// failure, gives the same result.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another version. Then nothing is changed.
    async fn delete_product(&self, handle: &Handle, seen: u64) -> Result<bool, StoreError>;

    /// A product with any status, and its version.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_versioned_product(&self, handle: &Handle) -> Result<Option<VersionedProduct>, StoreError>;

    /// A page of the handles of all products, also of those that are not active, by title.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_handles(&self, listing: &StatusListing) -> Result<Page<Handle>, StoreError>;

    /// The existing products with these handles, in any order and with any status. At most 100 handles.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_products(&self, handles: &[Handle]) -> Result<Vec<Product>, StoreError>;

    /// The products with these SKUs, each once, in any order and with any status. At most 100 SKUs.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_products_by_sku(&self, skus: &[Sku]) -> Result<Vec<Product>, StoreError>;

    /// A page of active products in the listing's sort order. Products written between pages neither repeat nor hide other products.
    /// In a search, every word must match (see [`SearchQuery`]), the score is the sum over the words of the highest weight among the
    /// matching terms, and the order is the same on every store.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_products(&self, listing: &ProductListing) -> Result<Page<ProductSummary>, StoreError>;

    /// All categories that any product ever had, except removed ones, sorted by handle (bytewise).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_categories(&self) -> Result<Vec<Category>, StoreError>;

    /// Removes a category, unless an active product has it. Writing a product with the category adds it again.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_empty_category(&self, handle: &Handle) -> Result<(), StoreError>;

    /// Returns whether there is any product, with any status. May read the whole store: for the start of a process only.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn has_products(&self) -> Result<bool, StoreError>;
}
