//! Faults that tests inject while the service runs; a seed makes them repeatable.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fake::command::Operation;
use crate::fake::intent::EventType;

/// Longest delay of a fault.
const MAX_DELAY_MS: u64 = 600_000;

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A request waits `delay_ms` before it is executed.
    Delay,
    /// The connection is closed, and nothing is executed.
    DropBefore,
    /// The request is executed, then the connection is closed without a response.
    DropAfter,
    /// The request is executed, then answered with 500.
    #[serde(rename = "error_500_after_commit")]
    Error500AfterCommit,
    /// The request is executed, then its key is forgotten, as a provider forgets keys after a day: the same request
    /// with the same key counts as a new one.
    ForgetKey,
    /// A webhook is sent twice.
    WebhookDuplicate,
    /// A webhook waits `delay_ms` before it is sent.
    WebhookDelay,
    /// A webhook waits until a later one has been delivered, at most 2 seconds.
    WebhookReorder,
    /// A copy with an invalid signature is sent before the webhook.
    WebhookForge,
    /// A copy that was validly signed an hour ago is sent before the webhook.
    WebhookStale,
}

/// A fault: what, where, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The kind.
    pub kind: FaultKind,
    /// Limits the fault to one kind of request, or to the webhooks that it causes; `None` means all.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// Probability from 0 to 1 (default 1).
    #[serde(default = "certain")]
    pub probability: f64,
    /// Most occurrences; `None` means unlimited.
    #[serde(default)]
    pub count: Option<u64>,
    /// Length of delays (default 0).
    #[serde(default)]
    pub delay_ms: u64,
    /// Number of occurrences so far; ignored in requests.
    #[serde(default)]
    pub fired: u64,
}

fn certain() -> f64 {
    1.0
}

impl Fault {
    /// A fault that always happens, everywhere.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, operation: None, probability: certain(), count: None, delay_ms: 0, fired: 0 }
    }
}

/// All faults, and the seed of the random numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// The same seed and the same requests in the same order produce the same faults.
    #[serde(default)]
    pub seed: u64,
    /// The faults, each drawn independently.
    pub faults: Vec<Fault>,
}

/// The active faults.
#[derive(Debug)]
pub(super) struct Faults(Mutex<State>);

#[derive(Debug)]
struct State {
    plan: FaultPlan,
    dice: u64,
}

/// The faults of one request.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "faults are independent of each other")]
pub(super) struct RequestFaults {
    pub delay: Duration,
    pub drop_before: bool,
    pub drop_after: bool,
    pub error_500: bool,
    pub forget_key: bool,
}

/// The faults of one webhook.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "faults are independent of each other")]
pub(super) struct WebhookFaults {
    pub delay: Duration,
    pub duplicate: bool,
    pub reorder: bool,
    pub forge: bool,
    pub stale: bool,
}

impl Faults {
    pub fn new(plan: FaultPlan) -> Result<Self, String> {
        let faults = Self(Mutex::new(State { plan: FaultPlan::default(), dice: 0 }));
        faults.replace(plan)?;
        Ok(faults)
    }

    pub fn plan(&self) -> FaultPlan {
        self.state().plan.clone()
    }

    pub fn replace(&self, mut plan: FaultPlan) -> Result<(), String> {
        for fault in &mut plan.faults {
            if !(0.0..=1.0).contains(&fault.probability) {
                return Err("probability must be from 0 to 1".to_owned());
            }
            if fault.delay_ms > MAX_DELAY_MS {
                return Err(format!("delay_ms must be at most {MAX_DELAY_MS}"));
            }
            fault.fired = 0;
        }
        *self.state() = State { dice: plan.seed, plan };
        Ok(())
    }

    pub fn for_request(&self, operation: Operation) -> RequestFaults {
        let mut drawn = RequestFaults::default();
        self.state().draw(operation, false, |kind, delay| match kind {
            FaultKind::Delay => drawn.delay += delay,
            FaultKind::DropBefore => drawn.drop_before = true,
            FaultKind::DropAfter => drawn.drop_after = true,
            FaultKind::ForgetKey => drawn.forget_key = true,
            _ => drawn.error_500 = true,
        });
        drawn
    }

    pub fn for_webhook(&self, event_type: EventType) -> WebhookFaults {
        let mut drawn = WebhookFaults::default();
        self.state().draw(event_type.operation(), true, |kind, delay| match kind {
            FaultKind::WebhookDelay => drawn.delay += delay,
            FaultKind::WebhookDuplicate => drawn.duplicate = true,
            FaultKind::WebhookReorder => drawn.reorder = true,
            FaultKind::WebhookForge => drawn.forge = true,
            _ => drawn.stale = true,
        });
        drawn
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn draw(&mut self, operation: Operation, webhook: bool, mut happens: impl FnMut(FaultKind, Duration)) {
        for fault in &mut self.plan.faults {
            let concerned = fault.kind.is_of_webhooks() == webhook
                && fault.operation.is_none_or(|only| only == operation)
                && fault.count.is_none_or(|count| fault.fired < count);
            if concerned && roll(&mut self.dice) < fault.probability {
                fault.fired += 1;
                happens(fault.kind, Duration::from_millis(fault.delay_ms));
            }
        }
    }
}

impl FaultKind {
    fn is_of_webhooks(self) -> bool {
        match self {
            Self::Delay | Self::DropBefore | Self::DropAfter | Self::Error500AfterCommit | Self::ForgetKey => false,
            Self::WebhookDuplicate
            | Self::WebhookDelay
            | Self::WebhookReorder
            | Self::WebhookForge
            | Self::WebhookStale => true,
        }
    }
}

/// The next `SplitMix64` number, from 0 to below 1.
#[expect(clippy::cast_precision_loss, reason = "32 bits fit into the 52 of a f64")]
fn roll(dice: &mut u64) -> f64 {
    *dice = dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*dice ^ (*dice >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 32) as f64 / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drops(plan: FaultPlan, requests: usize) -> Vec<bool> {
        let faults = Faults::new(plan).expect("a plan");
        (0..requests).map(|_| faults.for_request(Operation::Capture).drop_after).collect()
    }

    #[test]
    fn the_seed_decides_and_the_share_is_near_the_probability() {
        let fault = Fault { probability: 0.2, ..Fault::new(FaultKind::DropAfter) };
        let plan = |seed| FaultPlan { seed, faults: vec![fault.clone()] };
        assert_eq!(drops(plan(7), 1_000), drops(plan(7), 1_000));
        assert_ne!(drops(plan(7), 1_000), drops(plan(8), 1_000));
        let share = drops(plan(7), 10_000).into_iter().filter(|dropped| *dropped).count();
        assert!((1_900..2_100).contains(&share), "{share}");
    }

    #[test]
    fn a_count_limits_a_fault_and_other_operations_are_not_affected() {
        let fault = Fault { count: Some(2), operation: Some(Operation::Capture), ..Fault::new(FaultKind::DropAfter) };
        let faults = Faults::new(FaultPlan { seed: 1, faults: vec![fault] }).expect("a plan");
        assert!(!faults.for_request(Operation::Confirm).drop_after);
        let drawn: Vec<_> = (0..4).map(|_| faults.for_request(Operation::Capture).drop_after).collect();
        assert_eq!(drawn, [true, true, false, false]);
        assert_eq!(faults.plan().faults[0].fired, 2);
    }

    #[test]
    fn invalid_plans_are_rejected() {
        for probability in [-0.1, 1.1, f64::NAN] {
            let fault = Fault { probability, ..Fault::new(FaultKind::Delay) };
            assert!(Faults::new(FaultPlan { seed: 0, faults: vec![fault] }).is_err(), "{probability}");
        }
        let fault = Fault { delay_ms: MAX_DELAY_MS + 1, ..Fault::new(FaultKind::Delay) };
        assert!(Faults::new(FaultPlan { seed: 0, faults: vec![fault] }).is_err());
    }
}
