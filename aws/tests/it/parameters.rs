//! How the start handles Parameter Store's responses.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shopease_aws::environment;
use shopease_process::config::Reader;
use shopease_shop::ports::Env as _;

use crate::chain;
use crate::service::{Reply, Service};

const PREFIX: &str = "/shopease/test/backend";

fn page(parameters: &[(&str, &str)], next_token: Option<&str>) -> Reply {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| json!({ "Name": format!("{PREFIX}/{name}"), "Type": "SecureString", "Value": value }))
        .collect();
    Reply::ok(json!({ "Parameters": parameters, "NextToken": next_token }).to_string())
}

fn error_response(status: u16, code: &str) -> Reply {
    Reply::With(status, json!({ "__type": code, "message": "service message" }).to_string())
}

/// The error message of a failed start.
async fn failure(replies: &[Reply]) -> String {
    let service = Service::start(replies.to_vec()).await;
    let error = environment(service.env().with("SHOPEASE_SSM_PREFIX", PREFIX)).await.expect_err("no start");
    chain(&error)
}

#[tokio::test]
async fn all_pages_are_read_decrypted_and_variables_win() {
    let service = Service::start([
        page(&[("stripe-secret-key", "sk_of_the_store"), ("name", "Kettles & Co")], Some("next")),
        page(&[("database-url", "postgres://of-the-store")], None),
    ])
    .await;
    let env =
        service.env().with("SHOPEASE_SSM_PREFIX", PREFIX).with("SHOPEASE_DATABASE_URL", "postgres://of-the-variable");
    let env = environment(env).await.expect("a start");
    assert_eq!(env.var("SHOPEASE_STRIPE_SECRET_KEY").as_deref(), Some("sk_of_the_store"));
    assert_eq!(env.var("SHOPEASE_DATABASE_URL").as_deref(), Some("postgres://of-the-variable"));
    assert_eq!(env.origin("SHOPEASE_DATABASE_URL"), None);
    assert_eq!(env.unused(), [format!("{PREFIX}/name")]);
    let seen = service.seen();
    let requests: Vec<Value> = seen.iter().map(|seen| serde_json::from_str(&seen.body).expect("JSON")).collect();
    let first = json!({ "Path": PREFIX, "Recursive": false, "WithDecryption": true, "MaxResults": 10 });
    assert_eq!(requests[0], first);
    assert_eq!(requests[1]["NextToken"], "next");
    for seen in &seen {
        assert_eq!(seen.headers["x-amz-target"], "AmazonSSM.GetParametersByPath");
        assert_eq!(seen.headers["content-type"], "application/x-amz-json-1.1");
    }
    assert!(!format!("{env:?}").contains("sk_of_the_store"));
}

#[tokio::test]
async fn without_a_prefix_no_request_is_made() {
    let service = Service::start([error_response(400, "AccessDeniedException")]).await;
    let env = environment(service.env().with("SHOPEASE_NAME", "Shop")).await.expect("a start");
    assert_eq!(env.var("SHOPEASE_NAME").as_deref(), Some("Shop"));
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn an_invalid_value_is_reported_by_its_parameter_and_not_shown() {
    let service = Service::start([page(&[("currency", "sk_pasted_here_by_mistake")], None)]).await;
    let env = environment(service.env().with("SHOPEASE_SSM_PREFIX", PREFIX)).await.expect("a start");
    let mut reader = Reader::new(&env);
    assert_eq!(reader.optional::<u32>("SHOPEASE_CURRENCY"), None);
    let problems = reader.finish().expect_err("a problem").problems;
    assert!(problems[0].starts_with("SHOPEASE_CURRENCY: "), "{problems:?}");
    assert!(problems[0].ends_with(&format!("(in parameter {PREFIX}/currency)")), "{problems:?}");
    assert!(!problems[0].contains("pasted"), "{problems:?}");
}

#[tokio::test]
async fn transient_errors_are_retried() {
    let service = Service::start([
        error_response(400, "ThrottlingException"),
        Reply::With(503, "<html>busy</html>".to_owned()),
        page(&[("name", "Shop")], None),
    ])
    .await;
    let env = environment(service.env().with("SHOPEASE_SSM_PREFIX", PREFIX)).await.expect("a start");
    assert_eq!(env.var("SHOPEASE_NAME").as_deref(), Some("Shop"));
    assert_eq!(service.seen().len(), 3);
}

#[tokio::test]
async fn permanent_errors_name_the_prefix() {
    let denied = failure(&[error_response(400, "AccessDeniedException")]).await;
    for part in ["SHOPEASE_SSM_PREFIX", PREFIX, "ssm:GetParametersByPath", "kms:Decrypt", "service message"] {
        assert!(denied.contains(part), "{denied}");
    }
    let nothing = failure(&[page(&[], None)]).await;
    assert!(nothing.contains(&format!("no parameters below {PREFIX}")), "{nothing}");
    let blank = failure(&[page(&[("name", "Shop"), ("stripe-secret-key", " \n")], None)]).await;
    assert!(blank.contains(&format!("{PREFIX}/stripe-secret-key is blank")), "{blank}");
    let key = failure(&[error_response(400, "com.amazonaws.ssm#InvalidKeyId")]).await;
    assert!(key.contains(PREFIX) && key.contains("InvalidKeyId"), "{key}");
    let unreadable = failure(&[Reply::ok(r#"{"Parameters": "sk_secret"}"#)]).await;
    assert!(unreadable.contains("line 1") && !unreadable.contains("sk_secret"), "{unreadable}");
    let endless = failure(&[page(&[("name", "Shop")], Some("again"))]).await;
    assert!(endless.contains("more than 50 pages"), "{endless}");
}

#[tokio::test]
async fn an_invalid_prefix_is_reported_before_any_request() {
    let service = Service::start([page(&[], None)]).await;
    let error = environment(service.env().with("SHOPEASE_SSM_PREFIX", "shopease/")).await.expect_err("no start");
    assert!(error.to_string().contains("\"shopease/\" is not a prefix"), "{error}");
    assert!(service.seen().is_empty());
}

/// `cargo xtask test` runs it last, with nothing beside it.
mod timing {
    use super::*;

    #[tokio::test]
    async fn a_start_does_not_wait_forever_for_a_silent_service() {
        let begun = Instant::now();
        let silent = failure(&[Reply::Never]).await;
        assert!(silent.contains("cannot be read") && silent.contains("request timed out"), "{silent}");
        assert!((3..9).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        let error =
            environment(crate::env("http://127.0.0.1:1", "id", "secret").with("SHOPEASE_SSM_PREFIX", PREFIX)).await;
        let gone = chain(&error.expect_err("no start"));
        assert!(gone.contains(PREFIX) && gone.contains("cannot be reached"), "{gone}");
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
}
