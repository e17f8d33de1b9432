//! The server of one execution environment, with the Lambda Runtime API, version 2018-06-01, for its runtime.
//! Contract: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::convert::Infallible;
use std::time::SystemTime;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::extensions::ExtensionCall;
use super::{Body, MAX_PAYLOAD_BYTES, extensions_api};
use crate::units::unix_milliseconds;

/// An event to be delivered to the runtime.
#[derive(Debug)]
pub(super) struct Delivery {
    pub request_id: String,
    pub deadline: SystemTime,
    pub function_arn: String,
    pub trace_id: String,
    pub payload: Bytes,
}

/// A request or report of the runtime, with the channel for the response.
#[derive(Debug)]
pub(super) enum Call {
    Next(oneshot::Sender<Delivery>),
    /// The response to an event; `None` if it exceeds Lambda's limit.
    Response(String, Option<Bytes>, oneshot::Sender<Verdict>),
    Error(String, Bytes, oneshot::Sender<Verdict>),
    InitError(Bytes, oneshot::Sender<Verdict>),
    Extension(ExtensionCall),
}

impl Call {
    /// Rejects a call that is not allowed in the current state; a request for an event gets none.
    pub(super) fn reject(self) {
        let (back, verdict) = match self {
            Self::Response(_, _, back) | Self::Error(_, _, back) => (back, Verdict::UnknownRequest),
            Self::InitError(_, back) => (back, Verdict::WrongState),
            Self::Next(_) | Self::Extension(_) => return,
        };
        let _ = back.send(verdict);
    }
}

/// The host's response to a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    /// There is no such invocation.
    UnknownRequest,
    /// The report is not allowed in the current state, such as a second response.
    WrongState,
    TooLarge,
}

/// Serves one environment until the listener is dropped with its task.
pub(super) async fn serve(listener: TcpListener, function: String, calls: mpsc::Sender<Call>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Small responses must not wait for acknowledgments.
        let _ = stream.set_nodelay(true);
        let (function, calls) = (function.clone(), calls.clone());
        tokio::spawn(async move {
            let service =
                service_fn(|request| async { Ok::<_, Infallible>(respond(request, &function, &calls).await) });
            // The runtime has exited, or was terminated.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(request: Request<Incoming>, function: &str, calls: &mpsc::Sender<Call>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if let Some(resource) = path.strip_prefix(extensions_api::PREFIX) {
        return extensions_api::respond(request, resource, function, calls).await;
    }
    let Some(path) = path.strip_prefix("/2018-06-01/runtime/") else {
        return problem(StatusCode::NOT_FOUND, "ResourceNotFound", "the resource does not exist");
    };
    match (request.method(), path.split('/').collect::<Vec<_>>().as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(calls).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            let id = (*id).to_owned();
            let body = Limited::new(request.into_body(), MAX_PAYLOAD_BYTES).collect().await;
            let body = body.ok().map(http_body_util::Collected::to_bytes);
            report(calls, |back| Call::Response(id, body, back)).await
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            let id = (*id).to_owned();
            let body = error_body(request).await;
            report(calls, |back| Call::Error(id, body, back)).await
        }
        (&Method::POST, ["init", "error"]) => {
            let body = error_body(request).await;
            report(calls, |back| Call::InitError(body, back)).await
        }
        (_, ["invocation", "next"] | ["invocation", _, "response" | "error"] | ["init", "error"]) => {
            problem(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "the resource does not support this method")
        }
        _ => problem(StatusCode::NOT_FOUND, "ResourceNotFound", "the resource does not exist"),
    }
}

/// The error object that a runtime reports; without a body it is built from the header.
async fn error_body(request: Request<Incoming>) -> Bytes {
    let header = request.headers().get("lambda-runtime-function-error-type");
    let error_type = header.and_then(|value| value.to_str().ok()).unwrap_or("Runtime.Unknown").to_owned();
    match Limited::new(request.into_body(), MAX_PAYLOAD_BYTES).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            if body.is_empty() { super::error_object(&error_type, "") } else { body }
        }
        Err(error) => super::error_object(&error_type, &format!("the error could not be read: {error}")),
    }
}

async fn next(calls: &mpsc::Sender<Call>) -> Response<Body> {
    let (back, delivery) = oneshot::channel();
    let gone = || problem(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "the environment is shutting down");
    if calls.send(Call::Next(back)).await.is_err() {
        return gone();
    }
    let Ok(delivery) = delivery.await else { return gone() };
    let deadline = unix_milliseconds(delivery.deadline);
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &delivery.request_id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", &delivery.function_arn)
        .header("lambda-runtime-trace-id", &delivery.trace_id)
        .body(Body::new(delivery.payload));
    response
        .unwrap_or_else(|error| problem(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &error.to_string()))
}

async fn report(calls: &mpsc::Sender<Call>, call: impl FnOnce(oneshot::Sender<Verdict>) -> Call) -> Response<Body> {
    let (back, verdict) = oneshot::channel();
    let sent = calls.send(call(back)).await;
    match if sent.is_ok() { verdict.await.ok() } else { None } {
        Some(Verdict::Accepted) => json(StatusCode::ACCEPTED, &serde_json::json!({ "status": "OK" })),
        Some(Verdict::UnknownRequest) => problem(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        Some(Verdict::WrongState) | None => problem(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "the state of the environment does not allow this call",
        ),
        Some(Verdict::TooLarge) => problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &format!("Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."),
        ),
    }
}

pub(super) fn problem(status: StatusCode, error_type: &str, message: &str) -> Response<Body> {
    json(status, &serde_json::json!({ "errorMessage": message, "errorType": error_type }))
}

pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}
