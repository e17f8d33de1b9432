//! Basics of every process of the shop: time, randomness, and environment, configuration, deadlines and retries, logs
//! and metrics. Contains no shop logic.

pub mod ambient;
pub mod config;
pub mod deadline;
pub mod retry;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
