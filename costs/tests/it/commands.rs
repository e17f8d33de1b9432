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
fn simulations_are_repeated_to_the_digit() {
    let arguments = ["simulate", "--profile", "small-shop", "--hours", "48", "--seed", "7"];
    insta::assert_snapshot!(text(&arguments));
}

/// The figures of the page, not its markup: bills, verdict, charts in words, what decides.
#[test]
fn key_figures_of_the_report() {
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/key-figures.html");
    text(&["report", "--profile", "small-shop", "-o", file]);
    let page = std::fs::read_to_string(file).unwrap();
    let after = |mark: &'static str| {
        let body = page.split_once("<body>").unwrap().1.to_owned();
        let texts: Vec<String> =
            body.split(mark).skip(1).map(|rest| plain(rest.split("</p>").next().unwrap())).collect();
        texts
    };
    let labels = page.split("role=\"img\" aria-label=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let figures = [
        after("<p class=\"verdict\""),
        page.split("class=\"total\">").skip(1).filter_map(|rest| Some(rest.split('<').next()?.to_owned())).collect(),
        labels.map(str::to_owned).collect(),
        after("Forgotten for 30 days").iter().map(|rest| format!("Forgotten for 30 days{rest}")).collect(),
        after("<li><p class=\"row\">"),
        after("<p class=\"small row\">"),
    ];
    insta::assert_snapshot!(figures.concat().join("\n"));
}

/// Text of HTML, in one line.
fn plain(html: &str) -> String {
    let html = html.split_once('>').filter(|(tag, _)| !tag.contains('<')).map_or(html, |(_, rest)| rest);
    let text: String =
        html.split('<').map(|part| part.split_once('>').map_or(part, |(_, rest)| rest)).collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_shop_has_a_bill_in_every_region_of_the_book() {
    for region in ["us-east-1", "us-west-2", "eu-west-1"] {
        for profile in ["demo", "small-shop", "large-shop"] {
            assert!(text(&["estimate", "--profile", profile, "--region", region]).contains(region));
        }
    }
}

#[test]
fn mistakes_are_named() {
    let cases: [(&str, &[&str]); 13] = [
        ("{", &["EOF", "line 1"]),
        ("[]", &["expected struct Request"]),
        (r#"{"region": "us-east-1"}"#, &["missing field `usage`"]),
        (r#"{"region": "us-east-1", "usage": {}}"#, &["no usage is given"]),
        (r#"{"region": "us-east-1", "usage": {"lamda": []}}"#, &["lamda", "did you mean \"lambda\""]),
        (
            r#"{"region": "us-east-1", "usage": {"lambda": [{"memry_mb": 1}]}}"#,
            &["unknown field \"memry_mb\" at line 1", "did you mean \"memory_mb\"?"],
        ),
        (r#"{"region": "us-east-1", "fre_tier": true}"#, &["fre_tier", "did you mean \"free_tier\""]),
        (r#"{"region": "us-east-1", "usage": {"kms": [{"key_months": -1}]}}"#, &["-1 is negative at line 1"]),
        (r#"{"region": "us-east-1", "usage": {"kms": [{"key_months": "1"}]}}"#, &["\"1\" is not a number"]),
        (r#"{"region": "us-east-1", "usage": {"kms": [{"key_months": 1e16}]}}"#, &["10^15"]),
        (
            r#"{"region": "us-east-1", "usage": {"ecr": [{"storage_gb_months": 1}]}, "prices": {"ECR / private": 1}}"#,
            &["nothing in the request uses", "did you mean \"ECR / private storage\""],
        ),
        (
            r#"{"region": "us-east-1", "usage": {"ecr": [{"storage_gb_months": 1}]}, "prices": {"ECR / private storage": -1}}"#,
            &["a price is a number of USD"],
        ),
        (
            r#"{"region": "us-east-1", "usage": {"rds": [{"instance_class": "db.x9.huge", "multi_az": false}]}}"#,
            &["no price for RDS PostgreSQL / db.x9.huge Single-AZ in us-east-1"],
        ),
    ];
    for (input, parts) in cases {
        assert_mistake(&["evaluate"], input, parts);
    }
    let cases: [(&[&str], &[&str]); 3] = [
        (&["estimate", "--profile", "nowhere.json"], &["nowhere.json", "small-shop"]),
        (&["estimate", "--region", "ap-south-1"], &["no price for", "ap-south-1", "us-east-1"]),
        (&["prices", "unobtainium"], &["unobtainium"]),
    ];
    for (arguments, parts) in cases {
        assert_mistake(arguments, "", parts);
    }
}

#[track_caller]
fn assert_mistake(arguments: &[&str], input: &str, parts: &[&str]) {
    let output = costs(arguments, input);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?} {input}: {error}");
    for part in parts {
        assert!(error.contains(part), "{input}: {error}");
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
