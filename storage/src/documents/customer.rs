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
        }
    }
}
