//! Accounts and sessions.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::{Customer, CustomerId, EmailAddress, Session};

/// Accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Inserts an account. Of any number of concurrent callers with the same email address, exactly one succeeds, unless the address is
    /// [`EmailState::Pending`](crate::domain::EmailState::Pending).
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] (`email`) when another account has the email address.
    async fn insert_customer(&self, customer: &Customer) -> Result<(), StoreError>;

    /// The account that an email address belongs to. A pending address belongs to none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_customer_by_email(&self, email: &EmailAddress) -> Result<Option<Customer>, StoreError>;

    /// The account with an ID.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_customer(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError>;

    /// Writes the next version of an account, and at the same time gives up the previous email address and takes the new one, if it
    /// has another.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored version is not the previous one; [`StoreError::AlreadyExists`] (`email`) when another
    /// account has the new email address.
    async fn replace_customer(&self, previous: &Customer, customer: &Customer) -> Result<(), StoreError>;

    /// Removes an account. Its email address is free again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the stored version is another one.
    async fn remove_customer(&self, customer: &Customer) -> Result<(), StoreError>;
}

/// Most sessions that [`SessionStore::list_sessions`] returns.
pub const MAX_LISTED_SESSIONS: usize = 100;

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

    /// The sessions of a customer that have not expired, those that expire last first, at most [`MAX_LISTED_SESSIONS`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_sessions(&self, customer_id: &CustomerId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError>;

    /// Removes sessions, each at once from where it is found and listed. Ones that do not exist are ignored.
    ///
    /// # Errors
    /// [`StoreError`]; some of them may then be removed.
    async fn remove_sessions(&self, sessions: &[Session]) -> Result<(), StoreError>;
}
