//! Catalog reads kept for seconds, with single flight: a thousand visitors of one page cost the store one read.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::catalog::ProductView;
use crate::domain::{Category, Handle, Page, ProductSummary};
use crate::ports::{ProductListing, StoreError};
use crate::{ShopError, ShopResult};

/// Entries per kind of read; at about 20 KiB for a page of products this bounds the cache to some 20 MiB.
const MAX_ENTRIES: u64 = 1000;

/// The cached kinds of reads. With a lifetime of 0 every read goes to the store.
#[derive(Clone)]
pub(super) struct CatalogCache {
    products: Cache<Handle, Option<Arc<ProductView>>>,
    listings: Cache<ProductListing, Arc<Page<ProductSummary>>>,
    categories: Cache<(), Arc<Vec<Category>>>,
}

impl CatalogCache {
    pub fn new(lifetime_seconds: u64) -> Self {
        fn cache<K: std::hash::Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static>(
            lifetime_seconds: u64,
        ) -> Cache<K, V> {
            let entries = if lifetime_seconds == 0 { 0 } else { MAX_ENTRIES };
            Cache::builder().max_capacity(entries).time_to_live(Duration::from_secs(lifetime_seconds)).build()
        }
        Self {
            products: cache(lifetime_seconds),
            listings: cache(lifetime_seconds),
            categories: cache(lifetime_seconds),
        }
    }

    pub async fn product(
        &self,
        handle: &Handle,
        read: impl Future<Output = Result<Option<ProductView>, StoreError>>,
    ) -> ShopResult<Option<Arc<ProductView>>> {
        let read = async { Ok(read.await?.map(Arc::new)) };
        self.products.try_get_with_by_ref(handle, read).await.map_err(shared)
    }

    pub async fn listing(
        &self,
        listing: &ProductListing,
        read: impl Future<Output = Result<Page<ProductSummary>, StoreError>>,
    ) -> ShopResult<Arc<Page<ProductSummary>>> {
        let read = async { Ok(Arc::new(read.await?)) };
        self.listings.try_get_with_by_ref(listing, read).await.map_err(shared)
    }

    pub async fn categories(
        &self,
        read: impl Future<Output = Result<Vec<Category>, StoreError>>,
    ) -> ShopResult<Arc<Vec<Category>>> {
        let read = async { Ok(Arc::new(read.await?)) };
        self.categories.try_get_with((), read).await.map_err(shared)
    }

    /// Forgets a product whose stock was changed by this process.
    pub async fn forget_product(&self, handle: &Handle) {
        self.products.invalidate(handle).await;
    }
}

/// An error that several callers of one flight share.
fn shared(error: Arc<StoreError>) -> ShopError {
    if error.retryable() {
        ShopError::Unavailable { retry_after_seconds: 1, source: Some(error.into()) }
    } else {
        ShopError::Internal(error.into())
    }
}
