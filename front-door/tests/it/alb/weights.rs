//! The choice of the target group, and changes to it.

use front_door::alb::Pair;
use serde_json::json;

use crate::support::{Door, Options, Reply, get, send};

async fn paths(door: &Door, number: usize) -> (usize, usize) {
    let mut counts = (0, 0);
    for _ in 0..number {
        let reply = get(door.address, "/products", &[]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        match reply.path() {
            "fargate" => counts.0 += 1,
            "lambda" => counts.1 += 1,
            other => panic!("{other}"),
        }
    }
    counts
}

async fn change(door: &Door, body: &str, headers: &str) -> Reply {
    let request = format!(
        "POST /_front-door/weights HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        door.address,
        body.len()
    );
    send(door.address, request).await
}

#[tokio::test]
async fn requests_are_divided_exactly_before_and_after_a_change() {
    let door = Door::start(Options { weights: Pair { fargate: 9, lambda: 1 }, ..Options::default() }).await;
    assert_eq!(paths(&door, 40).await, (36, 4));
    door.weights.set(None, Pair { fargate: 1, lambda: 3 }).expect("weights");
    assert_eq!(paths(&door, 20).await, (5, 15));
    for (body, expected) in [
        (json!({ "fargate": 0, "lambda": 5 }), (0, 6)),
        (json!({ "area": "storefront", "fargate": 999, "lambda": 0 }), (6, 0)),
        (json!({ "area": "cart", "fargate": 0, "lambda": 1 }), (6, 0)),
    ] {
        let reply = change(&door, &body.to_string(), "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(paths(&door, 6).await, expected, "{body}");
    }
    assert_eq!(get(door.address, "/cart", &[]).await.path(), "lambda");
}

#[tokio::test]
async fn only_the_page_or_a_program_can_change_weights() {
    let door = Door::start(Options::default()).await;
    let valid = r#"{"fargate":0,"lambda":1}"#;
    let own = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", door.address);
    for (body, headers, expected) in [
        (valid, "Origin: http://evil.example\r\n", 403),
        (valid, "Origin: null\r\n", 403),
        (valid, "Sec-Fetch-Site: cross-site\r\n", 403),
        (valid, "Sec-Fetch-Site: same-site\r\n", 403),
        ("{", "", 400),
        (r#"{"fargate":1}"#, "", 400),
        (r#"{"fargate":-1,"lambda":1}"#, "", 400),
        (r#"{"fargate":1,"lambda":1,"more":1}"#, "", 400),
        (r#"{"fargate":1000,"lambda":1}"#, "", 422),
        (r#"{"fargate":1,"lambda":100000}"#, "", 422),
        (r#"{"area":"kitchen","fargate":1,"lambda":1}"#, "", 422),
    ] {
        let reply = change(&door, body, headers).await;
        assert_eq!(reply.status, expected, "{body} {headers}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(paths(&door, 1).await, (1, 0), "nothing has changed: {body} {headers}");
    }
    let large = format!("{{\"fargate\":0,\"lambda\":1,\"area\":\"{}\"}}", "x".repeat(1100));
    assert_eq!(change(&door, &large, "").await.status, 413);
    assert_eq!(change(&door, valid, &own).await.status, 200);
    assert_eq!(paths(&door, 1).await, (0, 1));
}

#[tokio::test]
async fn without_weights_or_targets_the_service_is_unavailable() {
    let door = Door::start(Options { weights: Pair { fargate: 0, lambda: 0 }, ..Options::default() }).await;
    assert_eq!(get(door.address, "/products", &[]).await.status, 503);
    door.weights.set(None, Pair { fargate: 1, lambda: 0 }).expect("weights");
    door.registered.set(None);
    assert_eq!(get(door.address, "/products", &[]).await.status, 503);
    door.weights.set(None, Pair { fargate: 0, lambda: 1 }).expect("weights");
    assert_eq!(get(door.address, "/api/v1/products", &[]).await.status, 503);
    assert_eq!(get(door.address, "/products", &[]).await.status, 200);
}
