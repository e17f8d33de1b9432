//! Where customers are signed in, and how they end it.

use std::slice;

use time::OffsetDateTime;

use super::accounts::SessionView;
use super::{Caller, LocalShop};
use crate::domain::{Customer, CustomerId, Session, SessionId, Subject};
use crate::ports::{SessionStore, StoreError};
use crate::{ShopError, ShopResult};

impl LocalShop {
    pub(super) async fn own_sessions(&self, caller: &Caller) -> ShopResult<Vec<SessionView>> {
        let customer = self.require_customer(caller).await?;
        let own = caller.token.digest();
        let view = |session: Session| SessionView {
            id: session.id(),
            is_current: session.token_digest == own,
            device: session.device,
            signed_in_at: session.signed_in_at,
        };
        Ok(self.sessions_of(&customer).await?.into_iter().map(view).collect())
    }

    pub(super) async fn end_own_session(&self, caller: &Caller, id: &SessionId) -> ShopResult<()> {
        let customer = self.require_customer(caller).await?;
        let ended = self.sessions_of(&customer).await?.into_iter().find(|session| session.id() == *id);
        let ended = ended.ok_or(ShopError::NotFound { subject: Subject::Session })?;
        Ok(self.store.remove_sessions(slice::from_ref(&ended)).await?)
    }

    pub(super) async fn end_own_other_sessions(&self, caller: &Caller) -> ShopResult<()> {
        let customer = self.require_customer(caller).await?;
        self.end_other_sessions_of(&customer.id, caller).await
    }

    pub(super) async fn end_other_sessions_of(&self, id: &CustomerId, caller: &Caller) -> ShopResult<()> {
        Ok(end_sessions(&*self.store, id, Some(&caller.token.digest()), self.clock.now()).await?)
    }

    /// Ends the caller's session, if there is one.
    pub(super) async fn end_session_of(&self, caller: &Caller) -> ShopResult<()> {
        if caller.token.is_visitor() {
            return Ok(());
        }
        let session = self.store.find_session(&caller.token.digest(), self.clock.now()).await?;
        Ok(self.store.remove_sessions(session.as_slice()).await?)
    }

    /// The sessions of an account that have not ended with a change of its password.
    async fn sessions_of(&self, customer: &Customer) -> ShopResult<Vec<Session>> {
        let mut sessions = self.store.list_sessions(&customer.id, self.clock.now()).await?;
        sessions.retain(|session| session.password_changes == customer.password_changes);
        Ok(sessions)
    }
}

/// Ends the sessions of a customer, except the one with the token digest `kept`.
pub(super) async fn end_sessions<S: SessionStore + ?Sized>(
    store: &S,
    customer_id: &CustomerId,
    kept: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    loop {
        let mut ended = store.list_sessions(customer_id, now).await?;
        ended.retain(|session| Some(session.token_digest.as_str()) != kept);
        if ended.is_empty() {
            return Ok(());
        }
        store.remove_sessions(&ended).await?;
    }
}
