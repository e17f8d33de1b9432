//! An ECS service on Fargate: its tasks, the load balancer's turn among them, and their coming and going.

use std::collections::VecDeque;

use super::outcome::ServiceOutcome;
use super::scaling::Scaling;
use super::task::{Ended, Job, Task};
use super::{MINUTE, Nanos, SECOND, ServiceSettings, nanos, seconds};

/// CPU in use, from which a minute counts as saturated.
const SATURATED: f64 = 0.95;

/// How long a task that leaves is still there (deregistration delay and stop). Billed.
const DRAIN: Nanos = 30 * SECOND;

#[derive(Debug)]
pub(super) struct Service {
    settings: ServiceSettings,
    /// Tasks that get requests, each in turn: round robin is what target groups do by default.
    serving: Vec<Task>,
    turn: usize,
    /// When the tasks that start will serve, in order.
    starting: VecDeque<Nanos>,
    /// Tasks that get no more requests, and when they end.
    leaving: Vec<(Task, Nanos)>,
    scaling: Scaling,
    outcome: ServiceOutcome,
    minutes: u32,
    used_seconds: f64,
    served_seconds: f64,
    requests: u64,
    waited: u64,
    wait_seconds: f64,
}

impl Service {
    pub(super) fn new(settings: &ServiceSettings, tasks: u32) -> Self {
        Self {
            serving: (0..tasks).map(|_| Task::new(settings, 0)).collect(),
            turn: 0,
            starting: VecDeque::new(),
            leaving: Vec::new(),
            scaling: Scaling::new(settings),
            outcome: ServiceOutcome::default(),
            minutes: 0,
            used_seconds: 0.0,
            served_seconds: 0.0,
            requests: 0,
            waited: 0,
            wait_seconds: 0.0,
            settings: settings.clone(),
        }
    }

    /// A request goes to the task whose turn it is. `ended` hears of whoever has left since.
    pub(super) fn arrive(&mut self, job: Job, ended: &mut impl FnMut(Ended)) {
        self.serve_started(job.arrived);
        self.turn = if self.turn + 1 < self.serving.len() { self.turn + 1 } else { 0 };
        let (waited, wait_seconds) = (&mut self.waited, &mut self.wait_seconds);
        self.serving[self.turn].arrive(job, &mut |end| {
            note(end, waited, wait_seconds);
            ended(end);
        });
        self.requests += 1;
    }

    /// A minute has ended: everything is brought up to date, its utilization is known, and the number of tasks may change.
    #[expect(clippy::cast_precision_loss, reason = "a number of tasks")]
    pub(super) fn minute(&mut self, now: Nanos, ended: &mut impl FnMut(Ended)) {
        self.serve_started(now);
        let (waited, wait_seconds) = (&mut self.waited, &mut self.wait_seconds);
        let mut ended = |end| {
            note(end, waited, wait_seconds);
            ended(end);
        };
        let mut used = 0.0;
        for task in &mut self.serving {
            task.advance(now, &mut ended);
            used += task.take_used();
        }
        for (task, end) in &mut self.leaving {
            // Whoever is still in a task that ends has its answer by then: draining waits for it.
            task.advance(if *end <= now { Nanos::MAX / 4 } else { now }, &mut ended);
        }
        let served = self.serving.len() as f64 * self.settings.vcpu * seconds(MINUTE);
        self.bill(now);
        self.leaving.retain(|(_, end)| *end > now);
        self.used_seconds += used;
        self.served_seconds += served;
        let utilization = used / served;
        self.outcome.saturated_minutes += u32::from(utilization >= SATURATED);
        self.scale(now, utilization);
    }

    fn serve_started(&mut self, now: Nanos) {
        while self.starting.front().is_some_and(|ready| *ready <= now) {
            self.starting.pop_front();
            self.serving.push(Task::new(&self.settings, now));
        }
    }

    /// The minute that ends is billed for each task that there is, and for those that leave up to their end.
    #[expect(clippy::cast_precision_loss, reason = "a number of tasks")]
    fn bill(&mut self, now: Nanos) {
        let leaving: f64 = self.leaving.iter().map(|(_, end)| seconds((*end).min(now) - (now - MINUTE))).sum();
        let task_seconds = (self.serving.len() + self.starting.len()) as f64 * seconds(MINUTE) + leaving;
        self.outcome.tasks += task_seconds / seconds(MINUTE);
        self.minutes += 1;
        let tasks = self.serving.len() + self.starting.len() + self.leaving.len();
        self.outcome.peak_tasks = self.outcome.peak_tasks.max(tasks);
    }

    fn scale(&mut self, now: Nanos, utilization: f64) {
        let count = u32::try_from(self.serving.len() + self.starting.len()).unwrap_or(u32::MAX);
        let wanted = self.scaling.decide(now, utilization, count);
        if wanted > count {
            let ready = now + nanos(self.settings.start_up_s);
            self.starting.extend((count..wanted).map(|_| ready));
        } else if wanted < count {
            let end = now + DRAIN;
            for _ in wanted..count {
                if self.starting.pop_back().is_none()
                    && let Some(task) = self.serving.pop()
                {
                    self.leaving.push((task, end));
                }
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "shares and means")]
    pub(super) fn outcome(self) -> ServiceOutcome {
        let requests = (self.requests as f64).max(1.0);
        ServiceOutcome {
            name: self.settings.name,
            vcpu: self.settings.vcpu,
            memory_gb: self.settings.memory_gb,
            tasks: self.outcome.tasks / f64::from(self.minutes),
            utilization: self.used_seconds / self.served_seconds,
            waited_share: self.waited as f64 / requests,
            mean_wait_ms: self.wait_seconds * 1000.0 / requests,
            ..self.outcome
        }
    }
}

fn note(end: Ended, waited: &mut u64, wait_seconds: &mut f64) {
    if end.queued > 0 {
        *waited += 1;
        *wait_seconds += seconds(end.queued);
    }
}
