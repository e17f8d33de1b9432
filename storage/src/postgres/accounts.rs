//! Accounts and sessions.

use async_trait::async_trait;
use shopease_shop::domain::{Customer, CustomerId, EmailAddress, Session};
use shopease_shop::ports::{AccountStore, MAX_LISTED_SESSIONS, SessionStore, StoreError};
use time::OffsetDateTime;

use super::{PostgresStore, from_bigint, from_json, retry, to_bigint, to_json};

#[async_trait]
impl AccountStore for PostgresStore {
    async fn insert_customer(&self, customer: &Customer) -> Result<(), StoreError> {
        let document = to_json(customer)?;
        let write = || {
            sqlx::query!(
                "INSERT INTO customer (id, email, document) VALUES ($1, $2, $3::text::json)",
                customer.id.as_str(),
                customer.owned_email().map(EmailAddress::as_str),
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

    async fn replace_customer(&self, previous: &Customer, customer: &Customer) -> Result<(), StoreError> {
        let document = to_json(customer)?;
        let seen = to_bigint(previous.version)?;
        // Accounts that were written without a version have the first one.
        let write = || {
            sqlx::query!(
                "UPDATE customer SET email = $2, document = $3::text::json
                WHERE id = $1 AND coalesce((document ->> 'version')::bigint, 1) = $4",
                customer.id.as_str(),
                customer.owned_email().map(EmailAddress::as_str),
                &document,
                seen
            )
            .execute(&self.pool)
        };
        one_row(retry::once(write).await?.rows_affected())
    }

    async fn remove_customer(&self, customer: &Customer) -> Result<(), StoreError> {
        let seen = to_bigint(customer.version)?;
        let write = || {
            sqlx::query!(
                "DELETE FROM customer WHERE id = $1 AND coalesce((document ->> 'version')::bigint, 1) = $2",
                customer.id.as_str(),
                seen
            )
            .execute(&self.pool)
        };
        one_row(retry::once(write).await?.rows_affected())
    }
}

/// Whether the row had the version that the caller has seen.
const fn one_row(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Conflict) } else { Ok(()) }
}

#[async_trait]
impl SessionStore for PostgresStore {
    async fn insert_session(&self, session: &Session) -> Result<(), StoreError> {
        let write = || {
            sqlx::query!(
                "INSERT INTO session (token_digest, customer_id, password_changes, signed_in_at, device, expires_at)
                VALUES ($1, $2, $3, $4, $5, $6)",
                &session.token_digest,
                session.customer_id.as_str(),
                i64::from(session.password_changes),
                session.signed_in_at,
                session.device.as_deref(),
                session.expires_at
            )
            .execute(&self.pool)
        };
        retry::once(write).await.map(|_| ())
    }

    async fn find_session(&self, token_digest: &str, now: OffsetDateTime) -> Result<Option<Session>, StoreError> {
        let read = || {
            sqlx::query_as!(
                SessionRow,
                "SELECT token_digest, customer_id, password_changes, signed_in_at, device, expires_at FROM session
                WHERE token_digest = $1 AND expires_at > $2",
                token_digest,
                now
            )
            .fetch_optional(&self.pool)
        };
        retry::repeatable(read).await?.map(Session::try_from).transpose()
    }

    async fn list_sessions(&self, customer_id: &CustomerId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
        let limit = i64::try_from(MAX_LISTED_SESSIONS).map_err(StoreError::corrupt)?;
        // Found by session_customer.
        let read = || {
            sqlx::query_as!(
                SessionRow,
                "SELECT token_digest, customer_id, password_changes, signed_in_at, device, expires_at FROM session
                WHERE customer_id = $1 AND expires_at > $2 ORDER BY expires_at DESC, token_digest LIMIT $3",
                customer_id.as_str(),
                now,
                limit
            )
            .fetch_all(&self.pool)
        };
        retry::repeatable(read).await?.into_iter().map(Session::try_from).collect()
    }

    async fn remove_sessions(&self, sessions: &[Session]) -> Result<(), StoreError> {
        let digests: Vec<_> = sessions.iter().map(|session| session.token_digest.clone()).collect();
        let write = || sqlx::query!("DELETE FROM session WHERE token_digest = ANY ($1)", &digests).execute(&self.pool);
        retry::repeatable(write).await.map(|_| ())
    }
}

/// A row of `session`.
struct SessionRow {
    token_digest: String,
    customer_id: String,
    password_changes: i64,
    signed_in_at: OffsetDateTime,
    device: Option<String>,
    expires_at: OffsetDateTime,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            token_digest: row.token_digest,
            customer_id: row.customer_id.parse().map_err(StoreError::corrupt)?,
            password_changes: from_bigint(row.password_changes)?,
            signed_in_at: row.signed_in_at,
            device: row.device,
            expires_at: row.expires_at,
        })
    }
}
