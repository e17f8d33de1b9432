//! Functions that fail, hang, crash, or do not start.

use std::time::Duration;

use front_door::lambda::Ending;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use shopease_shop::testing::Stopwatch;

use crate::support::{Host, error_of, eventually, lives};

#[tokio::test]
async fn an_error_is_returned_to_the_caller_and_the_environment_stays() {
    let host = Host::start(|_| {});
    let first = host.response(json!({})).await;
    let (_, message) = host.error(json!({ "fail": "out of tea" })).await;
    assert_eq!(message, "out of tea");
    assert_eq!(host.recorder.report(2).await.ending, Ending::Error);
    let (_, message) = host.error(json!({ "panic": "the pot is broken" })).await;
    assert!(message.contains("the pot is broken"), "{message}");
    let last = host.response(json!({})).await;
    assert_eq!((&last["pid"], &last["invocations"]), (&first["pid"], &json!(4)));
}

#[tokio::test]
async fn a_timed_out_environment_is_killed_and_the_next_one_is_cold() {
    let host = Host::start(|settings| settings.timeout = Duration::from_secs(2));
    let first = host.response(json!({})).await;
    let stopwatch = Stopwatch::start();
    let (error_type, message) = host.error(json!({ "sleep_ms": 60_000 })).await;
    assert_eq!(error_type, "Sandbox.Timedout");
    assert!(message.ends_with("Task timed out after 2.00 seconds"), "{message}");
    let report = host.recorder.report(2).await;
    let suspended = u64::try_from(stopwatch.suspended().as_millis()).expect("short");
    assert_eq!(report.ending, Ending::Timeout);
    assert!(report.to_string().ends_with("\tStatus: timeout"), "{report}");
    assert!((2000..4000 + suspended).contains(&report.billed_ms()), "{report}, suspended for {suspended} ms");
    eventually("the process is gone", || !lives(first["pid"].as_u64().expect("a pid"))).await;
    let next = host.invoke(json!({})).await;
    assert!(next.init.is_some());
}

#[tokio::test]
async fn a_crash_during_an_invocation_is_its_error_and_the_next_one_is_cold() {
    let host = Host::start(|_| {});
    host.response(json!({})).await;
    let (error_type, message) = host.error(json!({ "exit": 3 })).await;
    assert_eq!(error_type, "Runtime.ExitError");
    assert!(message.contains("exit status: 3"), "{message}");
    assert_eq!(host.recorder.report(2).await.ending, Ending::Error);
    host.idle(0).await;
    let next = host.invoke(json!({})).await;
    assert!(next.init.is_some());
}

#[tokio::test]
async fn a_crash_between_invocations_is_not_reported_to_a_caller() {
    let host = Host::start(|_| {});
    let first = host.response(json!({})).await;
    host.idle(1).await;
    let pid = i32::try_from(first["pid"].as_u64().expect("a pid")).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, Signal::KILL).expect("a process of the test");
    host.idle(0).await;
    let next = host.invoke(json!({})).await;
    assert!(next.init.is_some());

    let host = Host::misbehaving("ends while idle", |settings| settings.freeze = false);
    assert_eq!(host.response(json!("first")).await, "first");
    host.idle(0).await;
    assert_eq!(host.response(json!("second")).await, "second");
    assert_eq!(host.starts(), 2);
}

#[tokio::test]
async fn a_process_killed_while_it_is_invoked_loses_no_invocation() {
    // Killed and invoked at once: whichever the host detects first, the caller soon gets a response or the crash.
    for _ in 0..10 {
        let host = Host::start(|_| {});
        let first = host.response(json!({})).await;
        host.idle(1).await;
        let pid = i32::try_from(first["pid"].as_u64().expect("a pid")).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, Signal::KILL).expect("a process of the test");
        let invoked = host.invoke(json!({ "response": "served" })).await;
        if invoked.init.is_none() {
            assert_eq!(error_of(&invoked).0, "Runtime.ExitError");
        }
        assert_eq!(host.response(json!({ "response": "served" })).await, "served");
    }
}

#[tokio::test]
async fn a_process_that_exits_during_init_is_restarted_once() {
    let host = Host::misbehaving("exits in the first init", |_| {});
    let invoked = host.invoke(json!("served")).await;
    assert!(invoked.init.is_some());
    assert_eq!(host.starts(), 2);
    assert_eq!(host.recorder.report(1).await.ending, Ending::Success);

    let host = Host::misbehaving("exits in init", |_| {});
    let (error_type, message) = host.error(json!({})).await;
    assert_eq!(error_type, "Runtime.ExitError");
    assert!(message.contains("exit status: 7"), "{message}");
    assert_eq!(host.starts(), 2);
    let report = host.recorder.report(1).await;
    assert_eq!((report.ending, report.init.is_some()), (Ending::Error, true));
    host.idle(0).await;
}

#[tokio::test]
async fn an_init_error_is_returned_to_the_caller() {
    let host = Host::misbehaving("init error", |_| {});
    let error = host.error(json!({})).await;
    assert_eq!(error, ("Shop.NoConfig".to_owned(), "nothing is configured".to_owned()));
    let line = "POST /2018-06-01/runtime/init/error: 202";
    host.recorder.lines_are(&[line, line]).await;
}

#[tokio::test]
async fn a_process_that_never_requests_an_event_times_out() {
    // Ten seconds for the first attempt; the second has the function's timeout.
    let host = Host::misbehaving("never requests an event", |settings| settings.timeout = Duration::from_millis(500));
    let (error_type, _) = host.error(json!({})).await;
    assert_eq!(error_type, "Sandbox.Timedout");
    assert_eq!(host.starts(), 2);
    let report = host.recorder.report(1).await;
    assert!(report.init.is_some_and(|init| init >= Duration::from_millis(10_500)), "{report}");
    eventually("no process is left", || host.processes().is_empty()).await;
}

#[tokio::test]
async fn code_that_is_not_executable_is_reported() {
    let host = Host::start(|_| {});
    let text = host.directory.path().join("text");
    std::fs::write(&text, "this is not a program").expect("a file");
    host.function.deploy(&text).expect("a copy");
    let (error_type, message) = host.error(json!({})).await;
    assert_eq!(error_type, "Runtime.InvalidEntrypoint");
    assert!(message.contains("/tried-2/bootstrap"), "{message}");
    assert!(host.function.deploy(&host.directory.path().join("missing")).is_err());
}
