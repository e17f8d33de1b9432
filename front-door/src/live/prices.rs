//! Prices of Fargate tasks and Lambda invocations: compute only, on demand, x86-64, us-east-1, without free tier. A few
//! prices of the price book (`costs/data/prices.csv`, with date and source), for a live comparison of two runtimes. It
//! is not a bill.

use std::time::Duration;

use serde_json::json;

/// AWS Fargate, Linux x86-64, USD per vCPU-hour.
const FARGATE_VCPU_HOUR: f64 = 0.04048;
/// AWS Fargate, Linux x86-64, USD per GB-hour of memory.
const FARGATE_GB_HOUR: f64 = 0.004_445;
/// AWS Lambda, USD per request.
const LAMBDA_REQUEST: f64 = 0.000_000_2;
/// AWS Lambda, x86-64, first tier, USD per GB-second.
const LAMBDA_GB_SECOND: f64 = 0.000_016_666_7;
/// The smallest task size.
const TASK_VCPU: f64 = 0.25;
const TASK_GB: f64 = 0.5;

/// Cost of tasks that run for this many seconds.
pub(super) fn fargate_usd(tasks: u32, seconds: f64) -> f64 {
    let hour = TASK_VCPU * FARGATE_VCPU_HOUR + TASK_GB * FARGATE_GB_HOUR;
    hour * seconds / 3600.0 * f64::from(tasks)
}

/// Cost of one invocation; Lambda's GB has 1,024 MB.
pub(super) fn lambda_usd(billed_ms: u64, memory_mb: u32) -> f64 {
    LAMBDA_REQUEST + Duration::from_millis(billed_ms).as_secs_f64() * f64::from(memory_mb) / 1024.0 * LAMBDA_GB_SECOND
}

/// The prices for the page.
pub(super) fn table() -> serde_json::Value {
    json!({
        "region": "us-east-1",
        "fargate_task": { "vcpu": TASK_VCPU, "gb": TASK_GB },
        "fargate_vcpu_hour_usd": FARGATE_VCPU_HOUR,
        "fargate_gb_hour_usd": FARGATE_GB_HOUR,
        "lambda_request_usd": LAMBDA_REQUEST,
        "lambda_gb_second_usd": LAMBDA_GB_SECOND,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_book_has_the_same_prices() {
        let book = include_str!("../../../costs/data/prices.csv");
        for (item, price) in [
            ("Fargate,us-east-1,Linux x86_64 vCPU,vCPU-hour", FARGATE_VCPU_HOUR),
            ("Fargate,us-east-1,Linux x86_64 memory,GB-hour", FARGATE_GB_HOUR),
            ("Lambda,us-east-1,requests,request", LAMBDA_REQUEST),
            ("Lambda,us-east-1,duration x86_64,GB-second", LAMBDA_GB_SECOND),
        ] {
            let row = format!("{item},{price},");
            assert!(book.lines().any(|line| line.starts_with(&row)), "no row {row}");
        }
    }

    #[test]
    fn costs_match_the_price_list() {
        // 0.25 vCPU and 0.5 GB: 0.01012 + 0.0022225 USD per hour.
        assert!((fargate_usd(2, 3600.0) - 0.024_685).abs() < 1e-9);
        // 1,000 ms at 1,024 MB is a GB-second.
        assert!((lambda_usd(1000, 1024) - 0.000_016_866_7).abs() < 1e-12);
    }
}
