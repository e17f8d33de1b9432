//! The server's output: its log as JSON, its metrics in CloudWatch's format, and nothing else on standard output.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use shopease_shop::testing::EmfLine;

use crate::client::{Shop, connect, get, get_on, read};

/// More than a metrics line can hold.
const REQUESTS: usize = 230;

fn file(directory: &tempfile::TempDir, name: &str) -> (std::path::PathBuf, Stdio) {
    let path = directory.path().join(name);
    let file = File::create(&path).expect("a file");
    (path, file.into())
}

#[test]
fn a_server_counts_every_request_once_and_writes_one_line_for_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let ((out, to_out), (error, to_error)) = (file(&directory, "out"), file(&directory, "error"));
    let variables = [
        ("SHOPEASE_METRICS", "emf"),
        ("SHOPEASE_LOG", "info"),
        ("SHOPEASE_LOG_FORMAT", "json"),
        ("DD_SERVICE", "shopease-backend"),
        ("DD_ENV", "test"),
    ];
    let mut shop = Shop::start_with(&variables, to_out, to_error);
    let mut socket = connect(shop.port).expect("a connection");
    for number in 0..REQUESTS {
        let path = ["/", "/api/v1/products", "/nothing", "/cart"][number % 4];
        let head = get_on(&mut socket, path).expect("a response").head;
        assert!(!head.contains("x-shopease-usage"), "{head}");
        assert!(
            head.contains("\r\nx-shopease-path: fargate") && head.contains("\r\nserver-timing: shop;dur="),
            "{head}"
        );
    }
    let big = "POST /cart/line-items HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 9\r\n\r\nsku=a&x=%";
    socket.write_all(big.as_bytes()).expect("it is sent");
    let status = read(&mut socket).expect("a response").status;
    assert!((400..500).contains(&status), "{status}");
    get(shop.port, "/healthz").expect("a response");
    shop.terminate();
    let begun = Instant::now();
    while shop.ended().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not exit");
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = std::fs::read_to_string(error).expect("a log");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let requests = lines.iter().filter(|line| line["logger"]["name"] == "access").count();
    assert_eq!(requests, REQUESTS + 1, "one line per request");
    assert!(lines.iter().all(|line| line.get("usage").is_none()), "measuring is off");
    let out = std::fs::read_to_string(out).expect("an output");
    let mut sums: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut latencies = 0;
    for line in out.lines().filter_map(EmfLine::read) {
        assert_eq!(line.namespace, "shopease/test");
        assert_eq!(line.dimensions["Service"], "shopease-backend");
        assert!(line.dimensions.len() <= 2, "{line:?}");
        let area = line.dimensions.get("Area").cloned().unwrap_or_default();
        latencies += line.metrics.get("Latency").map_or(0, Vec::len);
        for (name, values) in line.metrics {
            assert!(values.iter().all(|value| *value > 0.0), "{name}: {values:?}");
            *sums.entry((name, area.clone())).or_default() += values.iter().sum::<f64>();
        }
    }
    assert_eq!(latencies, REQUESTS + 1, "every request is counted once: {out}");
    let count = |name: &str, area: &str| sums.get(&(name.to_owned(), area.to_owned())).copied();
    assert_eq!(count("ClientErrors", "none"), Some(57.0), "one in four");
    assert_eq!(count("ClientErrors", "cart"), Some(1.0));
    assert_eq!(count("ServerErrors", "cart"), None);
    assert!(count("Worker", "").is_some_and(|runs| runs >= 1.0), "runs of the worker are counted");
}

#[test]
fn a_measured_request_reports_its_usage_in_its_response_and_log_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let (error, to_error) = file(&directory, "error");
    let variables = [("SHOPEASE_MEASURE", "true"), ("SHOPEASE_LOG", "info"), ("SHOPEASE_LOG_FORMAT", "json")];
    let shop = Shop::start_with(&variables, Stdio::null(), to_error);
    let head = get(shop.port, "/products").expect("a response").head;
    shop.terminate();
    let usage = head.lines().find_map(|line| line.strip_prefix("x-shopease-usage: ")).expect("the header");
    let usage: Value = serde_json::from_str(usage).expect("JSON");
    assert_eq!(usage["route"], "/products");
    assert!(usage["read_units"].as_f64() > Some(0.0) && usage["store_requests"].as_u64() > Some(0), "{usage}");
    assert_eq!((usage["write_units"].as_f64(), usage["statements"].as_u64()), (Some(0.0), Some(0)));
    assert!(usage["peak_memory_bytes"].as_u64() > Some(1_000_000), "{usage}");
    let log = std::fs::read_to_string(error).expect("a log");
    let line = log.lines().find(|line| line.contains("\"access\"")).expect("a line");
    let mut line: Value = serde_json::from_str(line).expect("JSON");
    let logged = line.as_object_mut().and_then(|line| line.remove("usage")).expect("what was used");
    for name in ["read_units", "write_units", "store_requests", "statements"] {
        assert_eq!(logged[name], usage[name], "{name}");
    }
    let unmeasured = u64::try_from(line.to_string().len() + 1).expect("a length");
    assert_eq!(usage["log_bytes"].as_u64(), Some(unmeasured), "{line}");
}

#[test]
fn invalid_metrics_prefix_and_assets_settings_are_reported_at_start() {
    for (name, value, expected) in [
        ("SHOPEASE_METRICS", "statsd", "SHOPEASE_METRICS: \"statsd\" is not `emf` or `off`"),
        ("SHOPEASE_SSM_PREFIX", "shopease", "SHOPEASE_SSM_PREFIX: \"shopease\" is not a prefix"),
        (
            "SHOPEASE_ASSETS",
            "s3:/assets",
            "SHOPEASE_ASSETS: \"s3:/assets\" is not a location such as s3://bucket/prefix or `embedded`",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_shopease"))
            .env(name, value)
            .env("SHOPEASE_DATA_DIR", tempfile::tempdir().expect("a directory").path())
            .output()
            .expect("the binary starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(expected), "{error}");
    }
}
