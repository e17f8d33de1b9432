//! A signed-in browser session.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;
use shopease_shop::services::TOKEN_LIFETIME_DAYS;
use time::{Duration, OffsetDateTime};

use super::{Stored, Version};

#[derive(Serialize, Deserialize)]
pub(crate) struct Session {
    v: Version<1>,
    token_digest: String,
    customer_id: domain::CustomerId,
    #[serde(default)]
    password_changes: u32,
    #[serde(default, with = "time::serde::rfc3339::option")]
    signed_in_at: Option<OffsetDateTime>,
    #[serde(default)]
    device: Option<String>,
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
            signed_in_at: Some(session.signed_in_at),
            device: session.device.clone(),
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
            // Sessions that were written without it expire as long after it as others.
            signed_in_at: session.signed_in_at.unwrap_or(session.expires_at - Duration::days(TOKEN_LIFETIME_DAYS)),
            device: session.device,
            expires_at: session.expires_at,
        }
    }
}
