//! The use cases, run over the ports. Nothing here knows which store, which runtime or which page.

mod accounts;
mod admin;
mod audit;
mod cart;
mod catalog;
mod catalog_cache;
mod checkout;
mod failpoint;
mod idempotent;
mod local_shop;
mod password;
mod payment_steps;
mod payments;
mod worker;

pub use accounts::create_operator;
pub use audit::{AuditReport, Invariant, Violation, audit};
pub use local_shop::LocalShop;
pub use worker::{Worker, WorkerReport};

/// How long a visitor's token, a cart and a session live after their last write.
pub const TOKEN_LIFETIME_DAYS: i64 = 30;
