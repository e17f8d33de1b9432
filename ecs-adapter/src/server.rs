//! HTTP connections: how many, how long they may be idle or slow, and how they end when the process stops. ADR 11
//! describes the shutdown sequence.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use shopease_shared::http::{AddressSource, App};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

/// How long an idle connection is kept. Longer than a load balancer keeps its side (60 s), so that the load balancer
/// never sends a request on a connection that is being closed. Also the longest wait for the header of a later request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Longest wait for a client to accept a part of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest header. A load balancer sends up to 64 KiB, API Gateway up to 10 KiB; the shop itself needs 2 KiB.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// Pause after `accept` fails because the process is out of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time between accepting the last connection and closing idle ones, for requests that are in flight.
const LINGER: Duration = Duration::from_millis(300);
/// Time after the signal at which running requests are answered with 503.
const CUT_OFF: Duration = Duration::from_secs(20);
/// Time after the signal at which the process ends even if requests still run.
const GIVE_UP: Duration = Duration::from_secs(23);

/// Limits of the server.
#[derive(Debug, Clone, Copy)]
pub struct ServerConfig {
    /// Longest wait for the first request's header on a connection.
    pub first_header: Duration,
    /// Time for load balancers to detect that the process is stopping.
    pub drain: Duration,
    /// Maximum number of concurrent connections; further ones wait to be accepted.
    pub connections: u32,
    /// How client addresses are determined.
    pub addresses: AddressSource,
}

/// Serves until `stop` completes, then shuts down gracefully.
///
/// # Errors
/// If the listener can no longer be used.
pub async fn run(
    listener: TcpListener,
    router: Router,
    app: &App,
    config: ServerConfig,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let server = Server {
        router,
        config,
        slots: Arc::new(Semaphore::new(config.connections as usize)),
        stopping: Arc::default(),
        closing: watch::Sender::new(false),
    };
    server.accept_until(&listener, stop).await;
    let signalled = Instant::now();
    app.drain();
    server.stopping.store(true, Ordering::Relaxed);
    server.accept_until(&listener, sleep(config.drain)).await;
    server.accept_remaining(listener)?;
    if server.slots.available_permits() < config.connections as usize {
        sleep(LINGER).await;
    }
    server.closing.send_replace(true);
    let all_ended = async {
        // All permits acquired means that no connection is left.
        let _all = server.slots.acquire_many(config.connections).await;
        app.checkouts_ended().await;
    };
    let limit = async {
        sleep_until(signalled + CUT_OFF).await;
        app.cut_off();
        sleep_until(signalled + GIVE_UP).await;
    };
    tokio::select! {
        () = all_ended => {}
        () = limit => tracing::warn!("requests were still running at the end of the shutdown period"),
    }
    Ok(())
}

struct Server {
    router: Router,
    config: ServerConfig,
    slots: Arc<Semaphore>,
    /// Set during shutdown: responses close their connection, so that clients reconnect to another target.
    stopping: Arc<AtomicBool>,
    /// Set to true to close idle connections.
    closing: watch::Sender<bool>,
}

impl Server {
    async fn accept_until(&self, listener: &TcpListener, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        loop {
            let accepted = async {
                let slot = Arc::clone(&self.slots).acquire_owned().await;
                (listener.accept().await, slot)
            };
            tokio::select! {
                biased;
                () = &mut end => return,
                accepted = accepted => match accepted {
                    (Ok((stream, peer)), Ok(slot)) => self.spawn(stream, peer, slot),
                    (Err(error), _) if concerns_one_connection(&error) => {}
                    (Err(error), _) => {
                        tracing::error!(%error, "cannot accept connections");
                        sleep(ACCEPT_PAUSE).await;
                    }
                    (Ok(_), Err(_)) => return,
                },
            }
        }
    }

    /// Accepts the connections that are waiting, then stops listening. Closing a listener resets waiting connections.
    /// This calls the operating system directly because the runtime may not have been notified of the last ones.
    fn accept_remaining(&self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.into_std()?;
        while let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            let Ok((stream, peer)) = listener.accept() else { break };
            stream.set_nonblocking(true)?;
            self.spawn(TcpStream::from_std(stream)?, peer, slot);
        }
        Ok(())
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        // Without this, responses of several packets wait 40 ms for an acknowledgment (Nagle's algorithm and delayed
        // ACK).
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let (router, stopping) = (self.router.clone(), Arc::clone(&self.stopping));
        // When few slots are left, no client may keep its connection open.
        let (slots, few) = (Arc::clone(&self.slots), self.config.connections as usize / 10);
        let begun = Arc::new(Notify::new());
        let has_begun = Arc::clone(&begun);
        let addresses = self.config.addresses;
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            begun.notify_one();
            let client = addresses.client(peer.ip(), request.headers());
            request.extensions_mut().insert(client);
            let response = router.clone().oneshot(request.map(Body::new));
            let (stopping, slots) = (Arc::clone(&stopping), Arc::clone(&slots));
            async move {
                let mut response = response.await?;
                if stopping.load(Ordering::Relaxed) || slots.available_permits() < few {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let (first_header, mut closing) = (self.config.first_header, self.closing.subscribe());
        tokio::spawn(async move {
            let mut connection = pin!(
                http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(KEEP_ALIVE)
                    .max_header_size(MAX_HEADER_BYTES)
                    .serve_connection(TokioIo::new(Box::pin(stream)), service)
            );
            let mut no_request = pin!(async {
                if timeout(first_header, has_begun.notified()).await.is_ok() {
                    std::future::pending::<()>().await;
                }
            });
            let mut closes = pin!(async { drop(closing.wait_for(|closing| *closing).await) });
            tokio::select! {
                result = connection.as_mut() => log(result),
                () = &mut no_request => tracing::debug!("closed a connection that sent no request"),
                () = &mut closes => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        result = connection.as_mut() => log(result),
                        () = &mut no_request => {}
                    }
                }
            }
            drop(slot);
        });
    }
}

/// Clients disconnect at any time: not worth an alarm.
fn log(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection failed");
    }
}

/// `accept` errors that concern one connection that has already gone.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
