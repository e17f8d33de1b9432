//! Measurements: reports what a request used in the response header `x-shopease-usage`, if `SHOPEASE_MEASURE` is set.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use shopease_process::telemetry::usage::Usage;
pub(super) use shopease_process::telemetry::usage::current;

/// JSON: the fields of [`Usage`], `route` and `peak_memory_bytes`.
const HEADER: HeaderName = HeaderName::from_static("x-shopease-usage");

#[derive(Serialize)]
struct Measured<'a> {
    /// Pattern of the matched route; absent if none matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    /// Peak resident set size of the process; absent if the operating system does not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
    #[serde(flatten)]
    usage: Usage,
}

/// Adds the header if the current request is measured.
pub(super) fn add_header(headers: &mut HeaderMap, route: Option<&str>) {
    let Some(usage) = current() else { return };
    let measured = Measured { route, peak_memory_bytes: peak_memory(), usage };
    if let Some(value) = serde_json::to_string(&measured).ok().and_then(|json| HeaderValue::from_str(&json).ok()) {
        headers.insert(HEADER, value);
    }
}

/// Peak resident set size in bytes. `/proc` reports it in `kB` of 1,024 bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
