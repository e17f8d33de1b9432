//! The ledger as a separate service: JSON API, bank page, signed webhooks, and faults for tests.
//!
//! | | |
//! |---|---|
//! | `POST /v1/payment_intents` | `{order_id, amount: {amount_minor, currency}, method}` |
//! | `GET /v1/payment_intents/{id}` | |
//! | `POST /v1/payment_intents/{id}/confirm` | `{return_url}`; 402 if the card is declined |
//! | `POST /v1/payment_intents/{id}/capture`, `/cancel` | |
//! | `POST /v1/payment_intents/{id}/refund` | `{amount}` |
//! | `GET /v1/ledger` | `{entries, captures}`, for auditors |
//! | `GET`, `PUT`, `DELETE /v1/faults` | [`FaultPlan`] |
//! | `GET`, `POST /authenticate/{id}` | the bank's page |
//! | `GET /healthz`, `/readyz` | |
//!
//! Every `POST` to an intent needs the header `Idempotency-Key`.

mod api;
mod bank;
mod connections;
mod faults;
mod webhooks;
pub(super) mod wire;

use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

pub use bank::bank_router;
pub use faults::{Fault, FaultKind, FaultPlan};
pub use webhooks::{WebhookConfig, deliver_webhooks};

use super::ledger::Ledger;
use faults::Faults;

pub use shopease_shop::ports::SIGNATURE_HEADER;

/// Configuration of the service.
#[derive(Debug, Clone, Default)]
pub struct ServiceConfig {
    /// Base URL of this service for browsers, for example `http://localhost:8090`: the location of the bank's page.
    pub public_url: String,
    /// The receiver of events, if any.
    pub webhook: Option<WebhookConfig>,
    /// The initial faults; `PUT /v1/faults` replaces them.
    pub faults: FaultPlan,
}

/// Serves until dropped; connections and webhooks end with it.
///
/// # Errors
/// If the faults of `config` are invalid.
pub async fn serve(listener: TcpListener, ledger: Arc<Ledger>, config: ServiceConfig) -> std::io::Result<()> {
    let faults = Arc::new(Faults::new(config.faults).map_err(std::io::Error::other)?);
    let router = router(Arc::clone(&ledger), config.public_url, Arc::clone(&faults));
    let webhooks = async {
        match config.webhook {
            Some(webhook) => webhooks::deliver(ledger, webhook, faults).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = webhooks => {}
        () = connections::accept(listener, router) => {}
    }
    Ok(())
}

fn router(ledger: Arc<Ledger>, public_url: String, faults: Arc<Faults>) -> Router {
    api::router(api::Service::new(Arc::clone(&ledger), public_url, faults)).merge(bank_router(ledger))
}
