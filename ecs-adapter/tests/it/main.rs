//! The binary as its neighbours meet it: slow clients, large headers, SIGTERM, what it writes and what it keeps.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

mod client;
mod data_directory;
mod import;
mod sign_ins;
mod slow_clients;
mod start_errors;
mod stop;
mod telemetry;
