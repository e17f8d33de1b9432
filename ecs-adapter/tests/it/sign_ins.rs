//! The cost of many simultaneous sign-ins.

#![cfg(target_os = "linux")]

use std::thread;
use std::time::Duration;

use crate::client::{Shop, post};

/// Two hashes of 19 MiB each, plus connections and threads.
const LIMIT_MB: u64 = 80;

/// Tries a wrong password on each of many accounts, each from another address as sent by the load balancer, so that no
/// limit on failed attempts skips the hashing.
fn guess(port: u16, client: u32) -> Vec<u16> {
    let guesses = (0..30).map(|number| {
        let body = format!(r#"{{"email": "customer-{client}-{number}@example.com", "password": "wrong password"}}"#);
        post(port, "/api/v1/sessions", &format!("203.0.113.{client}, 198.51.{client}.{number}"), &body)
            .expect("a response")
            .status
    });
    guesses.collect()
}

#[test]
fn many_sign_ins_take_bounded_memory_and_release_it() {
    let shop = Shop::start(&[("SHOPEASE_CLIENT_ADDRESS", "x-forwarded-for")]);
    let (port, before) = (shop.port, shop.resident_mb());
    let clients: Vec<_> = (0..8).map(|client| thread::spawn(move || guess(port, client))).collect();
    let mut most = before;
    while !clients.iter().all(thread::JoinHandle::is_finished) {
        most = most.max(shop.resident_mb());
        thread::sleep(Duration::from_millis(10));
    }
    for client in clients {
        assert_eq!(client.join().expect("no panic"), [401; 30]);
    }
    println!("{before} MB before, at most {most} MB, {} MB after", shop.resident_mb());
    assert!(most <= before + LIMIT_MB, "{before} MB before, then {most} MB");
    shop.assert_memory_returned(before);
}

#[test]
fn a_client_supplied_address_is_ignored() {
    for (source, claimed, tried) in [("socket", "", 5), ("x-forwarded-for", ", 198.51.100.1", 5)] {
        let shop = Shop::start(&[("SHOPEASE_CLIENT_ADDRESS", source)]);
        let body = r#"{"email": "ada@example.com", "password": "wrong password"}"#;
        let guess = |number| {
            let forwarded_for = format!("203.0.113.{number}{claimed}");
            post(shop.port, "/api/v1/sessions", &forwarded_for, body).expect("a response").status
        };
        let statuses: Vec<_> = (0..8).map(guess).collect();
        let limited = statuses.iter().filter(|status| **status == 429).count();
        assert!(limited > 0, "{source}: {statuses:?}");
        assert_eq!(statuses[..tried], [401; 5], "{source}");
    }
}
