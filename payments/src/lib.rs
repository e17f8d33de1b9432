//! Payment providers behind the port `PaymentProvider`: Stripe, and the shop's own small test payment service.
//!
//! This crate knows only the IDs of orders. [`fake`] keeps a ledger like a real provider, in the process of the shop or
//! behind HTTP; [`stripe`] uses Stripe's API. Neither ever sees card numbers, only tokens.

pub mod fake;
mod open;
mod signature;
#[cfg(feature = "stripe")]
pub mod stripe;

pub use open::{LedgerLocation, LocalLedgerOptions, PaymentsConfig, open};
pub use signature::{TOLERANCE, sign, verify};
