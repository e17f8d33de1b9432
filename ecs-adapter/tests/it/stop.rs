//! SIGTERM with requests in flight: readiness fails first, every request is answered, the process ends by itself.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Shop, connect, get, get_on, read};

const ROUNDS: u32 = 10;
const CLIENTS: u32 = 16;
/// Requests whose body is on its way when the signal comes.
const UNFINISHED: u32 = 8;

/// What the clients of a round have seen.
#[derive(Debug, Default)]
struct Seen {
    answers: AtomicU32,
    refused: AtomicU32,
    broken: AtomicU32,
}

/// A listener that is closed refuses later handshakes and resets those that are under way.
fn nobody_listens(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

/// Asks on kept connections, one request after another, until nobody listens: such a client knows nothing of probes.
fn keep_asking(port: u16, client: u32, seen: &Seen) {
    let paths = ["/api/v1/products", "/", "/products", "/healthz"];
    let mut socket: Option<TcpStream> = None;
    for number in client.. {
        let is_new = socket.is_none();
        let mut connection = match socket.take().map_or_else(|| connect(port), Ok) {
            Ok(connection) => connection,
            Err(error) if nobody_listens(&error) => {
                seen.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(error) => panic!("client {client} cannot connect: {error}"),
        };
        match get_on(&mut connection, paths[number as usize % paths.len()]) {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{answer:?}");
                seen.answers.fetch_add(1, Ordering::Relaxed);
                socket = (!answer.closes()).then_some(connection);
            }
            // Between its last look at the queue and the end of its listener no program can save a newcomer.
            Err(error) if is_new && nobody_listens(&error) && connect(port).is_err() => {
                seen.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(error) => {
                eprintln!("client {client}, request {number}: {error}");
                seen.broken.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A request that is half sent; gives the rest of it.
fn half_a_request(port: u16) -> (TcpStream, &'static str) {
    let (begin, rest) = (r#"{"sku":"#, r#""NO-SUCH","quantity":1}"#);
    let mut socket = connect(port).expect("a connection");
    let head = format!(
        "POST /api/v1/cart/line-items HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n\
        Content-Length: {}\r\n\r\n{begin}",
        begin.len() + rest.len()
    );
    socket.write_all(head.as_bytes()).expect("sent");
    (socket, rest)
}

fn round(number: u32) {
    let mut shop = Shop::start(&[("SHOPEASE_DRAIN_SECONDS", "1")]);
    let (port, seen) = (shop.port, Arc::new(Seen::default()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let seen = Arc::clone(&seen);
            thread::spawn(move || keep_asking(port, client, &seen))
        })
        .collect();
    // Looks at readiness without a break, on a connection of its own each time, as a load balancer does.
    let (first_unready, listening) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let probe = {
        let (first_unready, listening) = (Arc::clone(&first_unready), Arc::clone(&listening));
        thread::spawn(move || {
            while let Ok(answer) = get(port, "/readyz") {
                if answer.status == 503 {
                    first_unready.store(true, Ordering::SeqCst);
                    listening.fetch_add(1, Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(5));
            }
        })
    };
    thread::sleep(Duration::from_millis(300));
    let unfinished: Vec<_> = (0..UNFINISHED).map(|_| half_a_request(port)).collect();
    thread::sleep(Duration::from_millis(50));
    let before = seen.answers.load(Ordering::SeqCst);
    shop.terminate();
    let signalled = Instant::now();
    thread::sleep(Duration::from_millis(600));
    assert!(first_unready.load(Ordering::SeqCst), "round {number}: /readyz fails while the shop still listens");
    assert_eq!(seen.refused.load(Ordering::SeqCst), 0, "round {number}: nobody is refused while it drains");
    assert!(seen.answers.load(Ordering::SeqCst) > before, "round {number}: it serves on while it drains");
    // Past the end of the drain: these requests are in flight when the shop listens no more.
    thread::sleep(Duration::from_millis(900));
    assert!(connect(port).is_err(), "round {number}: it listens no more");
    for (mut socket, rest) in unfinished {
        socket.write_all(rest.as_bytes()).expect("the connection is open");
        let answer = read(&mut socket).unwrap_or_else(|error| panic!("round {number}: {error}"));
        assert!(answer.status == 422 || answer.status == 404, "round {number}: {answer:?}");
        assert!(answer.closes(), "round {number}: {answer:?}");
    }
    let status = loop {
        if let Some(status) = shop.ended() {
            break status;
        }
        assert!(signalled.elapsed() < Duration::from_secs(25), "round {number}: it runs after 25 s");
        thread::sleep(Duration::from_millis(10));
    };
    let took = signalled.elapsed();
    assert_eq!(status.code(), Some(0), "round {number}: {status}");
    for client in clients {
        client.join().expect("the client is content");
    }
    probe.join().expect("the probe ends");
    println!(
        "round {number}: {} answers, {} not ready, ended {took:.2?} after the signal, {seen:?}",
        seen.answers.load(Ordering::SeqCst),
        listening.load(Ordering::SeqCst)
    );
    assert_eq!(seen.broken.load(Ordering::SeqCst), 0, "round {number}: {seen:?}");
}

#[test]
fn sigterm_answers_everything_and_ends_by_itself() {
    for number in 1..=ROUNDS {
        round(number);
    }
}
