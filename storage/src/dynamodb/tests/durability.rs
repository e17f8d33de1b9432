//! Durability: a killed process loses no acknowledged write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use shopease_shop::ports::{CartStore as _, Env as _, ProcessEnv};
use shopease_shop::testing::FixedClock;
use shopease_shop::testing::fixtures::{cart, visitor};
use time::Duration;

use super::Bench;
use crate::embedded::EmbeddedPath;

const DIRECTORY: &str = "SHOPEASE_TEST_DURABILITY_DIRECTORY";
const LATER: time::OffsetDateTime = FixedClock::START.saturating_add(Duration::days(30));

async fn open(directory: &Path) -> Bench {
    Bench::at(EmbeddedPath::Directory(directory.to_owned())).await
}

/// Saves carts until it is killed, and prints each one that is saved.
#[tokio::test]
#[ignore = "the process that the test below kills"]
async fn writes_until_killed() {
    let directory = ProcessEnv.var(DIRECTORY).expect("set by the test below");
    let bench = open(Path::new(&directory)).await;
    for number in 0_u32.. {
        let saved = cart(&visitor(&number.to_string()), &[("A", 1)]);
        bench.store.save_cart(&saved, LATER).await.expect("saved");
        // Written in one call, so that no line is incomplete when the process is killed.
        std::io::stderr().write_all(format!("saved {number}\n").as_bytes()).expect("a reader");
    }
}

#[tokio::test]
async fn a_killed_process_loses_no_acknowledged_write() {
    for enough in [1, 20, 50] {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--ignored", "--exact", "--nocapture", "dynamodb::tests::durability::writes_until_killed"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut saved = Vec::new();
        for line in BufReader::new(child.stderr.take().expect("piped")).lines() {
            let line = line.expect("text");
            saved.extend(line.strip_prefix("saved ").map(ToOwned::to_owned));
            if saved.len() == enough {
                child.kill().expect("killed in the middle of the next write");
            }
        }
        child.wait().expect("ended");
        assert!(saved.len() >= enough, "it wrote until it was killed: {saved:?}");
        let bench = open(directory.path()).await;
        for number in &saved {
            let found = bench.store.find_cart(&visitor(number), FixedClock::START).await.expect("read");
            assert!(found.is_some(), "cart {number} of {}", saved.len());
        }
    }
}
