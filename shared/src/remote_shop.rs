//! Remote.
