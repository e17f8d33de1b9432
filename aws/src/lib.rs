//! What the shop reads from AWS beside its store: settings and secrets from Parameter Store ([`Environment`]), pictures and styles
//! from S3 ([`S3Assets`]). Both need three calls of AWS's API, so they are signed here instead of compiling two of its largest SDKs
//! (ADR 16). With the feature `rds`, snapshots of its database.

mod assets;
mod parameters;
mod service;
#[cfg(feature = "rds")]
mod snapshot;

pub use assets::{AssetsConfig, S3Assets, S3Location, UploadError, Uploaded, open_assets, upload};
pub use parameters::{Environment, ParametersError, environment};
#[cfg(feature = "rds")]
pub use snapshot::{SnapshotError, SnapshotOrder, SnapshotState, take_snapshot};
