//! The bearer token of a visitor or of a signed-in customer.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A bearer token: `vis_` for a visitor's cart, `ses_` for a signed-in session, then 256 random bits as base64url.
///
/// The prefix shows without a store read that a visitor is not signed in. Stores see only [`Token::digest`].
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    const VISITOR: &str = "vis_";
    const SESSION: &str = "ses_";

    /// A visitor's token from 256 random bits.
    pub fn visitor(secret: [u8; 32]) -> Self {
        Self(format!("{}{}", Self::VISITOR, URL_SAFE_NO_PAD.encode(secret)))
    }

    /// A session token from 256 random bits.
    pub fn session(secret: [u8; 32]) -> Self {
        Self(format!("{}{}", Self::SESSION, URL_SAFE_NO_PAD.encode(secret)))
    }

    /// Parses a token; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(Self::VISITOR).or_else(|| text.strip_prefix(Self::SESSION))?;
        let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// Returns whether this is a visitor's token, not a session's.
    pub fn is_visitor(&self) -> bool {
        self.0.starts_with(Self::VISITOR)
    }

    /// The token itself: only for the `Set-Cookie` and `Authorization` headers.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the token in lower-case hexadecimal: its key in stores.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }

    /// The CSRF token of this visitor's or session's forms: SHA-256 over a label and the token. Only the holder of the cookie can
    /// know it, and a new session invalidates old forms.
    pub fn csrf(&self) -> String {
        let digest = Sha256::new().chain_update("csrf:").chain_update(&self.0).finalize();
        URL_SAFE_NO_PAD.encode(digest)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_visitor() { "Token(vis_..)" } else { "Token(ses_..)" })
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_tokens_parse_and_debug_hides_them() {
        let token = Token::session([7; 32]);
        assert_eq!(Token::parse(token.expose()), Some(token.clone()));
        for text in ["", "ses_", "ses_AAAA", "abc", "vis_!!!!", &format!("{}A", token.expose())] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
        assert_eq!(format!("{token:?}"), "Token(ses_..)");
        assert_ne!(token.csrf(), Token::session([8; 32]).csrf());
    }
}
