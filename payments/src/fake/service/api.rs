//! Handlers of the JSON API.

use std::future::Future;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;

use super::connections::hang_up;
use super::faults::{FaultPlan, Faults, RequestFaults};
use super::wire::{
    ConfirmBody, CreateBody, DisputeBody, ErrorBody, ErrorDetail, ErrorType, IntentBody, LedgerBody, NOT_FOUND,
    RefundBody,
};
use crate::fake::command::{Command, KEY_REUSED, LedgerError, Operation};
use crate::fake::intent::Intent;
use crate::fake::ledger::{Claimed, Ledger};

/// Shared state of the handlers.
#[derive(Debug, Clone)]
pub(super) struct Service {
    ledger: Arc<Ledger>,
    public_url: Arc<str>,
    faults: Arc<Faults>,
}

impl Service {
    pub fn new(ledger: Arc<Ledger>, public_url: String, faults: Arc<Faults>) -> Self {
        Self { ledger, public_url: public_url.into(), faults }
    }
}

pub(super) fn router(service: Service) -> Router {
    Router::new()
        .route("/v1/payment_intents", post(create))
        .route("/v1/payment_intents/{id}", get(retrieve))
        .route("/v1/payment_intents/{id}/confirm", post(confirm))
        .route("/v1/payment_intents/{id}/capture", post(capture))
        .route("/v1/payment_intents/{id}/cancel", post(cancel))
        .route("/v1/payment_intents/{id}/refund", post(refund))
        .route("/v1/payment_intents/{id}/refunds/{refund}/failure", post(fail_refund))
        .route("/v1/payment_intents/{id}/dispute", post(dispute))
        .route("/v1/ledger", get(ledger))
        .route("/v1/faults", get(read_faults).put(replace_faults).delete(remove_faults))
        .route("/healthz", get(|| async { "ok" }))
        // The load balancer checks the same path on every service.
        .route("/readyz", get(|| async { "ready" }))
        .fallback(async || error(StatusCode::NOT_FOUND, ErrorType::InvalidRequest, "route_missing"))
        .with_state(service)
}

async fn create(State(service): State<Service>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(CreateBody { order_id, amount, method }) = read(&body) else { return unreadable() };
    execute(service, &headers, Command::Create { order_id, amount, method }).await
}

async fn confirm(State(service): State<Service>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(ConfirmBody { return_url }) = read(&body) else { return unreadable() };
    execute(service, &headers, Command::Confirm { intent_id: id, return_url }).await
}

async fn capture(State(service): State<Service>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    execute(service, &headers, Command::Capture { intent_id: id }).await
}

async fn cancel(State(service): State<Service>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    execute(service, &headers, Command::Cancel { intent_id: id }).await
}

async fn refund(State(service): State<Service>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(RefundBody { amount, refund_id }) = read(&body) else { return unreadable() };
    execute(service, &headers, Command::Refund { intent_id: id, amount, refund_id }).await
}

/// The bank returns a refund.
async fn fail_refund(
    State(service): State<Service>,
    Path((id, refund)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    execute(service, &headers, Command::FailRefund { intent_id: id, refund }).await
}

/// The cardholder disputes a payment, or the bank decides the dispute.
async fn dispute(State(service): State<Service>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(DisputeBody { state }) = read(&body) else { return unreadable() };
    execute(service, &headers, Command::Dispute { intent_id: id, state }).await
}

async fn retrieve(State(service): State<Service>, Path(id): Path<String>) -> Response {
    let faults = service.faults.for_request(Operation::Retrieve);
    let delay = faults.delay;
    with_faults(faults, async move {
        tokio::time::sleep(delay).await;
        match service.ledger.find(&id) {
            Ok(intent) => Json(IntentBody::new(intent, &service.public_url)).into_response(),
            Err(failure) => error_response(&failure),
        }
    })
    .await
}

async fn ledger(State(service): State<Service>) -> Response {
    Json(LedgerBody { entries: service.ledger.entries(), captures: service.ledger.captures() }).into_response()
}

async fn read_faults(State(service): State<Service>) -> Response {
    Json(service.faults.plan()).into_response()
}

async fn replace_faults(State(service): State<Service>, body: Bytes) -> Response {
    match read::<FaultPlan>(&body).map_err(|error| error.to_string()).and_then(|plan| service.faults.replace(plan)) {
        Ok(()) => read_faults(State(service)).await,
        Err(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
    }
}

async fn remove_faults(State(service): State<Service>) -> Response {
    match service.faults.replace(FaultPlan::default()) {
        Ok(()) => read_faults(State(service)).await,
        Err(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
    }
}

/// Executes a request, even if its client disconnects in the meantime, as a provider does. A delay comes before the
/// work; until it is over, other requests with the same key are rejected because the key is in use.
async fn execute(service: Service, headers: &HeaderMap, command: Command) -> Response {
    let Some(key) = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(ToOwned::to_owned) else {
        return error(StatusCode::BAD_REQUEST, ErrorType::InvalidRequest, "idempotency_key_missing");
    };
    let faults = service.faults.for_request(command.operation());
    let delay = faults.delay;
    let work = async move {
        let claimed = service.ledger.claim(&key, command);
        tokio::time::sleep(delay).await;
        let result = match claimed {
            Claimed::First(claim) => claim.run_async().await,
            Claimed::Answered(result) => result,
        };
        if faults.forget_key {
            service.ledger.forget_key(&key);
        }
        respond(result, &service.public_url)
    };
    let task = tokio::spawn(with_faults(faults, work));
    task.await.unwrap_or_else(|_| failed())
}

async fn with_faults(faults: RequestFaults, work: impl Future<Output = Response>) -> Response {
    if faults.drop_before {
        return hang_up();
    }
    let response = work.await;
    match (faults.drop_after, faults.error_500) {
        (true, _) => hang_up(),
        (false, true) => failed(),
        (false, false) => response,
    }
}

fn respond(result: Result<Intent, LedgerError>, public_url: &str) -> Response {
    let intent = match result {
        Ok(intent) => IntentBody::new(intent, public_url),
        Err(failure) => return error_response(&failure),
    };
    match intent.decline_code().map(ToOwned::to_owned) {
        None => Json(intent).into_response(),
        Some(code) => {
            let message = "the card was declined".to_owned();
            let detail = ErrorDetail { error_type: ErrorType::Card, code, message, intent: Some(intent) };
            (StatusCode::PAYMENT_REQUIRED, Json(ErrorBody { error: detail })).into_response()
        }
    }
}

fn error_response(failure: &LedgerError) -> Response {
    match failure {
        LedgerError::Refused { code } if code == KEY_REUSED => {
            error(StatusCode::BAD_REQUEST, ErrorType::Idempotency, code)
        }
        LedgerError::Refused { code } => error(StatusCode::BAD_REQUEST, ErrorType::InvalidRequest, code),
        LedgerError::NotFound => error(StatusCode::NOT_FOUND, ErrorType::InvalidRequest, NOT_FOUND),
        LedgerError::KeyInUse => error(StatusCode::CONFLICT, ErrorType::Idempotency, "idempotency_key_in_use"),
        LedgerError::Unavailable => failed(),
    }
}

fn unreadable() -> Response {
    error(StatusCode::BAD_REQUEST, ErrorType::InvalidRequest, "parameter_invalid")
}

fn failed() -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, ErrorType::Api, "internal_error")
}

fn error(status: StatusCode, error_type: ErrorType, code: &str) -> Response {
    let message = format!("the request was not executed: {code}");
    let detail = ErrorDetail { error_type, code: code.to_owned(), message, intent: None };
    (status, Json(ErrorBody { error: detail })).into_response()
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body)
}
