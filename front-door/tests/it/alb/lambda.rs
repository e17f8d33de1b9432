//! Functions as targets: events, responses, and failures.

use std::sync::Arc;

use front_door::alb::MAX_LAMBDA_BYTES;
use front_door::alb::Settings;
use serde_json::{Value, json};

use crate::support::{Door, Options, eventually, get, send, soon};

async fn single_value() -> Door {
    let balancer = Settings { multi_value_headers: false, ..Settings::default() };
    Door::start(Options { balancer, ..Options::lambda() }).await
}

async fn ask(door: &Door, order: &Value) -> crate::support::Reply {
    get(door.address, "/products", &[("X-Do", &order.to_string())]).await
}

#[tokio::test]
async fn an_event_has_every_value_undecoded() {
    let door = Door::start(Options::lambda()).await;
    let target = "/products/v%C3%A4xel?tag=a%20b&tag=c+d&flag";
    let event = get(door.address, target, &[("Cookie", "a=1"), ("Cookie", "b=2")]).await.json()["event"].clone();
    assert_eq!((&event["httpMethod"], &event["path"]), (&json!("GET"), &json!("/products/v%C3%A4xel")));
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "tag": ["a%20b", "c+d"], "flag": [""] }));
    assert_eq!(event["multiValueHeaders"]["cookie"], json!(["a=1", "b=2"]));
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!(""), &json!(false)));
    let arn = event["requestContext"]["elb"]["targetGroupArn"].as_str().expect("an ARN");
    assert!(arn.contains(":targetgroup/storefront-lambda/"), "{arn}");

    let door = single_value().await;
    let event = get(door.address, target, &[("Cookie", "a=1"), ("Cookie", "b=2")]).await.json()["event"].clone();
    assert_eq!(event["queryStringParameters"], json!({ "tag": "c+d", "flag": "" }));
    assert_eq!(event["headers"]["cookie"], "b=2", "the first one is dropped");
}

#[tokio::test]
async fn a_body_is_text_or_base64() {
    let door = Door::start(Options::lambda()).await;
    for (content_type, body, expected) in [
        ("application/json", "{\"a\":\"ä\"}".as_bytes(), (json!("{\"a\":\"ä\"}"), json!(false))),
        ("image/png", b"\x89PNG", (json!("iVBORw=="), json!(true))),
        ("text/plain", b"\xff", (json!("/w=="), json!(true))),
    ] {
        let mut request = format!(
            "POST /products HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let event = send(door.address, request).await.json()["event"].clone();
        assert_eq!((event["body"].clone(), event["isBase64Encoded"].clone()), expected, "{content_type}");
    }
}

#[tokio::test]
async fn two_cookies_survive_only_with_multi_value_headers() {
    let order = json!({ "response": {
        "statusCode": 303,
        "headers": { "location": "/single", "set-cookie": "b=2" },
        "multiValueHeaders": { "location": ["/multi"], "set-cookie": ["a=1", "b=2"] },
        "body": "",
    } });
    let reply = ask(&Door::start(Options::lambda()).await, &order).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/multi"));
    assert_eq!(reply.all("set-cookie"), ["a=1", "b=2"]);

    let door = single_value().await;
    let reply = ask(&door, &order).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/single"));
    assert_eq!(reply.all("set-cookie"), ["b=2"]);
    let order = json!({ "response": { "statusCode": 200, "multiValueHeaders": { "set-cookie": ["a=1", "b=2"] } } });
    let reply = ask(&door, &order).await;
    assert_eq!((reply.status, reply.all("set-cookie").len()), (200, 0), "a function that responds in the other format");
}

#[tokio::test]
async fn a_malformed_result_is_a_bad_gateway() {
    let door = Door::start(Options::lambda()).await;
    for order in [
        json!({ "fail": "out of tea" }),
        json!({ "panic": "the pot is broken" }),
        json!({ "exit": 1 }),
        json!({ "response": "hello" }),
        json!({ "response": { "body": "no status" } }),
        json!({ "response": { "statusCode": "200" } }),
        json!({ "response": { "statusCode": 101 } }),
        json!({ "response": { "statusCode": 200, "multiValueHeaders": { "a": "no list" } } }),
        json!({ "response": { "statusCode": 200, "multiValueHeaders": { "a": ["b\r\nc: d"] } } }),
        json!({ "response": { "statusCode": 200, "body": "%", "isBase64Encoded": true } }),
    ] {
        let reply = ask(&door, &order).await;
        assert_eq!((reply.status, reply.path()), (502, "lambda"), "{order}");
    }
    let encoded = json!({ "response": { "statusCode": 200, "body": "aGk=", "isBase64Encoded": true } });
    assert_eq!(ask(&door, &encoded).await.text(), "hi");
}

#[tokio::test]
async fn a_compressed_body_is_passed_unchanged() {
    let door = Door::start(Options::lambda()).await;
    let reply = ask(
        &door,
        &json!({ "response": {
        "statusCode": 200,
        "multiValueHeaders": { "content-encoding": ["gzip"], "vary": ["accept-encoding"] },
        "body": "H4sIAAD/",
        "isBase64Encoded": true,
    } }),
    )
    .await;
    assert_eq!((reply.header("content-encoding"), reply.header("vary")), ("gzip", "accept-encoding"));
    assert_eq!((&reply.body[..], reply.header("content-length")), (&b"\x1f\x8b\x08\x00\x00\xff"[..], "6"));
}

#[tokio::test]
async fn a_response_may_be_a_megabyte_and_its_header_32_kilobytes() {
    let door = Door::start(Options::lambda()).await;
    let frame = json!({ "statusCode": 200, "body": "" }).to_string().len();
    let reply = ask(&door, &json!({ "body_bytes": MAX_LAMBDA_BYTES - frame })).await;
    assert_eq!((reply.status, reply.body.len()), (200, MAX_LAMBDA_BYTES - frame));
    let reply = ask(&door, &json!({ "body_bytes": MAX_LAMBDA_BYTES - frame + 1 })).await;
    assert_eq!(reply.status, 502);
    assert!(reply.header("x-front-door-reason").contains("larger than 1 MB"), "{reply:?}");
}

#[tokio::test]
async fn a_throttled_function_is_a_bad_gateway() {
    let door =
        Arc::new(Door::start(Options { function: |settings| settings.concurrency = 1, ..Options::lambda() }).await);
    let running = tokio::spawn({
        let door = Arc::clone(&door);
        async move { ask(&door, &json!({ "sleep_ms": 400 })).await }
    });
    eventually("it runs", || door.function.environments().busy == 1).await;
    let reply = ask(&door, &json!({})).await;
    assert_eq!(reply.status, 502);
    assert!(reply.header("x-front-door-reason").contains("TooManyRequests"), "{reply:?}");
    assert_eq!(soon("the first", running).await.expect("a reply").status, 200);
}

#[tokio::test]
async fn a_websocket_is_a_bad_request() {
    let door = Door::start(Options::lambda()).await;
    let upgrade = "GET /products HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert_eq!(send(door.address, upgrade).await.status, 400);
    assert_eq!(door.function.environments().idle, 0, "the function was not invoked");
}
