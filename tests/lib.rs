//! Whole-system tests of shopease; see `it/`, `parity/` and `browser/`. Here is what several of them share.

#![expect(clippy::missing_panics_doc, clippy::expect_used, reason = "what surprises a test fails it")]

pub mod stripe_double;
