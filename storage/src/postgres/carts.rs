//! Carts: one row per owner, written on the condition of its version.

use async_trait::async_trait;
use shopease_shop::domain::{Cart, CartOwner};
use shopease_shop::ports::{CartStore, KeyAnswer, StoreError};
use sqlx::types::Json;
use time::OffsetDateTime;

use super::arguments::{MergeCarts, SaveCart};
use super::{PostgresStore, from_bigint, retry, to_json};
use crate::documents;

#[async_trait]
impl CartStore for PostgresStore {
    async fn find_cart(&self, owner: &CartOwner, now: OffsetDateTime) -> Result<Option<Cart>, StoreError> {
        let read = || {
            sqlx::query!(
                r#"SELECT id, version, lines::text AS "lines!", updated_at FROM cart
                WHERE owner = $1 AND expires_at > $2"#,
                owner.key(),
                now
            )
            .fetch_optional(&self.pool)
        };
        let Some(row) = retry::repeatable(read).await? else { return Ok(None) };
        Ok(Some(Cart {
            id: row.id.parse().map_err(StoreError::corrupt)?,
            owner: owner.clone(),
            lines: documents::decode(&row.lines).map_err(|error| error.at(owner.key()))?,
            version: from_bigint(row.version)?,
            updated_at: row.updated_at,
        }))
    }

    async fn save_cart(&self, cart: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        self.write_cart(cart, expires_at, None).await
    }

    async fn save_cart_under_key(
        &self,
        cart: &Cart,
        expires_at: OffsetDateTime,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError> {
        self.write_cart(cart, expires_at, Some(answer)).await
    }

    async fn merge_carts(&self, source: &Cart, merged: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        let lines = to_json(&merged.lines)?;
        let argument = MergeCarts::new(source, SaveCart::new(merged, &lines, expires_at, None));
        let write = || sqlx::query!("SELECT merge_carts($1)", Json(&argument) as _).execute(&self.pool);
        retry::once(write).await.map(|_| ())
    }
}

impl PostgresStore {
    async fn write_cart(
        &self,
        cart: &Cart,
        expires_at: OffsetDateTime,
        answer: Option<&KeyAnswer>,
    ) -> Result<(), StoreError> {
        let lines = to_json(&cart.lines)?;
        let argument = SaveCart::new(cart, &lines, expires_at, answer);
        let write = || sqlx::query!("SELECT save_cart($1)", Json(&argument) as _).execute(&self.pool);
        retry::once(write).await.map(|_| ())
    }
}
