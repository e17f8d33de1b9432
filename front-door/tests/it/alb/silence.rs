//! Clients and targets that stop in the middle: the load balancer waits for the idle timeout, and no longer.

use std::time::{Duration, Instant};

use front_door::alb::Settings;
use tokio::time::sleep;

use crate::support::{Connection, Door, Options, get};

const IDLE: Duration = Duration::from_millis(400);

fn with_short_timeout(options: Options) -> Options {
    with_timeout(options, IDLE)
}

fn with_timeout(mut options: Options, idle_timeout: Duration) -> Options {
    options.balancer = Settings { idle_timeout, ..Settings::default() };
    options
}

async fn begin_upload(door: &Door, target: &str, bytes: usize) -> Connection {
    let mut connection = Connection::open(door.address).await;
    let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n");
    connection.write(head.as_bytes()).await;
    connection.write(b"x").await;
    connection
}

#[tokio::test]
async fn a_silent_target_is_a_gateway_timeout() {
    let door = Door::start(with_short_timeout(Options::default())).await;
    let begun = Instant::now();
    let reply = get(door.address, "/products?do=silence", &[]).await;
    assert_eq!((reply.status, reply.path()), (504, "fargate"));
    assert!(begun.elapsed() >= IDLE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_stalled_response_is_aborted() {
    let door = Door::start(with_short_timeout(Options::default())).await;
    let begun = Instant::now();
    let reply = get(door.address, "/products?do=half", &[]).await;
    assert_eq!((reply.status, reply.header("content-length"), reply.text().as_str()), (200, "8", "half"));
    assert!(begun.elapsed() >= IDLE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_client_that_stops_sending_gets_a_timeout() {
    for options in [Options::default(), Options::lambda()] {
        let door = Door::start(with_short_timeout(options)).await;
        let begun = Instant::now();
        let reply = begin_upload(&door, "/products?do=count", 10).await.reply().await;
        assert_eq!(reply.status, 408, "{reply:?}");
        assert!(begun.elapsed() >= IDLE, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_slow_sender_is_not_timed_out() {
    // Much longer than the pauses, so that a pause may take a second too long; shorter than all of them together.
    let door = Door::start(with_timeout(Options::default(), Duration::from_secs(2))).await;
    let mut connection = begin_upload(&door, "/products?do=count", 9).await;
    for _ in 0..8 {
        sleep(Duration::from_millis(300)).await;
        connection.write(b"x").await;
    }
    let reply = connection.reply().await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "9"));
}
