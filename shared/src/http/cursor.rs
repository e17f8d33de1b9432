//! Cursors of the API: a position, bound to the question it belongs to, as base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use shopease_shop::domain::Position;

/// Bytes of the question's fingerprint in a cursor.
const FINGERPRINT: usize = 6;

/// Writes the cursor of the page after `position` for a question (any text that names everything but the cursor).
pub fn encode(question: &str, position: &str) -> String {
    let mut bytes = fingerprint(question).to_vec();
    bytes.extend_from_slice(position.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor.
///
/// # Errors
/// 400 when it was not given out for this question.
pub fn decode(question: &str, cursor: &str) -> Result<Position, Problem> {
    let refused = || Problem::malformed("The cursor is not one of this listing.");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let (found, position) = bytes.split_at_checked(FINGERPRINT).ok_or_else(refused)?;
    if found != fingerprint(question) || position.is_empty() || position.len() > 1024 {
        return Err(refused());
    }
    String::from_utf8(position.to_vec()).map_err(|_| refused())
}

/// Reads the position of a cursor that this shop's own backend has just given out.
pub fn position(cursor: &str) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes.get(FINGERPRINT..)?.to_vec()).ok()
}

fn fingerprint(question: &str) -> [u8; FINGERPRINT] {
    let digest = Sha256::digest(question);
    let mut bytes = [0; FINGERPRINT];
    bytes.copy_from_slice(&digest[..FINGERPRINT]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_its_own_question() {
        let cursor = encode("title", "abc\u{1}prd_1");
        assert_eq!(decode("title", &cursor).as_deref(), Ok("abc\u{1}prd_1"));
        for (question, cursor) in
            [("price", cursor.as_str()), ("title", ""), ("title", "AAAA"), ("title", "!!"), ("title", &cursor[1..])]
        {
            assert!(decode(question, cursor).is_err(), "{question} {cursor}");
        }
    }
}
