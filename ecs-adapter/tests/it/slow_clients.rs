//! Clients that send slowly, or too much: they occupy a connection for a while, and affect no other client.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::client::{Shop, connect, get, get_on, read};

const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads until the connection ends; returns everything read.
fn until_closed(socket: &mut std::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset also ends the connection.
    let _ = socket.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `cargo xtask test` runs it last, with nothing beside it.
mod timing {
    use super::*;

    #[test]
    fn slow_clients_time_out_and_block_no_slot() {
        // One slot, which a slow client must not hold.
        let shop = Shop::start(&[("SHOPEASE_READ_TIMEOUT_MS", "3000"), ("SHOPEASE_REQUESTS_IN_FLIGHT", "1")]);
        let mut slow: Vec<_> = (0..20).map(|_| connect(shop.port).expect("a connection")).collect();
        let begun = Instant::now();
        for socket in &mut slow[..10] {
            let head = "POST /api/v1/cart/line-items HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n\
                Content-Length: 30\r\n\r\n{";
            socket.write_all(head.as_bytes()).expect("sent");
        }
        for socket in &mut slow[10..] {
            socket.write_all(b"GET /api/v1/categories HTTP/1.1\r\nHost: sh").expect("sent");
        }
        assert_eq!(get(shop.port, "/api/v1/categories").expect("a response").status, 200);
        assert!(begun.elapsed() < READ_TIMEOUT, "slow bodies block no slot");
        for socket in &mut slow[..10] {
            let response = read(socket).expect("a response");
            assert_eq!(response.status, 408, "{response:?}");
            assert!(response.closes() && response.body.contains("/problems/request-timeout"), "{response:?}");
            assert_eq!(until_closed(socket), "");
        }
        for socket in &mut slow[10..] {
            assert_eq!(until_closed(socket), "");
        }
        let waited = begun.elapsed();
        assert!(waited >= READ_TIMEOUT && waited < READ_TIMEOUT * 4, "{waited:?}");
    }
}

#[test]
fn headers_over_the_limit_are_431_and_usual_ones_are_accepted() {
    let shop = Shop::start(&[]);
    for (size, status) in [(8 * 1024, 200), (24 * 1024, 200), (64 * 1024, 431), (1024 * 1024, 431)] {
        let mut socket = connect(shop.port).expect("a connection");
        let request = format!("GET /healthz HTTP/1.1\r\nHost: shop.test\r\nX-Long: {}\r\n\r\n", "x".repeat(size));
        // The server may have responded and closed before all of it is sent.
        let _ = socket.write_all(request.as_bytes());
        let mut bytes = [0; 32];
        match socket.read(&mut bytes) {
            Ok(count) => {
                let start = String::from_utf8_lossy(&bytes[..count]).into_owned();
                assert!(start.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {start}");
            }
            Err(error) => assert!(size > 64 * 1024, "{size}: {error}"),
        }
    }
    let mut socket = connect(shop.port).expect("a connection");
    for _ in 0..2 {
        assert_eq!(get_on(&mut socket, "/healthz").expect("a response").status, 200);
    }
}

#[test]
fn more_connections_than_allowed_wait_and_are_served() {
    let shop = Shop::start(&[("SHOPEASE_CONNECTIONS", "4"), ("SHOPEASE_READ_TIMEOUT_MS", "1000")]);
    let begun = Instant::now();
    let idle: Vec<_> = (0..4).map(|_| connect(shop.port).expect("a connection")).collect();
    assert_eq!(get(shop.port, "/healthz").expect("a response").status, 200);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(800), "it was served after {waited:?} beside 4 connections");
    drop(idle);
}
