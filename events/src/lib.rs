//! Where the shop's events go, behind the port `EventSink`: the log, an HTTP address, `EventBridge`, SNS.
//!
//! Every sink delivers at least once. The id of a message tells a repeated one; nothing here knows what an event means.

#[cfg(feature = "aws")]
mod aws;
mod event;
mod http;
mod open;

#[cfg(feature = "aws")]
pub use aws::{EventBridgeSink, SnsSink};
pub use http::HttpSink;
pub use open::{EventsConfig, open};
