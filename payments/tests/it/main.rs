//! Tests of the payment providers: one binary.

mod bank_page;
mod faults;
mod journal;
mod ledger;
mod parity;
#[cfg(feature = "stripe")]
mod stripe;
mod support;
mod webhooks;
