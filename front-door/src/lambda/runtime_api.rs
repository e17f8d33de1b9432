//! The server of one execution environment, and the Lambda Runtime API, version 2018-06-01, as its runtime sees it.
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

/// An event on its way to the runtime.
#[derive(Debug)]
pub(super) struct Delivery {
    pub request_id: String,
    pub deadline: SystemTime,
    pub function_arn: String,
    pub trace_id: String,
    pub payload: Bytes,
}

/// What the runtime asks for or reports. Each carries the way back for the answer.
#[derive(Debug)]
pub(super) enum Call {
    Next(oneshot::Sender<Delivery>),
    /// The answer to an event; `None` if it was larger than Lambda takes.
    Response(String, Option<Bytes>, oneshot::Sender<Verdict>),
    Error(String, Bytes, oneshot::Sender<Verdict>),
    InitError(Bytes, oneshot::Sender<Verdict>),
    Extension(ExtensionCall),
}

impl Call {
    /// Tells a runtime that its call does not belong here and now; who asks for an event gets none.
    pub(super) fn refuse(self) {
        let (back, verdict) = match self {
            Self::Response(_, _, back) | Self::Error(_, _, back) => (back, Verdict::UnknownRequest),
            Self::InitError(_, back) => (back, Verdict::WrongState),
            Self::Next(_) | Self::Extension(_) => return,
        };
        let _ = back.send(verdict);
    }
}

/// What the host says to a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    /// There is no such invocation.
    UnknownRequest,
    /// Such a report does not belong here and now, such as a second answer.
    WrongState,
    TooLarge,
}

/// Serves one environment until the listener is dropped with its task.
pub(super) async fn serve(listener: TcpListener, function: String, calls: mpsc::Sender<Call>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Small answers must not wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        let (function, calls) = (function.clone(), calls.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request, &function, &calls).await) });
            // The runtime's side is gone: it ended, or was ended.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, function: &str, calls: &mpsc::Sender<Call>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if let Some(resource) = path.strip_prefix(extensions_api::PREFIX) {
        return extensions_api::answer(request, resource, function, calls).await;
    }
    let Some(path) = path.strip_prefix("/2018-06-01/runtime/") else {
        return problem(StatusCode::NOT_FOUND, "ResourceNotFound", "there is no such resource");
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
            problem(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "the method does not belong to this resource")
        }
        _ => problem(StatusCode::NOT_FOUND, "ResourceNotFound", "there is no such resource"),
    }
}

/// The error object that a runtime reports; without a body it is made of the header.
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
    let gone = || problem(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "the environment is being ended");
    if calls.send(Call::Next(back)).await.is_err() {
        return gone();
    }
    let Ok(delivery) = delivery.await else { return gone() };
    let deadline = unix_milliseconds(delivery.deadline);
    let answer = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &delivery.request_id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", &delivery.function_arn)
        .header("lambda-runtime-trace-id", &delivery.trace_id)
        .body(Body::new(delivery.payload));
    answer.unwrap_or_else(|error| problem(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &error.to_string()))
}

async fn report(calls: &mpsc::Sender<Call>, call: impl FnOnce(oneshot::Sender<Verdict>) -> Call) -> Response<Body> {
    let (back, verdict) = oneshot::channel();
    let sent = calls.send(call(back)).await;
    match if sent.is_ok() { verdict.await.ok() } else { None } {
        Some(Verdict::Accepted) => json(StatusCode::ACCEPTED, &serde_json::json!({ "status": "OK" })),
        Some(Verdict::UnknownRequest) => problem(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        Some(Verdict::WrongState) | None => {
            problem(StatusCode::FORBIDDEN, "InvalidStateTransition", "the state of the environment does not allow this")
        }
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
