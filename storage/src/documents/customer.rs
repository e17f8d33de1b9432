//! An account.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;
use time::OffsetDateTime;

use super::values::{Address, each};
use super::{Stored, Version, names};

#[derive(Serialize, Deserialize)]
pub(crate) struct Customer {
    v: Version<1>,
    id: domain::CustomerId,
    email: domain::EmailAddress,
    #[serde(default = "unconfirmed", with = "names::EmailState")]
    email_state: domain::EmailState,
    #[serde(default)]
    email_change: Option<EmailChange>,
    name: String,
    password_hash: String,
    #[serde(with = "names::Role")]
    role: domain::Role,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(default)]
    password_changes: u32,
    #[serde(default)]
    password_reset: Option<PasswordReset>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<SavedAddress>,
    #[serde(default = "first")]
    version: u64,
}

/// The version of accounts that were written without one.
const fn first() -> u64 {
    1
}

/// The state of addresses that were written without one.
const fn unconfirmed() -> domain::EmailState {
    domain::EmailState::Unconfirmed
}

#[derive(Serialize, Deserialize)]
struct EmailChange {
    email: domain::EmailAddress,
    digest: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl From<&domain::EmailChange> for EmailChange {
    fn from(change: &domain::EmailChange) -> Self {
        Self { email: change.email.clone(), digest: change.digest.clone(), expires_at: change.expires_at }
    }
}

impl From<EmailChange> for domain::EmailChange {
    fn from(change: EmailChange) -> Self {
        Self { email: change.email, digest: change.digest, expires_at: change.expires_at }
    }
}

#[derive(Serialize, Deserialize)]
struct SavedAddress {
    id: domain::AddressId,
    address: Address,
    is_default: bool,
}

impl From<&domain::SavedAddress> for SavedAddress {
    fn from(saved: &domain::SavedAddress) -> Self {
        Self { id: saved.id.clone(), address: Address::from(&saved.address), is_default: saved.is_default }
    }
}

impl From<SavedAddress> for domain::SavedAddress {
    fn from(saved: SavedAddress) -> Self {
        Self { id: saved.id, address: saved.address.into(), is_default: saved.is_default }
    }
}

#[derive(Serialize, Deserialize)]
struct PasswordReset {
    digest: String,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl Stored for domain::Customer {
    const KIND: &'static str = "customer";
    type Document = Customer;
}

impl From<&domain::Customer> for Customer {
    fn from(customer: &domain::Customer) -> Self {
        Self {
            v: Version,
            id: customer.id.clone(),
            email: customer.email.clone(),
            email_state: customer.email_state,
            email_change: customer.email_change.as_ref().map(EmailChange::from),
            name: customer.name.clone(),
            password_hash: customer.password_hash.clone(),
            role: customer.role,
            created_at: customer.created_at,
            password_changes: customer.password_changes,
            password_reset: customer
                .password_reset
                .as_ref()
                .map(|reset| PasswordReset { digest: reset.digest.clone(), expires_at: reset.expires_at }),
            addresses: each(&customer.addresses),
            version: customer.version,
        }
    }
}

impl From<Customer> for domain::Customer {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id,
            email: customer.email,
            email_state: customer.email_state,
            email_change: customer.email_change.map(domain::EmailChange::from),
            name: customer.name,
            password_hash: customer.password_hash,
            role: customer.role,
            created_at: customer.created_at,
            password_changes: customer.password_changes,
            password_reset: customer
                .password_reset
                .map(|reset| domain::PasswordReset { digest: reset.digest, expires_at: reset.expires_at }),
            addresses: each(customer.addresses),
            version: customer.version,
        }
    }
}
