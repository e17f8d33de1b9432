//! Delivers the outbox. A message leaves the outbox when every consumer has accepted it or has it in its backlog, so that a consumer
//! that rejects messages, is slow or unavailable delays no other (ADR 27). One worker at a time holds the lease of the outbox.

use std::collections::BTreeSet;

use futures_util::future::{join_all, try_join_all};
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::LocalShop;
use super::failpoint::failpoint;
use super::worker::WorkerReport;
use crate::ShopResult;
use crate::ports::{Delivery, Dispatched, EventSink, OutboxMessage};

/// How long a worker that died delays the next one.
const LEASE: Duration = Duration::seconds(30);
/// The lease is renewed when less is left: more than a mail takes.
const RENEWED_BELOW: Duration = Duration::seconds(20);
/// Time for the outbox in one run, and for the backlogs after it. Together less than the timeout of the function.
const BUDGET: Duration = Duration::seconds(20);
/// A consumer that takes longer for a delivery gets further messages of the run from its backlog.
const SLOW: Duration = Duration::seconds(2);
/// Length of a page of the store. A backlog that fills one was not read to its end.
const PAGE: usize = 100;

/// One delivery of the outbox.
pub(super) struct Relay<'a> {
    shop: &'a LocalShop,
    lease: Mutex<Lease>,
    began_at: OffsetDateTime,
}

struct Lease {
    holder: String,
    until: OffsetDateTime,
    is_lost: bool,
}

/// A consumer, and what is known about its backlog.
struct Queue<'a> {
    sink: &'a dyn EventSink,
    /// Further messages go to the backlog.
    is_behind: bool,
    /// It was unavailable in this run.
    is_away: bool,
    /// Subjects with messages in the backlog: later events of the same subject must not overtake them.
    waiting: BTreeSet<String>,
    /// Subjects with a message that was rejected in this run. It is tried again in the next run.
    rejected: BTreeSet<String>,
    delivered: usize,
    undelivered: usize,
}

impl<'a> Relay<'a> {
    pub fn new(shop: &'a LocalShop) -> Self {
        let now = shop.clock.now();
        let lease = Lease { holder: shop.ids.ulid().to_string(), until: now + LEASE, is_lost: false };
        Self { shop, lease: Mutex::new(lease), began_at: now }
    }

    /// Delivers the outbox and the backlogs, unless another worker does.
    pub async fn run(self, sinks: impl Iterator<Item = &dyn EventSink>, report: &mut WorkerReport) -> ShopResult<()> {
        let mut queues: Vec<_> = sinks.map(Queue::new).collect();
        let store = &self.shop.store;
        // Most runs find nothing, and need no lease.
        let is_waiting = !store.list_outbox().await?.is_empty();
        let backlogs = self.backlogs(&queues).await?;
        if !is_waiting && backlogs.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let (holder, until) = {
            let lease = self.lease.lock().await;
            (lease.holder.clone(), lease.until)
        };
        if !store.take_outbox_lease(&holder, self.began_at, until).await? {
            return Ok(());
        }
        let done = self.deliver(&mut queues).await;
        for queue in queues {
            report.delivered += queue.delivered;
            report.undelivered += queue.undelivered;
        }
        if let Err(error) = store.release_outbox_lease(&holder).await {
            tracing::warn!(%error, "cannot release the lease of the outbox");
        }
        done
    }

    async fn backlogs(&self, queues: &[Queue<'_>]) -> ShopResult<Vec<Vec<OutboxMessage>>> {
        let read = queues.iter().map(|queue| self.shop.store.list_backlog(queue.sink.consumer(), None));
        Ok(try_join_all(read).await?)
    }

    /// Delivers while the lease is held: messages read before were possibly delivered by its previous holder.
    async fn deliver(&self, queues: &mut [Queue<'_>]) -> ShopResult<()> {
        let backlogs = self.backlogs(queues).await?;
        for (queue, backlog) in queues.iter_mut().zip(backlogs) {
            queue.is_behind = backlog.len() >= PAGE;
            queue.waiting.extend(backlog.into_iter().map(|message| message.subject));
        }
        let ends_at = self.began_at + BUDGET;
        loop {
            let page = self.shop.store.list_outbox().await?;
            if page.is_empty() {
                break;
            }
            let alone = |message: &OutboxMessage| {
                queues.iter().any(|queue| queue.sink.one_by_one() && queue.sink.wants(&message.topic))
            };
            let chunks: Vec<_> = page.chunk_by(|a, b| !alone(a) && !alone(b)).collect();
            for chunk in chunks {
                if self.shop.clock.now() > ends_at || !self.keep_lease().await? {
                    return Ok(());
                }
                self.dispatch(queues, chunk).await?;
            }
        }
        let ends_at = self.shop.clock.now() + BUDGET;
        let worked_off = join_all(queues.iter_mut().map(|queue| self.work_off(queue, ends_at))).await;
        worked_off.into_iter().collect()
    }

    /// Delivers messages of the outbox to every consumer, and adds them to the backlogs of those that do not accept them.
    async fn dispatch(&self, queues: &mut [Queue<'_>], messages: &[OutboxMessage]) -> ShopResult<()> {
        let none = |message: &OutboxMessage| Dispatched { message: message.clone(), backlogs: Vec::new() };
        let mut dispatched: Vec<_> = messages.iter().map(none).collect();
        for queue in queues {
            let late = queue.offer(messages, self.shop).await;
            for message in dispatched.iter_mut().filter(|dispatched| late.contains(&dispatched.message)) {
                message.backlogs.push(queue.sink.consumer());
            }
        }
        failpoint("worker-after-deliver");
        Ok(self.shop.store.dispatch(&dispatched, self.shop.clock.now()).await?)
    }

    /// Delivers the backlog of a consumer.
    async fn work_off(&self, queue: &mut Queue<'_>, ends_at: OffsetDateTime) -> ShopResult<()> {
        let (store, consumer) = (&self.shop.store, queue.sink.consumer());
        let mut after = None;
        loop {
            let page = store.list_backlog(consumer, after.as_ref()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id.clone());
            queue.undelivered += page.len();
            for chunk in page.chunks(if queue.sink.one_by_one() { 1 } else { PAGE }) {
                if queue.is_away || self.shop.clock.now() > ends_at || !self.keep_lease().await? {
                    return Ok(());
                }
                let due: Vec<_> =
                    chunk.iter().filter(|message| !queue.rejected.contains(&message.subject)).cloned().collect();
                let taken: Vec<_> = queue.deliver(&due).await.into_iter().map(|message| message.id).collect();
                failpoint("worker-after-deliver");
                queue.undelivered -= taken.len();
                if !taken.is_empty() {
                    store.remove_from_backlog(consumer, &taken).await?;
                }
            }
        }
    }

    /// Renews the lease if it may expire during the next delivery. Returns whether it is held.
    async fn keep_lease(&self) -> ShopResult<bool> {
        let mut lease = self.lease.lock().await;
        let now = self.shop.clock.now();
        if !lease.is_lost && lease.until - now < RENEWED_BELOW {
            let until = now + LEASE;
            lease.is_lost = !self.shop.store.renew_outbox_lease(&lease.holder, until).await?;
            lease.until = until;
        }
        Ok(!lease.is_lost)
    }
}

impl<'a> Queue<'a> {
    fn new(sink: &'a dyn EventSink) -> Self {
        Self {
            sink,
            is_behind: false,
            is_away: false,
            waiting: BTreeSet::new(),
            rejected: BTreeSet::new(),
            delivered: 0,
            undelivered: 0,
        }
    }

    /// Delivers messages that need not wait. Returns those that go to the backlog.
    async fn offer(&mut self, messages: &[OutboxMessage], shop: &LocalShop) -> Vec<OutboxMessage> {
        let mut wanted: Vec<_> = messages.iter().filter(|message| self.sink.wants(&message.topic)).cloned().collect();
        if !self.is_behind {
            let due: Vec<_> =
                wanted.iter().filter(|message| !self.waiting.contains(&message.subject)).cloned().collect();
            let began_at = shop.clock.now();
            let taken = self.deliver(&due).await;
            self.is_behind = self.is_away || shop.clock.now() - began_at > SLOW;
            wanted.retain(|message| !taken.contains(message));
        }
        self.waiting.extend(wanted.iter().map(|message| message.subject.clone()));
        wanted
    }

    /// Delivers messages. Returns the accepted ones.
    async fn deliver(&mut self, messages: &[OutboxMessage]) -> Vec<OutboxMessage> {
        if messages.is_empty() {
            return Vec::new();
        }
        let Delivery { taken, is_away } = self.sink.deliver(messages).await;
        self.is_away = is_away;
        self.delivered += taken.len();
        if !is_away {
            let rejected = messages.iter().filter(|message| !taken.contains(message));
            self.rejected.extend(rejected.map(|message| message.subject.clone()));
        }
        taken
    }
}
