//! Payment providers behind the port `PaymentProvider`: Stripe, and a little payment service of the shop's own.
//!
//! Nothing here knows orders beyond their id. [`fake`] keeps a ledger like a real provider does, in the process of the
//! shop or behind HTTP; [`stripe`] speaks Stripe's API. Neither ever sees the number of a card, only tokens.

pub mod fake;
mod open;
mod signature;
#[cfg(feature = "stripe")]
pub mod stripe;

pub use open::{LedgerHome, LedgerPlace, OpenPayments, PaymentsConfig, offered_methods, open};
pub use signature::{TOLERANCE, sign, verify};
