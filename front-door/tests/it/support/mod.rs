//! Test support: functions, a balancer with its targets, an HTTP client without any abstraction.

mod client;
mod door;
mod function;
mod target;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

pub use client::{Connection, Reply, get, send};
pub use door::{Door, Options};
pub use function::{Host, Recorder, error_of, settings};
pub use target::{POURED, Target};

/// Longest wait for anything: the machine may be busy with other work.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// A function's binary, built as an example of this package.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let directory = test.parent().and_then(Path::parent).expect("target/<profile>/deps").join("examples");
    let binary = directory.join(name);
    assert!(binary.is_file(), "{} is missing: cargo test --examples builds it", binary.display());
    binary
}

/// Waits until a condition holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < TIMEOUT, "still not after {} s: {what}", TIMEOUT.as_secs());
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for something that must happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, future).await.unwrap_or_else(|_| panic!("not after {} s: {what}", TIMEOUT.as_secs()))
}

/// Whether a process exists, even if frozen. A zombie does not count.
pub fn lives(pid: u64) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// A process's state as `/proc` names it, such as `T` for stopped.
pub fn state(pid: u64) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}
