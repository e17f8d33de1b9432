//! A signed-in browser session.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;
use time::OffsetDateTime;

use super::{Stored, Version};

#[derive(Serialize, Deserialize)]
pub(crate) struct Session {
    v: Version<1>,
    token_digest: String,
    customer_id: domain::CustomerId,
    #[serde(default)]
    password_changes: u32,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl Stored for domain::Session {
    const KIND: &'static str = "session";
    type Document = Session;
}

impl From<&domain::Session> for Session {
    fn from(session: &domain::Session) -> Self {
        Self {
            v: Version,
            token_digest: session.token_digest.clone(),
            customer_id: session.customer_id.clone(),
            password_changes: session.password_changes,
            expires_at: session.expires_at,
        }
    }
}

impl From<Session> for domain::Session {
    fn from(session: Session) -> Self {
        Self {
            token_digest: session.token_digest,
            customer_id: session.customer_id,
            password_changes: session.password_changes,
            expires_at: session.expires_at,
        }
    }
}
