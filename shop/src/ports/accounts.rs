//! Accounts and sessions.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::{Customer, CustomerId, EmailAddress, Session};

/// Accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Inserts an account. Of any number of concurrent callers with the same email address, exactly one succeeds.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] (`email`) when another account has the email address.
    async fn insert_customer(&self, customer: &Customer) -> Result<(), StoreError>;

    /// The account with an email address.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_customer_by_email(&self, email: &EmailAddress) -> Result<Option<Customer>, StoreError>;

    /// The account with an ID.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_customer(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError>;

    /// Writes an account in place of its previous version, which has the number before. The email address stays the same.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored version is another one.
    async fn replace_customer(&self, customer: &Customer) -> Result<(), StoreError>;
}

/// Sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Inserts a session.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn insert_session(&self, session: &Session) -> Result<(), StoreError>;

    /// The session with a token digest, unless it has expired. It expires at its `expires_at`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_session(&self, token_digest: &str, now: OffsetDateTime) -> Result<Option<Session>, StoreError>;

    /// Removes a session; also succeeds if it does not exist.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_session(&self, token_digest: &str) -> Result<(), StoreError>;
}
