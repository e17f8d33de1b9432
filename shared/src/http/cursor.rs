//! Pagination cursors: a position bound to its listing, as base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use shopease_shop::domain::Position;

/// Bytes of the listing's fingerprint in a cursor.
const FINGERPRINT: usize = 6;

/// Encodes the cursor of the page after `position`. `listing` is any text that identifies the listing, without its position.
pub fn encode(listing: &str, position: &str) -> String {
    let mut bytes = fingerprint(listing).to_vec();
    bytes.extend_from_slice(position.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a cursor.
///
/// # Errors
/// 400 when it was not issued for this listing.
pub fn decode(listing: &str, cursor: &str) -> Result<Position, Problem> {
    let invalid = || Problem::malformed("The cursor does not belong to this listing.");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    let (found, position) = bytes.split_at_checked(FINGERPRINT).ok_or_else(invalid)?;
    if found != fingerprint(listing) || position.is_empty() || position.len() > 1024 {
        return Err(invalid());
    }
    String::from_utf8(position.to_vec()).map_err(|_| invalid())
}

/// Returns the position of a cursor that the shop's own backend has just issued.
pub fn position(cursor: &str) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes.get(FINGERPRINT..)?.to_vec()).ok()
}

fn fingerprint(listing: &str) -> [u8; FINGERPRINT] {
    let digest = Sha256::digest(listing);
    let mut bytes = [0; FINGERPRINT];
    bytes.copy_from_slice(&digest[..FINGERPRINT]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_valid_only_for_its_own_listing() {
        let cursor = encode("title", "abc\u{1}prd_1");
        assert_eq!(decode("title", &cursor).as_deref(), Ok("abc\u{1}prd_1"));
        for (listing, cursor) in
            [("price", cursor.as_str()), ("title", ""), ("title", "AAAA"), ("title", "!!"), ("title", &cursor[1..])]
        {
            assert!(decode(listing, cursor).is_err(), "{listing} {cursor}");
        }
    }
}
