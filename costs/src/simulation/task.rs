//! One Fargate task and the requests in it: processor sharing. All requests progress at the same speed, so one common progress
//! says when each is done: it is at its arrival's progress plus its own demand, and no request has to be touched while others come
//! and go.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use super::{Nanos, ServiceSettings, nanos};

/// A request in a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    /// What the caller knows it by.
    pub(super) slot: u32,
    pub(super) arrived: Nanos,
    /// CPU time on a whole vCPU, nanoseconds.
    pub(super) cpu: f64,
    /// Time without the CPU, nanoseconds.
    pub(super) wait: f64,
}

/// A request that has left a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) slot: u32,
    /// Since it arrived; `None` when it got no place in time.
    pub(super) latency: Option<Nanos>,
    /// Time until it had a place.
    pub(super) queued: Nanos,
}

/// A request that has its part of the CPU.
#[derive(Debug)]
struct Running {
    /// The common progress at which it is done.
    due: f64,
    job: Job,
    queued: Nanos,
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Running {}
impl PartialOrd for Running {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Running {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due.total_cmp(&other.due)
    }
}

/// A task. It is brought up to date when a request comes to it and at each minute's end, and reports then who has left.
#[derive(Debug)]
pub(super) struct Task {
    vcpu: f64,
    limit: usize,
    queue_timeout: Nanos,
    jobs: BinaryHeap<Reverse<Running>>,
    queue: VecDeque<Job>,
    /// CPU nanoseconds that each request has got since the task was last empty.
    progress: f64,
    clock: f64,
    used: f64,
}

impl Task {
    pub(super) fn new(settings: &ServiceSettings, now: Nanos) -> Self {
        Self {
            vcpu: settings.vcpu,
            limit: settings.in_flight_limit,
            queue_timeout: nanos(settings.queue_timeout_ms / 1000.0),
            jobs: BinaryHeap::new(),
            queue: VecDeque::new(),
            progress: 0.0,
            clock: precise(now),
            used: 0.0,
        }
    }

    pub(super) fn arrive(&mut self, job: Job, ended: &mut impl FnMut(Ended)) {
        self.advance(job.arrived, ended);
        if self.jobs.len() < self.limit {
            return self.run(job, 0);
        }
        while self.queue.front().is_some_and(|first| job.arrived - first.arrived > self.queue_timeout) {
            self.refuse_first(ended);
        }
        self.queue.push_back(job);
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
    pub(super) fn advance(&mut self, to: Nanos, ended: &mut impl FnMut(Ended)) {
        let to = precise(to);
        while let Some(Reverse(first)) = self.jobs.peek() {
            let running = self.jobs.len() as f64;
            let speed = (self.vcpu / running).min(1.0);
            let due = self.clock + (first.due - self.progress) / speed;
            if due > to {
                self.progress += (to - self.clock) * speed;
                self.used += (to - self.clock) * speed * running;
                break;
            }
            self.used += (first.due - self.progress) * running;
            self.progress = first.due;
            self.clock = due;
            if let Some(Reverse(Running { job, queued, .. })) = self.jobs.pop() {
                ended(Ended { slot: job.slot, latency: Some(whole(due + job.wait - precise(job.arrived))), queued });
            }
            self.start_next(ended);
        }
        if self.jobs.is_empty() {
            self.progress = 0.0;
        }
        self.clock = to;
    }

    /// CPU seconds used since the last call, up to the instant of the last [`Task::advance`].
    pub(super) fn take_used(&mut self) -> f64 {
        std::mem::take(&mut self.used) / 1e9
    }

    /// Gives the free place to the first that has not waited for too long.
    fn start_next(&mut self, ended: &mut impl FnMut(Ended)) {
        while let Some(first) = self.queue.front() {
            let queued = whole(self.clock - precise(first.arrived));
            if queued > self.queue_timeout {
                self.refuse_first(ended);
            } else if let Some(job) = self.queue.pop_front() {
                return self.run(job, queued);
            }
        }
    }

    fn run(&mut self, job: Job, queued: Nanos) {
        self.jobs.push(Reverse(Running { due: self.progress + job.cpu, job, queued }));
    }

    fn refuse_first(&mut self, ended: &mut impl FnMut(Ended)) {
        if let Some(job) = self.queue.pop_front() {
            ended(Ended { slot: job.slot, latency: None, queued: self.queue_timeout });
        }
    }
}

/// The nanosecond as a float is exact up to 104 days, and off by few afterwards.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn precise(nanos: Nanos) -> f64 {
    nanos as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to int cast saturates")]
fn whole(nanos: f64) -> Nanos {
    nanos as Nanos
}
