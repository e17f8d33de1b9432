//! Products as the stores keep them.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    Category, Handle, Page, PageLimit, Position, Product, ProductSort, ProductSummary, SearchQuery, SearchTerms, Sku,
};

/// A question for active products.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProductListing {
    /// Only products that match every word.
    pub search: Option<SearchQuery>,
    /// Only products of this category.
    pub category: Option<Handle>,
    /// The order; [`ProductSort::Relevance`] only with a search.
    pub sort: ProductSort,
    /// Only products whose [`ProductSort::position`] is greater (bytewise).
    pub after: Option<Position>,
    /// Most products to give.
    pub limit: PageLimit,
}

/// What an upsert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upserted {
    /// The product is new.
    Created,
    /// The product was there and was replaced.
    Updated,
}

/// Products, categories and the search index.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// Writes a product under its handle, with its listing positions, the terms it is found by and its category.
    ///
    /// The product, once written, is found by handle and by each SKU; terms, positions and SKUs it had before and
    /// has no more are gone when the call returns. A product that is not active is found by handle and SKU but is in
    /// no listing. Repeating the call, also after a failure in the middle, leads to the same end. Last writer wins.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] (`sku <SKU>`) when another product owns one of the SKUs; then nothing of this
    /// product is changed.
    async fn upsert_product(&self, product: &Product, terms: &SearchTerms) -> Result<Upserted, StoreError>;

    /// The products of these handles that exist, in any order and state. At most 100 handles.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_products(&self, handles: &[Handle]) -> Result<Vec<Product>, StoreError>;

    /// The products that own these SKUs, each once, in any order and state. At most 100 SKUs.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_products_by_sku(&self, skus: &[Sku]) -> Result<Vec<Product>, StoreError>;

    /// One page of active products in the listing's order. Products written while someone pages neither repeat nor
    /// hide others. For a search: every word must match (see [`SearchQuery`]), scores are the sum over the words of
    /// the highest weight among the matching terms, and the order is the same on every store.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_products(&self, listing: &ProductListing) -> Result<Page<ProductSummary>, StoreError>;

    /// All categories that a product was ever written with, by handle (bytewise).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_categories(&self) -> Result<Vec<Category>, StoreError>;

    /// Whether there is any product, in whatever state. May read the whole store: for the start of a process.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn has_products(&self) -> Result<bool, StoreError>;
}
