//! The Lambda Extensions API, version 2020-01-01, of one execution environment.

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::extensions::{CallError, EventType, ExtensionCall, Stage};
use super::runtime_api::{Call, json, problem};
use super::{Body, HANDLER, VERSION};
use crate::ambient;

/// Path prefix of this API.
pub(super) const PREFIX: &str = "/2020-01-01/extension/";

/// Largest registration or error report that is read; Lambda does not document its limit.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The body of a registration.
#[derive(Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<EventType>,
}

/// Handles a request to a resource below [`PREFIX`].
pub(super) async fn respond(
    request: Request<Incoming>,
    resource: &str,
    function: &str,
    calls: &mpsc::Sender<Call>,
) -> Response<Body> {
    let result = match (request.method(), resource) {
        (&Method::POST, "register") => register(request, function, calls).await,
        (&Method::GET, "event/next") => next(request.headers(), calls).await,
        (&Method::POST, "init/error") => failed(request, Stage::Init, calls).await,
        (&Method::POST, "exit/error") => failed(request, Stage::Exit, calls).await,
        (_, "register" | "event/next" | "init/error" | "exit/error") => Err(problem(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the resource does not support this method",
        )),
        _ => Err(problem(StatusCode::NOT_FOUND, "ResourceNotFound", "the resource does not exist")),
    };
    result.unwrap_or_else(|error| error)
}

type Answered = Result<Response<Body>, Response<Body>>;

async fn register(request: Request<Incoming>, function: &str, calls: &mpsc::Sender<Call>) -> Answered {
    let name = header(request.headers(), "lambda-extension-name")?;
    let with_account = request
        .headers()
        .get_all("lambda-extension-accept-feature")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|feature| feature.trim() == "accountId");
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await.map_err(|error| malformed(&error))?;
    let Registration { events } = serde_json::from_slice(&body.to_bytes()).map_err(|error| malformed(&error))?;
    let id = call(calls, |back| ExtensionCall::Register { name, events, back }).await?;
    let mut about = json!({ "functionName": function, "functionVersion": VERSION, "handler": HANDLER });
    if with_account {
        about["accountId"] = crate::ACCOUNT.into();
    }
    Ok(with_header(json(StatusCode::OK, &about), "lambda-extension-identifier", &id))
}

async fn next(headers: &HeaderMap, calls: &mpsc::Sender<Call>) -> Answered {
    let id = header(headers, "lambda-extension-identifier")?;
    let event = call(calls, |back| ExtensionCall::Next { id, back }).await?;
    let mut response = Response::new(Body::from(event));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    Ok(with_header(response, "lambda-extension-event-identifier", &ambient::request_id()))
}

async fn failed(request: Request<Incoming>, stage: Stage, calls: &mpsc::Sender<Call>) -> Answered {
    let id = header(request.headers(), "lambda-extension-identifier")?;
    let error_type = header(request.headers(), "lambda-extension-function-error-type")?;
    call(calls, |back| ExtensionCall::Failed { id, stage, error_type, back }).await?;
    Ok(json(StatusCode::ACCEPTED, &json!({ "status": "OK" })))
}

/// A required header.
fn header(headers: &HeaderMap, name: &str) -> Result<String, Response<Body>> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    let missing = || problem(StatusCode::FORBIDDEN, "Extension.MissingHeader", &format!("{name} is missing"));
    value.map(str::to_owned).ok_or_else(missing)
}

fn malformed(error: &dyn std::fmt::Display) -> Response<Body> {
    problem(StatusCode::BAD_REQUEST, "InvalidRequestFormat", &error.to_string())
}

/// Passes a call to the environment, and waits for the result.
async fn call<T>(
    calls: &mpsc::Sender<Call>,
    call: impl FnOnce(oneshot::Sender<Result<T, CallError>>) -> ExtensionCall,
) -> Result<T, Response<Body>> {
    let (back, result) = oneshot::channel();
    let sent = calls.send(Call::Extension(call(back))).await;
    match if sent.is_ok() { result.await.ok() } else { None } {
        Some(result) => result.map_err(rejected),
        None => {
            Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "the environment is shutting down"))
        }
    }
}

fn rejected(error: CallError) -> Response<Body> {
    let (error_type, message) = match error {
        CallError::InitIsOver => {
            ("Extension.InvalidExtensionState", "extensions must register before the runtime is ready")
        }
        CallError::AlreadyRegistered => {
            ("Extension.AlreadyRegistered", "an extension of this name is already registered")
        }
        CallError::TooMany => ("Extension.TooManyExtensions", "ten extensions are already registered"),
        CallError::InternalShutdown => {
            ("Extension.InvalidEventType", "an internal extension cannot register for SHUTDOWN")
        }
        CallError::UnknownIdentifier => ("Extension.UnknownExtensionIdentifier", "no extension has this identifier"),
        CallError::WrongState => ("Extension.InvalidExtensionState", "the extension's state does not allow this call"),
    };
    problem(StatusCode::FORBIDDEN, error_type, message)
}

fn with_header(mut response: Response<Body>, name: &'static str, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
