//! What a file has to say about a field: a value, or nothing.

/// A field as the file has it. `Nothing` leaves a product that exists as it is, and gives a new one its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told<T> {
    /// The column is not in the file, or its cell cannot tell.
    Nothing,
    /// The field shall be this.
    Value(T),
}

impl<T: Clone> Told<T> {
    /// The file's value, else the stored one, else `default`.
    pub(super) fn or(&self, stored: Option<&T>, default: T) -> T {
        match self {
            Self::Value(value) => value.clone(),
            Self::Nothing => stored.cloned().unwrap_or(default),
        }
    }
}

impl<T> From<Option<T>> for Told<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Self::Value)
    }
}
