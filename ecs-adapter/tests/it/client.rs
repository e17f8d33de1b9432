//! The shop as a child process, and an HTTP client on plain sockets that reports every kind of failure.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use shopease_shop::testing::free_port;
use tempfile::TempDir;

/// A running shop on its own embedded store.
pub struct Shop {
    pub port: u16,
    child: Child,
    _data: TempDir,
}

impl Shop {
    /// Starts the binary and waits until it is ready.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_with(variables, Stdio::null(), Stdio::inherit())
    }

    /// The same with destinations for its output.
    pub fn start_with(variables: &[(&str, &str)], out: Stdio, error: Stdio) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let child = Command::new(env!("CARGO_BIN_EXE_shopease"))
            .env("SHOPEASE_DATA_DIR", data.path())
            .env("SHOPEASE_HTTP_PORT", port.to_string())
            .env("SHOPEASE_LOG", "warn")
            .envs(variables.iter().copied())
            .stdout(out)
            .stderr(error)
            .spawn()
            .expect("the binary starts");
        let shop = Self { port, child, _data: data };
        let begun = Instant::now();
        while get(port, "/readyz").map(|response| response.status).ok() != Some(200) {
            assert!(begun.elapsed() < Duration::from_mins(1), "the shop is not ready after a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
        shop
    }

    /// Resident memory of the process, in MB.
    #[cfg(target_os = "linux")]
    pub fn resident_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.trim().parse::<u64>().ok()).expect("a number") / 1024
    }

    /// Waits until no more than 20 MB above `before` are resident, for at most a minute.
    #[cfg(target_os = "linux")]
    pub fn assert_memory_returned(&self, before: u64) {
        let begun = Instant::now();
        while self.resident_mb() > before + 20 {
            assert!(begun.elapsed() < Duration::from_mins(1), "{before} MB before, {} MB after", self.resident_mb());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.expect("kill runs").success());
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is there")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    /// Whether the connection must not be reused.
    pub fn closes(&self) -> bool {
        self.head.to_lowercase().contains("\r\nconnection: close")
    }
}

/// Opens a connection with timeouts of half a minute.
pub fn connect(port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Reads one response with a `Content-Length`.
pub fn read(socket: &mut TcpStream) -> io::Result<Response> {
    let broken = |what| io::Error::new(io::ErrorKind::UnexpectedEof, what);
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.to_lowercase().split("\r\ncontent-length: ").nth(1).map(str::to_owned);
            let length = length.and_then(|rest| rest.split("\r\n").next().and_then(|text| text.parse().ok()));
            let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
            let (length, status): (usize, u16) = length.zip(status).ok_or_else(|| broken("no HTTP response"))?;
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
                return Ok(Response { status, head, body });
            }
        }
        match socket.read(&mut buffer)? {
            0 => return Err(broken(if bytes.is_empty() { "closed without a response" } else { "cut off" })),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Sends a GET on a connection and reads the response.
pub fn get_on(socket: &mut TcpStream, path: &str) -> io::Result<Response> {
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n").as_bytes())?;
    read(socket)
}

/// Sends a POST with JSON on a new connection, with a client address as a load balancer or anyone else might send it.
pub fn post(port: u16, path: &str, forwarded_for: &str, body: &str) -> io::Result<Response> {
    post_with(port, path, &[("X-Forwarded-For", forwarded_for)], body)
}

/// Sends a POST with JSON and these headers on a new connection.
pub fn post_with(port: u16, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Response> {
    let mut socket = connect(port)?;
    write!(socket, "POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\n")?;
    for (name, value) in headers {
        write!(socket, "{name}: {value}\r\n")?;
    }
    write!(socket, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    read(&mut socket)
}

/// Sends a GET on a new connection.
pub fn get(port: u16, path: &str) -> io::Result<Response> {
    get_on(&mut connect(port)?, path)
}
