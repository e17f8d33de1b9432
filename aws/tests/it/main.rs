//! Parameter Store, S3, and RDS snapshots on the wire: against moto, an independent implementation that checks
//! signatures and policies, and against a server that fails on demand.

#![cfg(test)]

mod assets;
mod moto;
mod parameters;
mod service;
mod snapshot;

use shopease_shop::testing::MapEnv;

/// The environment of a process with this endpoint and these credentials.
pub fn env(endpoint: &str, id: &str, secret: &str) -> MapEnv {
    MapEnv::new([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ])
}

/// An error with its causes, as printed at start.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
