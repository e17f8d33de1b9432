//! The store ports of shopease on `PostgreSQL`, on `DynamoDB` and on the embedded engine: a module each, behind a feature.

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "postgres")]
pub mod postgres;
