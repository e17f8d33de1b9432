//! Accounts and sessions. An email address is a separate item, which makes it unique.

use std::iter;

use async_trait::async_trait;
use shopease_shop::domain::{Customer, CustomerId, EmailAddress, Session, Subject};
use shopease_shop::ports::{AccountStore, MAX_LISTED_SESSIONS, SessionStore, StoreError};
use time::OffsetDateTime;

use super::actions::Action;
use super::items::{Item, NewItem, is_live, number, parse_text, read_document};
use super::reads::{Consistency, Range};
use super::writes::{MAX_ACTIONS, WriteError};
use super::{DynamoDbStore, keys};

#[async_trait]
impl AccountStore for DynamoDbStore {
    async fn insert_customer(&self, customer: &Customer) -> Result<(), StoreError> {
        let address = customer.owned_email().map(|email| take_email(email, customer));
        let account = Action::put(account(customer)?).only_if_absent();
        let actions: Vec<_> = iter::once(account).chain(address).collect();
        self.transact(actions).await.map_err(|error| match error {
            WriteError::Failed(error) => error,
            WriteError::Conditions(taken) if taken.contains_key(&EMAIL) => {
                StoreError::AlreadyExists { subject: Subject::Email }
            }
            WriteError::Conditions(_) => StoreError::AlreadyExists { subject: Subject::Customer },
        })
    }

    async fn find_customer_by_email(&self, email: &EmailAddress) -> Result<Option<Customer>, StoreError> {
        let Some(address) = self.get(&keys::email(email)).await? else {
            // An address without an account takes as many reads as one with an account, so that response times reveal
            // nothing.
            return self.find_customer(&CustomerId::derive(email.as_str())).await.map(|_| None);
        };
        self.find_customer(&parse_text(&address, "customer_id")?).await
    }

    async fn find_customer(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        self.get(&keys::customer(id)).await?.map(|item| read_document(&item)).transpose()
    }

    async fn replace_customer(&self, previous: &Customer, customer: &Customer) -> Result<(), StoreError> {
        let (old, new) = (previous.owned_email(), customer.owned_email());
        let mut actions = vec![if_seen(Action::put(account(customer)?), previous.version)];
        if old != new {
            actions.extend(new.map(|email| take_email(email, customer)));
            actions.extend(old.map(|email| Action::delete(&keys::email(email))));
        }
        self.transact(actions).await.map_err(|error| match error {
            WriteError::Failed(error) => error,
            WriteError::Conditions(failed) if failed.contains_key(&0) => StoreError::Conflict,
            WriteError::Conditions(_) => StoreError::AlreadyExists { subject: Subject::Email },
        })
    }

    async fn remove_customer(&self, customer: &Customer) -> Result<(), StoreError> {
        let account = if_seen(Action::delete(&keys::customer(&customer.id)), customer.version);
        let address = customer.owned_email().map(|email| Action::delete(&keys::email(email)));
        let actions = iter::once(account).chain(address).collect();
        self.transact(actions).await.map_err(|error| error.or(StoreError::Conflict))
    }
}

/// Place of [`take_email`] behind the account in a transaction.
const EMAIL: usize = 1;

/// Makes an email address the account's, if it is nobody's.
fn take_email(email: &EmailAddress, customer: &Customer) -> Action {
    Action::put(NewItem::new(&keys::email(email)).text("customer_id", customer.id.as_str()).build()).only_if_absent()
}

/// Requires that the account has this version.
fn if_seen(action: Action, version: u64) -> Action {
    // Accounts that were written without a version have the first one.
    let is_seen = if version == 1 {
        "attribute_exists(pk) AND (version = :seen OR attribute_not_exists(version))"
    } else {
        "version = :seen"
    };
    action.only_if(is_seen).value(":seen", number(version))
}

/// The item of an account. Its version is an attribute, because conditions need it.
fn account(customer: &Customer) -> Result<Item, StoreError> {
    let item = NewItem::new(&keys::customer(&customer.id)).document(customer)?;
    Ok(item.number("version", customer.version).build())
}

#[async_trait]
impl SessionStore for DynamoDbStore {
    async fn insert_session(&self, session: &Session) -> Result<(), StoreError> {
        let put = |key| -> Result<Action, StoreError> {
            Ok(Action::put(NewItem::new(&key).document(session)?.expires(session.expires_at).build()))
        };
        let actions = vec![put(keys::session(&session.token_digest))?, put(keys::session_of(session))?];
        self.transact(actions).await.map_err(WriteError::unconditional)
    }

    async fn find_session(&self, token_digest: &str, now: OffsetDateTime) -> Result<Option<Session>, StoreError> {
        let Some(item) = self.get(&keys::session(token_digest)).await? else { return Ok(None) };
        if is_live(&item, now)? { read_document(&item).map(Some) } else { Ok(None) }
    }

    async fn list_sessions(&self, customer_id: &CustomerId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
        let (partition, range) = (keys::sessions_of(customer_id), Range::After(None));
        let mut sessions = Vec::new();
        for item in self.query(&partition, range, Some(MAX_LISTED_SESSIONS), Consistency::Strong).await? {
            if is_live(&item, now)? {
                sessions.push(read_document(&item)?);
            }
        }
        Ok(sessions)
    }

    async fn remove_sessions(&self, sessions: &[Session]) -> Result<(), StoreError> {
        for chunk in sessions.chunks(MAX_ACTIONS / 2) {
            let keys =
                chunk.iter().flat_map(|session| [keys::session(&session.token_digest), keys::session_of(session)]);
            let removed = keys.map(|key| Action::delete(&key)).collect();
            self.transact(removed).await.map_err(WriteError::unconditional)?;
        }
        Ok(())
    }
}
