//! The embedded default: a `DynamoDB` engine inside this process, kept in one `SQLite` file.
//!
//! It speaks the real protocol, so the one adapter in [`crate::dynamodb`] serves the laptop and AWS; other processes of the
//! machine are served on a loopback port, if that was asked for. It must never run in production: one process, one disk.

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
use engine::{Job, work_off};

/// Variables that are set where AWS runs the code.
const AWS_MARKERS: [&str; 2] = ["AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME"];

/// When items that have expired are removed for the first time, and how often from then on. AWS does so by itself, within
/// days.
const SWEEPS: Sweeps = Sweeps { first_after: Duration::from_mins(1), pause: Duration::from_hours(1) };

/// The file of the database in its directory.
pub const DATABASE_FILE: &str = "shopease.sqlite";
const LOCK_FILE: &str = "shopease.lock";

/// Where the embedded engine keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmbeddedPath {
    /// In `shopease.sqlite` in this directory, which is made if need be.
    Directory(PathBuf),
    /// Nowhere: everything is gone when the engine stops.
    InMemory,
}

/// How the embedded engine is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// Where it keeps its data.
    pub path: EmbeddedPath,
    /// What other processes of this machine reach it by; `None`: only this process does.
    pub port: Option<EmbeddedPort>,
}

/// A port for other processes of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedPort {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub number: u16,
    /// The access key that a request must be signed with. It alone keeps other programs out: signatures are not checked.
    pub access_key: String,
}

impl EmbeddedPort {
    /// A port with an access key that nobody can guess.
    pub fn with_random_key(number: u16, ids: &dyn IdGenerator) -> Self {
        Self { number, access_key: shopease_shop::domain::hex(&ids.secret()[..16]) }
    }
}

/// Why the embedded engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// This is production.
    #[error("the embedded store must not run in production, and {variable} says that this is")]
    Production {
        /// The variable that tells.
        variable: &'static str,
    },
    /// Another process has the directory.
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
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file cannot be opened as a database.
    #[error("the embedded engine did not open its database: {0}")]
    Engine(String),
    /// The port cannot be had.
    #[error("the embedded engine cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port asked for; 0 for any.
        port: u16,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The machine gives no thread.
    #[error("the embedded engine got no thread")]
    Thread(#[source] io::Error),
}

/// Whether an embedded store is kept in the directory.
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
    // Held, not read: the lock on the directory ends with the file handle, after the thread has been joined.
    _lock: Option<File>,
}

impl EmbeddedDynamoDb {
    /// Starts the engine and returns when it takes requests.
    ///
    /// It runs on a thread and a runtime of its own: on the application's runtime a busy disk would stretch every
    /// timer of the shop. A write is on the disk when it is answered (write-ahead log, one fsync a commit).
    ///
    /// # Errors
    /// [`EmbeddedError`]: production, a directory that is in use or unusable, no database, no port, no thread.
    pub fn start(config: &EmbeddedConfig, env: &dyn Env) -> Result<Self, EmbeddedError> {
        Self::start_with(config, env, SWEEPS)
    }

    fn start_with(config: &EmbeddedConfig, env: &dyn Env, sweeps: Sweeps) -> Result<Self, EmbeddedError> {
        refuse_production(env)?;
        let (lock, is_new, database, sweeps) = match &config.path {
            EmbeddedPath::Directory(directory) => {
                let (lock, file) = (lock_directory(directory)?, directory.join(DATABASE_FILE));
                let is_new = !file.exists();
                close_to_others(directory)?;
                (Some(lock), is_new, Database::new(&file.to_string_lossy()), Some(sweeps))
            }
            // What is gone with the process needs no sweeping.
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

    /// The way to it from this process.
    pub(crate) fn client(&self) -> EngineClient {
        self.client.clone()
    }

    /// Where other processes of this machine reach it, with the access key as the user name, for
    /// `DynamoDbConfig::endpoint_url`; absent without a port.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref()
    }

    /// Whether nothing was kept here before: there is no table.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Stops the engine: requests that it has received from this process are carried out, the file is closed, the directory
    /// is free.
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
            tracing::error!("the embedded engine ended with a panic");
        }
    }
}

fn refuse_production(env: &dyn Env) -> Result<(), EmbeddedError> {
    if let Some(variable) = AWS_MARKERS.into_iter().find(|name| env.var(name).is_some()) {
        return Err(EmbeddedError::Production { variable });
    }
    if env.var("SHOPEASE_ENV").is_some_and(|value| value.eq_ignore_ascii_case("production")) {
        return Err(EmbeddedError::Production { variable: "SHOPEASE_ENV" });
    }
    Ok(())
}

/// Makes the directory, readable by its owner only (it holds password hashes), and takes it for this process. `SQLite`
/// itself would let a second process in, and both would answer from their own caches.
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

/// A file that is made, if need be, for its owner only.
fn own_file() -> OpenOptions {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the database's files its owner's alone, whatever the mode of the directory: they hold password hashes and orders. Those
/// that `SQLite` makes later get the mode of the first.
fn close_to_others(directory: &Path) -> Result<(), EmbeddedError> {
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
                tracing::error!(%error, "the embedded engine lost its port");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = sweep(swept, sweeps) => {}
        () = others => {}
        () = work_off(&database, &mut jobs) => {}
        () = until(stopped) => {}
    }
    jobs.close();
    work_off(&database, &mut jobs).await;
}

/// When the engine is swept.
#[derive(Debug, Clone, Copy)]
struct Sweeps {
    first_after: Duration,
    pause: Duration,
}

/// Removes items that have expired, from time to time; the engine only offers to. It does so page by page, and lets requests
/// in between. Never ends.
async fn sweep(database: Database, sweeps: Option<Sweeps>) {
    let Some(Sweeps { first_after, pause }) = sweeps else { return std::future::pending().await };
    tokio::time::sleep(first_after).await;
    loop {
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(removed)) => tracing::debug!(removed, "expired items were removed"),
            Ok(Err(error)) => tracing::warn!(%error, "expired items were not removed"),
            Err(error) => tracing::warn!(%error, "expired items were not removed"),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Waits until the flag is set, or the engine's handle is gone.
async fn until(mut flag: watch::Receiver<bool>) {
    let _ = flag.wait_for(|set| *set).await;
}
