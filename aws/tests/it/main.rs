//! Parameter Store, S3 and snapshots of RDS on the wire: against moto, which checks signatures and policies and is neither ours nor AWS's, and
//! against a server that misbehaves as told.

#![cfg(test)]

mod assets;
mod moto;
mod parameters;
mod service;
mod snapshot;

use shopease_shop::testing::MapEnv;

/// The environment of a process before `endpoint` with these credentials.
pub fn env(endpoint: &str, id: &str, secret: &str) -> MapEnv {
    MapEnv::new([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ])
}

/// An error with all that it comes from, as a start prints it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
