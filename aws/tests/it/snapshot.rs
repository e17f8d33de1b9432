//! What becomes of a snapshot as RDS tells of it, in its own XML.

use std::time::Duration;

use shopease_aws::{SnapshotError, SnapshotOrder, take_snapshot};

use crate::chain;
use crate::service::{Answer, Service};

pub fn order(database: &str, name: &str) -> SnapshotOrder {
    SnapshotOrder {
        database: database.to_owned(),
        name: name.to_owned(),
        tags: vec![("Release".to_owned(), "1.2.3".to_owned())],
        look_every: Duration::from_millis(5),
        wait_at_most: Duration::from_mins(1),
    }
}

fn snapshot(status: &str, percent: i32) -> String {
    format!(
        "<DBSnapshot><DBSnapshotIdentifier>before</DBSnapshotIdentifier><DBInstanceIdentifier>shop</DBInstanceIdentifier>\
         <Status>{status}</Status><PercentProgress>{percent}</PercentProgress><AllocatedStorage>20</AllocatedStorage></DBSnapshot>"
    )
}

fn begun(status: &str) -> Answer {
    let inner = snapshot(status, 0);
    Answer::ok(format!(
        "<CreateDBSnapshotResponse><CreateDBSnapshotResult>{inner}</CreateDBSnapshotResult></CreateDBSnapshotResponse>"
    ))
}

fn looked_at(status: &str, percent: i32) -> Answer {
    let inner = snapshot(status, percent);
    Answer::ok(format!(
        "<DescribeDBSnapshotsResponse><DescribeDBSnapshotsResult><DBSnapshots>{inner}</DBSnapshots></DescribeDBSnapshotsResult></DescribeDBSnapshotsResponse>"
    ))
}

fn refusal(status: u16, code: &str) -> Answer {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>says RDS</Message></Error>");
    Answer::With(status, format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"))
}

async fn failure(answers: &[Answer], order: &SnapshotOrder) -> SnapshotError {
    let service = Service::start(answers.to_vec()).await;
    take_snapshot(order, &service.env(), |_| {}).await.expect_err("no snapshot")
}

#[tokio::test]
async fn a_snapshot_is_waited_for_and_tells_how_far_it_is() {
    let service = Service::start([begun("creating"), looked_at("creating", 35), looked_at("available", 100)]).await;
    let mut seen = Vec::new();
    let done = take_snapshot(&order("shop", "before"), &service.env(), |state| seen.push(state.percent)).await;
    let done = done.expect("complete");
    assert_eq!((done.status.as_str(), done.gibibytes), ("available", 20));
    assert_eq!(seen, [0, 35, 100]);
    let asked = service.seen();
    for part in ["Action=CreateDBSnapshot", "DBInstanceIdentifier=shop", "DBSnapshotIdentifier=before", "Key=Release"] {
        assert!(asked[0].body.contains(part), "{part} in {}", asked[0].body);
    }
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn one_that_was_begun_before_is_waited_for_unless_it_is_of_another_database() {
    let there = refusal(400, "DBSnapshotAlreadyExists");
    let service = Service::start([there.clone(), looked_at("creating", 90), looked_at("available", 100)]).await;
    assert!(take_snapshot(&order("shop", "before"), &service.env(), |_| {}).await.is_ok());
    let error = failure(&[there, looked_at("available", 100)], &order("other", "before")).await;
    assert!(matches!(&error, SnapshotError::NameIsTaken { of, .. } if of == "shop"), "{error}");
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let shop = order("shop", "before");
    let error = failure(&[refusal(404, "DBInstanceNotFound")], &shop).await;
    assert!(matches!(&error, SnapshotError::UnknownDatabase(name) if name == "shop"), "{error}");
    let error = failure(&[begun("creating"), looked_at("failed", 40)], &shop).await;
    assert!(matches!(&error, SnapshotError::Failed { status, .. } if status == "failed"), "{error}");
    let hasty = SnapshotOrder { wait_at_most: Duration::from_millis(20), ..shop.clone() };
    let error = failure(&[begun("creating"), looked_at("creating", 1)], &hasty).await;
    assert!(matches!(error, SnapshotError::NotInTime { .. }), "{error}");
    let error = failure(&[refusal(403, "AccessDenied")], &shop).await;
    assert_eq!(chain(&error), "RDS: AccessDenied: says RDS");
}
