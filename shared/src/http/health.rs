//! Probes. `/healthz` tells that the process serves; `/readyz` that its store answers and that it is neither stopping
//! nor refusing requests. Load balancers use the first, so that a store that blinks, or a rush that all tasks feel, does
//! not take every task down.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::App;
use crate::shop::ShopError;

pub(super) async fn healthz() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], "ok\n")
}

pub(super) async fn readyz(State(app): State<App>) -> Result<impl IntoResponse, ShopError> {
    if app.is_draining() {
        return Err(ShopError::Unavailable { retry_after_seconds: 1, source: Some("the process is stopping".into()) });
    }
    if app.gate.is_saturated() {
        return Err(ShopError::Unavailable { retry_after_seconds: 1, source: Some("the process is saturated".into()) });
    }
    app.shop.ready().await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n"))
}
