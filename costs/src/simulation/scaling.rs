//! Target tracking as Application Auto Scaling does it with CloudWatch alarms: out when utilization was above the target for
//! three minutes in a row, in when it was clearly below for fifteen.
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>

use super::{Nanos, SECOND, ServiceSettings};

/// Minutes above the target before tasks are added.
const OUT_AFTER: u32 = 3;
/// Minutes below before tasks are taken away.
const IN_AFTER: u32 = 15;
/// The lower alarm stands at nine tenths of the target.
const IN_BELOW: f64 = 0.9;

/// Pause after scaling, unless the policy says otherwise.
const COOLDOWN: Nanos = 300 * SECOND;

#[derive(Debug)]
pub(super) struct Scaling {
    target: f64,
    min: u32,
    max: u32,
    above: u32,
    below: u32,
    not_out_before: Nanos,
    not_in_before: Nanos,
}

impl Scaling {
    pub(super) fn new(settings: &ServiceSettings) -> Self {
        Self {
            target: settings.target_utilization,
            min: settings.tasks_min,
            max: settings.tasks_max,
            above: 0,
            below: 0,
            not_out_before: 0,
            not_in_before: 0,
        }
    }

    /// The number of tasks to have, after a minute with this mean utilization of the tasks that serve.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float to int cast saturates")]
    pub(super) fn decide(&mut self, now: Nanos, utilization: f64, tasks: u32) -> u32 {
        self.above = if utilization > self.target { self.above + 1 } else { 0 };
        self.below = if utilization < self.target * IN_BELOW { self.below + 1 } else { 0 };
        // Proportional, rounded up: so many tasks bring utilization back to the target.
        let wanted = ((f64::from(tasks) * utilization / self.target).ceil() as u32).clamp(self.min, self.max);
        if self.above >= OUT_AFTER && wanted > tasks && now >= self.not_out_before {
            self.not_out_before = now + COOLDOWN;
            self.not_in_before = now + COOLDOWN;
            return wanted;
        }
        if self.below >= IN_AFTER && wanted < tasks && now >= self.not_in_before {
            self.not_in_before = now + COOLDOWN;
            return wanted;
        }
        tasks
    }
}
