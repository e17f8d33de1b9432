//! The store ports of shopease on PostgreSQL, on DynamoDB and on the embedded engine.

#[cfg(feature = "postgres")]
pub mod postgres;
