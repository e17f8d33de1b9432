//! The handlers, written once: JSON API and storefront pages over the use cases of `shopease_shop`. They run unchanged in
//! a Lambda function and in the HTTP server for Fargate. No AWS SDK, SQL driver or Lambda type may appear in this crate.

#[cfg(feature = "remote")]
pub mod client;
pub mod config;
pub mod http;
