//! What a measured profile says of AWS.

use costs::deployment::Store;
use costs::line::Known;
use costs::measure::merged;
use costs::measured::{Measured, OnAws};
use rust_decimal::dec;
use serde_json::{Value, json};

/// A profile with one route of 3 ms, 2 ms of them CPU time, 4 requests to the store and 5 statements.
fn profile(on_aws: &Value) -> Value {
    json!({
        "schema": 1, "confidence": "measured", "date": "2026-01-01", "machine": "one", "build": "one",
        "on_aws": on_aws, "lambda_init_ms": 50, "task_start_s": 40, "image_gb": 0.03,
        "routes": [{
            "route": "GET /", "function": "storefront", "cpu_ms": 2, "wall_ms": 3, "memory_mb": 20, "request_bytes": 500,
            "response_bytes": 9000, "store_requests": 4, "read_units": 2, "write_units": 0, "sql_statements": 5, "log_bytes": 400,
        }],
        "journeys": {"browse": [{"route": "GET /", "count": 1}]},
    })
}

fn read(profile: &Value) -> Result<Measured, String> {
    Measured::read(&profile.to_string()).map_err(|error| error.to_string())
}

#[test]
fn on_aws_a_route_waits_longer_for_its_store() {
    let there = read(&profile(&Value::Null)).unwrap();
    assert_eq!(there.on_aws, None);
    assert_eq!((there.cpu_ms(&there.routes[0]), there.wall_ms(&there.routes[0])), (dec!(2), dec!(3)));
    assert_eq!(there.times(), Known::Measured);

    let here = read(&profile(&json!({"vcpu_ratio": 1.5, "dynamodb_ms": 4, "postgresql_ms": 2}))).unwrap();
    assert_eq!(here.cpu_ms(&here.routes[0]), dec!(3));
    // 1 ms of waiting here, 3 ms of CPU time there, 4 requests and 5 statements.
    assert_eq!(here.wall_ms(&here.routes[0]), dec!(1) + dec!(3) + dec!(16) + dec!(10));
    assert_eq!((here.times(), here.confidence), (Known::Assumed, Known::Measured));
    assert_eq!(Measured::read(&here.to_text().unwrap()).unwrap(), here);
}

#[test]
fn a_route_that_works_on_two_cores_at_once_does_not_wait_less_than_nothing() {
    let mut two_cores = profile(&json!({"vcpu_ratio": 0.1, "dynamodb_ms": 0, "postgresql_ms": 0}));
    two_cores["routes"][0]["wall_ms"] = json!(1);
    let measured = read(&two_cores).unwrap();
    let route = &measured.routes[0];
    assert_eq!((measured.wait_ms(route), measured.wall_ms(route)), (dec!(0), dec!(0.2)));
}

#[test]
fn counting_again_leaves_the_origin_of_measured_times() {
    let origin = |measured: &Measured| (measured.date.clone(), measured.build.clone(), measured.confidence);
    let again = |before: &Measured, counts_only| merged(before, Vec::new(), counts_only, "2026-02-02", "two");
    let measured = read(&profile(&Value::Null)).unwrap();
    let mut assumed = measured.clone();
    assumed.confidence = Known::Assumed;
    let [one, two] =
        [("2026-01-01", "one"), ("2026-02-02", "two")].map(|(date, build)| (date.to_owned(), build.to_owned()));
    assert_eq!(origin(&again(&measured, true)), (one.0, one.1, Known::Measured));
    assert_eq!(origin(&again(&measured, false)), (two.0.clone(), two.1.clone(), Known::Measured));
    assert_eq!(origin(&again(&assumed, true)), (two.0, two.1, Known::Assumed));
}

#[test]
fn what_cannot_be_on_aws_is_refused() {
    for broken in [
        json!({"vcpu_ratio": 0, "dynamodb_ms": 4, "postgresql_ms": 1}),
        json!({"vcpu_ratio": 1, "dynamodb_ms": -4, "postgresql_ms": 1}),
        json!({"vcpu_ratio": 1, "dynamodb_ms": 4, "postgresql_ms": -1}),
    ] {
        let error = read(&profile(&broken)).unwrap_err();
        assert!(error.contains("on_aws"), "{broken}: {error}");
    }
}

#[test]
fn the_built_in_profile_is_measured_and_says_what_it_assumes_of_aws() {
    let built_in = Measured::built_in();
    assert_eq!((built_in.confidence, built_in.counts()), (Known::Measured, Known::Measured));
    assert_eq!(built_in.on_aws, Some(OnAws { vcpu_ratio: dec!(1), dynamodb_ms: dec!(4), postgresql_ms: dec!(1) }));
    for route in built_in.routes.iter().filter(|route| route.path.is_some()) {
        let asks = (route.store_requests > dec!(0), route.sql_statements > dec!(0));
        let expected = match route.store {
            _ if route.route.starts_with("GET /assets") => (false, false),
            Some(Store::Dynamodb) => (true, false),
            Some(Store::Postgresql) => (false, true),
            None => continue,
        };
        assert_eq!(asks, expected, "{} on {:?}", route.route, route.store);
    }
}
