//! A target of the ECS services: a bare server that does what the query parameter `do` says, and records requests.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;

/// Bytes that a target sends when asked to `pour`.
pub const POURED: usize = 50 * 1024 * 1024;

#[derive(Default)]
pub struct State {
    /// Headers of the requests, as received.
    pub heads: Mutex<Vec<String>>,
    /// Whether `/readyz` fails.
    pub is_unhealthy: AtomicBool,
    /// Bytes of `pour` that were sent.
    pub poured: AtomicUsize,
    /// Lets a target that was asked to `stall` continue reading.
    pub go_on: Notify,
}

pub struct Target {
    pub address: SocketAddr,
    pub state: Arc<State>,
}

impl Target {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                while let Ok((socket, _)) = listener.accept().await {
                    let state = Arc::clone(&state);
                    // The client may have disconnected.
                    tokio::spawn(async move { serve(socket, &state).await.unwrap_or_default() });
                }
            }
        });
        Self { address, state }
    }

    /// The header of the last request.
    pub fn last_head(&self) -> String {
        self.state.heads.lock().expect("no panic").last().expect("a request").clone()
    }
}

async fn serve(mut socket: TcpStream, state: &State) -> std::io::Result<()> {
    let (mut received, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    let end = loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let read = socket.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        received.extend_from_slice(&buffer[..read]);
    };
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let mut body = received.split_off(end + 4);
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    state.heads.lock().expect("no panic").push(head.clone());
    if target == "/readyz" {
        let status = if state.is_unhealthy.load(Ordering::Relaxed) { "503 No" } else { "200 OK" };
        return socket.write_all(response(status, "", "ready").as_bytes()).await;
    }
    match target.split_once("do=").map_or("", |(_, what)| what) {
        "close" => Ok(()),
        "silence" => {
            sleep(Duration::from_hours(1)).await;
            Ok(())
        }
        "half" => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").await?;
            sleep(Duration::from_hours(1)).await;
            Ok(())
        }
        "large-header" => {
            let header = format!("x-large: {}\r\n", "x".repeat(33 * 1024));
            socket.write_all(response("200 OK", &header, "large").as_bytes()).await
        }
        "header" => {
            let header = format!("x-large: {}\r\n", "x".repeat(31 * 1024));
            socket.write_all(response("200 OK", &header, "large").as_bytes()).await
        }
        "http10" => socket.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold").await,
        "hops" => {
            let headers = "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nX-Kept: yes\r\n\
                           Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n";
            socket.write_all(response("200 OK", headers, "hops").as_bytes()).await
        }
        // Responds while the request is still being sent: one chunk with the number of bytes for each part received.
        "stream" => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n").await?;
            while !body.ends_with(b"0\r\n\r\n") {
                let read = socket.read(&mut buffer).await?;
                if read == 0 {
                    return Ok(());
                }
                body.extend_from_slice(&buffer[..read]);
                let chunk = format!("<{read}>");
                socket.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).await?;
            }
            socket.write_all(b"0\r\n\r\n").await
        }
        what @ ("stall" | "count") => {
            if what == "stall" {
                state.go_on.notified().await;
            }
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map(|length| length.parse::<usize>().expect("a length"));
            let mut counted = body.len();
            let mut tail = body;
            while length.map_or_else(|| !tail.ends_with(b"0\r\n\r\n"), |length| counted < length) {
                let read = socket.read(&mut buffer).await?;
                if read == 0 {
                    return Ok(());
                }
                counted += read;
                tail.extend_from_slice(&buffer[..read]);
                tail.drain(..tail.len().saturating_sub(8));
            }
            socket.write_all(response("200 OK", "", &counted.to_string()).as_bytes()).await
        }
        "pour" => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {POURED}\r\n\r\n");
            socket.write_all(head.as_bytes()).await?;
            while state.poured.load(Ordering::Relaxed) < POURED {
                socket.write_all(&buffer).await?;
                state.poured.fetch_add(buffer.len(), Ordering::Relaxed);
            }
            Ok(())
        }
        _ => socket.write_all(response("200 OK", "Content-Type: text/plain\r\n", &target).as_bytes()).await,
    }
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
