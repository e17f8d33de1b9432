//! Every function's binary as Lambda runs it: it starts, answers an event of each form, and reports errors in its
//! configuration.

#![cfg(test)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use front_door::lambda::{Function, Invocation, Observer, Outcome, Report, Settings};
use serde_json::Value;
use shopease_shop::testing::EmfLine;
use tempfile::TempDir;

const BINARIES: [(&str, &str); 7] = [
    ("storefront", env!("CARGO_BIN_EXE_storefront")),
    ("catalog", env!("CARGO_BIN_EXE_catalog")),
    ("cart", env!("CARGO_BIN_EXE_cart")),
    ("checkout", env!("CARGO_BIN_EXE_checkout")),
    ("accounts", env!("CARGO_BIN_EXE_accounts")),
    ("admin", env!("CARGO_BIN_EXE_admin")),
    ("worker", env!("CARGO_BIN_EXE_worker")),
];

/// Collects the functions' output.
#[derive(Default)]
struct Log(Mutex<String>);

impl Log {
    /// Number of invocations found in both the log and the metrics.
    fn invocations(&self) -> usize {
        let log = self.0.lock().expect("not poisoned");
        let metrics = log.lines().filter_map(EmfLine::read).filter(|line| line.metrics.contains_key("Latency"));
        metrics.count().min(log.matches(r#""name":"access""#).count())
    }
}

impl Observer for Log {
    fn report(&self, _: &Report) {}

    fn line(&self, _: &str, _: u64, line: &str) {
        let mut lines = self.0.lock().expect("not poisoned");
        lines.push_str(line);
        lines.push('\n');
    }
}

fn function(name: &str, binary: &str, variables: &[(&str, &str)]) -> (Function, Arc<Log>, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = Arc::new(Log::default());
    let settings = Settings {
        name: name.to_owned(),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        memory_mb: 256,
        timeout: Duration::from_secs(29),
        concurrency: 1,
        idle_expiry: Duration::from_mins(1),
        freeze: true,
        directory: directory.path().to_owned(),
    };
    let function = Function::new(settings, Arc::clone(&log) as _);
    function.deploy(Path::new(binary)).expect("the binary is there");
    (function, log, directory)
}

/// Logs and metrics in the deployed format.
const TOLD: [(&str, &str); 3] = [("SHOPEASE_LOG_FORMAT", "json"), ("SHOPEASE_METRICS", "emf"), ("DD_ENV", "test")];

/// An unreachable store: no function needs one to start, and the health check reports it.
const NOWHERE: [(&str, &str); 3] = [
    ("SHOPEASE_STORE", "dynamodb"),
    ("SHOPEASE_DYNAMODB_ENDPOINT", "http://127.0.0.1:9"),
    ("SHOPEASE_FAKE_PAYMENTS_URL", "http://127.0.0.1:9"),
];

/// The recorded events of a function.
fn events(name: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sam/events");
    let files = std::fs::read_dir(directory).expect("the events").map(|entry| entry.expect("an event").path());
    files.filter(|file| file.to_string_lossy().contains(&format!("-{name}-"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_starts_and_answers_each_form_of_event() {
    for (name, binary) in BINARIES.into_iter().filter(|(name, _)| *name != "worker") {
        let (function, log, _directory) = function(name, binary, &[&NOWHERE[..], &TOLD].concat());
        let mut invocations = 0;
        let mut payloads: Vec<_> = events(name).iter().map(|file| std::fs::read(file).expect("an event")).collect();
        payloads.push(include_bytes!("../../../sam/events/alb-storefront-home.json").to_vec());
        for payload in payloads {
            let invoked = function.invoke(Invocation { payload: payload.into(), trace_id: String::new() }).await;
            // The response arrives shortly before the environment requests the next event.
            while function.environments().busy > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let outcome = invoked.map(|invoked| invoked.outcome);
            let Ok(Outcome::Response(response)) = outcome else {
                panic!("{name}: {outcome:?}, after {}", log.0.lock().expect("not poisoned"));
            };
            let response = String::from_utf8(response.to_vec()).expect("JSON");
            // 503 without a store, 404 where another function serves the path; both in the form of the event.
            assert!(
                response.contains(r#""statusCode":503"#) || response.contains(r#""statusCode":404"#),
                "{name}: {response}"
            );
            invocations += 1;
        }
        // Output from before the freeze may still be in the pipe.
        let begun = Instant::now();
        while log.invocations() < invocations && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_each_invocation_is_logged(name, invocations, &log.0.lock().expect("not poisoned"));
    }
}

/// One log line and one metrics line per invocation, written before it ends: a frozen environment may never resume.
fn assert_each_invocation_is_logged(name: &str, invocations: usize, log: &str) {
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["logger"]["name"] == "access").collect();
    assert_eq!(requests.len(), invocations, "{name}: {log}");
    for line in requests {
        assert_eq!(line["dd"]["env"], "test", "{line}");
        assert!(line["duration"].is_u64() && line["request_id"].is_string(), "{line}");
    }
    let metrics: Vec<_> = log.lines().filter_map(EmfLine::read).collect();
    let latencies = metrics.iter().filter_map(|line| Some((line, line.metrics.get("Latency")?)));
    let latencies: Vec<_> = latencies.map(|(line, values)| (&line.namespace, values.len())).collect();
    assert_eq!(latencies, vec![(&"shopease/test".to_owned(), 1); invocations], "{name}: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_configuration_is_reported_before_the_first_event() {
    for (name, binary) in BINARIES {
        let (function, log, _directory) = function(name, binary, &[("SHOPEASE_STORE", "paper")]);
        let invoked = function.invoke(Invocation { payload: "{}".into(), trace_id: String::new() }).await;
        let Ok(Outcome::FunctionError(error)) = invoked.map(|invoked| invoked.outcome) else {
            panic!("{name} responded without a store");
        };
        assert!(String::from_utf8_lossy(&error).contains("Runtime.ExitError"), "{name}: {error:?}");
        let output = log.0.lock().expect("not poisoned").clone();
        assert!(output.contains("SHOPEASE_STORE"), "{name} printed: {output}");
    }
}
