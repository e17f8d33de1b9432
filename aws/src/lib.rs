//! AWS services other than the store: settings and secrets from Parameter Store ([`Environment`]), images and styles
//! from S3 ([`S3Assets`]). Both need only three API calls, which are signed here; this avoids compiling two of the
//! largest SDK crates (ADR 16).
//! With the feature `rds`, snapshots of the database.

mod assets;
mod parameters;
mod service;
#[cfg(feature = "rds")]
mod snapshot;

pub use assets::{AssetsConfig, S3Assets, S3Location, UploadError, Uploaded, open_assets, upload};
pub use parameters::{Environment, ParametersError, environment};
#[cfg(feature = "rds")]
pub use snapshot::{SnapshotError, SnapshotOrder, SnapshotState, take_snapshot};
