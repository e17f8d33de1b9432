//! Delivers events to a receiver: signed, at least once, and repeated until it responds with 2xx.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::SIGNATURE_HEADER;
use super::faults::{FaultPlan, Faults};
use crate::fake::intent::Event;
use crate::fake::ledger::Ledger;
use crate::signature::sign;

/// Most concurrent webhooks.
const MAX_IN_FLIGHT: usize = 16;
/// First pause after a failure; doubled for each further one, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long a webhook waits for a later one to overtake it.
const REORDER_WAIT: Duration = Duration::from_secs(2);

/// The receiver of events.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// URL that receives the events.
    pub url: Url,
    /// Secret of the signatures, shared with the receiver.
    pub secret: SecretString,
}

/// Delivers the events of a ledger until dropped, for a shop whose ledger is in its own process.
pub async fn deliver_webhooks(ledger: Arc<Ledger>, config: WebhookConfig) {
    if let Ok(faults) = Faults::new(FaultPlan::default()) {
        deliver(ledger, config, Arc::new(faults)).await;
    }
}

pub(super) async fn deliver(ledger: Arc<Ledger>, config: WebhookConfig, faults: Arc<Faults>) {
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "cannot send webhooks");
            return std::future::pending().await;
        }
    };
    let mut events = ledger.watch_events();
    let delivered = watch::Sender::new(0);
    let sender = Arc::new(Sender { ledger, client, config, faults, delivered, permits: Semaphore::new(MAX_IN_FLIGHT) });
    let mut deliveries = JoinSet::new();
    let mut next = 0;
    loop {
        events.borrow_and_update();
        for (index, event) in sender.ledger.undelivered_events(next) {
            next = index + 1;
            deliveries.spawn(Arc::clone(&sender).deliver(next, event));
        }
        while deliveries.try_join_next().is_some() {}
        if events.changed().await.is_err() {
            return;
        }
    }
}

struct Sender {
    ledger: Arc<Ledger>,
    client: Client,
    config: WebhookConfig,
    faults: Arc<Faults>,
    /// Number of the last delivered event.
    delivered: watch::Sender<usize>,
    permits: Semaphore,
}

impl Sender {
    /// Delivers the event with this number, starting at 1.
    async fn deliver(self: Arc<Self>, number: usize, event: Event) {
        let faults = self.faults.for_webhook(event.event_type);
        tokio::time::sleep(faults.delay).await;
        if faults.reorder {
            let mut delivered = self.delivered.subscribe();
            let overtaken = delivered.wait_for(|last| *last > number);
            let _ = tokio::time::timeout(REORDER_WAIT, overtaken).await;
        }
        // An event of plain strings and numbers can always be serialized.
        let body = serde_json::to_vec(&event).unwrap_or_default();
        if faults.forge {
            let wrong = SecretString::from(format!("not {}", self.config.secret.expose_secret()));
            self.post(&body, &sign(&wrong, self.ledger.now(), &body)).await;
        }
        if faults.stale {
            let an_hour_ago = self.ledger.now() - time::Duration::hours(1);
            self.post(&body, &sign(&self.config.secret, an_hour_ago, &body)).await;
        }
        let mut wait = FIRST_WAIT;
        while !self.post(&body, &sign(&self.config.secret, self.ledger.now(), &body)).await {
            tracing::info!(
                event = event.id,
                wait_ms = wait.as_millis(),
                "the webhook was not accepted and will be retried"
            );
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        self.ledger.mark_delivered(&event.id);
        self.delivered.send_modify(|last| *last = number.max(*last));
        if faults.duplicate {
            self.post(&body, &sign(&self.config.secret, self.ledger.now(), &body)).await;
        }
    }

    /// Posts a webhook. Returns whether the receiver accepted it.
    async fn post(&self, body: &[u8], signature: &str) -> bool {
        let Ok(_permit) = self.permits.acquire().await else { return false };
        let request = self.client.post(self.config.url.clone()).body(body.to_vec());
        let request = request.header("content-type", "application/json").header(SIGNATURE_HEADER, signature);
        request.send().await.is_ok_and(|response| response.status().is_success())
    }
}
