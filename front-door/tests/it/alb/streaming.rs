//! Bodies to and from the ECS services are streamed, with backpressure.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::support::{Connection, Door, Options, POURED};

/// More than the buffers of four sockets hold before a sender has to wait.
const BUFFERED: usize = 30 * 1024 * 1024;

#[tokio::test]
async fn a_response_starts_before_the_request_has_ended() {
    let door = Door::start(Options::default()).await;
    let mut connection = Connection::open(door.address).await;
    let head =
        "POST /products?do=stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.write(head.as_bytes()).await;
    let received = connection.read_until(|text| text.contains("begun")).await;
    assert!(received.starts_with("HTTP/1.1 200 OK\r\n"), "{received}");
    // Each part is answered before the next one is sent.
    for number in 1..=3 {
        connection.write(b"4\r\ntea!\r\n").await;
        connection.read_until(|text| text.matches('<').count() >= number).await;
    }
    connection.write(b"0\r\n\r\n").await;
    let reply = connection.reply().await;
    assert!(reply.text().starts_with("begun<"), "{reply:?}");
}

#[tokio::test]
async fn a_client_waits_for_a_target_that_does_not_read() {
    let door = Door::start(Options::default()).await;
    let total = 50 * 1024 * 1024;
    let mut connection = Connection::open(door.address).await;
    let head = "POST /products?do=stall HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    connection.write(format!("{head}Content-Length: {total}\r\n\r\n").as_bytes()).await;
    let block = vec![b'x'; 64 * 1024];
    let mut written = 0;
    // Write until nothing more is accepted for a while.
    while written < total
        && let Ok(result) = timeout(Duration::from_millis(700), connection.writer.write(&block)).await
    {
        written += result.expect("a reader");
    }
    assert!(written < BUFFERED, "{written} bytes were accepted although the target does not read");
    door.target.state.go_on.notify_one();
    while written < total {
        let rest = &block[..block.len().min(total - written)];
        written += crate::support::soon("room", connection.writer.write(rest)).await.expect("a reader");
    }
    let reply = connection.reply().await;
    assert_eq!((reply.status, reply.text()), (200, total.to_string()));
}

#[tokio::test]
async fn a_target_waits_for_a_client_that_does_not_read() {
    let door = Door::start(Options::default()).await;
    let mut connection = Connection::open(door.address).await;
    connection.write(b"GET /products?do=pour HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let poured = || door.target.state.poured.load(Ordering::Relaxed);
    crate::support::eventually("it pours", || poured() > 0).await;
    // Wait until nothing more is sent for a while.
    let mut before = 0;
    while poured() != before {
        before = poured();
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    assert!(before < BUFFERED, "{before} bytes were sent although the client does not read");
    let reply = connection.reply().await;
    assert_eq!((reply.status, reply.body.len()), (200, POURED));
}
