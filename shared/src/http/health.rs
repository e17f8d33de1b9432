//! Probes. `/healthz` succeeds while the process serves requests; `/readyz` while the store responds and the process is neither
//! stopping nor rejecting requests. Load balancers use `/healthz`, so that a short store outage or a traffic spike does not take
//! down every task.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use shopease_process::telemetry::request;
use shopease_shop::services::Readiness;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{App, Problem};

/// How long the result of a store check is reused.
const REUSED_FOR: Duration = Duration::from_secs(1);

/// The result of the last store check. Probes that arrive during a check wait for it, so that any number of probes costs the
/// store one read per second.
#[derive(Debug, Default)]
pub(crate) struct StoreCheck(Mutex<Option<(Instant, Option<Problem>)>>);

impl StoreCheck {
    async fn result(&self, readiness: &dyn Readiness) -> Result<(), Problem> {
        let mut last = self.0.lock().await;
        let problem = match &*last {
            Some((at, problem)) if at.elapsed() < REUSED_FOR => problem.clone(),
            _ => {
                let problem = readiness.ready().await.err().map(Problem::from);
                *last = Some((Instant::now(), problem.clone()));
                problem
            }
        };
        // The result is shared, the request ID is not.
        problem.map_or(Ok(()), |problem| Err(Problem { request_id: request::current_id(), ..problem }))
    }
}

pub(super) async fn healthz() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n")
}

pub(super) async fn readyz(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    // These states were logged when they began, so they are not logged for every probe.
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
