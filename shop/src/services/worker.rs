//! The worker: finishes what no request will finish, and delivers the outbox. It runs as a scheduled function and as a
//! loop in the ECS backend; any number of workers may run at once, since each step is one conditional write.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::LocalShop;
use super::failpoint::failpoint;
use super::payment_steps::Poll;
use crate::ShopResult;
use crate::domain::{Order, OrderId, OrderState};
use crate::ports::{Delivery, EventSink};
use shopease_process::telemetry::metrics;

/// Most rounds of one run: a scheduled function ends, and the next one goes on.
const MAX_ROUNDS: usize = 50;
/// Most purges of one run.
const MAX_PURGES: usize = 10;
/// How many times as long as the usual pause the longest one is: how late a worker with nothing to do may notice what
/// another process left behind.
const IDLE_PAUSES: u32 = 12;

/// What a run of the worker did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WorkerReport {
    /// Orders with something open that were due.
    pub looked_at: usize,
    /// Of these, now paid.
    pub paid: usize,
    /// Of these, now cancelled: their stock is free.
    pub cancelled: usize,
    /// Of these, settled in another way (a refund done).
    pub settled: usize,
    /// Of these, still open: looked at again later.
    pub still_open: usize,
    /// Of these, not even readable or writable now.
    pub failed: usize,
    /// Messages delivered.
    pub delivered: usize,
    /// Messages that the sink did not take: they wait.
    pub undelivered: usize,
    /// Rows removed that were over: keys, carts, sessions, old messages.
    pub purged: u64,
}

impl WorkerReport {
    /// Whether there was nothing to do.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// The shop's worker.
#[derive(Clone)]
pub struct Worker {
    shop: LocalShop,
    sink: Arc<dyn EventSink>,
}

impl Worker {
    /// A worker of a shop that delivers to a sink.
    pub fn new(shop: LocalShop, sink: Arc<dyn EventSink>) -> Self {
        Self { shop, sink }
    }

    /// Does what is due now.
    ///
    /// # Errors
    /// [`crate::ShopError::Unavailable`] when the store does not tell what is due. What goes wrong with one order or message
    /// is counted in the report, logged, and tried again later.
    pub async fn run_once(&self) -> ShopResult<WorkerReport> {
        let mut report = WorkerReport::default();
        self.sweep_payments(&mut report).await?;
        self.relay_outbox(&mut report).await?;
        self.purge(&mut report).await;
        metrics::worker(&[
            ("delivered", report.delivered),
            ("undelivered", report.undelivered),
            ("settled", report.paid + report.cancelled + report.settled),
            ("open", report.still_open),
            ("failed", report.failed),
        ]);
        if !report.is_idle() {
            tracing::info!(report = serde_json::to_string(&report).unwrap_or_default(), "worker");
        }
        Ok(report)
    }

    /// Runs until the process ends, pausing in between: `pause` while there is something to do, up to twelve times as long
    /// while there is nothing, for each look at a store costs money. What this process itself writes ends a long pause at
    /// once. A run that fails is logged; the next one is tried all the same.
    pub async fn run_forever(&self, pause: Duration) {
        let mut pace = Pace::new(pause);
        loop {
            let idle = match self.run_once().await {
                Ok(report) => report.is_idle(),
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, source, "the worker's run failed");
                    false
                }
            };
            let longer = pace.next(idle).saturating_sub(pause);
            tokio::time::sleep(pause).await;
            tokio::select! {
                () = tokio::time::sleep(longer) => {}
                () = self.shop.wakeup.notified() => pace = Pace::new(pause),
            }
        }
    }

    /// Removes what is over. A store that cannot do so now does not hold up what people wait for.
    async fn purge(&self, report: &mut WorkerReport) {
        for _ in 0..MAX_PURGES {
            match self.shop.store.purge(self.shop.clock.now()).await {
                Ok(purged) => {
                    report.purged += purged.rows();
                    if !purged.may_be_more() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "what is over was not removed");
                    return;
                }
            }
        }
    }

    async fn sweep_payments(&self, report: &mut WorkerReport) -> ShopResult<()> {
        for _ in 0..MAX_ROUNDS {
            let due = self.shop.store.list_due_orders(self.shop.clock.now()).await?;
            let failed_before = report.failed;
            let found = due.len();
            for order_id in due {
                report.looked_at += 1;
                match self.finish(&order_id).await {
                    Ok((before, after)) => count(report, &before, &after),
                    Err(error) => {
                        tracing::warn!(%order_id, %error, "the worker cannot finish an order");
                        report.failed += 1;
                    }
                }
            }
            // What failed is still due: asking again at once would give the same.
            if found == 0 || report.failed > failed_before {
                break;
            }
        }
        Ok(())
    }

    async fn finish(&self, order_id: &OrderId) -> ShopResult<(Order, Order)> {
        let shop = &self.shop;
        let mut order = shop.order(order_id).await?;
        let before = order.clone();
        let now = shop.clock.now();
        if order.due_at.is_none_or(|due_at| due_at > now) {
            return Ok((before, order));
        }
        let hold_ends_at = order.placed_at + time::Duration::minutes(i64::from(shop.config.payment_hold_minutes));
        if order.state == OrderState::Pending && hold_ends_at <= now {
            // First the provider gives the payment up, then the stock is free: `cancel` only says that it shall.
            if let Some(step) = order.cancel(None, now) {
                order = shop.write_step(&order, step).await?;
            }
        }
        failpoint("worker-before-carry-on");
        let mut after = shop.advance_payment(order, Poll::Once).await?;
        let now = shop.clock.now();
        if after.due_at.is_some_and(|due_at| due_at <= now) {
            let step = after.postpone(now);
            after = shop.write_step(&after, step).await?;
        }
        Ok((before, after))
    }

    async fn relay_outbox(&self, report: &mut WorkerReport) -> ShopResult<()> {
        // Whose event was refused in this run: later events of the same subject would overtake it.
        let mut refused = BTreeSet::new();
        let mut after = None;
        for _ in 0..MAX_ROUNDS {
            let mut messages = self.shop.store.list_outbox(after.as_ref()).await?;
            let Some(last) = messages.last() else { break };
            after = Some(last.id.clone());
            let waiting = messages.len();
            messages.retain(|message| !refused.contains(&message.subject));
            let Delivery { taken, is_away } = self.sink.deliver(&messages).await;
            failpoint("worker-after-deliver");
            report.delivered += taken.len();
            report.undelivered += waiting - taken.len();
            self.shop.store.mark_delivered(&taken, self.shop.clock.now()).await?;
            if is_away {
                break;
            }
            refused
                .extend(messages.into_iter().filter(|message| !taken.contains(message)).map(|message| message.subject));
        }
        Ok(())
    }
}

/// How long to pause after each run.
struct Pace {
    pause: Duration,
    next: Duration,
}

impl Pace {
    fn new(pause: Duration) -> Self {
        Self { pause, next: pause }
    }

    /// The pause after a run; after every further idle one it is twice as long.
    fn next(&mut self, idle: bool) -> Duration {
        if !idle {
            self.next = self.pause;
            return self.pause;
        }
        let now = self.next;
        self.next = (now * 2).min(self.pause * IDLE_PAUSES);
        now
    }
}

fn count(report: &mut WorkerReport, before: &Order, after: &Order) {
    match (before.state, after.state) {
        (OrderState::Pending, OrderState::Paid) => report.paid += 1,
        (OrderState::Pending, OrderState::Cancelled) => report.cancelled += 1,
        _ if after.due_at.is_none() => report.settled += 1,
        _ => report.still_open += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_there_is_nothing_to_do() {
        let mut pace = Pace::new(Duration::from_secs(5));
        let mut pauses = |runs: &[bool]| -> Vec<u64> { runs.iter().map(|idle| pace.next(*idle).as_secs()).collect() };
        assert_eq!(pauses(&[true; 7]), [5, 10, 20, 40, 60, 60, 60]);
        assert_eq!(pauses(&[false, false, true, true]), [5, 5, 5, 10], "something to do ends it");
    }
}
