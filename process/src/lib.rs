//! What every process of the shop has, whatever it does: time, randomness and environment, configuration, deadlines and
//! retries, logs and metrics. Knows nothing of the shop.

pub mod ambient;
pub mod config;
pub mod deadline;
pub mod retry;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
