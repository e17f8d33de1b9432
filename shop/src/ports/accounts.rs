//! Accounts and sessions.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::{Customer, CustomerId, EmailAddress, Session};

/// Accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Inserts an account. Of any number of callers with the same e-mail address exactly one succeeds.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] (`email`) when an account has the e-mail address.
    async fn insert_customer(&self, customer: &Customer) -> Result<(), StoreError>;

    /// The account of an e-mail address.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_customer_by_email(&self, email: &EmailAddress) -> Result<Option<Customer>, StoreError>;

    /// An account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_customer(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError>;
}

/// Sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Inserts a session.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn insert_session(&self, session: &Session) -> Result<(), StoreError>;

    /// The session of a token digest, unless it has expired: from its `expires_at` on.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_session(&self, token_digest: &str, now: OffsetDateTime) -> Result<Option<Session>, StoreError>;

    /// Ends a session; also succeeds when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_session(&self, token_digest: &str) -> Result<(), StoreError>;
}
