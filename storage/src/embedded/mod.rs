//! The embedded default store: a `DynamoDB` engine inside this process, stored in one `SQLite` file.
//!
//! It implements the real protocol, so the adapter in [`crate::dynamodb`] serves both the laptop and AWS. If requested,
//! a loopback port serves other processes of this machine. It must never run in production: one process, one disk.

mod engine;
mod port;
#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use dynoxide::Database;
use shopease_shop::ports::{Env, IdGenerator};
use tokio::sync::{mpsc, watch};

pub(crate) use engine::EngineClient;
use engine::{Job, process_jobs};

/// Variables that are set where AWS runs the code.
const AWS_MARKERS: [&str; 2] = ["AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME"];

/// When expired items are deleted for the first time, and how often after that. AWS does so itself, within days.
const SWEEPS: Sweeps = Sweeps { first_after: Duration::from_mins(1), pause: Duration::from_hours(1) };

/// The database file in its directory.
pub const DATABASE_FILE: &str = "shopease.sqlite";
const LOCK_FILE: &str = "shopease.lock";

/// Where the embedded engine stores its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmbeddedPath {
    /// In `shopease.sqlite` in this directory, which is created if it does not exist.
    Directory(PathBuf),
    /// In memory: the data ends with the engine.
    InMemory,
}

/// Configuration of the embedded engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// Where it stores its data.
    pub path: EmbeddedPath,
    /// The port for other processes of this machine; `None` serves only this process.
    pub port: Option<EmbeddedPort>,
}

/// A port for other processes of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedPort {
    /// Port on 127.0.0.1; 0 selects a free one.
    pub number: u16,
    /// The access key with which requests must be signed. Only the key is checked, not the signature; it keeps other
    /// programs out.
    pub access_key: String,
}

impl EmbeddedPort {
    /// A port with a random access key.
    pub fn with_random_key(number: u16, ids: &dyn IdGenerator) -> Self {
        Self { number, access_key: shopease_shop::domain::hex(&ids.secret()[..16]) }
    }
}

/// Why the embedded engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The environment is production.
    #[error("the embedded store must not run in production, which {variable} indicates")]
    Production {
        /// The variable that indicates production.
        variable: &'static str,
    },
    /// Another process has locked the directory.
    #[error("data directory {} is in use by another shopease", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory or its lock file cannot be used.
    #[error("data directory {} cannot be used", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file cannot be opened as a database.
    #[error("the embedded engine cannot open its database: {0}")]
    Engine(String),
    /// The port cannot be used.
    #[error("the embedded engine cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The requested port; 0 for any.
        port: u16,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The thread cannot be created.
    #[error("the embedded engine cannot create its thread")]
    Thread(#[source] io::Error),
}

/// Whether the directory contains an embedded store.
pub(crate) fn has_data(directory: &Path) -> bool {
    directory.join(DATABASE_FILE).exists()
}

/// A running embedded engine. Dropping it stops it.
#[derive(Debug)]
pub struct EmbeddedDynamoDb {
    client: EngineClient,
    endpoint_url: Option<String>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    is_new: bool,
    // Held, not read: the directory lock ends with the file handle, after the thread has been joined.
    _lock: Option<File>,
}

impl EmbeddedDynamoDb {
    /// Starts the engine and returns when it accepts requests.
    ///
    /// It runs on its own thread and runtime: on the application's runtime, a busy disk would delay every timer of the
    /// shop. A write is on disk when it is acknowledged (write-ahead log, one fsync per commit).
    ///
    /// # Errors
    /// [`EmbeddedError`]: production, a directory that is in use or unusable, no database, no port, no thread.
    pub fn start(config: &EmbeddedConfig, env: &dyn Env) -> Result<Self, EmbeddedError> {
        Self::start_with(config, env, SWEEPS)
    }

    fn start_with(config: &EmbeddedConfig, env: &dyn Env, sweeps: Sweeps) -> Result<Self, EmbeddedError> {
        check_not_production(env)?;
        let (lock, is_new, database, sweeps) = match &config.path {
            EmbeddedPath::Directory(directory) => {
                let (lock, file) = (lock_directory(directory)?, directory.join(DATABASE_FILE));
                let is_new = !file.exists();
                restrict_to_owner(directory)?;
                (Some(lock), is_new, Database::new(&file.to_string_lossy()), Some(sweeps))
            }
            // In-memory data needs no sweeps.
            EmbeddedPath::InMemory => (None, true, Database::memory(), None),
        };
        let database = database.map_err(|error| EmbeddedError::Engine(error.to_string()))?;
        let (listener, endpoint_url) = match &config.port {
            Some(port) => {
                let listen_error = |source| EmbeddedError::Listen { port: port.number, source };
                let (listener, address) = listen(port.number).map_err(listen_error)?;
                let url = format!("http://{}@{address}", port.access_key);
                (Some((listener, port.access_key.clone())), Some(url))
            }
            None => (None, None),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EmbeddedError::Thread)?;
        let (jobs, received) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("embedded-dynamodb".to_owned())
            .spawn(move || runtime.block_on(serve(received, listener, database, sweeps, stopped)))
            .map_err(EmbeddedError::Thread)?;
        Ok(Self { client: EngineClient(jobs), endpoint_url, stop, thread: Some(thread), is_new, _lock: lock })
    }

    /// A client for this process.
    pub(crate) fn client(&self) -> EngineClient {
        self.client.clone()
    }

    /// URL for other processes of this machine, with the access key as the user name, for
    /// `DynamoDbConfig::endpoint_url`. `None` without a port.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref()
    }

    /// Whether the store was created by this start, so that there is no table yet.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Stops the engine: requests received from this process are executed, the file is closed, and the directory is
    /// released.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for EmbeddedDynamoDb {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the embedded engine panicked");
        }
    }
}

fn check_not_production(env: &dyn Env) -> Result<(), EmbeddedError> {
    if let Some(variable) = AWS_MARKERS.into_iter().find(|name| env.var(name).is_some()) {
        return Err(EmbeddedError::Production { variable });
    }
    if env.var("SHOPEASE_ENV").is_some_and(|value| value.eq_ignore_ascii_case("production")) {
        return Err(EmbeddedError::Production { variable: "SHOPEASE_ENV" });
    }
    Ok(())
}

/// Creates the directory, readable by its owner only (it contains password hashes), and locks it for this process.
/// `SQLite` itself would allow a second process, and both would answer from their own caches.
fn lock_directory(directory: &Path) -> Result<File, EmbeddedError> {
    let unusable = |source| EmbeddedError::Directory { directory: directory.to_owned(), source };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(unusable)?;
    let lock = own_file().open(directory.join(LOCK_FILE)).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Options for a file that is created for its owner only.
fn own_file() -> OpenOptions {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Restricts the database files to their owner, whatever the mode of the directory: they contain password hashes and
/// orders. Files that `SQLite` creates later get the mode of the first.
fn restrict_to_owner(directory: &Path) -> Result<(), EmbeddedError> {
    let unusable = |source| EmbeddedError::Directory { directory: directory.to_owned(), source };
    own_file().open(directory.join(DATABASE_FILE)).map_err(unusable)?;
    #[cfg(unix)]
    for name in [LOCK_FILE, DATABASE_FILE, "shopease.sqlite-wal", "shopease.sqlite-shm"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        match std::fs::set_permissions(directory.join(name), mode) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
    }
    Ok(())
}

fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn serve(
    mut jobs: mpsc::UnboundedReceiver<Job>,
    listener: Option<(TcpListener, String)>,
    database: Database,
    sweeps: Option<Sweeps>,
    stopped: watch::Receiver<bool>,
) {
    let swept = database.clone();
    let others = async {
        let Some((listener, access_key)) = listener else { return std::future::pending().await };
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => port::serve(listener, database.clone(), access_key).await,
            Err(error) => {
                tracing::error!(%error, "the embedded engine's port failed");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = sweep(swept, sweeps) => {}
        () = others => {}
        () = process_jobs(&database, &mut jobs) => {}
        () = until(stopped) => {}
    }
    jobs.close();
    process_jobs(&database, &mut jobs).await;
}

/// Schedule of the sweeps.
#[derive(Debug, Clone, Copy)]
struct Sweeps {
    first_after: Duration,
    pause: Duration,
}

/// Deletes expired items from time to time, which the engine does not do by itself. It works page by page, with
/// requests in between. Never returns.
async fn sweep(database: Database, sweeps: Option<Sweeps>) {
    let Some(Sweeps { first_after, pause }) = sweeps else { return std::future::pending().await };
    tokio::time::sleep(first_after).await;
    loop {
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(removed)) => tracing::debug!(removed, "deleted expired items"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot delete expired items"),
            Err(error) => tracing::warn!(%error, "cannot delete expired items"),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Waits until the flag is set, or the engine's handle is dropped.
async fn until(mut flag: watch::Receiver<bool>) {
    let _ = flag.wait_for(|set| *set).await;
}
