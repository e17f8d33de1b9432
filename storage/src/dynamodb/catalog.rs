//! Products, categories, and listings.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use shopease_shop::domain::{
    Category, Handle, Page, Product, ProductSort, ProductStatus, ProductSummary, SearchTerms, Sku,
};
use shopease_shop::ports::{CatalogStore, ProductListing, StatusListing, StoreError, Upserted, VersionedProduct};

use super::DynamoDbStore;
use super::actions::Action;
use super::items::{parse_text, read_document, read_text};
use super::keys::{self, Key, Kind, PARTITION, SORT};
use super::product_items::{ProductItems, listed};
use super::reads::{Consistency, Range};
use super::retry::CLASHES;
use super::upsert::Expected;
use super::writes::WriteError;

#[async_trait]
impl CatalogStore for DynamoDbStore {
    async fn upsert_product(&self, product: &Product, terms: &SearchTerms) -> Result<Upserted, StoreError> {
        let written = self.upsert(product, terms, Expected::Anything).await?;
        Ok(if written.created { Upserted::Created } else { Upserted::Updated })
    }

    async fn insert_product(&self, product: &Product, terms: &SearchTerms) -> Result<u64, StoreError> {
        Ok(self.upsert(product, terms, Expected::Absent).await?.version)
    }

    async fn update_product(&self, seen: u64, product: &Product, terms: &SearchTerms) -> Result<u64, StoreError> {
        Ok(self.upsert(product, terms, Expected::Version(seen)).await?.version)
    }

    async fn delete_product(&self, handle: &Handle, seen: u64) -> Result<bool, StoreError> {
        self.delete(handle, seen).await
    }

    async fn find_versioned_product(&self, handle: &Handle) -> Result<Option<VersionedProduct>, StoreError> {
        let found = self.find_versioned(BTreeSet::from([handle.clone()])).await?;
        Ok(found.into_iter().next())
    }

    async fn list_handles(&self, listing: &StatusListing) -> Result<Page<Handle>, StoreError> {
        let partition = |status| match status {
            ProductStatus::Active => keys::listing(None, ProductSort::Title),
            other => keys::unlisted(other),
        };
        let wanted = ProductStatus::ALL.into_iter().filter(|status| listing.status.is_none_or(|only| only == *status));
        let (range, limit) = (Range::After(listing.after.as_deref()), listing.limit.get() + 1);
        let pages = wanted
            .map(|status| async move { self.query(&partition(status), range, Some(limit), Consistency::Strong).await });
        let mut sorted = BTreeMap::new();
        for item in try_join_all(pages).await?.into_iter().flatten() {
            let (position, summary) = listed(&item)?;
            sorted.insert(position, summary.handle);
        }
        Ok(Page::from_rows(sorted.into_iter().take(limit).collect(), listing.limit))
    }

    async fn find_products(&self, handles: &[Handle]) -> Result<Vec<Product>, StoreError> {
        let found = self.find_versioned(handles.iter().cloned().collect()).await?;
        Ok(found.into_iter().map(|found| found.product).collect())
    }

    async fn find_products_by_sku(&self, skus: &[Sku]) -> Result<Vec<Product>, StoreError> {
        let owners = self.get_many(skus.iter().map(keys::sku), Consistency::Strong).await?;
        let handles: Result<BTreeSet<Handle>, _> = owners.iter().map(|item| parse_text(item, "handle")).collect();
        let mut products = self.find_products(&Vec::from_iter(handles?)).await?;
        // A claim may be older or newer than the product.
        products.retain(|product| skus.iter().any(|sku| product.variant(sku).is_some()));
        Ok(products)
    }

    async fn list_products(&self, listing: &ProductListing) -> Result<Page<ProductSummary>, StoreError> {
        if let Some(query) = &listing.search {
            return self.search(query, listing).await;
        }
        let sort = match listing.sort {
            // Without words, every product is equally relevant, so the title decides.
            ProductSort::Relevance => ProductSort::Title,
            stored => stored,
        };
        let partition = keys::listing(listing.category.as_ref(), sort);
        let (range, limit) = (Range::After(listing.after.as_deref()), listing.limit.get() + 1);
        let items = self.query(&partition, range, Some(limit), Consistency::Eventual).await?;
        let rows: Result<Vec<_>, _> = items.iter().map(listed).collect();
        Ok(Page::from_rows(rows?, listing.limit))
    }

    async fn list_categories(&self) -> Result<Vec<Category>, StoreError> {
        let items = self.query(&keys::categories(), Range::After(None), None, Consistency::Eventual).await?;
        items.iter().map(read_document).collect()
    }

    async fn remove_empty_category(&self, handle: &Handle) -> Result<(), StoreError> {
        let products = keys::listing(Some(handle), ProductSort::Newest);
        if !self.query(&products, Range::After(None), Some(1), Consistency::Strong).await?.is_empty() {
            return Ok(());
        }
        self.write(Action::delete(&keys::category(handle))).await.map_err(WriteError::unconditional)
    }

    async fn has_products(&self) -> Result<bool, StoreError> {
        // Products on sale are in the listing index. Not all others are in one of a status: those that were last written before there was
        // one are not. So a shop with nothing on sale requires a full scan. The index of a deleted product remains.
        let listing = keys::listing(None, ProductSort::Newest);
        if !self.query(&listing, Range::After(None), Some(1), Consistency::Strong).await?.is_empty() {
            return Ok(true);
        }
        self.has_any(Kind::Product, keys::PRODUCT).await
    }
}

/// The result of reading several products.
struct Found {
    products: Vec<VersionedProduct>,
    /// Products that were replaced while their items were being read; they are read again.
    torn: BTreeSet<Handle>,
}

impl DynamoDbStore {
    async fn find_versioned(&self, mut handles: BTreeSet<Handle>) -> Result<Vec<VersionedProduct>, StoreError> {
        let mut tries = CLASHES.start(&*self.ids);
        let mut products = Vec::with_capacity(handles.len());
        loop {
            let found = self.read_products(&handles).await?;
            handles = found.torn;
            products.extend(found.products);
            if handles.is_empty() {
                return Ok(products);
            }
            if !tries.pause().await {
                return Err(StoreError::Throttled("a product changed during every attempt to read it".into()));
            }
        }
    }

    async fn read_products(&self, handles: &BTreeSet<Handle>) -> Result<Found, StoreError> {
        let by_key: BTreeMap<Key, &Handle> = handles.iter().map(|handle| (keys::product(handle), handle)).collect();
        let heads = self.get_many(by_key.keys().cloned(), Consistency::Strong).await?;
        let mut planned = Vec::with_capacity(heads.len());
        for head in &heads {
            let key = Key { pk: read_text(head, PARTITION)?.to_owned(), sk: read_text(head, SORT)?.to_owned() };
            if let Some(handle) = by_key.get(&key) {
                planned.push((*handle, head, ProductItems::part_keys(handle, head)?));
            }
        }
        let part_keys = planned.iter().flat_map(|(.., parts)| parts.iter().cloned());
        let parts = self.get_many(part_keys, Consistency::Strong).await?;
        let by_sort_key: Result<BTreeMap<_, _>, StoreError> =
            parts.iter().map(|part| Ok(((read_text(part, PARTITION)?, read_text(part, SORT)?), part))).collect();
        let by_sort_key = by_sort_key?;
        let mut found = Found { products: Vec::with_capacity(planned.len()), torn: BTreeSet::new() };
        for (handle, head, keys) in planned {
            let parts: Option<Vec<_>> =
                keys.iter().map(|key| by_sort_key.get(&(key.pk.as_str(), key.sk.as_str())).copied()).collect();
            match parts {
                Some(parts) => {
                    let (version, product) = (ProductItems::version(head)?, ProductItems::join(head, &parts)?);
                    found.products.push(VersionedProduct { version, product });
                }
                None => drop(found.torn.insert(handle.clone())),
            }
        }
        Ok(found)
    }
}
