//! Client connections: what the load balancer, the HTTP API, and the Function URLs have in common.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower_http::timeout::TimeoutError;

/// Largest request header in total (ALB: 64 KB); larger ones are rejected with 431. Slightly more may be buffered.
pub(crate) const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Most header fields.
const MAX_HEADERS: usize = 500;
/// Time limit for a client's header and for idle connections (ALB: `client_keep_alive`, an hour by default).
const KEEP_ALIVE: Duration = Duration::from_hours(1);
/// Pause after `accept` fails because the process is out of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
/// A response's body: streamed from a target, or bytes.
pub(crate) type Body = UnsyncBoxBody<Bytes, Error>;

/// Handles requests.
pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves until the task is dropped.
pub(crate) async fn serve<H: Handler>(listener: TcpListener, handler: Arc<H>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                eprintln!("front-door: cannot accept connections: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Small responses must not wait for acknowledgments.
        let _ = stream.set_nodelay(true);
        let handler = Arc::clone(&handler);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let handler = Arc::clone(&handler);
                async move { Ok::<_, Infallible>(handler.handle(request, peer).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(KEEP_ALIVE)
                .max_buf_size(MAX_HEADER_BYTES)
                .max_headers(MAX_HEADERS)
                .serve_connection(TokioIo::new(stream), service);
            // The client has disconnected, or sent invalid HTTP and was answered with 400 or 431.
            let _ = connection.await;
        });
    }
}

/// Why a request's body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the client stopped sending its body")]
    Silence,
    #[error("the connection failed while reading the body: {0}")]
    Broken(Error),
}

impl BodyError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Silence => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a whole body, for a function's event.
pub(crate) async fn read<B>(body: B, max_bytes: usize) -> Result<Bytes, BodyError>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<Error>>,
{
    // A client that announces too much need not send it.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(BodyError::TooLarge(max_bytes));
    }
    let read = Limited::new(body, max_bytes).collect().await;
    Ok(read
        .map_err(|error| match error {
            error if error.is::<LengthLimitError>() => BodyError::TooLarge(max_bytes),
            error if error.is::<TimeoutError>() => BodyError::Silence,
            error => BodyError::Broken(error),
        })?
        .to_bytes())
}

/// Bytes as a body.
pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A response of the front door itself.
pub(crate) fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(bytes(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Whether a request wants to upgrade its connection to another protocol.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

/// Headers that belong to one connection (RFC 9110, section 7.6.1), in a request or in a response.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [header::CONNECTION, header::TE, header::TRAILER, header::TRANSFER_ENCODING, header::UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

/// Size of a header on the wire: name, colon, blank, value, line end.
pub(crate) fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// A response with a known body, ready to be sent. The sender frames it, but the response to a HEAD keeps the length
/// that a GET would have.
pub(crate) fn complete(response: Response<Bytes>, is_head: bool) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    if !is_head {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    Response::from_parts(parts, bytes(if is_head { Bytes::new() } else { body }))
}
