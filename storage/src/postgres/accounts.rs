//! Accounts and sessions.

use async_trait::async_trait;
use shopease_shop::domain::{Customer, CustomerId, EmailAddress, Session};
use shopease_shop::ports::{AccountStore, SessionStore, StoreError};
use time::OffsetDateTime;

use super::{PostgresStore, from_json, retry, to_json};

#[async_trait]
impl AccountStore for PostgresStore {
    async fn insert_customer(&self, customer: &Customer) -> Result<(), StoreError> {
        let document = to_json(customer)?;
        let write = || {
            sqlx::query!(
                "INSERT INTO customer (id, email, document) VALUES ($1, $2, $3::text::json)",
                customer.id.as_str(),
                customer.email.as_str(),
                &document
            )
            .execute(&self.pool)
        };
        retry::once(write).await.map(|_| ())
    }

    async fn find_customer_by_email(&self, email: &EmailAddress) -> Result<Option<Customer>, StoreError> {
        let read = || {
            sqlx::query_scalar!(
                r#"SELECT document::text AS "document!" FROM customer WHERE email = $1"#,
                email.as_str()
            )
            .fetch_optional(&self.pool)
        };
        retry::repeatable(read).await?.map(|document| from_json(&document)).transpose()
    }

    async fn find_customer(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let read = || {
            sqlx::query_scalar!(r#"SELECT document::text AS "document!" FROM customer WHERE id = $1"#, id.as_str())
                .fetch_optional(&self.pool)
        };
        retry::repeatable(read).await?.map(|document| from_json(&document)).transpose()
    }
}

#[async_trait]
impl SessionStore for PostgresStore {
    async fn insert_session(&self, session: &Session) -> Result<(), StoreError> {
        let write = || {
            sqlx::query!(
                "INSERT INTO session (token_digest, customer_id, expires_at) VALUES ($1, $2, $3)",
                &session.token_digest,
                session.customer_id.as_str(),
                session.expires_at
            )
            .execute(&self.pool)
        };
        retry::once(write).await.map(|_| ())
    }

    async fn find_session(&self, token_digest: &str, now: OffsetDateTime) -> Result<Option<Session>, StoreError> {
        let read = || {
            sqlx::query!(
                "SELECT customer_id, expires_at FROM session WHERE token_digest = $1 AND expires_at > $2",
                token_digest,
                now
            )
            .fetch_optional(&self.pool)
        };
        let Some(row) = retry::repeatable(read).await? else { return Ok(None) };
        let customer_id = row.customer_id.parse().map_err(StoreError::corrupt)?;
        Ok(Some(Session { token_digest: token_digest.to_owned(), customer_id, expires_at: row.expires_at }))
    }

    async fn remove_session(&self, token_digest: &str) -> Result<(), StoreError> {
        let write = || sqlx::query!("DELETE FROM session WHERE token_digest = $1", token_digest).execute(&self.pool);
        retry::repeatable(write).await.map(|_| ())
    }
}
