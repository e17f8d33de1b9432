//! Whole-system tests of shopease; see `it/` and `browser/`.
