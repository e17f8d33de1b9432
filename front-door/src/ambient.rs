//! The only code that reads the wall clock and generates random numbers.

use std::time::SystemTime;

/// The current time.
#[expect(clippy::disallowed_methods, reason = "deadlines and trace IDs use wall-clock time")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Random bits.
#[expect(clippy::disallowed_methods, reason = "IDs of requests and traces")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Cannot happen on Linux after boot.
        eprintln!("front-door: the operating system provides no random numbers: {error}");
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// A request ID in Lambda's format: a random UUID (version 4, RFC 9562).
pub(crate) fn request_id() -> String {
    let mut bytes = random::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

/// An unguessable access key.
pub(crate) fn access_key() -> String {
    hex(&random::<16>())
}

/// The trace ID of a request without one: `1-<seconds>-<96 bits>`.
pub(crate) fn trace_id() -> String {
    format!("1-{:08x}-{}", unix_seconds(), hex(&random::<12>()))
}
