//! Products, their SKUs, and categories. Listings and searches are in `search`.

use async_trait::async_trait;
use shopease_shop::domain::{Category, Handle, Page, Product, ProductSummary, SearchTerms, Sku};
use shopease_shop::ports::{CatalogStore, ProductListing, StoreError, Upserted};
use sqlx::types::Json;

use super::arguments::UpsertProduct;
use super::{PostgresStore, from_json, retry, to_json};

#[async_trait]
impl CatalogStore for PostgresStore {
    async fn upsert_product(&self, product: &Product, terms: &SearchTerms) -> Result<Upserted, StoreError> {
        let (summary, document) = (to_json(&product.summary())?, to_json(product)?);
        let argument = UpsertProduct::new(product, terms, &summary, &document);
        let write = || {
            sqlx::query_scalar!(r#"SELECT upsert_product($1) AS "created!""#, Json(&argument) as _)
                .fetch_one(&self.pool)
        };
        // After a lost response, the second attempt finds the product already there. No caller depends on the
        // difference.
        let created = retry::repeatable(write).await?;
        Ok(if created { Upserted::Created } else { Upserted::Updated })
    }

    async fn find_products(&self, handles: &[Handle]) -> Result<Vec<Product>, StoreError> {
        let handles: Vec<_> = handles.iter().map(Handle::as_str).collect();
        // product_handle_key
        let read = || {
            sqlx::query_scalar!(
                r#"SELECT document::text AS "document!" FROM product WHERE handle = ANY ($1)"#,
                &handles as &[&str]
            )
            .fetch_all(&self.pool)
        };
        retry::repeatable(read).await?.iter().map(|document| from_json(document)).collect()
    }

    async fn find_products_by_sku(&self, skus: &[Sku]) -> Result<Vec<Product>, StoreError> {
        let skus: Vec<_> = skus.iter().map(Sku::as_str).collect();
        // product_sku_pkey, product_pkey
        let read = || {
            sqlx::query_scalar!(
                r#"SELECT document::text AS "document!" FROM product
                WHERE product IN (SELECT product FROM product_sku WHERE sku = ANY ($1))"#,
                &skus as &[&str]
            )
            .fetch_all(&self.pool)
        };
        retry::repeatable(read).await?.iter().map(|document| from_json(document)).collect()
    }

    async fn list_products(&self, listing: &ProductListing) -> Result<Page<ProductSummary>, StoreError> {
        let rows = match &listing.search {
            Some(query) => self.search_rows(query, listing).await?,
            None => self.listing_rows(listing).await?,
        };
        let rows = rows.into_iter().map(|row| Ok((row.position, from_json(&row.summary)?)));
        Ok(Page::from_rows(rows.collect::<Result<_, StoreError>>()?, listing.limit))
    }

    async fn list_categories(&self) -> Result<Vec<Category>, StoreError> {
        let read = || sqlx::query!("SELECT handle, title FROM category ORDER BY handle").fetch_all(&self.pool);
        let rows = retry::repeatable(read).await?;
        rows.into_iter()
            .map(|row| {
                let handle = row.handle.parse().map_err(StoreError::corrupt)?;
                Ok(Category { handle, title: row.title })
            })
            .collect()
    }

    async fn remove_empty_category(&self, handle: &Handle) -> Result<(), StoreError> {
        let write = || {
            sqlx::query!(
                "DELETE FROM category WHERE handle = $1 AND NOT EXISTS (SELECT FROM product WHERE category_handle = $1 AND is_active)",
                handle.as_str()
            )
            .execute(&self.pool)
        };
        retry::repeatable(write).await.map(|_| ())
    }

    async fn has_products(&self) -> Result<bool, StoreError> {
        let read = || sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM product) AS "exists!""#).fetch_one(&self.pool);
        retry::repeatable(read).await
    }
}
