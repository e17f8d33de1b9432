//! Implements the store ports on PostgreSQL (sqlx) and on DynamoDB (aws-sdk-dynamodb). The default, the embedded store,
//! is the DynamoDB adapter on an in-process engine. SQL and SDK types do not leave this crate.

#[cfg(any(feature = "_dynamodb", feature = "postgres"))]
mod documents;
#[cfg(feature = "_dynamodb")]
pub mod dynamodb;
#[cfg(feature = "embedded")]
pub mod embedded;
mod open;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "testing")]
pub mod testing;

pub use open::{OpenError, OpenStore, StoreConfig, open};
