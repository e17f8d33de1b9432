//! The binary as its neighbours meet it: slow clients, large headers, SIGTERM, and what it writes.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

mod client;
mod import;
mod slow_clients;
mod stop;
mod telemetry;
