//! SIGTERM with requests in flight: readiness fails first, every request is answered, the process ends by itself.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Shop, connect, get, get_on, read};

const ROUNDS: u32 = 10;
const CLIENTS: u32 = 16;
/// How long it serves on after the signal.
const DRAIN: Duration = Duration::from_secs(2);
/// Requests whose body is on its way when the signal comes.
const UNFINISHED: u32 = 8;

/// What the clients of a round have seen.
#[derive(Debug, Default)]
struct Seen {
    answers: AtomicU32,
    last_answer: Mutex<Option<Instant>>,
    refusals: Mutex<Vec<Instant>>,
    broken: AtomicU32,
}

impl Seen {
    fn note_answer(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        *self.last_answer.lock().expect("no panic") = Some(Instant::now());
    }

    fn note_refusal(&self) {
        self.refusals.lock().expect("no panic").push(Instant::now());
    }
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
            Err(error) if nobody_listens(&error) => return seen.note_refusal(),
            Err(error) => panic!("client {client} cannot connect: {error}"),
        };
        match get_on(&mut connection, paths[number as usize % paths.len()]) {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{answer:?}");
                seen.note_answer();
                socket = (!answer.closes()).then_some(connection);
            }
            // Between its last look at the queue and the end of its listener no program can save a newcomer.
            Err(error) if is_new && nobody_listens(&error) && connect(port).is_err() => return seen.note_refusal(),
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
    let mut shop = Shop::start(&[("SHOPEASE_DRAIN_SECONDS", &DRAIN.as_secs().to_string())]);
    let (port, seen) = (shop.port, Arc::new(Seen::default()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let seen = Arc::clone(&seen);
            thread::spawn(move || keep_asking(port, client, &seen))
        })
        .collect();
    // Looks at readiness without a break, on a connection of its own each time, as a load balancer does.
    let unready = Arc::new(AtomicU32::new(0));
    let probe = {
        let unready = Arc::clone(&unready);
        thread::spawn(move || {
            while let Ok(answer) = get(port, "/readyz") {
                if answer.status == 503 {
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
        assert!(signalled.elapsed() < DRAIN * 5, "round {number}: it still listens");
        thread::sleep(Duration::from_millis(20));
    }
    // Longer than requests on their way are waited for: these are in flight when idle connections have been closed.
    thread::sleep(Duration::from_millis(500));
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
    let [answers, broken, unready] = [&seen.answers, &seen.broken, &unready].map(|count| count.load(Ordering::SeqCst));
    let refusals = seen.refusals.lock().expect("no panic");
    let early = refusals.iter().filter(|at| **at < signalled + DRAIN).count();
    let refusals = refusals.len();
    println!(
        "round {number}: {answers} answers, {unready} not ready, {refusals} refused at the end, {early} of them early, \
         {broken} broken, ended {took:.2?} after the signal"
    );
    assert!(unready > 0, "round {number}: /readyz fails while the shop still listens");
    assert_eq!(early, 0, "round {number}: nobody is refused while it drains");
    let last_answer = seen.last_answer.lock().expect("no panic").expect("an answer");
    assert!(last_answer > signalled + DRAIN / 4, "round {number}: it serves on while it drains");
    assert_eq!(broken, 0, "round {number}: every request is answered");
}

#[test]
fn sigterm_answers_everything_and_ends_by_itself() {
    for number in 1..=ROUNDS {
        round(number);
    }
}
