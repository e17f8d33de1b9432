//! Probes. `/healthz` tells that the process serves; `/readyz` that its store answers. Load balancers use the first,
//! so that a store that blinks does not take every task down with it.

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
    app.shop.ready().await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n"))
}
