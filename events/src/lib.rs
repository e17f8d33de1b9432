//! Destinations of the shop's events, behind the port `EventSink`: the log, an HTTP URL, `EventBridge`, SNS.
//!
//! Every sink delivers at least once; receivers deduplicate by message ID. This crate does not interpret events.

#[cfg(feature = "aws")]
mod aws;
mod event;
mod http;
mod open;

#[cfg(feature = "aws")]
pub use aws::{EventBridgeSink, SnsSink};
pub use http::HttpSink;
pub use open::{EventsConfig, open};
