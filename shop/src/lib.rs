//! The shop itself: its rules, what it needs from outside, its use cases. The same on Lambda and on Fargate, on PostgreSQL
//! and on DynamoDB.
//!
//! Dependencies point one way: [`domain`] <- [`ports`] <- [`services`]. Nothing here knows HTTP, SQL, AWS or HTML.

pub mod config;
pub mod domain;
mod error;
pub mod ports;
pub mod services;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{ShopError, ShopResult};
