//! HTTP handlers, written once: JSON API and storefront pages on top of the use cases of `shopease_shop`. They run unchanged
//! in a Lambda function and in the HTTP server on Fargate. This crate must not use AWS SDKs, SQL drivers or Lambda types.

#[cfg(feature = "remote")]
pub mod client;
pub mod config;
pub mod http;
