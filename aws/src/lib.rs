//! AWS services other than the store: settings and secrets from Parameter Store ([`Environment`]), images and styles
//! from S3 ([`S3Assets`]), returned mails from SQS ([`SqsBounces`]). They need only five API calls, which are signed here;
//! this avoids compiling three SDK crates, two of them among the largest (ADR 16).
//! With the feature `rds`, snapshots of the database.

mod assets;
mod bounces;
mod parameters;
mod service;
#[cfg(feature = "rds")]
mod snapshot;

pub use assets::{AssetsConfig, OpenAssets, S3Assets, S3Location, UploadError, Uploaded, open_assets, upload};
pub use bounces::{QueueUrl, SqsBounces, open_bounces};
pub use parameters::{Environment, ParametersError, environment};
#[cfg(feature = "rds")]
pub use snapshot::{SnapshotError, SnapshotOrder, SnapshotState, take_snapshot};
