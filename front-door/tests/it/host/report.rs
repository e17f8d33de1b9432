//! The report of an invocation.

use std::time::Duration;

use serde_json::json;

use crate::support::{Host, eventually};

const MB: u64 = 1024 * 1024;

#[tokio::test]
async fn memory_and_cpu_are_measured() {
    let host = Host::start(|_| {});
    host.response(json!({})).await;
    let before = host.recorder.report(1).await.max_memory_bytes.expect("bytes");
    assert!(before < 50 * MB, "{before} bytes before anything was allocated");
    host.response(json!({ "allocate_mb": 50 })).await;
    let after = host.recorder.report(2).await.max_memory_bytes.expect("bytes");
    assert!((before + 49 * MB..before + 80 * MB).contains(&after), "{before} and 50 MB more are {after}");
    host.response(json!({ "cpu_ms": 200 })).await;
    let report = host.recorder.report(3).await;
    let cpu = report.cpu.expect("CPU time");
    assert!((Duration::from_millis(180)..Duration::from_secs(1)).contains(&cpu), "{cpu:?} of 200 ms");
    assert!(report.duration >= Duration::from_millis(180), "{report}");
    assert_eq!(report.max_memory_bytes, Some(after), "the most so far");
    host.response(json!({ "sleep_ms": 200 })).await;
    let report = host.recorder.report(4).await;
    let cpu = report.cpu.expect("CPU time");
    assert!(cpu < Duration::from_millis(100), "{cpu:?} for sleeping");
}

#[tokio::test]
async fn a_first_invocation_bills_its_init_phase() {
    let host = Host::start(|settings| settings.variables = vec![("INIT_MS".to_owned(), "150".to_owned())]);
    let invoked = host.invoke(json!({})).await;
    let first = host.recorder.report(1).await;
    let init = first.init.expect("an init duration");
    assert_eq!(invoked.init, Some(init));
    assert!(init >= Duration::from_millis(150), "{init:?}");
    assert_eq!(u128::from(first.billed_ms()), (first.duration + init).as_nanos().div_ceil(1_000_000));
    let again = host.invoke(json!({ "sleep_ms": 20 })).await;
    let second = host.recorder.report(2).await;
    assert_eq!((again.init, second.init), (None, None));
    assert!(second.duration >= Duration::from_millis(20), "{second}");
    assert_eq!(u128::from(second.billed_ms()), second.duration.as_nanos().div_ceil(1_000_000));
    assert_eq!((first.environment, second.environment), (1, 1));
}

#[tokio::test]
async fn the_line_has_the_ids_and_settings_of_the_invocation() {
    let host = Host::start(|settings| settings.memory_mb = 256);
    let response = host.response(json!({})).await;
    let line = host.recorder.report(1).await.to_string();
    let fields: Vec<_> = line.split('\t').map(|field| field.split_once(": ").expect("a name and a value")).collect();
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let expected =
        ["REPORT RequestId", "Duration", "Billed Duration", "Memory Size", "Max Memory Used", "Init Duration"];
    assert_eq!(names, expected, "{line}");
    assert_eq!((fields[0].1, fields[3].1), (response["context"]["request_id"].as_str().expect("an id"), "256 MB"));
    host.response(json!({})).await;
    let line = host.recorder.report(2).await.to_string();
    assert!(!line.contains("Init Duration"), "{line}");
    host.error(json!({ "fail": "no" })).await;
    let line = host.recorder.report(3).await.to_string();
    assert!(line.ends_with("\tStatus: error"), "{line}");
}

#[tokio::test]
async fn the_output_of_a_process_is_observed() {
    let host = Host::start(|_| {});
    host.response(json!({})).await;
    host.response(json!({})).await;
    let lines = || host.recorder.lines.lock().expect("no panic").clone();
    eventually("two lines", || lines().len() == 2).await;
    assert_eq!(lines(), ["invocation 1", "invocation 2"]);
}
