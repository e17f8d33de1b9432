//! An HTTP client that sends exactly the given bytes and keeps exactly what it receives.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::soon;

/// A response.
#[derive(Debug)]
pub struct Reply {
    pub version: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// All values of a header, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(each, _)| each == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of a header.
    pub fn header(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {self:?}");
        all[0]
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The runtime that served it.
    pub fn path(&self) -> &str {
        self.header("x-shopease-path")
    }
}

/// One connection, split into its two directions.
pub struct Connection {
    pub reader: OwnedReadHalf,
    pub writer: OwnedWriteHalf,
    received: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.expect("a connection");
        let (reader, writer) = socket.into_split();
        Self { reader, writer, received: Vec::new() }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        soon("room", self.writer.write_all(bytes)).await.expect("a reader");
    }

    /// Reads until `is_enough` accepts the received text; returns all of it.
    pub async fn read_until(&mut self, is_enough: impl Fn(&str) -> bool) -> String {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let text = String::from_utf8_lossy(&self.received).into_owned();
            if is_enough(&text) {
                return text;
            }
            let read = soon("a response", self.reader.read(&mut buffer)).await.expect("bytes");
            assert!(read > 0, "the connection ended after {text:?}");
            self.received.extend_from_slice(&buffer[..read]);
        }
    }

    /// Reads until the connection ends.
    pub async fn reply(self) -> Reply {
        read_reply(self.reader, self.received).await
    }
}

async fn read_reply(mut reader: OwnedReadHalf, mut received: Vec<u8>) -> Reply {
    let mut buffer = vec![0; 256 * 1024];
    // A server may end a request that it did not read with a reset after the response.
    while let Ok(read) = soon("the end of a response", reader.read(&mut buffer)).await
        && read > 0
    {
        received.extend_from_slice(&buffer[..read]);
    }
    parse(&received)
}

/// Sends bytes as they are and reads the response until the connection ends, both concurrently.
pub async fn send(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Reply {
    let Connection { reader, mut writer, received } = Connection::open(address).await;
    let bytes = bytes.as_ref().to_vec();
    // The server may reject it before all of it is sent.
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&bytes).await;
        writer
    });
    let reply = read_reply(reader, received).await;
    writing.abort();
    reply
}

/// Requests a target, with additional header lines.
pub async fn get(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Reply {
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    send(address, format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n{headers}\r\n")).await
}

fn parse(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no header in {:?}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let (version, status) = lines.next().and_then(|line| line.split_once(' ')).expect("a status line");
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let body = &bytes[end + 4..];
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    Reply {
        version: version.to_owned(),
        status: status[..3].parse().expect("a status"),
        body: if chunked { dechunk(body) } else { body.to_vec() },
        headers,
    }
}

/// Decodes a chunked body; an incomplete chunk is dropped.
fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).expect("a size"), 16).expect("a size");
        bytes = &bytes[line + 2..];
        if size == 0 || bytes.len() < size + 2 {
            break;
        }
        body.extend_from_slice(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
    body
}
