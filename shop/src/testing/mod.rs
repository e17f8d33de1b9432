//! What tests of every crate share: small fixtures, the [`conformance`] suite that every store passes, and what
//! `shopease_process` has for tests. Nothing that is deployed enables the feature `testing`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this is test code: a test fails by panicking"
)]

pub mod conformance;
pub mod fixtures;

pub use shopease_process::testing::{EmfLine, FixedClock, MapEnv, SeededIds, SeededRandom, Stopwatch, free_port};
