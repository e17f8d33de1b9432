//! The front door from the outside, with its clients and functions: real sockets, real processes. `cargo test` builds
//! the examples of this package, which are the functions that the host runs here.

#![expect(clippy::expect_used, reason = "a test that cannot continue must fail")]

mod alb;
mod gateway;
mod host;
mod live;
mod support;
