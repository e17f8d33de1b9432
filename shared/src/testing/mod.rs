//! What tests of every crate share: a clock, ids and an environment that tests set, ports, a stopwatch, small fixtures,
//! and the [`conformance`] suite that every store passes. Nothing that is deployed enables the feature `testing`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this is test code: a test fails by panicking"
)]

mod ambient;
pub mod conformance;
mod emf;
pub mod fixtures;
mod ports;
mod random;
mod stopwatch;

pub use ambient::{FixedClock, MapEnv, SeededIds};
pub use emf::EmfLine;
pub use ports::free_port;
pub use random::SeededRandom;
pub use stopwatch::Stopwatch;
