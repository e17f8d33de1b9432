//! The program itself: tables that are reviewed in a diff, and errors that name what is wrong.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn costs(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_costs"));
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = costs(arguments, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bills_side_by_side() {
    for profile in ["demo", "small-shop", "large-shop"] {
        insta::assert_snapshot!(format!("estimate-{profile}"), text(&["estimate", "--profile", profile]));
    }
}

#[test]
fn every_line_of_a_bill() {
    let natural = "fargate-postgresql-alb,lambda-dynamodb-http-api";
    insta::assert_snapshot!(text(&["estimate", "--only", natural, "--environment", "prod", "--lines"]));
}

#[test]
fn break_even_and_sensitivity() {
    let pair = "fargate-dynamodb-alb,lambda-dynamodb-alb";
    insta::assert_snapshot!("break-even", text(&["break-even", "--between", pair]));
    insta::assert_snapshot!("sensitivity", text(&["sensitivity", "--only", "lambda-dynamodb-alb"]));
}

#[test]
fn prices_are_searched() {
    insta::assert_snapshot!(text(&["prices", "fargate", "arm64", "eu-west-1"]));
}

#[test]
fn every_region_of_the_book_can_be_estimated() {
    for region in ["us-east-1", "us-west-2", "eu-west-1"] {
        let arguments = ["estimate", "--profile", "demo", "--region", region, "--fallback-region", "us-east-1"];
        assert!(text(&arguments).contains(region));
    }
}

#[test]
fn mistakes_are_named() {
    let evaluate = ["evaluate"];
    let cases: [(&[&str], &str, &[&str]); 16] = [
        (&evaluate, "{", &["not JSON"]),
        (&evaluate, "[]", &["JSON object"]),
        (&evaluate, r#"{"usage": {}}"#, &["\"service\" is missing"]),
        (&evaluate, r#"{"service": "lamda"}"#, &["lamda", "did you mean \"lambda\""]),
        (&evaluate, r#"{"service": "lambda"}"#, &["no usage is given"]),
        (&evaluate, r#"{"service": "lambda", "usage": {"memry_mb": 1}}"#, &["memry_mb", "did you mean \"memory_mb\""]),
        (&evaluate, r#"{"service": "lambda", "usage": {"requests": -1}}"#, &["requests", "-1 is negative"]),
        (&evaluate, r#"{"service": "lambda", "usage": {"requests": "NaN"}}"#, &["requests", "not a number"]),
        (&evaluate, r#"{"service": "lambda", "usage": {"requests": 1e16}}"#, &["requests", "10^15"]),
        (&evaluate, r#"{"service": "kms", "usage": {"keys": 1}, "prices": {"keyy": 1}}"#, &["keyy", "kms_key"]),
        (&evaluate, r#"{"service": "kms", "usage": {"keys": 1}, "prices": {"kms_key": -1}}"#, &["kms_key", "-1"]),
        (
            &evaluate,
            r#"{"service": "kms", "usage": {"keys": 1}, "options": {"fre_tier": true}}"#,
            &["fre_tier", "free_tier"],
        ),
        (&evaluate, r#"{"service": "queue", "usage": {"rps": 10, "service_s": 1, "servers": 5}}"#, &["not enough"]),
        (&["estimate", "--profile", "nowhere.json"], "", &["nowhere.json", "small-shop"]),
        (&["estimate", "--region", "ap-south-1"], "", &["no price for", "ap-south-1", "us-east-1"]),
        (&["prices", "unobtainium"], "", &["unobtainium"]),
    ];
    for (arguments, input, parts) in cases {
        let output = costs(arguments, input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {input}: {error}");
        for part in parts {
            assert!(error.contains(part), "{input}: {error}");
        }
    }
}

#[test]
fn programs_get_json() {
    for command in ["estimate", "sensitivity"] {
        let answer: serde_json::Value = serde_json::from_str(&text(&[command, "--profile", "demo", "--json"])).unwrap();
        assert!(answer.as_array().is_some_and(|all| !all.is_empty()), "{command}");
    }
    let rows: serde_json::Value = serde_json::from_str(&text(&["prices", "kms", "--json"])).unwrap();
    assert!(rows[0]["price_usd"].is_number());
}
