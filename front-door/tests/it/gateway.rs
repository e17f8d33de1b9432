//! HTTP API and Function URLs.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Door, Options, Reply, eventually, get, send, soon};

async fn ask(address: SocketAddr, order: &Value) -> Reply {
    get(address, "/products", &[("X-Do", &order.to_string())]).await
}

async fn post(address: SocketAddr, content_type: &str, body: &[u8]) -> Reply {
    let order = json!({ "body_bytes": 5 });
    let more = if body.len() > 1000 { format!("X-Do: {order}\r\n") } else { String::new() };
    let mut request = format!(
        "POST /products HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}Content-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    send(address, request).await
}

#[tokio::test]
async fn an_event_has_raw_and_decoded_parts_and_joined_headers() {
    let door = Door::start(Options::default()).await;
    let target = "/products/v%C3%A4xel?tag=a%20b&tag=c+d&flag";
    let headers = [
        ("Accept", "text/html"),
        ("Accept", "*/*"),
        ("Cookie", "a=1; b=2"),
        ("Cookie", "c=3"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("Keep-Alive", "timeout=5"),
    ];
    for (address, account) in [(door.http_api, "123456789012"), (door.function_url, "anonymous")] {
        let reply = get(address, target, &headers).await;
        assert_eq!((reply.status, reply.path()), (200, "lambda"));
        let seen = reply.json();
        let event = &seen["event"];
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["rawPath"], "/products/v%C3%A4xel");
        assert_eq!(event["rawQueryString"], "tag=a%20b&tag=c+d&flag");
        assert_eq!(event["queryStringParameters"], json!({ "tag": "a b,c d", "flag": "" }));
        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert_eq!(event["headers"]["accept"], "text/html,*/*");
        assert_eq!(event["headers"]["x-forwarded-for"], "203.0.113.7, 127.0.0.1");
        assert_eq!(event["headers"]["x-forwarded-port"], address.port().to_string());
        assert!(event["headers"]["cookie"].is_null() && event["headers"]["keep-alive"].is_null(), "{event}");
        assert_eq!(event["headers"]["x-amzn-trace-id"], seen["context"]["trace_id"]);
        let context = &event["requestContext"];
        assert_eq!((&context["accountId"], &context["http"]["method"]), (&json!(account), &json!("GET")));
        assert_eq!((&context["http"]["sourceIp"], &context["stage"]), (&json!("127.0.0.1"), &json!("$default")));
    }
}

#[tokio::test]
async fn a_body_is_text_or_base64() {
    let door = Door::start(Options::default()).await;
    for address in [door.http_api, door.function_url] {
        let event = post(address, "application/json", b"{}").await.json()["event"].clone();
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        let event = post(address, "image/png", b"\x89PNG").await.json()["event"].clone();
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("iVBORw=="), &json!(true)));
        let encoded = json!({ "response": { "statusCode": 200, "body": "aGk=", "isBase64Encoded": true } });
        assert_eq!(ask(address, &encoded).await.text(), "hi");
        let compressed = json!({ "response": {
            "statusCode": 200,
            "headers": { "content-encoding": "gzip" },
            "body": "H4sIAAD/",
            "isBase64Encoded": true,
        } });
        let reply = ask(address, &compressed).await;
        assert_eq!((&reply.body[..], reply.header("content-encoding")), (&b"\x1f\x8b\x08\x00\x00\xff"[..], "gzip"));
    }
}

#[tokio::test]
async fn every_cookie_of_a_response_is_kept() {
    let door = Door::start(Options::default()).await;
    let order = json!({ "response": {
        "statusCode": 303,
        "headers": { "location": "/cart", "x-number": 7 },
        "cookies": ["a=1; Path=/", "b=2"],
    } });
    for address in [door.http_api, door.function_url] {
        let reply = ask(address, &order).await;
        assert_eq!((reply.status, reply.header("location"), reply.header("x-number")), (303, "/cart", "7"));
        assert_eq!(reply.all("set-cookie"), ["a=1; Path=/", "b=2"]);
    }
}

#[tokio::test]
async fn a_result_without_a_status_is_a_body() {
    let door = Door::start(Options::default()).await;
    for address in [door.http_api, door.function_url] {
        for (result, body) in [(json!({ "tea": ["green"] }), "{\"tea\":[\"green\"]}"), (json!("Tea!"), "Tea!")] {
            let reply = ask(address, &json!({ "response": result })).await;
            assert_eq!((reply.status, reply.text().as_str()), (200, body));
            assert_eq!(reply.header("content-type"), "application/json");
        }
    }
}

#[tokio::test]
async fn failures_have_the_status_of_the_service() {
    let door = Door::start(Options::default()).await;
    for order in [
        json!({ "fail": "out of tea" }),
        json!({ "exit": 1 }),
        json!({ "response": { "statusCode": "200" } }),
        json!({ "response": { "statusCode": 200, "body": "%", "isBase64Encoded": true } }),
    ] {
        assert_eq!(ask(door.http_api, &order).await.status, 500, "{order}");
        assert_eq!(ask(door.function_url, &order).await.status, 502, "{order}");
    }
    let reply = ask(door.http_api, &json!({ "fail": "secret" })).await;
    assert_eq!(reply.json(), json!({ "message": "Internal Server Error" }));
    assert_eq!(get(door.http_api, "/api/v1/products", &[]).await.status, 503, "no such function");
}

#[tokio::test]
async fn throttled_requests_have_the_status_of_the_service() {
    let options = Options { function: |settings| settings.concurrency = 1, ..Options::default() };
    let door = Arc::new(Door::start(options).await);
    let running = tokio::spawn({
        let door = Arc::clone(&door);
        async move { ask(door.http_api, &json!({ "sleep_ms": 600 })).await }
    });
    eventually("it runs", || door.function.environments().busy == 1).await;
    assert_eq!(ask(door.http_api, &json!({})).await.status, 503);
    assert_eq!(ask(door.function_url, &json!({})).await.status, 429);
    assert_eq!(soon("the first", running).await.expect("a reply").status, 200);
}

#[tokio::test]
async fn requests_have_the_limits_of_the_service() {
    let door = Door::start(Options::default()).await;
    // What the service counts: the request line's method and target, and every field with its line end.
    let fixed =
        "GET/products".len() + "host: shop.example\r\n".len() + "connection: close\r\n".len() + "x-a: \r\n".len();
    let field = |bytes: usize| "x".repeat(bytes - fixed);
    assert_eq!(get(door.http_api, "/products", &[("x-a", &field(10_240))]).await.status, 200);
    assert_eq!(get(door.http_api, "/products", &[("x-a", &field(10_241))]).await.status, 431);
    assert_eq!(get(door.function_url, "/products", &[("x-a", &field(10_241))]).await.status, 200);

    let mb = 1024 * 1024;
    for (address, bytes, expected) in [
        (door.http_api, 10 * mb + 1, 413),
        // Within the service's own limit, but too large as an event.
        (door.http_api, 7 * mb, 413),
        (door.http_api, 4 * mb, 200),
        (door.function_url, 6 * mb + 1, 413),
        (door.function_url, 4 * mb, 200),
    ] {
        let reply = post(address, "application/octet-stream", &vec![b'x'; bytes]).await;
        assert_eq!(reply.status, expected, "{bytes} bytes to {address}");
    }
}

#[tokio::test]
async fn a_head_request_gets_the_header_alone() {
    let door = Door::start(Options::default()).await;
    for address in [door.http_api, door.function_url] {
        let head = "HEAD /products HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Do: {\"body_bytes\":5}\r\n\r\n";
        let reply = send(address, head).await;
        assert_eq!((reply.status, reply.body.len()), (200, 0));
    }
}
