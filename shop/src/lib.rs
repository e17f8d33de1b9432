//! The core of the shop: domain rules, ports and use cases. It is the same on Lambda and Fargate, with PostgreSQL and DynamoDB.
//!
//! Dependencies point in one direction: [`domain`] <- [`ports`] <- [`services`]. Nothing here depends on HTTP, SQL, AWS or HTML.

pub mod config;
pub mod domain;
mod error;
pub mod markdown;
pub mod ports;
pub mod services;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;

pub use error::{ShopError, ShopResult};
