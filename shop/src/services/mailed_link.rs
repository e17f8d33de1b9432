//! Tokens of mailed links. A token names its account, so that the account can be found, and contains a secret, of which the store has
//! a hash.

use sha2::{Digest as _, Sha256};

use crate::domain::{CustomerId, hex};
use crate::ports::IdGenerator;

/// The token of a link, as the shop knows it.
pub(super) struct MailedLink {
    /// The account that the link is for.
    pub customer_id: CustomerId,
    /// SHA-256 of the token in hexadecimal.
    pub digest: String,
}

impl MailedLink {
    /// Reads a token; `None` if it cannot be one.
    pub fn parse(token: &str) -> Option<Self> {
        let (id, _) = token.split_once('.')?;
        Some(Self { customer_id: id.parse().ok()?, digest: hex(&Sha256::digest(token)) })
    }

    /// A new token for an account, with its digest.
    pub fn generate(customer_id: &CustomerId, ids: &dyn IdGenerator) -> (String, String) {
        let token = format!("{customer_id}.{}", hex(&ids.secret()));
        let digest = hex(&Sha256::digest(&token));
        (token, digest)
    }
}
