//! The store ports of shopease on the engines it runs on: one module an engine, each behind its feature.
//!
//! Nothing here decides anything about the shop; the ports say what has to hold, the adapters say how.

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "embedded")]
pub mod embedded;
