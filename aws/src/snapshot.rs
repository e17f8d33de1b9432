//! Takes a snapshot of an RDS database and waits until it is available.

use std::time::Duration;

use aws_sdk_rds::Client;
use aws_sdk_rds::config::Builder;
use aws_sdk_rds::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_rds::types::{DbSnapshot, Tag};
use shopease_shop::ports::Env;
use tokio::time::{Instant, sleep};

use crate::service::{own_endpoint, sdk_config};

/// The snapshot to take.
#[derive(Debug, Clone)]
pub struct SnapshotOrder {
    /// Identifier of the database instance.
    pub database: String,
    /// Identifier of the snapshot: letters, digits, and single hyphens, starting with a letter.
    pub name: String,
    /// Tags in addition to the database's, as name and value.
    pub tags: Vec<(String, String)>,
    /// Pause between two polls.
    pub poll_interval: Duration,
    /// Longest wait until it is available.
    pub wait_at_most: Duration,
}

/// Progress of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotState {
    /// RDS status: `creating`, `available`, `failed`.
    pub status: String,
    /// Percentage of the data that has been saved.
    pub percent: i32,
    /// Storage size of the database, in GiB.
    pub gibibytes: i32,
}

/// Why no snapshot is available.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum SnapshotError {
    #[error("database instance {0:?} does not exist in this account and region")]
    UnknownDatabase(String),
    #[error("the snapshot {name:?} already exists, of the database {of:?}")]
    NameIsTaken { name: String, of: String },
    #[error("the snapshot {name:?} has status {status:?}")]
    Failed { name: String, status: String },
    #[error(
        "the snapshot {name:?} is not complete after {minutes} min; it continues, and running the command again waits for it"
    )]
    NotInTime { name: String, minutes: u64 },
    /// An error from RDS, or no response.
    #[error("RDS: {0}")]
    Service(String),
}

/// Takes a snapshot and waits until it is available. If one of the same name and database exists, waits for it instead,
/// so the call is idempotent.
///
/// # Errors
/// [`SnapshotError`]. A snapshot that was started continues.
pub async fn take_snapshot(
    order: &SnapshotOrder,
    env: &(dyn Env + Sync),
    mut progress: impl FnMut(&SnapshotState),
) -> Result<SnapshotState, SnapshotError> {
    let mut config = Builder::from(&sdk_config(env).await);
    config.set_endpoint_url(own_endpoint("rds", env));
    let rds = Client::from_conf(config.build());
    let until = Instant::now() + order.wait_at_most;
    let mut snapshot = begin(&rds, order).await?;
    loop {
        let state = state(&snapshot);
        progress(&state);
        match state.status.as_str() {
            "available" => return Ok(state),
            "creating" => {}
            _ => return Err(SnapshotError::Failed { name: order.name.clone(), status: state.status }),
        }
        if Instant::now() + order.poll_interval > until {
            let minutes = order.wait_at_most.as_secs() / 60;
            return Err(SnapshotError::NotInTime { name: order.name.clone(), minutes });
        }
        sleep(order.poll_interval).await;
        snapshot = find(&rds, &order.name).await?;
    }
}

async fn begin(rds: &Client, order: &SnapshotOrder) -> Result<DbSnapshot, SnapshotError> {
    let tags = order.tags.iter().map(|(name, value)| Tag::builder().key(name).value(value).build()).collect();
    let created = rds
        .create_db_snapshot()
        .db_instance_identifier(&order.database)
        .db_snapshot_identifier(&order.name)
        .set_tags(Some(tags))
        .send()
        .await;
    match created {
        Ok(created) => {
            created.db_snapshot.ok_or_else(|| SnapshotError::Service("the response contains no snapshot".to_owned()))
        }
        Err(error) => match error.as_service_error() {
            Some(fault) if fault.is_db_instance_not_found_fault() => {
                Err(SnapshotError::UnknownDatabase(order.database.clone()))
            }
            Some(fault) if fault.is_db_snapshot_already_exists_fault() => {
                let existing = find(rds, &order.name).await?;
                match existing.db_instance_identifier() {
                    Some(of) if of != order.database => {
                        Err(SnapshotError::NameIsTaken { name: order.name.clone(), of: of.to_owned() })
                    }
                    _ => Ok(existing),
                }
            }
            _ => Err(request_error(&error)),
        },
    }
}

async fn find(rds: &Client, name: &str) -> Result<DbSnapshot, SnapshotError> {
    let found = rds.describe_db_snapshots().db_snapshot_identifier(name).send().await;
    let found = found.map_err(|error| request_error(&error))?.db_snapshots.unwrap_or_default().pop();
    found.ok_or_else(|| SnapshotError::Service(format!("the snapshot {name:?} does not exist")))
}

fn state(snapshot: &DbSnapshot) -> SnapshotState {
    SnapshotState {
        status: snapshot.status().unwrap_or("unknown").to_owned(),
        percent: snapshot.percent_progress().unwrap_or_default(),
        gibibytes: snapshot.allocated_storage().unwrap_or_default(),
    }
}

/// The service's code and message, or the reason for the missing response.
fn request_error<E>(error: &SdkError<E>) -> SnapshotError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    SnapshotError::Service(match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => DisplayErrorContext(error).to_string(),
    })
}
