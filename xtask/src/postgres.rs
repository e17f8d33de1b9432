//! A temporary PostgreSQL with its own directory and port.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

use crate::tools::{apt_install, command, execute, find_program, is_root};

/// A running PostgreSQL; it is stopped and deleted when dropped.
pub struct Postgres {
    binaries: PathBuf,
    directory: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts one for tests; installs it first if it is missing and can be installed. It does not sync to disk: its
    /// data need not survive the machine, and a busy disk would look like an unavailable database.
    ///
    /// # Errors
    /// If it cannot be installed or does not start.
    pub fn start() -> Result<Self> {
        Self::launch("-c fsync=off")
    }

    /// Starts one that syncs to disk like a production database, for measurements.
    ///
    /// # Errors
    /// See [`Postgres::start`].
    pub fn durable() -> Result<Self> {
        Self::launch("")
    }

    fn launch(settings: &str) -> Result<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let binaries = binaries()?;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("shopease-postgres-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        if is_root() {
            execute(command("chown").arg("postgres:").arg(&directory))?;
        }
        let mut server = Self { binaries, directory, port: 0 };
        let data = server.directory.join("data");
        let quiet = std::process::Stdio::null;
        execute(
            server
                .tool("initdb")
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"])
                .arg(&data)
                .stdout(quiet()),
        )?;
        // The port is free now, and will not be taken before the server uses it.
        server.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let port = server.port;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 {settings}"
        );
        let log = server.directory.join("log");
        execute(
            server
                .tool("pg_ctl")
                .args(["start", "--wait", "--silent", "--pgdata"])
                .arg(&data)
                .arg("--log")
                .arg(&log)
                .arg("--options")
                .arg(options)
                .stdout(quiet()),
        )
        .with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        Ok(server)
    }

    /// Connection URL of its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs an SQL file in one transaction.
    ///
    /// # Errors
    /// If a statement fails.
    pub fn run_script(&self, file: &Path) -> Result<()> {
        let options = ["--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1"];
        execute(command(self.binaries.join("psql")).args(options).arg(self.url()).arg("--file").arg(file))
            .with_context(|| format!("{} failed", file.display()))
    }

    /// Runs a program as another user, because PostgreSQL refuses to run as root.
    fn tool(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        let mut tool = if is_root() {
            let mut runuser = command("runuser");
            runuser.args(["-u", "postgres", "--"]).arg(program);
            runuser
        } else {
            command(program)
        };
        tool.current_dir(&self.directory);
        tool
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.directory.join("data");
        let stopped = execute(self.tool("pg_ctl").args(["stop", "--mode=immediate", "--silent", "--pgdata"]).arg(data));
        let removed = std::fs::remove_dir_all(&self.directory);
        if let (Err(error), _) | (_, Err(error)) = (stopped, removed.context("cannot delete the database's directory"))
        {
            eprintln!("xtask: {error:#}");
        }
    }
}

/// Directory of the server's programs, installed if it is missing.
///
/// # Errors
/// If it cannot be installed.
pub fn binaries() -> Result<PathBuf> {
    let find = || {
        let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
        let further: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
        // The program on PATH may be a link; the other programs are beside its target.
        let server = find_program("postgres", &further)?.canonicalize().ok()?;
        server.parent().map(Path::to_path_buf)
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    apt_install(&["postgresql"])?;
    find().context("PostgreSQL was installed but its programs are not found")
}

/// `cargo xtask postgres`: starts a database until standard input has a line or ends.
///
/// # Errors
/// If the server cannot be started.
pub fn lend() -> Result<()> {
    let server = Postgres::durable()?;
    println!("SHOPEASE_STORE=postgres SHOPEASE_DATABASE_URL={}", server.url());
    println!("Running until this process reads a line or the end of its standard input.");
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).is_err() {
        bail!("cannot read standard input");
    }
    Ok(())
}
