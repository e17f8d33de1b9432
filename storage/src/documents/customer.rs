//! An account.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;
use time::OffsetDateTime;

use super::{Stored, Version, names};

#[derive(Serialize, Deserialize)]
pub(crate) struct Customer {
    v: Version<1>,
    id: domain::CustomerId,
    email: domain::EmailAddress,
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
    #[serde(default = "first")]
    version: u64,
}

/// The version of accounts that were written without one.
const fn first() -> u64 {
    1
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
            name: customer.name.clone(),
            password_hash: customer.password_hash.clone(),
            role: customer.role,
            created_at: customer.created_at,
            password_changes: customer.password_changes,
            password_reset: customer
                .password_reset
                .as_ref()
                .map(|reset| PasswordReset { digest: reset.digest.clone(), expires_at: reset.expires_at }),
            version: customer.version,
        }
    }
}

impl From<Customer> for domain::Customer {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id,
            email: customer.email,
            name: customer.name,
            password_hash: customer.password_hash,
            role: customer.role,
            created_at: customer.created_at,
            password_changes: customer.password_changes,
            password_reset: customer
                .password_reset
                .map(|reset| domain::PasswordReset { digest: reset.digest, expires_at: reset.expires_at }),
            version: customer.version,
        }
    }
}
