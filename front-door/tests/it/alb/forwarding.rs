//! The request that a target receives, and the response that a client receives.

use crate::support::{Door, Options, get, send};

const TRACE: &str = "Root=1-67891233-abcdef012345678912345678";

/// The values of a header in a request that a target received.
fn values(head: &str, name: &str) -> Vec<String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
}

#[tokio::test]
async fn a_target_gets_the_clients_address() {
    let door = Door::start(Options::default()).await;
    let port = door.address.port().to_string();
    get(door.address, "/products", &[]).await;
    let head = door.target.last_head();
    assert_eq!(values(&head, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&head, "x-forwarded-proto"), ["http"]);
    assert_eq!(values(&head, "x-forwarded-port"), [port.as_str()]);
    assert_eq!(values(&head, "host"), ["shop.example"]);
    let trace = values(&head, "x-amzn-trace-id");
    assert!(trace.len() == 1 && trace[0].starts_with("Root=1-") && !trace[0].contains(';'), "{trace:?}");

    let given = [
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-For", "198.51.100.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Port", "443"),
        ("X-Amzn-Trace-Id", TRACE),
    ];
    get(door.address, "/products", &given).await;
    let head = door.target.last_head();
    assert_eq!(values(&head, "x-forwarded-for"), ["203.0.113.7, 198.51.100.1, 127.0.0.1"]);
    assert_eq!(values(&head, "x-forwarded-proto"), ["http"]);
    assert_eq!(values(&head, "x-forwarded-port"), [port.as_str()]);
    let trace = values(&head, "x-amzn-trace-id");
    assert!(
        trace.len() == 1 && trace[0].starts_with("Self=1-") && trace[0].ends_with(&format!(";{TRACE}")),
        "{trace:?}"
    );
}

#[tokio::test]
async fn a_function_gets_the_clients_address() {
    let door = Door::start(Options::lambda()).await;
    let reply = get(door.address, "/products", &[("X-Amzn-Trace-Id", TRACE), ("X-Forwarded-For", "203.0.113.7")]).await;
    let seen = reply.json();
    let headers = &seen["event"]["multiValueHeaders"];
    assert_eq!(headers["x-forwarded-for"][0], "203.0.113.7, 127.0.0.1");
    assert_eq!(headers["x-forwarded-port"][0], door.address.port().to_string());
    let trace = headers["x-amzn-trace-id"][0].as_str().expect("a trace id");
    assert!(trace.starts_with("Self=1-") && trace.ends_with(TRACE), "{trace}");
    assert_eq!(seen["context"]["trace_id"], trace);
}

#[tokio::test]
async fn a_target_gets_the_request_target_unchanged() {
    let door = Door::start(Options::default()).await;
    let target = "/products/v%C3%A4xel//x/%2e%2e/?tag=a%20b&tag=c+d&flag&&=x;y";
    let reply = get(door.address, target, &[]).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, target));
}

#[tokio::test]
async fn hop_by_hop_headers_are_not_forwarded() {
    let door = Door::start(Options::default()).await;
    let headers = [
        ("Connection", "x-private, Keep-Alive"),
        ("Keep-Alive", "timeout=5"),
        ("X-Private", "1"),
        ("TE", "trailers"),
        ("Proxy-Connection", "keep-alive"),
        ("X-Public", "2"),
    ];
    let reply = get(door.address, "/products?do=hops", &headers).await;
    let head = door.target.last_head();
    for name in ["connection", "keep-alive", "x-private", "te", "proxy-connection"] {
        assert_eq!(values(&head, name), [""; 0], "{name} in {head}");
    }
    assert_eq!(values(&head, "x-public"), ["2"]);
    for name in ["keep-alive", "proxy-connection", "upgrade"] {
        assert_eq!(reply.all(name), [""; 0], "{name}");
    }
    assert_eq!((reply.header("x-kept"), reply.all("set-cookie")), ("yes", vec!["a=1", "b=2"]));
}

#[tokio::test]
async fn a_head_request_gets_the_header_alone() {
    let head = |target: &str, x_do: &str| {
        format!("HEAD {target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nX-Do: {x_do}\r\n\r\n")
    };
    let door = Door::start(Options::default()).await;
    let reply = send(door.address, head("/products", "{}")).await;
    assert_eq!((reply.status, reply.header("content-length"), reply.body.len()), (200, "9", 0));
    let reply = send(door.address, head("/products?do=close", "{}")).await;
    assert_eq!((reply.status, reply.body.len()), (502, 0));

    let door = Door::start(Options::lambda()).await;
    let response = r#"{"response":{"statusCode":200,"multiValueHeaders":{"content-length":["5"]},"body":""}}"#;
    let reply = send(door.address, head("/products", response)).await;
    assert_eq!((reply.status, reply.header("content-length"), reply.body.len()), (200, "5", 0));
    let reply = send(door.address, head("/products", r#"{"body_bytes":5}"#)).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_ne!(reply.all("content-length"), ["0"], "a GET would have five");
}

#[tokio::test]
async fn every_response_names_its_runtime_and_duration() {
    let door = Door::start(Options::default()).await;
    let reply = get(door.address, "/products", &[]).await;
    assert_eq!(reply.path(), "fargate");
    let timing = reply.header("server-timing");
    assert!(timing.starts_with("fargate;dur=") && !timing.contains("init"), "{timing}");
    let door = Door::start(Options::lambda()).await;
    let cold = get(door.address, "/products", &[]).await;
    door.idle().await;
    let warm = get(door.address, "/products", &[]).await;
    let timings = [cold, warm].map(|reply| (reply.path().to_owned(), reply.header("server-timing").to_owned()));
    assert!(timings.iter().all(|(path, timing)| path == "lambda" && timing.starts_with("lambda;dur=")), "{timings:?}");
    assert_eq!(timings.map(|(_, timing)| timing.contains(", init;dur=")), [true, false]);
}
