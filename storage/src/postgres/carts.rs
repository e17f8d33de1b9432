//! Carts: one row per owner, written against its version.

use async_trait::async_trait;
use shopease_shop::domain::{Cart, CartOwner};
use shopease_shop::ports::{CartStore, KeyAnswer, StoreError};
use time::OffsetDateTime;

use super::{PostgresStore, from_bigint, from_json, retry, to_bigint, to_json};

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
            lines: from_json(&row.lines)?,
            version: from_bigint(row.version)?,
            updated_at: row.updated_at,
        }))
    }

    async fn save_cart(&self, cart: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        let (version, lines) = (to_bigint(cart.version)?, to_json(&cart.lines)?);
        let write = || {
            sqlx::query!(
                "SELECT save_cart($1, $2, $3, $4::text::json, $5, $6)",
                cart.owner.key(),
                cart.id.as_str(),
                version,
                &lines,
                cart.updated_at,
                expires_at
            )
            .execute(&self.pool)
        };
        retry::once(write).await.map(|_| ())
    }

    async fn save_cart_under_key(
        &self,
        cart: &Cart,
        expires_at: OffsetDateTime,
        answer: &KeyAnswer,
    ) -> Result<(), StoreError> {
        let (version, lines) = (to_bigint(cart.version)?, to_json(&cart.lines)?);
        let write = || {
            sqlx::query!(
                "SELECT save_cart_under_key($1, $2, $3, $4, $5, $6::text::json, $7, $8)",
                answer.key.store_key(),
                &answer.outcome,
                cart.owner.key(),
                cart.id.as_str(),
                version,
                &lines,
                cart.updated_at,
                expires_at
            )
            .execute(&self.pool)
        };
        retry::once(write).await.map(|_| ())
    }

    async fn merge_carts(&self, source: &Cart, merged: &Cart, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        let (source_version, version) = (to_bigint(source.version)?, to_bigint(merged.version)?);
        let lines = to_json(&merged.lines)?;
        let write = || {
            sqlx::query!(
                "SELECT merge_carts($1, $2, $3, $4, $5, $6::text::json, $7, $8)",
                source.owner.key(),
                source_version,
                merged.owner.key(),
                merged.id.as_str(),
                version,
                &lines,
                merged.updated_at,
                expires_at
            )
            .execute(&self.pool)
        };
        retry::once(write).await.map(|_| ())
    }
}
