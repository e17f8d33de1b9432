//! The shop: everything that is the same on Lambda and on Fargate, on PostgreSQL and on DynamoDB.
//!
//! Dependencies point one way: [`domain`] <- [`ports`] <- [`services`] <- [`http`]. [`Shop`] is the seam between
//! the use cases and everything that shows them; [`services::LocalShop`] runs them here, `RemoteShop` asks
//! another process over the JSON API. No AWS SDK, SQL driver or Lambda type may appear in this crate.

#[cfg(feature = "import")]
pub mod catalog_import;
pub mod config;
pub mod deadline;
pub mod domain;
pub mod http;
pub mod ports;
#[cfg(feature = "remote")]
pub mod remote_shop;
pub mod retry;
pub mod services;
pub mod shop;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use shop::{Shop, ShopError};
