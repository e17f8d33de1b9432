//! Customers and their sessions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization as _;

use super::{CustomerId, Field, Format, RuleError, SavedAddress, SessionId, ValueRule, is_unprintable};

/// An email address (RFC 5321: at most 254 characters), in lower case and NFC. Addresses that differ only in case or in Unicode
/// composition count as the same mailbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// The address of erased persons. Nobody can have it: `invalid` is a reserved name (RFC 2606).
const ERASED: &str = "erased@erased.invalid";

impl EmailAddress {
    /// In place of the address of a person whose data was erased.
    pub fn erased() -> Self {
        Self(ERASED.to_owned())
    }

    /// Whether this is no address any more.
    pub fn is_erased(&self) -> bool {
        self.0 == ERASED
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EmailAddress {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text: String = text.trim().nfc().collect::<String>().to_lowercase().nfc().collect();
        if text.is_empty() {
            return Err(RuleError::invalid(Field::Email, ValueRule::Required));
        }
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        let is_printable = !text.chars().any(is_unprintable);
        if text.len() <= 254 && is_printable && email_address::EmailAddress::parse_with_options(&text, options).is_ok()
        {
            Ok(Self(text))
        } else {
            Err(RuleError::malformed(Field::Email, Format::Email))
        }
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(email: EmailAddress) -> Self {
        email.0
    }
}

/// Role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May buy.
    Customer,
    /// May also manage orders and stock.
    Operator,
}

/// Whether an account's email address is known to be its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailState {
    /// Waits for the mailed link. Until then the address is not the account's: others can have it too, and nobody can sign in with it.
    Pending,
    /// The account's, without a link: in shops that send no mail.
    Unconfirmed,
    /// The account's. Its owner has opened a link that was mailed there.
    Confirmed,
}

/// An email address that becomes an account's with a mailed link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailChange {
    /// The address; that of the account itself after registering.
    pub email: EmailAddress,
    /// SHA-256 of the link's secret in hexadecimal, once the link was mailed. The store never sees the secret.
    pub digest: Option<String>,
    /// From then on the link is invalid.
    pub expires_at: OffsetDateTime,
}

/// A person with an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Customer {
    /// Customer ID.
    pub id: CustomerId,
    /// Unique in the shop, unless it is [`EmailState::Pending`].
    pub email: EmailAddress,
    /// State of the email address.
    pub email_state: EmailState,
    /// The email address that a mailed link will confirm, if one was requested.
    pub email_change: Option<EmailChange>,
    /// Name of the customer.
    pub name: String,
    /// argon2id in PHC format.
    pub password_hash: String,
    /// Role of the account.
    pub role: Role,
    /// When the account was created.
    pub created_at: OffsetDateTime,
    /// Number of changes of the password. Sessions from before the last one have ended.
    pub password_changes: u32,
    /// The link with which the password can be reset, if one was mailed.
    pub password_reset: Option<PasswordReset>,
    /// The addresses that the customer has saved, oldest first.
    pub addresses: Vec<SavedAddress>,
    /// Version for conditional writes; the first one is 1.
    pub version: u64,
}

/// A mailed link that resets the password once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordReset {
    /// SHA-256 of its secret in hexadecimal. The store never sees the secret.
    pub digest: String,
    /// From then on it is invalid.
    pub expires_at: OffsetDateTime,
}

impl Customer {
    /// The email address, if it is the account's.
    pub fn owned_email(&self) -> Option<&EmailAddress> {
        (self.email_state != EmailState::Pending).then_some(&self.email)
    }
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token in hexadecimal. The store never sees the token.
    pub token_digest: String,
    /// The signed-in customer.
    pub customer_id: CustomerId,
    /// [`Customer::password_changes`] at sign-in.
    pub password_changes: u32,
    /// When the customer signed in.
    pub signed_in_at: OffsetDateTime,
    /// Browser and system at sign-in, such as `Firefox on Linux`, if known.
    pub device: Option<String>,
    /// From then on the session is invalid, whether or not the store has removed it.
    pub expires_at: OffsetDateTime,
}

impl Session {
    /// The ID by which its customer ends it. It reveals neither the token nor its digest.
    pub fn id(&self) -> SessionId {
        SessionId::derive(&self.token_digest)
    }
}
