//! Requests that are too large or malformed.

use front_door::alb::{MAX_LAMBDA_BYTES, Pair};

use crate::support::{Door, Options, Reply, get, send};

const TAKEN: &str = r#"{"response":{"statusCode":200,"body":"taken"}}"#;

async fn post(door: &Door, bytes: usize, chunked: bool) -> Reply {
    let content = "x".repeat(bytes);
    let (framing, body) = if chunked {
        ("Transfer-Encoding: chunked".to_owned(), format!("{bytes:x}\r\n{content}\r\n0\r\n\r\n"))
    } else {
        (format!("Content-Length: {bytes}"), content)
    };
    let request = format!(
        "POST /products?do=count HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nX-Do: {TAKEN}\r\n{framing}\r\n\r\n\
         {body}"
    );
    send(door.address, request).await
}

#[tokio::test]
async fn a_function_accepts_a_megabyte_and_a_task_any_size() {
    let door = Door::start(Options::lambda()).await;
    for chunked in [false, true] {
        let reply = post(&door, MAX_LAMBDA_BYTES, chunked).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "taken"), "chunked: {chunked}");
        assert_eq!(post(&door, MAX_LAMBDA_BYTES + 1, chunked).await.status, 413, "chunked: {chunked}");
    }
    door.weights.set(None, Pair { fargate: 1, lambda: 0 }).expect("weights");
    let reply = post(&door, MAX_LAMBDA_BYTES + 1, false).await;
    assert_eq!((reply.status, reply.path(), reply.text()), (200, "fargate", (MAX_LAMBDA_BYTES + 1).to_string()));
    let reply = post(&door, MAX_LAMBDA_BYTES + 1, true).await;
    let counted: usize = reply.text().parse().expect("a number");
    assert!(reply.status == 200 && counted > MAX_LAMBDA_BYTES + 1, "including the chunk sizes: {counted}");
}

#[tokio::test]
async fn request_lines_and_headers_have_limits() {
    let door = Door::start(Options::default()).await;
    let path = |bytes: usize| format!("/products?x={}", "x".repeat(bytes - "GET /products?x= HTTP/1.1".len()));
    assert_eq!(get(door.address, &path(16 * 1024), &[]).await.status, 200);
    assert_eq!(get(door.address, &path(16 * 1024 + 1), &[]).await.status, 414);
    let field = |bytes: usize| "x".repeat(bytes - "x-large".len());
    assert_eq!(get(door.address, "/products", &[("x-large", &field(16 * 1024))]).await.status, 200);
    assert_eq!(get(door.address, "/products", &[("x-large", &field(16 * 1024 + 1))]).await.status, 431);
    let field = field(15 * 1024);
    let many = |number: usize| vec![("x-large", field.as_str()); number];
    assert_eq!(get(door.address, "/products", &many(4)).await.status, 200);
    assert_eq!(get(door.address, "/products", &many(5)).await.status, 431, "64 KB in total");
    let hops = |number: usize| vec!["203.0.113.7"; number].join(", ");
    assert_eq!(get(door.address, "/products", &[("X-Forwarded-For", &hops(30))]).await.status, 200);
    assert_eq!(get(door.address, "/products", &[("X-Forwarded-For", &hops(31))]).await.status, 463);
}

#[tokio::test]
async fn malformed_requests_are_rejected() {
    let door = Door::start(Options::default()).await;
    for request in [
        "HELLO\r\n\r\n",
        "GET /products\r\n\r\n",
        "GET /pro ducts HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /products HTTP/1.1\r\nHost x\r\n\r\n",
        "GET /products HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n",
        "POST /products HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    ] {
        let reply = send(door.address, request).await;
        assert_eq!(reply.status, 400, "{request:?}");
    }
    assert!(door.target.state.heads.lock().expect("no panic").is_empty(), "no target saw any of them");
}
