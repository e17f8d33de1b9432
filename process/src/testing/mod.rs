//! Test replacements for the machine: a clock, IDs, an environment, free ports, a stopwatch. Nothing that is deployed
//! enables the feature `testing`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this is test code: a test fails by panicking"
)]

mod ambient;
mod emf;
mod ports;
mod random;
mod stopwatch;

pub use ambient::{FixedClock, MapEnv, SeededIds};
pub use emf::EmfLine;
pub use ports::free_port;
pub use random::SeededRandom;
pub use stopwatch::Stopwatch;
