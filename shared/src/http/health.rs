//! Probes. `/healthz` tells that the process serves; `/readyz` that its store answers and that it is neither stopping
//! nor refusing requests. Load balancers use the first, so that a store that blinks, or a rush that all tasks feel, does
//! not take every task down.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::{App, Problem};

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
    app.services.readiness.ready().await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n"))
}

fn not_ready(detail: &str) -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The shop is unavailable", detail);
    Problem { retry_after_seconds: Some(1), ..problem }
}
