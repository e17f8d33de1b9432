//! A `PostgreSQL` server for one test, to be stopped, killed, and filled with roles.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shopease_shop::ports::{Env as _, ProcessEnv};
use shopease_shop::testing::free_port;
use tempfile::TempDir;

/// A private cluster on a loopback port; it ends with this value. Its superuser `postgres` needs no password, all other
/// roles do.
pub struct OwnPostgres {
    binaries: PathBuf,
    directory: TempDir,
    port: u16,
    settings: String,
}

impl OwnPostgres {
    /// Creates and starts a cluster with settings such as `max_connections=20`. If this machine has no `PostgreSQL`,
    /// prints that `test` is skipped and returns `None`.
    ///
    /// # Panics
    /// If it does not start, or is missing although `CI` is `true`.
    pub fn start(test: &str, settings: &[&str]) -> Option<Self> {
        let Some(binaries) = binaries() else {
            let ci = ProcessEnv.var("CI").is_some_and(|ci| ci == "true");
            assert!(!ci, "{test}: no PostgreSQL is installed, and no test may be skipped when CI is true");
            writeln!(std::io::stderr(), "skipped: no PostgreSQL is installed: {test}").expect("stderr is writable");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("shopease-own-postgres").tempdir().expect("a directory");
        if is_root() {
            succeed(Command::new("chown").arg("postgres:").arg(directory.path()));
        }
        let port = free_port();
        let settings = settings.iter().flat_map(|setting| [" -c ", setting]).collect();
        let cluster = Self { binaries, directory, port, settings };
        succeed(
            cluster
                .tool("initdb")
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"])
                .arg(cluster.data()),
        );
        let rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(cluster.data().join("pg_hba.conf"), rules).expect("the login rules");
        assert!(cluster.try_start(), "{}", cluster.log());
        Some(cluster)
    }

    /// URL of its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// URL of a role.
    pub fn url_of(&self, role: &str, password: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/postgres", self.port)
    }

    /// Its loopback port, which is the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Enables TLS with a self-signed certificate for `localhost`, and returns the certificate file. Needs `openssl`.
    ///
    /// # Panics
    /// If the certificate cannot be created.
    pub fn with_tls(&self) -> PathBuf {
        let (key, certificate) = (self.data().join("server.key"), self.data().join("server.crt"));
        let mut make = self.tool_at("openssl");
        make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        make.args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]);
        succeed(make.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
        self.kill();
        std::fs::write(self.data().join("postgresql.auto.conf"), "ssl = on\n").expect("a setting");
        self.restart();
        certificate
    }

    /// Kills the server and all its child processes with SIGKILL, like a machine failure, and waits until its port is
    /// closed.
    ///
    /// # Panics
    /// If it does not run, or does not end.
    pub fn kill(&self) {
        let pid_file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("the server runs");
        let postmaster = pid_file.lines().next().expect("a process id").to_owned();
        let children = children(&postmaster);
        // All in one call: otherwise a child could still write while the next server reads.
        succeed(Command::new("kill").arg("-9").arg(&postmaster).args(&children).stderr(Stdio::null()));
        // A signal takes effect with a delay: until the process is gone, its port still accepts a connection and resets
        // it.
        let began = Instant::now();
        while !self.is_closed() {
            assert!(began.elapsed() < Duration::from_secs(30), "the killed server still listens: {}", self.log());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether the port is closed.
    fn is_closed(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    /// Restarts the server after [`OwnPostgres::kill`], with the same port and data.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        let began = Instant::now();
        // The shared memory of the killed server is released when its last child has exited.
        while !self.try_start() {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn try_start(&self) -> bool {
        let Self { port, settings, .. } = self;
        // A killed process loses nothing that it has written, so there is no need to sync to the disk, which may be
        // busy.
        let options =
            format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off{settings}");
        let mut start = self.tool("pg_ctl");
        start.args(["start", "--wait", "--silent", "--pgdata"]).arg(self.data());
        start.arg("--log").arg(self.directory.path().join("log")).arg("--options").arg(options);
        // Otherwise its output would stay open as long as the server runs.
        start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        start.status().expect("pg_ctl runs").success()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn tool(&self, name: &str) -> Command {
        self.tool_at(self.binaries.join(name))
    }

    /// Runs a program as the server's user, because `PostgreSQL` refuses to run as root.
    fn tool_at(&self, program: impl AsRef<OsStr>) -> Command {
        let mut tool = if is_root() {
            let mut runuser = Command::new("runuser");
            runuser.args(["-u", "postgres", "--"]).arg(program);
            runuser
        } else {
            Command::new(program)
        };
        tool.current_dir(self.directory.path());
        tool
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        let mut stop = self.tool("pg_ctl");
        stop.args(["stop", "--mode=immediate", "--silent", "--pgdata"]).arg(self.data());
        // It may already have been killed.
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn children(parent: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    let pids = processes.filter_map(|process| process.file_name().into_string().ok());
    let is_child = |pid: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name in parentheses: state, parent.
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(parent)
    };
    pids.filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit())).filter(is_child).collect()
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Directory of the newest installed server's programs: Debian does not put them in `PATH`.
fn binaries() -> Option<PathBuf> {
    let has_initdb = |directory: &PathBuf| directory.join("initdb").is_file();
    let version = |directory: &Path| directory.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest = installed.map(|entry| entry.path().join("bin")).filter(has_initdb).max_by_key(|path| version(path));
    let path = ProcessEnv.var("PATH").unwrap_or_default();
    newest.or_else(|| std::env::split_paths(&path).find(has_initdb))
}
