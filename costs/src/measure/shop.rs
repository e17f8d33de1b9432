//! The running shop: the front door with everything behind it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path as File;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::client::Client;
use crate::deployment::{Path, Store};

/// Longest wait for a shop that starts, and for one that stops.
const START: Duration = Duration::from_mins(2);
const STOP: Duration = Duration::from_secs(10);

/// A shop that measures. Dropping it stops it.
pub struct Shop {
    front_door: Child,
    base: String,
    directory: tempfile::TempDir,
}

/// What the shop writes, and how much of it an error shows.
const LOG: &str = "front-door.log";
const LOG_END: usize = 2000;

impl Shop {
    /// Starts the shop from the binaries in a directory, and waits until it serves. `on_aws` uses DynamoDB itself.
    pub fn start(binaries: &File, store: Store, database_url: Option<&str>, on_aws: bool) -> anyhow::Result<Self> {
        let port = free_ports()?;
        let program = binaries.join("front-door");
        ensure!(program.is_file(), "{} is missing: cargo build --workspace --bins makes it", program.display());
        let directory = tempfile::tempdir().context("a directory for the store")?;
        let name = match store {
            Store::Postgresql => "postgres",
            Store::Dynamodb if on_aws => "dynamodb",
            Store::Dynamodb => "embedded",
        };
        let mut command = Command::new(&program);
        command
            .args(["--binaries".as_ref(), binaries.as_os_str()])
            .args(["--port", &port.to_string(), "--data-dir"])
            .arg(directory.path())
            .args(["--store", name])
            .env("SHOPEASE_MEASURE", "true")
            // Lines as a deployed shop writes them.
            .env("SHOPEASE_LOG", "info,aws_config=warn")
            .env("SHOPEASE_LOG_FORMAT", "json")
            .env("DD_ENV", "prod")
            .env("SHOPEASE_INSECURE_COOKIES", "true")
            // A cache of some seconds would make counts depend on the time of day; the figures are those of an empty one.
            .env("SHOPEASE_CATALOG_CACHE_SECONDS", "0")
            .env("SHOPEASE_WORKER_SECONDS", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.path().join(LOG))?);
        if let (Store::Postgresql, Some(url)) = (store, database_url) {
            command.env("SHOPEASE_DATABASE_URL", url);
        }
        let front_door = command.spawn().with_context(|| program.display().to_string())?;
        let base = format!("http://localhost:{port}");
        let mut shop = Self { front_door, base, directory };
        shop.ready()?;
        Ok(shop)
    }

    fn ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let answer = self.visitor().get("/healthz");
            match answer {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > START => return Err(error.context("the shop does not become ready")),
                Err(_) => {}
            }
            if let Some(status) = self.front_door.try_wait()? {
                let log = std::fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default();
                let end = log.char_indices().rev().nth(LOG_END).map_or(0, |(start, _)| start);
                bail!("the front door ended: {status}\n{}", log[end..].trim_end());
            }
            sleep(Duration::from_millis(100));
        }
    }

    /// Someone without cookies.
    pub(super) fn visitor(&self) -> Client {
        Client::new(&self.base)
    }

    /// Sends all requests to one path from now on.
    pub(super) fn send_all_to(&self, path: Path) -> anyhow::Result<()> {
        let (fargate, lambda) = if path == Path::Fargate { (1, 0) } else { (0, 1) };
        let weights = serde_json::json!({ "fargate": fargate, "lambda": lambda }).to_string();
        self.visitor().send("POST", "/_front-door/weights", Some("application/json"), weights).map(drop)
    }
}

/// The first of three ports that nobody has, below those that Linux gives to connections. Two measurements at once begin
/// elsewhere.
fn free_ports() -> anyhow::Result<u16> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let begin = std::process::id() % 4_000;
    let mut candidates = (begin..begin + 4_000).filter_map(|number| u16::try_from(20_000 + number % 4_000 * 3).ok());
    let found = candidates.find(|first| (*first..first + 3).all(is_free));
    found.context("there are no three free ports in a row")
}

impl Drop for Shop {
    fn drop(&mut self) {
        let pid = i32::try_from(self.front_door.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended already.
            let _ = kill_process(pid, Signal::TERM);
        }
        let begun = Instant::now();
        while begun.elapsed() < STOP {
            if !matches!(self.front_door.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        let _ = self.front_door.kill();
        let _ = self.front_door.wait();
    }
}
