//! The input of a function, and the isolation of its code and variables.

use std::sync::Arc;
use std::time::Duration;

use front_door::lambda::{InvokeError, MAX_PAYLOAD_BYTES};
use serde_json::json;

use crate::support::{Host, eventually, lives, settings, soon};

#[tokio::test]
async fn an_event_and_its_context_are_passed() {
    let host = Host::start(|settings| settings.timeout = Duration::from_secs(9));
    let event = json!({ "order": ["ä", 1.5, null], "empty": {} });
    let response = host.response(event.clone()).await;
    assert_eq!(response["event"], event);
    let context = &response["context"];
    assert_eq!(context["arn"], "arn:aws:lambda:us-east-1:123456789012:function:tried");
    assert_eq!(context["trace_id"], "Root=1-2-3");
    let remaining = context["remaining_ms"].as_u64().expect("milliseconds");
    assert!((1..=9000).contains(&remaining), "{remaining} ms of 9 s remain");
    let id = context["request_id"].as_str().expect("an id").to_owned();
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
    assert_eq!(host.recorder.report(1).await.request_id, id);
    let next = host.response(json!({})).await;
    assert_ne!(next["context"]["request_id"], id);
}

#[tokio::test]
async fn a_process_has_lambdas_variables_and_its_own_and_none_of_the_host() {
    let host = Host::start(|settings| {
        settings.variables = vec![("SHOPEASE_NAME".to_owned(), "x".to_owned()), ("TZ".to_owned(), "UTC+1".to_owned())];
    });
    let response = host.response(json!({})).await;
    let variables = response["variables"].as_object().expect("variables");
    let names: Vec<_> = variables.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_XRAY_CONTEXT_MISSING",
            "LAMBDA_RUNTIME_DIR",
            "LAMBDA_TASK_ROOT",
            "LANG",
            "PATH",
            "SHOPEASE_NAME",
            "TZ",
            "_HANDLER",
        ]
    );
    assert_eq!((&variables["TZ"], &variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]), (&json!("UTC+1"), &json!("128")));
}

#[tokio::test]
async fn an_event_is_limited_to_six_megabytes() {
    let host = Host::start(|_| {});
    let frame = json!({ "response": "taken", "padding": "" }).to_string().len();
    let event = |bytes: usize| json!({ "response": "taken", "padding": "x".repeat(bytes - frame) });
    assert_eq!(host.response(event(MAX_PAYLOAD_BYTES)).await, "taken");
    let error = host.try_invoke(event(MAX_PAYLOAD_BYTES + 1)).await.err();
    assert_eq!(error, Some(InvokeError::TooLarge));
}

#[tokio::test]
async fn a_running_invocation_ends_on_the_old_code_after_a_deployment() {
    let host = Arc::new(Host::start(|_| {}));
    let first = host.response(json!({})).await;
    let running = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.response(json!({ "sleep_ms": 3_000 })).await }
    });
    eventually("the invocation runs", || host.function.environments().busy == 1).await;
    let idle = host.response(json!({})).await;
    host.idle_beside(1).await;
    host.function.deploy(&crate::support::example("bootstrap")).expect("a copy");
    let new = host.invoke(json!({ "response": "new" })).await;
    assert!(new.init.is_some(), "the new code starts in a new environment");
    let old = soon("the running invocation", running).await.expect("a response");
    let new = host.response(json!({})).await;
    let version = |response: &serde_json::Value| response["executable"].as_str().expect("a path").to_owned();
    assert!(version(&old).ends_with("/tried-1/bootstrap"), "{}", version(&old));
    assert!(version(&new).ends_with("/tried-2/bootstrap"), "{}", version(&new));
    assert_eq!(old["pid"], first["pid"]);
    for old in [old, idle] {
        eventually("the old processes are gone", || !lives(old["pid"].as_u64().expect("a pid"))).await;
    }
    host.idle(1).await;
}

#[tokio::test]
async fn a_function_without_code_is_not_invoked() {
    let directory = tempfile::tempdir().expect("a directory");
    let recorder = Arc::new(crate::support::Recorder::default());
    let function = front_door::lambda::Function::new(settings("empty", &directory), recorder);
    let invocation = front_door::lambda::Invocation { payload: "{}".into(), trace_id: String::new() };
    assert_eq!(function.invoke(invocation).await.err(), Some(InvokeError::NoCode));
}

#[tokio::test]
async fn a_caller_that_disconnects_does_not_stop_the_invocation() {
    let host = Arc::new(Host::start(|_| {}));
    host.response(json!({})).await;
    let caller = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.response(json!({ "sleep_ms": 200 })).await }
    });
    eventually("the invocation runs", || host.function.environments().busy == 1).await;
    caller.abort();
    assert!(caller.await.expect_err("no response").is_cancelled());
    let report = host.recorder.report(2).await;
    assert_eq!(report.ending, front_door::lambda::Ending::Success);
    assert!(report.duration >= Duration::from_millis(200), "{report}");
    assert_eq!(host.response(json!({})).await["invocations"], 3);
}
