//! Probes. `/healthz` tells that the process serves; `/readyz` that its store answers and that it is neither stopping
//! nor refusing requests. Load balancers use the first, so that a store that blinks, or a rush that all tasks feel, does
//! not take every task down.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use shopease_process::telemetry::request;
use shopease_shop::services::Readiness;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{App, Problem};

/// How long what a check of the store found is told to others who ask.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// What the last check of the store found. Whoever asks while one runs waits for it, so that a flood of probes costs the store
/// one read a second.
#[derive(Debug, Default)]
pub(crate) struct StoreCheck(Mutex<Option<(Instant, Option<Problem>)>>);

impl StoreCheck {
    async fn result(&self, readiness: &dyn Readiness) -> Result<(), Problem> {
        let mut last = self.0.lock().await;
        let problem = match &*last {
            Some((at, problem)) if at.elapsed() < SHARED_FOR => problem.clone(),
            _ => {
                let problem = readiness.ready().await.err().map(Problem::from);
                *last = Some((Instant::now(), problem.clone()));
                problem
            }
        };
        // Who shares it has another request.
        problem.map_or(Ok(()), |problem| Err(Problem { request_id: request::current_id(), ..problem }))
    }
}

pub(super) async fn healthz() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n")
}

pub(super) async fn readyz(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    // What the process knows of itself was logged when it began, not at every probe.
    if app.is_draining() {
        return Err(not_ready("The process is stopping."));
    }
    if app.gate.is_saturated() {
        return Err(not_ready("The process has been rejecting requests for some time."));
    }
    app.store_check.result(&*app.services.readiness).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n"))
}

fn not_ready(detail: &str) -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The shop is unavailable", detail);
    Problem { retry_after_seconds: Some(1), ..problem }
}
