//! `costs serve`: bills at once, the rest afterwards, and mistakes that are told.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use costs::live::{Base, router};
use costs::measured::Measured;
use costs::price_book::PriceBook;
use costs::profile::Profile;
use costs::report::PAIR;
use serde_json::{Value, json};
use tower::ServiceExt as _;

fn ask(request: Request<Body>) -> (StatusCode, String) {
    let base = Base {
        profile: Profile::example("demo").unwrap(),
        measured: Measured::built_in(),
        book: PriceBook::built_in(),
        pair: PAIR,
        seed: 1,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = router(base).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    })
}

fn moved(what: &str, inputs: &Value) -> (StatusCode, Value) {
    let request = Request::post(format!("/api/{what}")).header("content-type", "application/json");
    let (status, body) = ask(request.body(Body::from(inputs.to_string())).unwrap());
    (status, serde_json::from_str(&body).unwrap())
}

/// What stands in the strong element of class total: the two bills.
fn totals(html: &str) -> Vec<&str> {
    html.split("class=\"total\">").skip(1).filter_map(|rest| rest.split('<').next()).collect()
}

#[test]
fn bills_come_first_and_are_those_of_the_whole_report() {
    let inputs = json!({"orders": "5000", "region": "eu-west-1", "egress": "one NAT gateway"});
    let (status, bills) = moved("bills", &inputs);
    assert_eq!(status, StatusCode::OK, "{bills}");
    let (_, report) = moved("report", &inputs);
    let [bills, report] = [&bills, &report].map(|answer| answer["html"].as_str().unwrap());
    assert_eq!(totals(bills).len(), 2);
    assert_eq!(totals(bills), totals(report));
    assert!(bills.contains("eu-west-1") && bills.contains("NAT gateway"));
    assert!(!bills.contains("cost-by-load") && report.contains("cost-by-load") && report.contains("latency-by-load"));
    assert!(!bills.contains("At no load") && !bills.contains("cheaper side changes at"), "nobody has looked yet");
    let (_, more) = moved("bills", &json!({"orders": "500000", "region": "eu-west-1", "egress": "one NAT gateway"}));
    assert_ne!(totals(more["html"].as_str().unwrap()), totals(bills));
}

#[test]
fn the_page_begins_with_what_its_address_says() {
    let (status, page) = ask(Request::get("/?orders=777&environments=dev").body(Body::empty()).unwrap());
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("value=\"777\"") && page.contains("cost-by-load"));
}

#[test]
fn mistakes_are_told() {
    for (inputs, part) in [
        (json!({"orders": "0"}), "orders"),
        (json!({"orders": "many"}), "many"),
        (json!({"egress": "tunnel"}), "egress"),
        (json!({"fargate": "lambda-dynamodb-alb"}), "other path"),
        (json!({"region": "mars-1"}), "mars-1"),
        (json!({"memory_mb": "20000"}), "memory_mb"),
    ] {
        for what in ["bills", "report"] {
            let (status, answer) = moved(what, &inputs);
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{inputs}");
            assert!(answer["detail"].as_str().unwrap().contains(part), "{answer}");
        }
    }
}
