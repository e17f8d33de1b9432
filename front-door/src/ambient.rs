//! The only place that reads the clock of the world and draws random numbers.

use std::time::SystemTime;

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "deadlines and trace ids are in the world's time")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Random bits.
#[expect(clippy::disallowed_methods, reason = "ids of requests and traces")]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // There is no Linux without it once it has started.
        eprintln!("front-door: no random numbers: {error}");
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// A request id as Lambda's: a random UUID (version 4 of RFC 9562).
pub(crate) fn request_id() -> String {
    let mut bytes = random::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

/// An access key that nobody can guess.
pub(crate) fn access_key() -> String {
    hex(&random::<16>())
}

/// The trace id of a request that has none: `1-<seconds>-<96 bits>`.
pub(crate) fn trace_id() -> String {
    format!("1-{:08x}-{}", unix_seconds(), hex(&random::<12>()))
}
