//! SIGTERM with requests in flight: readiness fails first, every request is answered, the process exits by itself.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Shop, connect, get, get_on, read};

const ROUNDS: u32 = 10;
const CLIENTS: u32 = 16;
/// How long it keeps serving after the signal.
const DRAIN: Duration = Duration::from_secs(2);
/// Requests whose body is being sent when the signal arrives.
const UNFINISHED: u32 = 8;

/// Results of the clients of a round.
#[derive(Debug, Default)]
struct Seen {
    responses: AtomicU32,
    last_response: Mutex<Option<Instant>>,
    refusals: Mutex<Vec<Instant>>,
    broken: AtomicU32,
}

impl Seen {
    fn note_response(&self) {
        self.responses.fetch_add(1, Ordering::Relaxed);
        *self.last_response.lock().expect("no panic") = Some(Instant::now());
    }

    fn note_refusal(&self) {
        self.refusals.lock().expect("no panic").push(Instant::now());
    }
}

/// A closed listener refuses later handshakes and resets those in progress.
fn is_not_listening(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

/// Sends one request after another on persistent connections until the server stops listening; such a client does not
/// know health checks.
fn keep_requesting(port: u16, client: u32, seen: &Seen) {
    let paths = ["/api/v1/products", "/", "/products", "/healthz"];
    let mut socket: Option<TcpStream> = None;
    for number in client.. {
        let is_new = socket.is_none();
        let mut connection = match socket.take().map_or_else(|| connect(port), Ok) {
            Ok(connection) => connection,
            Err(error) if is_not_listening(&error) => return seen.note_refusal(),
            Err(error) => panic!("client {client} cannot connect: {error}"),
        };
        match get_on(&mut connection, paths[number as usize % paths.len()]) {
            Ok(response) => {
                assert_eq!(response.status, 200, "{response:?}");
                seen.note_response();
                socket = (!response.closes()).then_some(connection);
            }
            // Connections that arrive between the last accept and the closing of the listener cannot be saved by any
            // program.
            Err(error) if is_new && is_not_listening(&error) && connect(port).is_err() => return seen.note_refusal(),
            Err(error) => {
                eprintln!("client {client}, request {number}: {error}");
                seen.broken.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Sends half of a request; returns the rest.
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
    let mut shop = Shop::start(&[("SHOPEASE_DRAIN_SECONDS", &DRAIN.as_secs().to_string())]);
    let (port, seen) = (shop.port, Arc::new(Seen::default()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let seen = Arc::clone(&seen);
            thread::spawn(move || keep_requesting(port, client, &seen))
        })
        .collect();
    // Checks readiness continuously, on a new connection each time, like a load balancer.
    let unready = Arc::new(AtomicU32::new(0));
    let probe = {
        let unready = Arc::clone(&unready);
        thread::spawn(move || {
            while let Ok(response) = get(port, "/readyz") {
                if response.status == 503 {
                    unready.fetch_add(1, Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(5));
            }
        })
    };
    thread::sleep(Duration::from_millis(300));
    let unfinished: Vec<_> = (0..UNFINISHED).map(|_| half_a_request(port)).collect();
    thread::sleep(Duration::from_millis(50));
    let signalled = Instant::now();
    shop.terminate();
    while connect(port).is_ok() {
        assert!(signalled.elapsed() < DRAIN * 5, "round {number}: it is still listening");
        thread::sleep(Duration::from_millis(20));
    }
    // Longer than the wait for requests in flight: these are still open when idle connections have been closed.
    thread::sleep(Duration::from_millis(500));
    for (mut socket, rest) in unfinished {
        socket.write_all(rest.as_bytes()).expect("the connection is open");
        let response = read(&mut socket).unwrap_or_else(|error| panic!("round {number}: {error}"));
        assert!(response.status == 422 || response.status == 404, "round {number}: {response:?}");
        assert!(response.closes(), "round {number}: {response:?}");
    }
    let status = loop {
        if let Some(status) = shop.ended() {
            break status;
        }
        assert!(signalled.elapsed() < Duration::from_secs(25), "round {number}: it is still running after 25 s");
        thread::sleep(Duration::from_millis(10));
    };
    let took = signalled.elapsed();
    assert_eq!(status.code(), Some(0), "round {number}: {status}");
    for client in clients {
        client.join().expect("the client succeeds");
    }
    probe.join().expect("the probe ends");
    let [responses, broken, unready] =
        [&seen.responses, &seen.broken, &unready].map(|count| count.load(Ordering::SeqCst));
    let refusals = seen.refusals.lock().expect("no panic");
    let early = refusals.iter().filter(|at| **at < signalled + DRAIN).count();
    let refusals = refusals.len();
    println!(
        "round {number}: {responses} responses, {unready} not ready, {refusals} refused at the end, {early} of them early, \
         {broken} broken, ended {took:.2?} after the signal"
    );
    assert!(unready > 0, "round {number}: /readyz fails while the shop is still listening");
    assert_eq!(early, 0, "round {number}: no connection is refused while it drains");
    let last_response = seen.last_response.lock().expect("no panic").expect("a response");
    assert!(last_response > signalled + DRAIN / 4, "round {number}: it keeps serving while it drains");
    assert_eq!(broken, 0, "round {number}: every request is answered");
}

#[test]
fn after_sigterm_every_request_is_answered_and_the_process_exits() {
    for number in 1..=ROUNDS {
        round(number);
    }
}
