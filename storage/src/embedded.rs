//! The embedded default: a `DynamoDB` engine inside this process, kept in one `SQLite` file.
//!
//! It speaks the real protocol on a loopback port, so the one adapter in [`crate::dynamodb`] serves the laptop and AWS.
//! It must never run in production: one process, one disk, no access control.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use dynoxide::{Database, server};
use shopease_shop::ports::Env;
use tokio::sync::watch;

/// The file of the data directory that has the data.
const FILE: &str = "shopease.sqlite";

/// Variables that are set where AWS runs the code.
const AWS_MARKERS: [&str; 2] = ["AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME"];

/// When items that have expired are removed for the first time, and how often from then on. AWS does so by itself, within
/// days.
const SWEEPS: Sweeps = Sweeps { first_after: Duration::from_mins(1), pause: Duration::from_hours(1) };

/// How long a stop waits for requests that are still running.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

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
    /// Port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
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
    directory.join(FILE).exists()
}

/// A running embedded engine. Dropping it stops it.
#[derive(Debug)]
pub struct EmbeddedDynamoDb {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    is_new: bool,
    // Held, not read: the lock on the directory ends with the file handle, after the thread has been joined.
    _lock: Option<File>,
}

impl EmbeddedDynamoDb {
    /// Starts the engine and returns when it accepts connections.
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
                let (lock, file) = (lock_directory(directory)?, directory.join(FILE));
                (Some(lock), !file.exists(), Database::new(&file.to_string_lossy()), Some(sweeps))
            }
            // What is gone with the process needs no sweeping.
            EmbeddedPath::InMemory => (None, true, Database::memory(), None),
        };
        let database = database.map_err(|error| EmbeddedError::Engine(error.to_string()))?;
        let port = config.port.unwrap_or(0);
        let (listener, address) = listen(port).map_err(|source| EmbeddedError::Listen { port, source })?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EmbeddedError::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("embedded-dynamodb".to_owned())
            .spawn(move || runtime.block_on(serve(listener, database, sweeps, stopped)))
            .map_err(EmbeddedError::Thread)?;
        Ok(Self { address, stop, thread: Some(thread), is_new, _lock: lock })
    }

    /// Where the engine answers, for `DynamoDbConfig::endpoint_url`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether nothing was kept here before: there is no table.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Stops the engine: running requests finish (at most two seconds), the file is closed, the directory is free.
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
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("shopease.lock"))
        .map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn serve(listener: TcpListener, database: Database, sweeps: Option<Sweeps>, stopped: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the embedded engine lost its port");
            return;
        }
    };
    let impatient = stopped.clone();
    let swept = database.clone();
    tokio::select! {
        () = sweep(swept, sweeps) => {}
        served = server::serve_with_shutdown(listener, database, until(stopped)) => {
            if let Err(error) = served {
                tracing::error!(error, "the embedded engine failed");
            }
        }
        // A client that never finishes its request must not keep the process from ending.
        () = async { until(impatient).await; tokio::time::sleep(STOP_PATIENCE).await } => {}
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Variables(&'static [(&'static str, &'static str)]);

    impl Env for Variables {
        fn var(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }
    }

    fn in_memory() -> EmbeddedConfig {
        EmbeddedConfig { path: EmbeddedPath::InMemory, port: None }
    }

    #[test]
    fn production_is_refused_whatever_says_so() {
        for (name, value) in
            [("AWS_EXECUTION_ENV", "x"), ("AWS_LAMBDA_FUNCTION_NAME", "cart"), ("SHOPEASE_ENV", "production")]
        {
            let pairs: &'static [_] = Box::leak(Box::new([(name, value)]));
            let refused = EmbeddedDynamoDb::start(&in_memory(), &Variables(pairs));
            assert!(matches!(refused, Err(EmbeddedError::Production { variable }) if variable == name), "{name}");
        }
        assert!(EmbeddedDynamoDb::start(&in_memory(), &Variables(&[("SHOPEASE_ENV", "development")])).is_ok());
    }

    #[test]
    fn a_directory_has_one_engine_until_that_stops() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("new");
        let config = EmbeddedConfig { path: EmbeddedPath::Directory(path.clone()), port: None };
        let first = EmbeddedDynamoDb::start(&config, &Variables(&[])).expect("starts");
        assert!(first.is_new());
        let second = EmbeddedDynamoDb::start(&config, &Variables(&[])).expect_err("in use");
        assert_eq!(second.to_string(), format!("data directory {} is in use by another shopease", path.display()));
        first.shutdown();
        // A process that another test starts just now holds every lock of this one for a moment.
        let mut again = EmbeddedDynamoDb::start(&config, &Variables(&[]));
        for _ in 0..100 {
            if !matches!(again, Err(EmbeddedError::InUse { .. })) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            again = EmbeddedDynamoDb::start(&config, &Variables(&[]));
        }
        assert!(!again.expect("starts again").is_new());
        assert!(path.join("shopease.sqlite").is_file());
    }

    #[cfg(feature = "testing")]
    #[tokio::test(flavor = "multi_thread")]
    async fn what_has_expired_leaves_the_file_and_what_has_not_stays() {
        use std::sync::Arc;

        use crate::dynamodb::{DynamoDbConfig, DynamoDbStore};
        use shopease_shop::ports::SessionStore as _;
        use shopease_shop::testing::{SeededIds, fixtures};
        use time::macros::datetime;

        let directory = tempfile::tempdir().expect("a directory");
        let path = EmbeddedPath::Directory(directory.path().to_owned());
        let sweeps = Sweeps { first_after: Duration::from_millis(300), pause: Duration::from_millis(100) };
        let config = EmbeddedConfig { path, port: None };
        let engine = EmbeddedDynamoDb::start_with(&config, &Variables(&[]), sweeps).expect("starts");
        let table = DynamoDbConfig { table: "shopease".to_owned(), endpoint_url: Some(engine.endpoint_url()) };
        let store = DynamoDbStore::connect(&table, &Variables(&[]), Arc::new(SeededIds::new(1))).await;
        store.create_table().await.expect("a table");
        let ada = fixtures::customer("ada");
        let old = fixtures::session(&ada, "old", datetime!(2001-01-01 12:00 UTC));
        let new = fixtures::session(&ada, "new", datetime!(2999-01-01 12:00 UTC));
        for session in [&old, &new] {
            store.insert_session(session).await.expect("it is written");
        }
        // As seen when both were valid: what is found is there.
        let find =
            async |digest: &str| store.find_session(digest, datetime!(2000-01-01 12:00 UTC)).await.expect("read");
        for _ in 0..100 {
            if find(&old.token_digest).await.is_none() {
                assert_eq!(find(&new.token_digest).await, Some(new));
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it is still there");
    }

    #[test]
    fn a_client_that_sends_half_a_request_does_not_hold_up_the_stop() {
        use std::io::Write as _;
        let engine = EmbeddedDynamoDb::start(&in_memory(), &Variables(&[])).expect("starts");
        let mut client = std::net::TcpStream::connect(engine.address).expect("connects");
        client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{").expect("sends");
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            engine.shutdown();
            done.send(())
        });
        assert!(ended.recv_timeout(STOP_PATIENCE * 3).is_ok());
    }
}
