//! The worker: finishes orders that no request will finish, delivers the outbox and deletes expired rows. It runs as a scheduled
//! Lambda function and as a loop in the ECS backend. Any number of workers may run concurrently, because each step is one conditional
//! write.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::LocalShop;
use super::failpoint::failpoint;
use super::payment_steps::Poll;
use super::relay::Relay;
use crate::ShopResult;
use crate::domain::{Order, OrderId, OrderState};
use crate::ports::{BounceQueue, BounceReport, EventSink};
use shopease_process::telemetry::metrics;

/// Maximum rounds per run: the next run continues.
const MAX_ROUNDS: usize = 50;
/// Maximum purges per run.
const MAX_PURGES: usize = 10;
/// Longest pause as a multiple of the normal pause. Limits how late an idle worker notices what other processes left open.
const IDLE_PAUSES: u32 = 12;

/// The result of a worker run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WorkerReport {
    /// Due orders.
    pub looked_at: usize,
    /// Of these, orders that are now paid.
    pub paid: usize,
    /// Of these, orders that are now canceled, with their stock released.
    pub cancelled: usize,
    /// Of these, orders settled in another way, such as a completed refund.
    pub settled: usize,
    /// Of these, orders that are still open and will be checked again later.
    pub still_open: usize,
    /// Of these, orders that could not be processed because of an error.
    pub failed: usize,
    /// Messages delivered, to each sink.
    pub delivered: usize,
    /// Messages that a sink did not accept. They stay in its backlog.
    pub undelivered: usize,
    /// Returned mails that were recorded on their orders.
    pub returned_mails: usize,
    /// Expired rows deleted: keys, carts, sessions, counts of failed attempts, old messages.
    pub purged: u64,
}

impl WorkerReport {
    /// Returns whether there was nothing to do.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// The shop's worker.
#[derive(Clone)]
pub struct Worker {
    shop: LocalShop,
    sinks: Vec<Arc<dyn EventSink>>,
    bounces: Option<Arc<dyn BounceQueue>>,
}

impl Worker {
    /// Creates a worker of a shop that delivers to these sinks, in this order.
    pub fn new(shop: LocalShop, sinks: Vec<Arc<dyn EventSink>>) -> Self {
        Self { shop, sinks, bounces: None }
    }

    /// The same worker, which also records the returned mails that a queue reports.
    #[must_use]
    pub fn with_bounces(mut self, queue: Option<Arc<dyn BounceQueue>>) -> Self {
        self.bounces = queue;
        self
    }

    /// Processes due orders, delivers messages, records returned mails, and deletes expired rows.
    ///
    /// # Errors
    /// [`crate::ShopError::Unavailable`] when the store cannot be read. Errors of single orders and messages are counted in the report,
    /// logged, and retried later.
    pub async fn run_once(&self) -> ShopResult<WorkerReport> {
        self.run().await.inspect_err(|_| metrics::worker(&[("store_unavailable", 1)]))
    }

    async fn run(&self) -> ShopResult<WorkerReport> {
        let mut report = WorkerReport::default();
        self.sweep_payments(&mut report).await?;
        let sinks = self.sinks.iter().map(|sink| &**sink);
        Relay::new(&self.shop).run(sinks, &mut report).await?;
        if let Some(queue) = &self.bounces {
            Box::pin(self.record_bounces(&**queue, &mut report)).await;
        }
        self.purge(&mut report).await;
        metrics::worker(&[
            // An alarm fires if this stops.
            ("runs", 1),
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

    /// Runs until the process ends, with pauses in between: `pause` while there is work, up to twelve times as long while idle, because
    /// each poll of the store costs money. Writes of this process end a long pause at once. A failed run is logged and does not stop
    /// the loop.
    pub async fn run_forever(&self, pause: Duration) {
        let mut pace = Pace::new(pause);
        loop {
            let idle = match self.run_once().await {
                Ok(report) => report.is_idle(),
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, source, "worker run failed");
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

    /// Records returned mails on their orders, those of one reading of the queue. A failure is logged and does not fail the run: the
    /// reports come again.
    async fn record_bounces(&self, queue: &dyn BounceQueue, report: &mut WorkerReport) {
        let reports = match queue.receive().await {
            Ok(reports) => reports,
            Err(error) => {
                tracing::warn!(error = &*error, "cannot read the queue of returned mails");
                return;
            }
        };
        for BounceReport { mail, receipt } in reports {
            if let Some(mail) = &mail {
                match Box::pin(self.shop.record_undelivered_mail(mail)).await {
                    Ok(order) => report.returned_mails += usize::from(order.is_some()),
                    Err(error) => {
                        tracing::warn!(mail = %mail.id, %error, "cannot record a returned mail");
                        continue;
                    }
                }
            }
            if let Err(error) = queue.remove(&receipt).await {
                tracing::warn!(error = &*error, "cannot remove a recorded report of a returned mail");
            }
        }
    }

    /// Deletes expired rows. A failure is logged and does not fail the run.
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
                    tracing::warn!(%error, "cannot delete expired rows");
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
                        tracing::warn!(%order_id, %error, "cannot process a due order");
                        report.failed += 1;
                    }
                }
            }
            // Failed orders are still due: the next round would return them again.
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
        if order.state == OrderState::Pending && order.placed_at + shop.hold_of(&order) <= now {
            // `cancel` only requests it: the provider cancels the payment before the stock is released.
            if let Some(step) = order.cancel(None, now) {
                order = shop.write_step(&order, step).await?;
            }
        }
        failpoint("worker-before-resume");
        let mut after = shop.advance_payment(order, Poll::Once).await?;
        let now = shop.clock.now();
        if after.due_at.is_some_and(|due_at| due_at <= now) {
            let step = after.postpone(now);
            after = shop.write_step(&after, step).await?;
        }
        Ok((before, after))
    }
}

/// The pause after each run.
struct Pace {
    pause: Duration,
    next: Duration,
}

impl Pace {
    fn new(pause: Duration) -> Self {
        Self { pause, next: pause }
    }

    /// Returns the pause after a run. It doubles with each further idle run.
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
        assert_eq!(pauses(&[false, false, true, true]), [5, 5, 5, 10], "work resets the pause");
    }
}
