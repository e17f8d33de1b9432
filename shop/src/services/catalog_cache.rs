//! Short-lived cache of catalog reads, with single flight: a thousand visitors of a page cost the store one read.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::catalog::ProductView;
use crate::domain::{Category, Handle, Image, Page, ProductSummary};
use crate::ports::{ProductListing, StoreError};
use crate::{ShopError, ShopResult};

/// Approximate maximum bytes of all entries per kind of read. Products can have 1 MB, so limiting the number of entries would not
/// limit the memory.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The cached kinds of reads. With a lifetime of 0, every read goes to the store.
#[derive(Clone)]
pub(super) struct CatalogCache {
    products: Cache<Handle, Option<Arc<ProductView>>>,
    listings: Cache<ProductListing, Arc<Page<ProductSummary>>>,
    categories: Cache<(), Arc<Vec<Category>>>,
    lifetime: Duration,
    /// Whether a task removes expired entries.
    is_swept: Arc<AtomicBool>,
}

impl CatalogCache {
    pub fn new(lifetime_seconds: u64) -> Self {
        fn cache<K: std::hash::Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static>(
            lifetime_seconds: u64,
            size_bytes: impl Fn(&V) -> usize + Send + Sync + 'static,
        ) -> Cache<K, V> {
            let max_bytes = if lifetime_seconds == 0 { 0 } else { MAX_BYTES };
            Cache::builder()
                .weigher(move |_, value| u32::try_from(size_bytes(value)).unwrap_or(u32::MAX))
                .max_capacity(max_bytes)
                .time_to_live(Duration::from_secs(lifetime_seconds))
                .build()
        }
        Self {
            products: cache(lifetime_seconds, |product: &Option<Arc<ProductView>>| {
                product.as_ref().map_or(ENTRY_BYTES, |product| product_bytes(product))
            }),
            listings: cache(lifetime_seconds, |page: &Arc<Page<ProductSummary>>| {
                ENTRY_BYTES + page.items.iter().map(summary_bytes).sum::<usize>()
            }),
            categories: cache(lifetime_seconds, |categories: &Arc<Vec<Category>>| {
                ENTRY_BYTES + categories.len() * ENTRY_BYTES
            }),
            lifetime: Duration::from_secs(lifetime_seconds),
            is_swept: Arc::default(),
        }
    }

    pub async fn product(
        &self,
        handle: &Handle,
        read: impl Future<Output = Result<Option<ProductView>, StoreError>>,
    ) -> ShopResult<Option<Arc<ProductView>>> {
        let read = async {
            self.sweep();
            Ok(read.await?.map(Arc::new))
        };
        self.products.try_get_with_by_ref(handle, read).await.map_err(shared)
    }

    pub async fn listing(
        &self,
        listing: &ProductListing,
        read: impl Future<Output = Result<Page<ProductSummary>, StoreError>>,
    ) -> ShopResult<Arc<Page<ProductSummary>>> {
        let read = async {
            self.sweep();
            Ok(Arc::new(read.await?))
        };
        self.listings.try_get_with_by_ref(listing, read).await.map_err(shared)
    }

    pub async fn categories(
        &self,
        read: impl Future<Output = Result<Vec<Category>, StoreError>>,
    ) -> ShopResult<Arc<Vec<Category>>> {
        let read = async {
            self.sweep();
            Ok(Arc::new(read.await?))
        };
        self.categories.try_get_with((), read).await.map_err(shared)
    }

    /// Removes a product whose stock this process has changed.
    pub async fn forget_product(&self, handle: &Handle) {
        self.products.invalidate(handle).await;
    }

    /// Removes a product that this process has written, and everything that may list it.
    pub async fn forget_catalog(&self, handle: &Handle) {
        self.forget_product(handle).await;
        self.listings.invalidate_all();
        self.categories.invalidate_all();
    }

    /// Removes entries soon after they expire, until none is left. The caches themselves remove them only while they are used, so an
    /// idle process would keep the memory.
    fn sweep(&self) {
        if self.lifetime.is_zero() || self.is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let cache = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(cache.lifetime).await;
                if cache.remove_expired().await == 0 {
                    break;
                }
            }
            cache.is_swept.store(false, Ordering::Release);
        });
    }

    /// Removes expired entries. Returns how many others there are.
    async fn remove_expired(&self) -> u64 {
        self.products.run_pending_tasks().await;
        self.listings.run_pending_tasks().await;
        self.categories.run_pending_tasks().await;
        self.products.entry_count() + self.listings.entry_count() + self.categories.entry_count()
    }
}

/// Maximum bytes of an entry's overhead, or of a short text with its container.
const ENTRY_BYTES: usize = 512;

/// Approximate memory of a product: long texts by their length, all others by their number.
fn product_bytes(product: &ProductView) -> usize {
    let images = product.images.iter().map(image_bytes).sum::<usize>();
    let parts = 4 + product.variants.len() + product.tags.len() + product.options.len();
    product.description_html.len() + product.title.len() + images + parts * ENTRY_BYTES
}

fn summary_bytes(summary: &ProductSummary) -> usize {
    2 * ENTRY_BYTES + summary.title.len() + summary.image.as_ref().map_or(0, image_bytes)
}

fn image_bytes(image: &Image) -> usize {
    64 + image.url.len() + image.alt.len()
}

/// Converts an error that is shared by all callers of one read.
fn shared(error: Arc<StoreError>) -> ShopError {
    if error.retryable() {
        ShopError::Unavailable { retry_after_seconds: 1, source: Some(error.into()) }
    } else {
        ShopError::Internal(error.into())
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::collections::HashMap;

    use super::super::catalog::view;
    use super::*;
    use crate::testing::fixtures;

    #[tokio::test]
    async fn many_large_products_do_not_fill_the_memory() {
        let cache = CatalogCache::new(60);
        for number in 0..100 {
            let mut product = fixtures::product(&format!("large-{number}")).build();
            product.description_html = "x".repeat(850_000);
            let (handle, large) = (product.handle.clone(), view(product, &HashMap::new(), |price| price));
            let found = cache.product(&handle, async { Ok(Some(large)) }).await.expect("read");
            assert_eq!(found.expect("a product").description_html.len(), 850_000);
        }
        cache.products.run_pending_tasks().await;
        let kept = cache.products.entry_count();
        assert!((1..=19).contains(&kept), "{kept} products of 850 KB are kept");
        assert!(cache.products.weighted_size() <= MAX_BYTES);
    }

    #[tokio::test]
    async fn an_idle_cache_keeps_nothing() {
        let cache = CatalogCache::new(1);
        for handle in ["one", "two"] {
            let read = fixtures::product(handle).build();
            let (handle, small) = (read.handle.clone(), view(read, &HashMap::new(), |price| price));
            cache.product(&handle, async { Ok(Some(small)) }).await.expect("read");
            cache.products.run_pending_tasks().await;
            assert_eq!(cache.products.entry_count(), 1);
            let begun = std::time::Instant::now();
            while cache.is_swept.load(Ordering::Acquire) {
                assert!(begun.elapsed() < Duration::from_mins(1), "nothing removes the entry");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(cache.products.entry_count(), 0);
        }
    }

    #[tokio::test]
    async fn ordinary_products_are_kept() {
        let cache = CatalogCache::new(60);
        for number in 0..200 {
            let product = fixtures::product(&format!("small-{number}")).build();
            let (handle, small) = (product.handle.clone(), view(product, &HashMap::new(), |price| price));
            cache.product(&handle, async { Ok(Some(small)) }).await.expect("read");
        }
        cache.products.run_pending_tasks().await;
        assert_eq!(cache.products.entry_count(), 200);
    }
}
