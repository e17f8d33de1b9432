//! Products, their SKUs, and categories. Listings and searches are in `search`.

use async_trait::async_trait;
use shopease_shop::domain::{Category, Handle, Page, Product, ProductSummary, SearchTerms, Sku, Subject};
use shopease_shop::ports::{CatalogStore, ProductListing, StatusListing, StoreError, Upserted, VersionedProduct};
use sqlx::types::Json;

use super::arguments::{DeleteProduct, UpsertProduct};
use super::{PostgresStore, from_bigint, from_json, retry, row_limit, start_after, to_json};

#[async_trait]
impl CatalogStore for PostgresStore {
    async fn upsert_product(&self, product: &Product, terms: &SearchTerms) -> Result<Upserted, StoreError> {
        let (created, _) = self.write_product(product, None, terms).await?;
        Ok(if created { Upserted::Created } else { Upserted::Updated })
    }

    async fn insert_product(&self, product: &Product, terms: &SearchTerms) -> Result<u64, StoreError> {
        match self.write_product(product, Some(0), terms).await {
            Ok((_, version)) => Ok(version),
            Err(StoreError::Conflict) => Err(StoreError::AlreadyExists { subject: Subject::Product }),
            Err(error) => Err(error),
        }
    }

    async fn update_product(&self, seen: u64, product: &Product, terms: &SearchTerms) -> Result<u64, StoreError> {
        if seen == 0 {
            return Err(StoreError::Conflict);
        }
        self.write_product(product, Some(seen), terms).await.map(|(_, version)| version)
    }

    async fn delete_product(&self, handle: &Handle, seen: u64) -> Result<bool, StoreError> {
        let argument = DeleteProduct { handle: handle.as_str(), seen };
        let write = || {
            sqlx::query_scalar!(r#"SELECT delete_product($1) AS "deleted!""#, Json(&argument) as _)
                .fetch_one(&self.pool)
        };
        retry::once(write).await
    }

    async fn find_versioned_product(&self, handle: &Handle) -> Result<Option<VersionedProduct>, StoreError> {
        // product_handle_key
        let read = || {
            sqlx::query!(
                r#"SELECT version, document::text AS "document!" FROM product WHERE handle = $1"#,
                handle.as_str()
            )
            .fetch_optional(&self.pool)
        };
        let Some(row) = retry::repeatable(read).await? else { return Ok(None) };
        Ok(Some(VersionedProduct { version: from_bigint(row.version)?, product: from_json(&row.document)? }))
    }

    async fn list_handles(&self, listing: &StatusListing) -> Result<Page<Handle>, StoreError> {
        let (after, rows) = (start_after(listing.after.as_ref()), row_limit(listing.limit));
        let rows = match listing.status {
            // product_any_title
            None => {
                let read = || {
                    sqlx::query_as!(
                        HandleRow,
                        "SELECT position_title, handle FROM product WHERE position_title > $1
                        ORDER BY position_title LIMIT $2",
                        after,
                        rows
                    )
                    .fetch_all(&self.pool)
                };
                retry::repeatable(read).await?
            }
            // product_status_title
            Some(status) => {
                let read = || {
                    sqlx::query_as!(
                        HandleRow,
                        "SELECT position_title, handle FROM product WHERE status = $1 AND position_title > $2
                        ORDER BY position_title LIMIT $3",
                        status.as_str(),
                        after,
                        rows
                    )
                    .fetch_all(&self.pool)
                };
                retry::repeatable(read).await?
            }
        };
        let rows =
            rows.into_iter().map(|row| Ok((row.position_title, row.handle.parse().map_err(StoreError::corrupt)?)));
        Ok(Page::from_rows(rows.collect::<Result<_, StoreError>>()?, listing.limit))
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

/// A product in the listing of all.
struct HandleRow {
    position_title: String,
    handle: String,
}

impl PostgresStore {
    /// Writes a product, if it has the version `seen`. Returns whether it is new, and its version.
    async fn write_product(
        &self,
        product: &Product,
        seen: Option<u64>,
        terms: &SearchTerms,
    ) -> Result<(bool, u64), StoreError> {
        let (summary, document) = (to_json(&product.summary())?, to_json(product)?);
        let argument = UpsertProduct::new(product, seen, terms, &summary, &document);
        let write = || {
            sqlx::query!(
                r#"SELECT is_new AS "is_new!", new_version AS "new_version!" FROM upsert_product($1)"#,
                Json(&argument) as _
            )
            .fetch_one(&self.pool)
        };
        let row = match seen {
            // After a lost response, the second attempt finds the product already there. No caller depends on the
            // difference.
            None => retry::repeatable(write).await?,
            Some(_) => retry::once(write).await?,
        };
        Ok((row.is_new, from_bigint(row.new_version)?))
    }
}
