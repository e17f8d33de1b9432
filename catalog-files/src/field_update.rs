//! An update of a field: a value, or no change.

/// The file's update of a field. `Keep` keeps the field of an existing product and gives a new one its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldUpdate<T> {
    /// The column is not in the file, or its cell does not determine the field.
    Keep,
    /// Set the field to this value.
    Set(T),
}

impl<T: Clone> FieldUpdate<T> {
    /// The file's value, else the stored one, else `default`.
    pub(super) fn or(&self, stored: Option<&T>, default: T) -> T {
        match self {
            Self::Set(value) => value.clone(),
            Self::Keep => stored.cloned().unwrap_or(default),
        }
    }
}

impl<T> From<Option<T>> for FieldUpdate<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Keep, Self::Set)
    }
}
