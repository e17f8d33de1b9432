//! Time, randomness, and environment: the only code that reads them from the machine.

use time::OffsetDateTime;
use ulid::Ulid;

/// A source of time.
pub trait Clock: Send + Sync {
    /// Returns the current time in UTC, to the millisecond.
    fn now(&self) -> OffsetDateTime;
}

/// A source of randomness.
pub trait IdGenerator: Send + Sync {
    /// Returns a new ULID with the current time.
    fn ulid(&self) -> Ulid;
    /// Returns 256 secret random bits.
    fn secret(&self) -> [u8; 32];
}

/// The environment variables of the process.
pub trait Env {
    /// Returns the value of a variable; `None` if it is not set or empty.
    fn var(&self, name: &str) -> Option<String>;

    /// Returns the origin of a value that does not come from the variable itself, such as
    /// `parameter /shopease/prod/backend/stripe-secret-key`. Such a value may be a secret and is not shown.
    fn origin(&self, _name: &str) -> Option<String> {
        None
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only reader of the machine's clock")]
    fn now(&self) -> OffsetDateTime {
        let now = OffsetDateTime::now_utc() + ahead();
        now.replace_millisecond(now.millisecond()).unwrap_or(now)
    }
}

/// Offset of this process's clock into the future: `SHOPEASE_CLOCK_AHEAD_SECONDS`. With it, a test need not wait for
/// leases and holds to expire. Only in builds with debug assertions; a release build ignores it.
#[cfg(debug_assertions)]
fn ahead() -> time::Duration {
    static AHEAD: std::sync::OnceLock<time::Duration> = std::sync::OnceLock::new();
    *AHEAD.get_or_init(|| {
        let seconds = ProcessEnv.var("SHOPEASE_CLOCK_AHEAD_SECONDS").and_then(|text| text.parse().ok());
        time::Duration::seconds(seconds.map_or(0, u32::into))
    })
}

#[cfg(not(debug_assertions))]
const fn ahead() -> time::Duration {
    time::Duration::ZERO
}

/// The machine's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl SystemIds {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the only reader of randomness; without it no token may be created"
    )]
    fn fill(bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system provides random bytes");
    }
}

impl IdGenerator for SystemIds {
    fn ulid(&self) -> Ulid {
        let mut random = [0_u8; 16];
        Self::fill(&mut random);
        let now_ms = SystemClock.now().unix_timestamp_nanos() / 1_000_000;
        Ulid::from_parts(u64::try_from(now_ms).unwrap_or(0), u128::from_be_bytes(random))
    }

    fn secret(&self) -> [u8; 32] {
        let mut secret = [0_u8; 32];
        Self::fill(&mut secret);
        secret
    }
}

/// The environment variables of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    #[expect(clippy::disallowed_methods, reason = "the only reader of the environment")]
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}
