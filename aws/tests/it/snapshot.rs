//! How a snapshot is tracked through RDS's own XML responses.

use std::time::Duration;

use shopease_aws::{SnapshotError, SnapshotOrder, take_snapshot};

use crate::chain;
use crate::service::{Reply, Service};

pub fn order(database: &str, name: &str) -> SnapshotOrder {
    SnapshotOrder {
        database: database.to_owned(),
        name: name.to_owned(),
        tags: vec![("Release".to_owned(), "1.2.3".to_owned())],
        poll_interval: Duration::from_millis(5),
        wait_at_most: Duration::from_mins(1),
    }
}

fn snapshot(status: &str, percent: i32) -> String {
    format!(
        "<DBSnapshot><DBSnapshotIdentifier>before</DBSnapshotIdentifier><DBInstanceIdentifier>shop</DBInstanceIdentifier>\
         <Status>{status}</Status><PercentProgress>{percent}</PercentProgress><AllocatedStorage>20</AllocatedStorage></DBSnapshot>"
    )
}

fn begun(status: &str) -> Reply {
    let inner = snapshot(status, 0);
    Reply::ok(format!(
        "<CreateDBSnapshotResponse><CreateDBSnapshotResult>{inner}</CreateDBSnapshotResult></CreateDBSnapshotResponse>"
    ))
}

fn described(status: &str, percent: i32) -> Reply {
    let inner = snapshot(status, percent);
    Reply::ok(format!(
        "<DescribeDBSnapshotsResponse><DescribeDBSnapshotsResult><DBSnapshots>{inner}</DBSnapshots></DescribeDBSnapshotsResult></DescribeDBSnapshotsResponse>"
    ))
}

fn error_response(status: u16, code: &str) -> Reply {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>RDS message</Message></Error>");
    Reply::With(status, format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"))
}

async fn failure(replies: &[Reply], order: &SnapshotOrder) -> SnapshotError {
    let service = Service::start(replies.to_vec()).await;
    take_snapshot(order, &service.env(), |_| {}).await.expect_err("no snapshot")
}

#[tokio::test]
async fn a_snapshot_is_awaited_and_its_progress_reported() {
    let service = Service::start([begun("creating"), described("creating", 35), described("available", 100)]).await;
    let mut seen = Vec::new();
    let done = take_snapshot(&order("shop", "before"), &service.env(), |state| seen.push(state.percent)).await;
    let done = done.expect("complete");
    assert_eq!((done.status.as_str(), done.gibibytes), ("available", 20));
    assert_eq!(seen, [0, 35, 100]);
    let requests = service.seen();
    for part in ["Action=CreateDBSnapshot", "DBInstanceIdentifier=shop", "DBSnapshotIdentifier=before", "Key=Release"] {
        assert!(requests[0].body.contains(part), "{part} in {}", requests[0].body);
    }
    assert_eq!(requests.len(), 3);
}

#[tokio::test]
async fn an_existing_snapshot_is_awaited_unless_it_is_of_another_database() {
    let there = error_response(400, "DBSnapshotAlreadyExists");
    let service = Service::start([there.clone(), described("creating", 90), described("available", 100)]).await;
    assert!(take_snapshot(&order("shop", "before"), &service.env(), |_| {}).await.is_ok());
    let error = failure(&[there, described("available", 100)], &order("other", "before")).await;
    assert!(matches!(&error, SnapshotError::NameIsTaken { of, .. } if of == "shop"), "{error}");
}

#[tokio::test]
async fn errors_are_reported() {
    let shop = order("shop", "before");
    let error = failure(&[error_response(404, "DBInstanceNotFound")], &shop).await;
    assert!(matches!(&error, SnapshotError::UnknownDatabase(name) if name == "shop"), "{error}");
    let error = failure(&[begun("creating"), described("failed", 40)], &shop).await;
    assert!(matches!(&error, SnapshotError::Failed { status, .. } if status == "failed"), "{error}");
    let hasty = SnapshotOrder { wait_at_most: Duration::from_millis(20), ..shop.clone() };
    let error = failure(&[begun("creating"), described("creating", 1)], &hasty).await;
    assert!(matches!(error, SnapshotError::NotInTime { .. }), "{error}");
    let error = failure(&[error_response(403, "AccessDenied")], &shop).await;
    assert_eq!(chain(&error), "RDS: AccessDenied: RDS message");
}
