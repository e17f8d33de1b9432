//! Shared test support: fixtures, the [`conformance`] suite that every store must pass, and the test support of `shopease_process`.
//! Deployed binaries do not enable the feature `testing`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this is test code: a test fails by panicking"
)]

pub mod conformance;
pub mod fixtures;

pub use shopease_process::testing::{EmfLine, FixedClock, MapEnv, SeededIds, SeededRandom, Stopwatch, free_port};
