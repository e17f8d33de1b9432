//! Ports for servers that a test starts as other processes.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which Linux assigns ephemeral ports (`net.ipv4.ip_local_port_range`, from 32,768).
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
/// Distance between the first ports of processes that start one after the other.
const STRIDE: u32 = 997;

static GIVEN: AtomicU32 = AtomicU32::new(0);

/// Returns a loopback port on which nothing listens, and which this process gets only once. It stays reserved for the
/// test before its server listens and while that server is down: the kernel does not assign it, and another process
/// starts elsewhere in the range.
///
/// # Panics
/// If all are in use.
pub fn free_port() -> u16 {
    let start = process::id() % u32::from(COUNT) * STRIDE;
    (0..COUNT)
        .map(|_| FIRST + in_range(start + GIVEN.fetch_add(1, Ordering::Relaxed)))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port")
}

fn in_range(number: u32) -> u16 {
    u16::try_from(number % u32::from(COUNT)).expect("less than COUNT")
}
