//! Extensions beside the runtime: when the host waits for them, the events that they get, and how they end.

use std::time::Duration;

use front_door::lambda::Ending;
use serde_json::{Value, json};
use shopease_shop::testing::Stopwatch;

use crate::support::{Host, eventually};

/// The lines that this extension printed, without its name.
fn lines(host: &Host, extension: &str) -> Vec<String> {
    let lines = host.recorder.lines.lock().expect("no panic");
    lines.iter().filter_map(|line| line.strip_prefix(extension)?.strip_prefix(' ')).map(str::to_owned).collect()
}

/// The events that this extension got.
fn events(host: &Host, extension: &str) -> Vec<Value> {
    let lines = lines(host, extension);
    lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Value| event["eventType"].is_string())
        .collect()
}

/// Waits until an extension has received `SHUTDOWN`, and has exited.
async fn shutdown(host: &Host, extension: &str, reason: &str) {
    let received = || events(host, extension).iter().any(|event| event["shutdownReason"] == reason);
    eventually(&format!("{extension} receives {reason}"), received).await;
    eventually("no process is left", || host.processes().is_empty()).await;
}

#[tokio::test]
async fn an_extension_is_notified_of_invocations_and_of_the_shutdown() {
    let host = Host::extended(&["listens", "registers-for-nothing"], |settings| {
        settings.idle_expiry = Duration::from_millis(300);
    });
    let response = host.response(json!({})).await;
    shutdown(&host, "listens", "spindown").await;
    let about = json!({ "functionName": "tried", "functionVersion": "$LATEST", "handler": "bootstrap", "accountId": "123456789012" });
    assert_eq!(serde_json::from_str::<Value>(&lines(&host, "listens")[1]).expect("JSON"), about);
    let events = events(&host, "listens");
    assert_eq!(events.len(), 2, "{events:?}");
    let context = &response["context"];
    assert_eq!(
        events[0],
        json!({
            "eventType": "INVOKE",
            "deadlineMs": context["deadline_ms"],
            "requestId": context["request_id"],
            "invokedFunctionArn": context["arn"],
            "tracing": { "type": "X-Amzn-Trace-Id", "value": "Root=1-2-3" },
        })
    );
    assert!(events[1]["deadlineMs"].is_u64());
    eventually("it prints this", || lines(&host, "listens").contains(&"is done".to_owned())).await;
    assert_eq!(lines(&host, "registers-for-nothing").len(), 2, "it only registers");
}

#[tokio::test]
async fn the_function_starts_when_extensions_have_registered_and_is_ready_when_they_are() {
    let host = Host::extended(&["is-slow-to-start"], |_| {});
    let invoked = host.invoke(json!({})).await;
    assert!(invoked.init.is_some_and(|init| init >= Duration::from_millis(300)), "{invoked:?}");

    let host = Host::extended(&["never-registers"], |settings| settings.timeout = Duration::from_millis(200));
    assert_eq!(host.error(json!({})).await.0, "Sandbox.Timedout");
    assert!(!host.recorder.lines.lock().expect("no panic").iter().any(|line| line.starts_with("invocation")));
    eventually("no process is left", || host.processes().is_empty()).await;
}

#[tokio::test]
async fn an_invocation_lasts_until_extensions_are_done_but_its_response_does_not_wait() {
    let host = Host::extended(&["works-on"], |_| {});
    let begun = tokio::time::Instant::now();
    host.response(json!({})).await;
    let report = host.recorder.report(1).await;
    assert!(report.duration >= Duration::from_millis(400), "{report}");
    assert!(begun.elapsed() >= Duration::from_millis(400));
    // The caller has the response while the extension is still busy, and the environment is not free for another
    // invocation.
    let invocation = front_door::lambda::Invocation { payload: "{}".into(), trace_id: String::new() };
    host.function.invoke(invocation).await.expect("an invocation");
    assert_eq!(host.function.environments().busy, 1);
    assert_eq!(host.recorder.reports.lock().expect("no panic").len(), 1);
    assert!(host.recorder.report(2).await.init.is_none());
}

#[tokio::test]
async fn an_extension_that_never_finishes_causes_a_timeout() {
    let host = Host::extended(&["never-comes-back", "listens"], |settings| settings.timeout = Duration::from_secs(1));
    host.response(json!({})).await;
    let report = host.recorder.report(1).await;
    assert_eq!(report.ending, Ending::Timeout);
    shutdown(&host, "listens", "timeout").await;
}

#[tokio::test]
async fn an_extension_that_does_not_exit_is_killed_after_two_seconds() {
    let host = Host::extended(&["does-not-end"], |settings| settings.idle_expiry = Duration::from_millis(100));
    let begun = tokio::time::Instant::now();
    host.response(json!({})).await;
    eventually("it receives SHUTDOWN", || events(&host, "does-not-end").len() == 2).await;
    eventually("no process is left", || host.processes().is_empty()).await;
    // The idle time, and the time limit for the shutdown.
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(2_100), "{took:?}");
}

#[tokio::test]
async fn a_runtime_gets_sigterm_if_there_are_extensions() {
    let terminated = async || {
        let host = Host::extended(&["listens"], |settings| settings.idle_expiry = Duration::from_millis(100));
        host.response(json!({ "await_termination": true })).await;
        shutdown(&host, "listens", "spindown").await;
        host.recorder.lines.lock().expect("no panic").contains(&"terminated".to_owned())
    };
    // A process that is not scheduled for 0.6 s is killed before it can react, as on AWS. If the machine was suspended,
    // that is not an error.
    let stopwatch = Stopwatch::start();
    let in_time = terminated().await;
    assert!(in_time || (stopwatch.suspended() > Duration::from_millis(300) && terminated().await));
}

#[tokio::test]
async fn a_failing_extension_fails_the_function() {
    let exited = ("Extension.Crash", "exit status: 4");
    for (how, (error_type, message)) in
        [("exits-before-it-registers", exited), ("cannot-start", ("Extension.NoTea", "cannot-start failed to start"))]
    {
        let host = Host::extended(&[how], |_| {});
        let error = host.error(json!({})).await;
        assert_eq!(error.0, error_type);
        assert!(error.1.contains(message), "{error:?}");
        assert!(host.recorder.report(1).await.init.is_some());
        eventually("no process is left", || host.processes().is_empty()).await;
    }
    for how in ["exits-when-invoked", "reports-an-exit-error"] {
        let host = Host::extended(&[how, "listens"], |_| {});
        let error = host.error(json!({ "sleep_ms": 5_000 })).await;
        assert_eq!(error.0, if how == "reports-an-exit-error" { "Extension.NoTea" } else { "Extension.Crash" });
        assert_eq!(host.recorder.report(1).await.ending, Ending::Error);
        shutdown(&host, "listens", "failure").await;
        if how == "reports-an-exit-error" {
            let own = lines(&host, how);
            assert!(
                own.contains(&"init/error 403".to_owned()) && own.contains(&"exit/error 202".to_owned()),
                "{own:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_executable_is_reported() {
    let host = Host::extended(&["listens"], |_| {});
    let code = host.directory.path().join("code");
    std::fs::write(code.join("extensions/text"), "this is not a program").expect("a file");
    host.function.deploy(&code).expect("a copy");
    let (error_type, message) = host.error(json!({})).await;
    assert_eq!(error_type, "Extension.LaunchError");
    assert!(message.contains("text"), "{message}");
    std::fs::remove_file(code.join("bootstrap")).expect("a file");
    assert!(host.function.deploy(&code).is_err());
}

#[tokio::test]
async fn calls_that_violate_the_contract_are_rejected() {
    let host = Host::extended(&["calls-without-an-identifier", "registers-twice"], |_| {});
    host.response(json!({})).await;
    let statuses = |name| lines(&host, name).into_iter().filter(|line| !line.starts_with('{')).collect::<Vec<_>>();
    assert_eq!(statuses("calls-without-an-identifier")[..3], ["event/next 403", "event/next 403", "register 200"]);
    assert_eq!(statuses("registers-twice")[..4], ["register 200", "register 403", "register 403", "register 400"]);

    let host = Host::extended(&["registers-late"], |_| {});
    host.response(json!({})).await;
    host.response(json!({})).await;
    let late = lines(&host, "registers-late");
    assert!(late.contains(&"register 403".to_owned()), "{late:?}");
    assert!(late.iter().any(|line| line.contains("Extension.InvalidExtensionState")), "{late:?}");
}
