//! A server of the site as a child process.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// Longest wait for a server to become ready: a debug build that loads the demo catalog takes seconds.
const READY: Duration = Duration::from_mins(1);
/// Longest wait for a server to exit by itself (ECS: `stopTimeout`, 30 s).
const STOP: Duration = Duration::from_secs(30);

pub(super) struct Process {
    pub name: String,
    pub address: SocketAddr,
    child: Child,
}

/// Returns a port that is currently free, and that this process has not assigned to another server.
pub(super) fn free_port() -> io::Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if given.insert(port) {
            return Ok(port);
        }
    }
}

impl Process {
    /// Starts a server on a free port, which it gets in a variable.
    pub fn start(
        name: &str,
        binary: &Path,
        arguments: &[String],
        variables: &[(String, String)],
        port_variable: &str,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut variables = variables.to_vec();
        variables.push((port_variable.to_owned(), port.to_string()));
        Self::start_at(name, binary, arguments, &variables, port)
    }

    /// Starts a server whose port is in its arguments.
    pub fn start_at(
        name: &str,
        binary: &Path,
        arguments: &[String],
        variables: &[(String, String)],
        port: u16,
    ) -> anyhow::Result<Self> {
        let child = Command::new(binary)
            .args(arguments)
            .env("SHOPEASE_LOG", "warn")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // In its own process group: on Ctrl-C the front door stops the servers, in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self { name: name.to_owned(), address: (Ipv4Addr::LOCALHOST, port).into(), child })
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until a path returns 200.
    pub async fn ready(&mut self, path: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < READY {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} exited with {status} before it was ready", self.name);
            }
            if let Ok(Ok(true)) = timeout(Duration::from_secs(5), is_ready(self.address, path)).await {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        bail!("{} was not ready after {} s", self.name, READY.as_secs())
    }

    /// Asks the process to terminate, waits until it has, and kills it if it takes too long.
    pub async fn stop(&mut self) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            // It may already have exited.
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(STOP, self.child.wait()).await.is_err() {
            eprintln!("front-door: {} did not exit within {} s and was killed", self.name, STOP.as_secs());
            let _ = self.child.kill().await;
        }
    }
}

async fn is_ready(address: SocketAddr, path: &str) -> io::Result<bool> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut response = Vec::new();
    socket.take(4096).read_to_end(&mut response).await?;
    Ok(response.starts_with(b"HTTP/1.0 200") || response.starts_with(b"HTTP/1.1 200"))
}
