//! Cursor pagination: a position is a sortable text, and the next page starts after it. Unlike with offsets, rows added in the
//! meantime neither repeat nor hide other rows.

use super::{Field, RuleError, ValueRule};

/// The position of a row in a sorted listing, compared bytewise on every store.
pub type Position = String;

/// Maximum number of rows per page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageLimit(u16);

impl PageLimit {
    /// Largest page: 100 summaries of about 700 bytes are well below the response limit of a Lambda target.
    pub const MAX: u16 = 100;
    /// Default page size.
    pub const DEFAULT: Self = Self(24);

    /// A page of `limit` rows.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] outside 1..=100.
    pub fn new(limit: u16) -> Result<Self, RuleError> {
        if (1..=Self::MAX).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(RuleError::invalid(Field::Limit, ValueRule::Range { min: 1, max: i64::from(Self::MAX) }))
        }
    }

    /// Rows per page.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in listing order.
    pub items: Vec<T>,
    /// Position of the last row, if more rows follow.
    pub next: Option<Position>,
}

impl<T> Page<T> {
    /// Builds a page from up to `limit + 1` rows in order: the extra row only shows that more rows follow.
    pub fn from_rows(mut rows: Vec<(Position, T)>, limit: PageLimit) -> Self {
        let more = rows.len() > limit.get();
        rows.truncate(limit.get());
        let next = if more { rows.last().map(|(position, _)| position.clone()) } else { None };
        Self { items: rows.into_iter().map(|(_, row)| row).collect(), next }
    }

    /// The same page with every row converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }
}
