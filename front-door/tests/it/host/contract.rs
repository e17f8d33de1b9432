//! The Runtime API with runtimes that violate its contract.

use std::time::Duration;

use front_door::lambda::{Ending, MAX_PAYLOAD_BYTES, Outcome};
use serde_json::json;

use crate::support::{Host, eventually};

/// The statuses that the process received, without IDs.
async fn statuses(host: &Host, number: usize) -> Vec<String> {
    let lines = || host.recorder.lines.lock().expect("no panic").clone();
    eventually("as many lines", || lines().len() >= number).await;
    let short = |line: &String| {
        let (call, status) = line.rsplit_once(": ").expect("a status");
        format!("{} {status}", call.rsplit('/').next().unwrap_or_default())
    };
    lines().iter().map(short).collect()
}

#[tokio::test]
async fn a_second_response_is_rejected() {
    let host = Host::misbehaving("answers twice", |_| {});
    assert_eq!(host.response(json!({})).await, "first");
    assert_eq!(statuses(&host, 4).await, ["next 200", "response 202", "response 403", "error 403"]);
    assert_eq!(host.recorder.report(1).await.ending, Ending::Success);
    assert_eq!(host.response(json!({})).await, "first");
}

#[tokio::test]
async fn a_response_to_an_unknown_request_is_rejected() {
    let host = Host::misbehaving("answers an unknown id", |_| {});
    assert_eq!(host.response(json!({})).await, "right");
    assert_eq!(statuses(&host, 3).await, ["next 200", "response 400", "response 202"]);
    let host = Host::misbehaving("answers before any event", |_| {});
    assert_eq!(host.response(json!("echo")).await, "echo");
    assert_eq!(statuses(&host, 3).await, ["response 400", "next 200", "response 202"]);
}

#[tokio::test]
async fn a_runtime_that_does_not_respond_gets_no_other_event() {
    let host = Host::misbehaving("does not respond", |settings| settings.timeout = Duration::from_secs(1));
    assert_eq!(host.error(json!({})).await.0, "Sandbox.Timedout");
    assert_eq!(host.recorder.report(1).await.ending, Ending::Timeout);
}

#[tokio::test]
async fn a_response_is_limited_to_six_megabytes() {
    let host = Host::start(|_| {});
    let largest = host.invoke(json!({ "response_bytes": MAX_PAYLOAD_BYTES })).await;
    assert!(matches!(largest.outcome, Outcome::Response(payload) if payload.len() == MAX_PAYLOAD_BYTES));
    let (error_type, message) = host.error(json!({ "response_bytes": MAX_PAYLOAD_BYTES + 1 })).await;
    assert_eq!(error_type, "Function.ResponseSizeTooLarge");
    assert!(message.contains("6291556 bytes"), "{message}");
    assert_eq!(host.recorder.report(2).await.ending, Ending::Error);
    assert_eq!(host.response(json!({ "response": "small" })).await, "small");

    let host = Host::misbehaving("answers too much", |_| {});
    assert_eq!(host.error(json!({})).await.0, "Function.ResponseSizeTooLarge");
    assert_eq!(statuses(&host, 2).await, ["next 200", "response 413"]);
    assert_eq!(host.error(json!({})).await.0, "Function.ResponseSizeTooLarge");
    assert_eq!(host.starts(), 1);
}

#[tokio::test]
async fn unknown_resources_and_methods_are_rejected() {
    let host = Host::misbehaving("requests an unknown resource", |_| {});
    assert_eq!(host.response(json!("echo")).await, "echo");
    assert_eq!(
        statuses(&host, 7).await,
        ["nonsense 404", "register 405", "next 405", "error 405", "response 405", "next 200", "response 202"]
    );
}

#[tokio::test]
async fn an_error_may_have_no_body() {
    let host = Host::misbehaving("reports an error by header alone", |_| {});
    assert_eq!(host.error(json!({})).await, ("Runtime.Unknown".to_owned(), String::new()));
}

#[tokio::test]
async fn an_init_error_during_an_invocation_is_rejected() {
    let host = Host::misbehaving("reports an init error too late", |_| {});
    assert_eq!(host.response(json!({})).await, "right");
    assert_eq!(statuses(&host, 3).await, ["next 200", "error 403", "response 202"]);
}

#[tokio::test]
async fn a_response_is_used_although_the_process_exits_after_it() {
    let host = Host::misbehaving("answers and ends", |_| {});
    assert_eq!(host.response(json!({})).await, "last words");
    host.idle(0).await;
    assert_eq!(host.response(json!({})).await, "last words");
    assert_eq!(host.starts(), 2);
}
