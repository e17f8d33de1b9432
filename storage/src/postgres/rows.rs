//! Conversions between domain values and column values.

use shopease_shop::domain::{PageLimit, Position};
use shopease_shop::ports::StoreError;

use crate::documents::{self, Stored};

/// Encodes a document. It is passed as text: the database checks that it is JSON, and nothing is parsed twice when it
/// is read.
pub(super) fn to_json(value: &impl Stored) -> Result<String, StoreError> {
    documents::encode(value)
}

/// Decodes a document written by [`to_json`].
pub(super) fn from_json<T: Stored>(document: &str) -> Result<T, StoreError> {
    Ok(documents::decode(document)?)
}

/// A number for a `bigint` column.
pub(super) fn to_bigint(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(StoreError::corrupt)
}

/// A number from a `bigint` column.
pub(super) fn from_bigint<T>(number: i64) -> Result<T, StoreError>
where
    T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>,
{
    T::try_from(number).map_err(StoreError::corrupt)
}

/// The text that every position on the page is greater than; every position is greater than the empty text.
///
/// A forged cursor may contain a NUL, which a text column cannot hold. No position contains one, so the positions
/// greater than the part before it are exactly those greater than the whole.
pub(super) fn start_after(after: Option<&Position>) -> &str {
    after.and_then(|position| position.split('\0').next()).unwrap_or_default()
}

/// Number of rows to read for a page: one more than its size, to know whether more follow.
pub(super) fn row_limit(limit: PageLimit) -> i64 {
    i64::try_from(limit.get()).unwrap_or(i64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_truncated_at_a_nul() {
        assert_eq!(start_after(None), "");
        assert_eq!(start_after(Some(&"a\u{1}b".to_owned())), "a\u{1}b");
        assert_eq!(start_after(Some(&"a\0b".to_owned())), "a");
        assert_eq!(start_after(Some(&"\0".to_owned())), "");
    }
}
