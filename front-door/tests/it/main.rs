//! The front door as its clients and the functions behind it meet it: real sockets, real processes. `cargo test` builds the
//! examples of this package, which are the functions that the host runs here.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

mod alb;
mod gateway;
mod host;
mod live;
mod support;
