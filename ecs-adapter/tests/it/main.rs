//! The binary from the outside: slow clients, large headers, SIGTERM, its output and its files.

#![expect(clippy::expect_used, reason = "a test that cannot continue must fail")]

mod bounce;
mod client;
mod data_directory;
mod export;
mod import;
mod large_pages;
mod operator;
mod person;
mod settings;
mod sign_ins;
mod slow_clients;
mod start_errors;
mod stop;
mod telemetry;
