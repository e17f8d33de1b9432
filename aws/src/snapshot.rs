//! A snapshot of an RDS database, complete before anything is migrated.

use std::time::Duration;

use aws_sdk_rds::Client;
use aws_sdk_rds::config::Builder;
use aws_sdk_rds::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_rds::types::{DbSnapshot, Tag};
use shopease_shop::ports::Env;
use tokio::time::{Instant, sleep};

use crate::service::{own_endpoint, sdk_config};

/// What to keep, and under which name.
#[derive(Debug, Clone)]
pub struct SnapshotOrder {
    /// Identifier of the database instance.
    pub database: String,
    /// Identifier of the snapshot: letters, digits and single hyphens, a letter first.
    pub name: String,
    /// Tags beside those of the database, as name and value.
    pub tags: Vec<(String, String)>,
    /// Pause between two looks at its progress.
    pub look_every: Duration,
    /// Longest wait for its completion.
    pub wait_at_most: Duration,
}

/// How far a snapshot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotState {
    /// RDS's word: `creating`, `available`, `failed`.
    pub status: String,
    /// Percent of the data that is kept already.
    pub percent: i32,
    /// Storage of the database, in GiB.
    pub gibibytes: i32,
}

/// Why there is no complete snapshot.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each is")]
pub enum SnapshotError {
    #[error("there is no database instance {0:?} in this account and region")]
    UnknownDatabase(String),
    #[error("the snapshot {name:?} is there already, of the database {of:?}")]
    NameIsTaken { name: String, of: String },
    #[error("the snapshot {name:?} is {status:?}")]
    Failed { name: String, status: String },
    #[error(
        "the snapshot {name:?} is not complete after {minutes} min; it goes on, and the same command waits for it again"
    )]
    NotInTime { name: String, minutes: u64 },
    /// RDS's own answer, or none.
    #[error("RDS: {0}")]
    Refused(String),
}

/// Orders a snapshot and waits until it is complete. One of the same name and database is not ordered again, so the call can be repeated.
///
/// # Errors
/// [`SnapshotError`]. A snapshot that has begun goes on.
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
        if Instant::now() + order.look_every > until {
            let minutes = order.wait_at_most.as_secs() / 60;
            return Err(SnapshotError::NotInTime { name: order.name.clone(), minutes });
        }
        sleep(order.look_every).await;
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
            created.db_snapshot.ok_or_else(|| SnapshotError::Refused("an answer without a snapshot".to_owned()))
        }
        Err(error) => match error.as_service_error() {
            Some(refusal) if refusal.is_db_instance_not_found_fault() => {
                Err(SnapshotError::UnknownDatabase(order.database.clone()))
            }
            Some(refusal) if refusal.is_db_snapshot_already_exists_fault() => {
                let known = find(rds, &order.name).await?;
                match known.db_instance_identifier() {
                    Some(of) if of != order.database => {
                        Err(SnapshotError::NameIsTaken { name: order.name.clone(), of: of.to_owned() })
                    }
                    _ => Ok(known),
                }
            }
            _ => Err(refused(&error)),
        },
    }
}

async fn find(rds: &Client, name: &str) -> Result<DbSnapshot, SnapshotError> {
    let found = rds.describe_db_snapshots().db_snapshot_identifier(name).send().await;
    let found = found.map_err(|error| refused(&error))?.db_snapshots.unwrap_or_default().pop();
    found.ok_or_else(|| SnapshotError::Refused(format!("the snapshot {name:?} is not listed")))
}

fn state(snapshot: &DbSnapshot) -> SnapshotState {
    SnapshotState {
        status: snapshot.status().unwrap_or("of unknown state").to_owned(),
        percent: snapshot.percent_progress().unwrap_or_default(),
        gibibytes: snapshot.allocated_storage().unwrap_or_default(),
    }
}

/// The service's code and message, or why it could not be asked.
fn refused<E>(error: &SdkError<E>) -> SnapshotError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    SnapshotError::Refused(match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => DisplayErrorContext(error).to_string(),
    })
}
