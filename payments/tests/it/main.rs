//! Tests of the payment providers: one binary.
#![allow(clippy::expect_used, reason = "this is test code: a test fails by panicking")]

mod bank_page;
mod faults;
mod journal;
mod ledger;
mod parity;
#[cfg(feature = "stripe")]
mod stripe;
mod support;
mod webhooks;
